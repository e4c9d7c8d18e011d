"""Closed forms of Tsodyks-Markram short-term plasticity: what every simulation of it must agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from brian2learn.core.errors import DeclarationError

from . import _check

FORMS = ("facilitate_first", "release_first")


@dataclass(frozen=True)
class ShortTerm:
    """A synapse with a share `x` of its transmitter available, of which a spike releases the share `u`.

    Two forms are in use. In ``facilitate_first`` (tsodyks1998) `u` decays to 0; a spike first moves it by
    ``U * (1 - u)``, then releases ``u * x``. In ``release_first`` (zenke2015) `u` relaxes to `U`; a spike first
    releases ``u * x``, then moves `u` by ``U * (1 - u)``. From rest both release the same, since the second `u` is
    ``U + (1 - U) * u`` of the first.

    Attributes
    ----------
    U : float
        Share released by a spike after a long silence, above 0, at most 1.
    tau_rec : float, s
        Time constant with which `x` recovers to 1.
    tau_fac : float, s
        Time constant with which `u` forgets; 0 for a synapse that does not facilitate.

    Raises
    ------
    DeclarationError
        If a value is out of its range.
    """

    U: float
    tau_rec: float
    tau_fac: float = 0.0

    def __post_init__(self) -> None:
        where = "ShortTerm"
        if not 0 < self.U <= 1:
            raise DeclarationError(
                where, "U", meaning="share released at rest", expected="above 0, at most 1", got=str(self.U)
            )
        _check.positive(where, "tau_rec", "time constant of recovery", self.tau_rec, "s")
        if not 0 <= self.tau_fac < np.inf:
            raise DeclarationError(
                where, "tau_fac", meaning="time constant of facilitation", expected="0 s or more", got=str(self.tau_fac)
            )

    def release(
        self, times: ArrayLike, *, form: str = "facilitate_first", u: float | None = None, x: float = 1.0
    ) -> NDArray[np.float64]:
        """What every spike of a train releases, exact from spike to spike.

        Parameters
        ----------
        times : (n,) float, s
            Spike times, ascending.
        form : {"facilitate_first", "release_first"}
            Whether `u` moves before or after the release.
        u, x : float
            Their values before the first spike; at rest if not given, which is ``u = 0`` in the first form and
            ``u = U`` in the second. In the first form a start from ``u = U`` releases ``U * (2 - U)``: a common slip.

        Returns
        -------
        (n,) float
            ``u * x`` at every spike.

        Raises
        ------
        DeclarationError
            If the times are not ascending, the form is unknown, or `u` or `x` is not in 0..1.
        """
        where = "release"
        spikes = _check.times(where, "times", "spike times, s", times)
        if form not in FORMS:
            raise DeclarationError(
                where, "form", meaning="order of the two steps", expected="one of its options", got=repr(form),
                choices=FORMS, typed=str(form),
            )  # fmt: skip
        facilitate_first = form == "facilitate_first"
        rest = 0.0 if facilitate_first else self.U
        u = rest if u is None else u
        for name, value in (("u", u), ("x", x)):
            if not 0 <= value <= 1:
                raise DeclarationError(
                    where, name, meaning="value before the first spike", expected="a share in 0..1", got=str(value)
                )
        released = np.empty(spikes.size)
        recovers, forgets = self._decays(np.diff(spikes, prepend=spikes[:1]))
        for k in range(spikes.size):
            if k:
                x = 1 - (1 - x) * recovers[k]
                u = rest + (u - rest) * forgets[k]
            if facilitate_first:
                u += self.U * (1 - u)
            released[k] = u * x
            x -= u * x
            if not facilitate_first:
                u += self.U * (1 - u)
        return released

    def steady_release(self, rate: ArrayLike) -> NDArray[np.float64]:
        """Release per spike of an endless regular train.

        Parameters
        ----------
        rate : float or array of float, Hz
            Above 0.

        Returns
        -------
        float or array of float
            ``u * x``, with ``u = U / (1 - (1 - U) f)`` and ``x = (1 - r) / (1 - (1 - u) r)``, where r and f are what
            recovery and facilitation keep over one interval.

        Raises
        ------
        DeclarationError
            If a rate is not above 0.
        """
        recovers, forgets = self._decays(1 / _rates("steady_release", rate))
        u = self.U / (1 - (1 - self.U) * forgets)
        return u * (1 - recovers) / (1 - (1 - u) * recovers)

    def poisson_release(self, rate: ArrayLike) -> NDArray[np.float64]:
        """Mean release per spike of a Poisson train, as if `u` and `x` were independent.

        The mean of `u`, ``U (1 + rate tau_fac) / (1 + U rate tau_fac)``, is exact; so is the whole without
        facilitation, ``U / (1 + U rate tau_rec)``. With it, `u` is high where `x` is low, and the
        product is too high, by up to 4 % for the synapse of zenke2015.

        Parameters
        ----------
        rate : float or array of float, Hz
            Above 0.

        Returns
        -------
        float or array of float

        Raises
        ------
        DeclarationError
            If a rate is not above 0.
        """
        rates = _rates("poisson_release", rate)
        u = self.U * (1 + rates * self.tau_fac) / (1 + self.U * rates * self.tau_fac)
        return u / (1 + u * rates * self.tau_rec)

    @property
    def limiting_rate(self) -> float:
        """Rate in Hz above which the release per second of a synapse without facilitation no longer grows."""
        return 1 / (self.U * self.tau_rec)

    @property
    def peak_rate_formula(self) -> float:
        """Approximate rate in Hz at which the release per spike peaks; nan without facilitation.

        ``1 / tau_fac + sqrt(2 / tau_fac**2 + (1 + U) / (U tau_rec tau_fac))``; `peak` is exact.
        """
        if not self.tau_fac:
            return float("nan")
        curvature = 2 / self.tau_fac**2 + (1 + self.U) / (self.U * self.tau_rec * self.tau_fac)
        return 1 / self.tau_fac + float(np.sqrt(curvature))

    @property
    def peak(self) -> tuple[float, float]:
        """Rate in Hz of the regular train with the highest release per spike, and that release.

        ``(0, U)`` if no train releases more than a lone spike.
        """
        slow, fast = max(self.tau_rec, self.tau_fac), min(self.tau_rec, self.tau_fac or self.tau_rec)
        # slower than 1 in 40 time constants the spikes are alone, to the last digit
        grid = np.geomspace(1 / (40 * slow), 1e3 / fast, 2001)
        best = int(np.argmax(self.steady_release(grid)))
        if best == 0 or best == grid.size - 1:
            return 0.0, self.U
        found = minimize_scalar(
            lambda log_rate: -float(self.steady_release(np.exp(log_rate))),
            bounds=(np.log(grid[best - 1]), np.log(grid[best + 1])),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return (float(np.exp(found.x)), -float(found.fun)) if -found.fun > self.U else (0.0, self.U)

    def _decays(self, gaps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is left after `gaps` of the distance of x from 1 and of u from its rest."""
        forgets = np.exp(-gaps / self.tau_fac) if self.tau_fac else np.zeros_like(gaps)
        return np.exp(-gaps / self.tau_rec), forgets


def _rates(where: str, rate: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(rate, dtype=float)
    wrong = array[~((array > 0) & (array < np.inf))]
    if wrong.size:
        raise DeclarationError(where, "rate", meaning="rate of the train", expected="above 0 Hz", got=str(wrong[0]))
    return array
