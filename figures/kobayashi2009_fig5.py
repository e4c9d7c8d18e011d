"""The spike patterns of Figure 5B of Kobayashi, Tsubo & Shinomoto 2009."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from brian2 import ms, nA
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import exact
from brian2learn.circuits.current_clamp import CurrentClamp
from brian2learn.circuits.mat import MAT
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.tasks.silence import Silence

from . import _style
from ._current_clamp import spikes_of
from ._figure import Figure, Records

CURRENTS = (0.5, 0.6, 0.7)  # nA, one cell each
TRACED = 1  # the cell whose potential is drawn
DRAWN = {"RS": "regular spiking", "IB": "intrinsically bursting", "FS": "fast spiking", "CH": "chattering"}
TIME, POTENTIAL, THRESHOLD, CURRENT = "time (ms)", "potential (mV)", "threshold (mV)", "current (nA)"
COUNTS = {"RS": (10, 16, 22), "FS": (78, 98, 118), "fitted_RS": (11, 17, 22)}
INTERVALS = {
    "RS": (13.9, 17.6, 19.9, 22.4, 38.7),
    "IB": (4.3, 6.1, 7.8, 9.3, 26.8),
    "FS": (2.5, 3.1, 3.5, 3.9, 5.6),
}  # ms: the first four and the last, at 0.6 nA


def count(preset: str, cell: int) -> Callable[[Records], Interval]:
    """Number of spikes of one cell."""
    return lambda records: exact(spikes_of(records[preset][0], cell).size)


def largest_deviation(preset: str) -> Callable[[Records], Interval]:
    """By how much the first four intervals and the last differ at most from the reference, ms."""

    def measure(records: Records) -> Interval:
        gaps = np.diff(spikes_of(records[preset][0], TRACED)) * 1e3
        if gaps.size < 5:
            return exact(np.nan)
        return exact(float(np.abs(np.append(gaps[:4], gaps[-1]) - INTERVALS[preset]).max()), 5)

    return measure


def interval_in_bursts(records: Records) -> Interval:
    """Median interval of the chattering cell, ms; most of its intervals are within bursts."""
    gaps = np.diff(spikes_of(records["CH"][0], TRACED)) * 1e3
    return exact(float(np.median(gaps)) if gaps.size else np.nan, int(gaps.size))


def _claims() -> Iterator[Claim]:
    where = "Fig 5B (code of the author), model integrated by forward Euler, 0.01 ms"
    for preset, counts in COUNTS.items():
        source = f"kobayashi2009, {where if preset != 'fitted_RS' else where.replace('Fig 5B', 'typical fit')}"
        for cell, (current, n) in enumerate(zip(CURRENTS, counts, strict=True)):
            yield Claim(
                name=f"{preset}_{current}nA",
                sentence=f"The {preset.replace('_', ' ')} cell fires {n} times in 500 ms at {current} nA.",
                source=source,
                paper_value=f"{n} spikes",
                accept=(n, n),
                reason="Nothing is random and the method is the same (forward Euler, 0.01 ms).",
                evidence="derived",
                measure=count(preset, cell),
                unit="spikes",
            )
    for preset, values in INTERVALS.items():
        first, last = ", ".join(f"{value:g}" for value in values[:4]), values[-1]
        yield Claim(
            name=f"{preset}_intervals",
            sentence=f"At 0.6 nA the first intervals of the {preset} cell are {first} ms, and the last in 500 ms is "
            f"{last:g} ms. Measured: the largest of the five differences.",
            source=f"kobayashi2009, {where}",
            paper_value=f"{first}, …, {last:g} ms",
            accept=(0, 0.1),
            reason="The reference is printed to 0.1 ms, and a spike is known to a time step of 0.01 ms.",
            evidence="derived",
            measure=largest_deviation(preset),
            unit="ms",
        )
    yield Claim(
        name="CH_bursts",
        sentence="The chattering cell fires in bursts at the refractory period of 2 ms. Median interval at 0.6 nA.",
        source=f"kobayashi2009, {where}",
        paper_value="2 ms",
        accept=(1.995, 2.015),
        reason="The refractory period, after which the threshold is looked at in the same or the next step of 0.01 ms.",
        evidence="derived",
        measure=interval_in_bursts,
        unit="ms",
    )


class Kobayashi2009Fig5(Figure):
    """A threshold that rises at spikes and decays makes four spike patterns of one cell.

    Constant current from time 0. Traces are those at 0.6 nA; the potential is not reset, so that a spike (vertical bar)
    shows in the threshold only. Below, the spikes at three currents, with their number.

    Differs from the paper: the parameter sets are the author's; the currents are those of our reference.
    """

    title = "Kobayashi et al. 2009, Figure 5B: spike patterns of the MAT cell"
    cites = "kobayashi2009"
    claims = tuple(_claims())

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = Silence(length=(100 if small else 500) * ms)
        low, high, n = CURRENTS[0] * nA, CURRENTS[-1] * nA, len(CURRENTS)
        clamp = CurrentClamp(cell=MAT(), n_cells=n, i_low=low, i_high=high, method="euler")
        record = {"cells.v": 0.1 * ms, "cells.theta": 0.1 * ms}
        return {
            preset: Experiment(task, clamp.replace(cell=MAT.preset(preset)), dt=0.01 * ms, record=record)
            for preset in (*DRAWN, "fitted_RS")
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        traces, spikes = [], []
        for preset in DRAWN:
            record = records[preset][0]
            v, theta = (record.states[f"cells.{name}"] for name in ("v", "theta"))
            columns = {TIME: v.t * 1e3, POTENTIAL: v.values[:, TRACED] * 1e3, THRESHOLD: theta.values[:, TRACED] * 1e3}
            traces.append(pd.DataFrame({"type": preset, **columns}))
            for cell, current in enumerate(CURRENTS):
                spikes.append(pd.DataFrame({"type": preset, CURRENT: current, TIME: spikes_of(record, cell) * 1e3}))
        return {"traces": pd.concat(traces, ignore_index=True), "spikes": pd.concat(spikes, ignore_index=True)}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 112)
        letters = "abcd"
        axes = canvas.subplot_mosaic([list("ab"), list("AB"), list("cd"), list("CD")], height_ratios=(3, 1, 3, 1))
        end = np.ceil(data["traces"][TIME].max())  # the last sample is taken just before the end
        for panel, (preset, name) in zip(letters, DRAWN.items(), strict=True):
            trace, below = axes[panel], axes[panel.upper()]
            rows = data["traces"][data["traces"]["type"] == preset]
            spikes = data["spikes"][data["spikes"]["type"] == preset]
            trace.plot(rows[TIME], rows[THRESHOLD], color=_style.VERMILION, label="threshold")
            trace.plot(rows[TIME], rows[POTENTIAL], color=_style.BLUE, lw=0.9, label="potential")
            traced = spikes[TIME][np.isclose(spikes[CURRENT], CURRENTS[TRACED])]
            height = rows[[THRESHOLD, POTENTIAL]].to_numpy().max()
            trace.vlines(traced, height + 3, height + 9, color=_style.BLACK, lw=0.5)
            trace.set_title(f"{preset}: {name}", pad=5)
            trace.set_ylabel("Potential (mV)")
            for row, current in enumerate(CURRENTS):
                times = spikes[TIME][np.isclose(spikes[CURRENT], current)]
                below.vlines(times, row - 0.35, row + 0.35, color=_style.BLACK, lw=0.5)
                below.annotate(
                    str(len(times)), (1, row), (3, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                    va="center", fontsize=6.5, annotation_clip=False,
                )  # fmt: skip
            below.set_yticks(range(len(CURRENTS)), [f"{current:g}" for current in CURRENTS])
            below.set_ylim(-0.6, len(CURRENTS) - 0.4)
            below.set_ylabel("Current\n(nA)")
            for each in (trace, below):
                each.set_xlim(0, end)
            trace.tick_params(labelbottom=False)
            if panel in "cd":
                below.set_xlabel("Time (ms)")
            else:
                below.tick_params(labelbottom=False)
            _style.letter(trace, panel, left=10)
        axes["b"].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        return canvas
