"""Closed form of the spike response neuron of masquelier2008: what every simulation of it must agree with."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from brian2learn.core.errors import DeclarationError

from . import _check


@dataclass(frozen=True)
class SpikeResponse:
    """Kernels, mean-field period and voltage of the neuron; the defaults are those of masquelier2008.

    Differs from the paper: the kernels are not cut at 7 tau_m, where eps has fallen to 0.2 % of its peak.

    Attributes
    ----------
    tau_m, tau_s : float, s
        Time constants of membrane and synapse, tau_s < tau_m.
    threshold : float
        Voltage at which the neuron fires, in units of one postsynaptic potential of weight 1.
    k1, k2 : float
        Height of the spike and depth of the negative after-potential, in thresholds.
    refractory : float, s
        The neuron may not fire for this long after a spike.

    Raises
    ------
    DeclarationError
        If a value is not positive (the refractory time: negative) or tau_s is not below tau_m.
    """

    tau_m: float = 10e-3
    tau_s: float = 2.5e-3
    threshold: float = 500.0
    k1: float = 2.0
    k2: float = 4.0
    refractory: float = 1e-3

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "refractory":
                _check.positive("SpikeResponse", field.name, "parameter of the neuron", getattr(self, field.name), "")
        if not 0 <= self.refractory < np.inf:
            raise DeclarationError("SpikeResponse", "refractory", expected="0 s or more", got=str(self.refractory))
        if not self.tau_s < self.tau_m:
            raise DeclarationError(
                "SpikeResponse", "tau_s", expected=f"less than tau_m = {self.tau_m}", got=str(self.tau_s)
            )

    @property
    def peak_time(self) -> float:
        """When a postsynaptic potential peaks, s after its spike."""
        return self.tau_m * self.tau_s / (self.tau_m - self.tau_s) * float(np.log(self.tau_m / self.tau_s))

    @property
    def k(self) -> float:
        """Factor that makes the peak of eps 1 (the paper's K)."""
        return 1 / float(np.exp(-self.peak_time / self.tau_m) - np.exp(-self.peak_time / self.tau_s))

    @property
    def integral(self) -> float:
        """Area under eps, s."""
        return self.k * (self.tau_m - self.tau_s)

    def eps(self, s: ArrayLike) -> NDArray[np.float64]:
        """Postsynaptic potential of weight 1, `s` seconds after its spike; 0 before."""
        m, q = self._decays(s)
        return self.k * (m - q)

    def eps_integral(self, s: ArrayLike) -> NDArray[np.float64]:
        """Integral of eps from 0 to `s`, s."""
        m, q = self._decays(s)
        return self.k * (self.tau_m * (1 - m) - self.tau_s * (1 - q))

    def eta(self, s: ArrayLike) -> NDArray[np.float64]:
        """Spike and after-potential, `s` seconds after an output spike; 0 before."""
        m, q = self._decays(s)
        return np.where(np.asarray(s) >= 0, self.threshold * (self.k1 * m - self.k2 * (m - q)), 0.0)

    def mean_field_period(self, w: float, *, n_afferents: int = 2000, rate: float = 64.0) -> float:
        """Interval between spikes if the input were its own mean.

        The first time after the refractory period at which ``eta(s) + w * n_afferents * rate * eps_integral(s)``, what
        an output spike and all input since then add up to, reaches the threshold.

        Parameters
        ----------
        w : float
            Mean weight of the afferents.
        n_afferents : int
            How many there are.
        rate : float, Hz
            Firing rate of each.

        Returns
        -------
        float, s
            Infinite if the threshold is never reached.

        Raises
        ------
        DeclarationError
            If a value is negative or not finite.
        """
        for name, value in (("w", w), ("n_afferents", n_afferents), ("rate", rate)):
            if not 0 <= value < np.inf:
                raise DeclarationError("mean_field_period", name, expected="a finite value from 0", got=str(value))
        drive = w * n_afferents * rate

        def above(s: float) -> float:
            return float(self.eta(s) + drive * self.eps_integral(s)) - self.threshold

        if above(self.refractory) >= 0:
            return self.refractory
        # a constant and two exponentials, the faster one falling: from below 0 it crosses once if its limit is above
        if drive * self.integral <= self.threshold:
            return float("inf")
        late = self.refractory + self.tau_m
        while above(late) < 0:
            late += self.tau_m
        return float(brentq(above, self.refractory, late, xtol=1e-15))

    def voltage(
        self, t: ArrayLike, *, in_spikes: ArrayLike, weights: ArrayLike, out_spikes: ArrayLike = ()
    ) -> NDArray[np.float64]:
        """Voltage at any times, summed spike by spike: slow, and independent of any integration.

        An output spike wipes out all input until then, that of the same instant included, and its own after-potential
        replaces that of the one before. At the instant of an output spike the voltage is the one after it, eta(0).

        Parameters
        ----------
        t : (n,) float, s
            Where the voltage is wanted, in any order.
        in_spikes : (n_in,) float, s
            Times of all input spikes, in any order.
        weights : (n_in,) float
            The weight each of them acted with.
        out_spikes : (n_out,) float, s
            Times of the output spikes, in any order.

        Returns
        -------
        (n,) float

        Raises
        ------
        DeclarationError
            If a value is not finite, or `weights` and `in_spikes` differ in length.
        """
        wanted = _check.numbers("voltage", "t", "times of the voltage, s", t)
        arrivals = _check.numbers("voltage", "in_spikes", "input spike times, s", in_spikes)
        sizes = _check.numbers("voltage", "weights", "weight of each input spike", weights)
        outputs = _check.numbers("voltage", "out_spikes", "output spike times, s", out_spikes)
        _check.same_length("voltage", "weights", "weight of each input spike", sizes, "in_spikes", arrivals)
        u = np.zeros(wanted.size)
        for i, now in enumerate(wanted):
            last = outputs[outputs <= now].max(initial=-np.inf)
            acting = (arrivals > last) & (arrivals <= now)
            u[i] = sizes[acting] @ self.eps(now - arrivals[acting])
            if last > -np.inf:
                u[i] += self.eta(now - last)
        return u

    def _decays(self, s: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        after = np.maximum(np.asarray(s, dtype=float), 0.0)
        return np.exp(-after / self.tau_m), np.exp(-after / self.tau_s)
