"""How close together two spikes must be for a leaky integrator to fire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from brian2 import Hz, ms
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.firing import coincidence_limit
from brian2learn.analysis.intervals import exact
from brian2learn.circuits.coincidence import Coincidence
from brian2learn.circuits.current_lif import CurrentLIF
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.spike_pairing import SpikePairing

from . import _style
from ._figure import Figure, Records

TAU = 10.0  # ms
DT = 0.01  # ms
DISTANCE, THRESHOLD, LIMIT = "distance (ms)", "threshold (jumps)", "limit (ms)"
LIMITS = {1.1: 23.026, 1.3: 12.040, 1.5: 6.931, 1.8: 2.231}  # ms, for a time constant of 10 ms
SOURCE = "stein1965, leaky integrator with two equal jumps, solved for the distance"


def answers(record: Record) -> pd.DataFrame:
    """Distance and threshold of every cell and whether it fired."""
    circuit = record.info["experiment"]["circuit"]
    thresholds = np.linspace(circuit["low_threshold"], circuit["high_threshold"], circuit["n_thresholds"])
    lags = record.truth["lag"] * 1e3
    n_spikes = np.bincount(record.spikes["cells"].i, minlength=lags.size * thresholds.size)
    return pd.DataFrame(
        {
            DISTANCE: np.tile(lags, thresholds.size).round(6),
            THRESHOLD: np.repeat(thresholds, lags.size).round(6),
            "fired": n_spikes > 0,
        }
    )


def limit(threshold: float) -> float:
    """Largest distance at which a cell fires, ms, by the closed form: none from 2 jumps on, any up to 1 jump."""
    if not 1 < threshold < 2:
        return np.inf if threshold <= 1 else -np.inf
    return coincidence_limit(tau=TAU * 1e-3, threshold=threshold) * 1e3


def largest_distance(threshold: float) -> Callable[[Records], Interval]:
    """Largest distance at which the cell with this threshold fired, ms."""

    def measure(records: Records) -> Interval:
        rows = answers(records["limits"][0])
        fired = rows[rows["fired"] & np.isclose(rows[THRESHOLD], threshold)][DISTANCE]
        return exact(float(fired.max()) if len(fired) else np.nan)

    return measure


def wrong(kept: Callable[[pd.Series], pd.Series]) -> Callable[[Records], Interval]:
    """Number of cells of the map, of those with a kept threshold, whose answer is not that of the closed form."""

    def measure(records: Records) -> Interval:
        rows = answers(records["map"][0])
        rows = rows[kept(rows[THRESHOLD])]
        right = rows[DISTANCE].abs() < rows[THRESHOLD].map(limit)
        return exact(int((rows["fired"] != right).sum()), len(rows)) if len(rows) else exact(np.nan)

    return measure


def _claims() -> Iterator[Claim]:
    for threshold, value in LIMITS.items():
        yield Claim(
            name=f"limit_{threshold}",
            sentence=f"With a threshold of {threshold} jumps and a time constant of 10 ms a cell fires on two spikes "
            f"that are up to {value:.3f} ms apart. Measured: the largest distance at which it fired.",
            source=SOURCE,
            paper_value=f"{value:.3f} ms",
            accept=(value - DT - 0.0005, value + 0.0005),
            reason="Distances are multiples of the time step, 0.01 ms; the limit is given to 0.001 ms.",
            evidence="derived",
            measure=largest_distance(threshold),
            unit="ms",
        )
    for name, sentence, kept in (
        ("condition", "A cell fires if and only if |d| < -tau ln(threshold - 1), for thresholds between 1 and 2 jumps, "
         "whichever spike comes first.", lambda threshold: (threshold > 1) & (threshold < 2)),
        ("single", "With a threshold below 1 jump all cells fire: one spike does.", lambda threshold: threshold < 1),
        ("never", "With a threshold above 2 jumps no cell fires.", lambda threshold: threshold > 2),
    ):  # fmt: skip
        yield Claim(
            name=name,
            sentence=f"{sentence} Measured: the number of cells in the map with another answer.",
            source=SOURCE,
            paper_value="no exception",
            accept=(0, 0),
            reason="No distance of the map lies within a time step of the limit, and nothing is random.",
            evidence="derived",
            measure=wrong(kept),
            unit="cells",
        )


class CoincidenceDetector(Figure):
    """A leaky integrator tells whether two spikes came close together; its threshold says how close.

    Every point is a cell that hears of two spikes, each of which moves its potential by one jump. The curve is the
    closed form. Between thresholds of 1 and 2 jumps the cell detects coincidences.
    """

    title = "Two spikes onto a leaky integrator: coincidence detection"
    cites = "stein1965"
    claims = tuple(_claims())

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        once = {"low_frequency": 1 * Hz, "high_frequency": 1 * Hz, "n_frequencies": 1, "n_pairs": 1}
        pair = SpikePairing(**once, resolution=DT * ms, silence=1 * ms)
        cells = Coincidence(cell=CurrentLIF(tau_m=TAU * ms))
        n = 7 if small else 31
        every, fine = (-30, 30, n), (0, 25, 26 if small else 2501)
        found = {}
        for name, (low, high, n_lags), (bottom, top, n_thresholds) in (
            ("map", every, (0.875, 2.125, 6 if small else 26)),
            ("limits", fine, (1.1, 1.9, 9)),
        ):
            task = pair.replace(low_lag=low * ms, high_lag=high * ms, n_lags=n_lags)
            circuit = cells.replace(low_threshold=bottom, high_threshold=top, n_thresholds=n_thresholds)
            found[name] = Experiment(task, circuit, dt=DT * ms)
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        distances = np.linspace(0, 30, 301)
        closed = pd.DataFrame({DISTANCE: distances, THRESHOLD: 1 + np.exp(-distances / TAU)})
        return {"cells": answers(records["map"][0]), "closed_form": closed}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.ONE_COLUMN, 70)
        axes = canvas.subplots()
        cells, closed = data["cells"], data["closed_form"]
        for fired, marker, colour in ((True, "o", _style.BLUE), (False, "x", _style.VERMILION)):
            some = cells[cells["fired"] == fired]
            label = "fired" if fired else "silent"
            axes.plot(some[DISTANCE], some[THRESHOLD], marker, color=colour, ms=2.2, mew=0.6, label=label)
        label = r"$|d| = -\tau\,\ln(\theta-1)$"
        for sign in (-1, 1):
            axes.plot(
                sign * closed[DISTANCE], closed[THRESHOLD], color=_style.BLACK, lw=1, label=label if sign > 0 else None
            )
        for height in (1, 2):
            axes.axhline(height, color=_style.GREY, lw=0.6, ls=(0, (4, 3)))
        axes.set_xlabel("Distance $d$ of the two spikes (ms)")
        axes.set_ylabel(r"Threshold $\theta$ (jumps)")
        axes.set_xlim(-31, 31)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, markerscale=1.4)
        return canvas
