"""The STDP window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.analysis.pairing import ExponentialWindow
from brian2learn.core.declaration import Declaration, Param, Size
from brian2learn.core.errors import DeclarationError
from brian2learn.tasks.spike_pairing import SpikePairing

from ..pictures import DASHES, LINE, Curve, Picture
from ._spikes import SpikeView, by_neuron, drawn, has_window

SHAPE = 0.01  # of the largest change; a fit that misses by more has another form


class Window(SpikeView):
    """Weight change per pair of spikes against their lag, after some pairs at a slow rate."""

    title = "STDP window"
    order = 10

    span = Param(100 * ms, "largest lag", low=1 * ms, high=1000 * ms)
    n_pairs = Size(1, "pairs, of which the mean is shown", low=1, high=1000)
    frequency = Param(1 * Hz, "pairs per second", low=0.01 * Hz, high=100 * Hz)

    SLOW: ClassVar[Mapping[str, Any]] = {"dt": 1 * ms, "frequency": 5 * Hz}
    N_LAGS: ClassVar[int] = 82  # even: no lag is 0, which belongs to neither side

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return super().fits(shown) and has_window(shown)  # type: ignore[arg-type]

    @property
    def task(self) -> SpikePairing:
        """The protocol."""
        dt = float(self.dt)
        n = max(2, min(self.N_LAGS, 2 * int(float(self.span) / dt)))
        return SpikePairing(
            low_lag=-self.span, high_lag=self.span, n_lags=n, n_frequencies=1, low_frequency=self.frequency,
            high_frequency=self.frequency, n_pairs=self.n_pairs, resolution=self.dt, silence=0.1 * second,
        )  # fmt: skip

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        stimulus = drawn(self.task)
        return by_neuron(stimulus, "pre"), by_neuron(stimulus, "post"), stimulus.duration

    def script_end(self, shown: Any) -> str:
        return f"print(*((plastic.w[:] - {float(self.w_init)!r})/{self.n_pairs}))\n"

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        lags = drawn(self.task).truth["lag"]
        change = (self.final(shown) - float(self.w_init)) / self.n_pairs
        curves = [Curve("weight change", *_broken(lags * 1e3, change), LINE)]
        fit = fitted(lags, change)
        note = ""
        if fit is not None:
            curves.append(Curve("exponential fit", *_broken(lags * 1e3, fit.change(lags)), DASHES))
            note = (
                f"Exponential: τ₊ = {fit.tau_plus * 1e3:.3g} ms, τ₋ = {fit.tau_minus * 1e3:.3g} ms, "
                f"A₊ = {fit.a_plus:.3g}, A₋ = {fit.a_minus:.3g}, area of depression / potentiation = "
                f"{fit.ltd_area / fit.ltp_area:.3g}"
            )
        return (Picture("window", "lag, post − pre (ms)", "weight change per pair", curves, note=note),)


def _broken(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve that is not joined across lag 0."""
    middle = np.searchsorted(x, 0.0)
    return np.insert(x, middle, np.nan), np.insert(y, middle, np.nan)


def fitted(lags: np.ndarray, change: np.ndarray) -> ExponentialWindow | None:
    """The two exponentials of a window, if that is its form."""
    largest = np.max(np.abs(change))
    if largest == 0:
        return None
    try:
        fit = ExponentialWindow.fit(lags, change)
    except DeclarationError:
        return None
    return fit if np.max(np.abs(fit.change(lags) - change)) < SHAPE * largest else None
