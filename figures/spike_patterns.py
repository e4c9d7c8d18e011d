"""What every cell with an input current does when a current is switched on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd
from brian2 import amp, ms
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.firing import cv
from brian2learn.analysis.intervals import exact
from brian2learn.circuits._circuit import Cell
from brian2learn.circuits.current_clamp import CurrentClamp
from brian2learn.core import discovery
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.errors import Brian2LearnError
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.silence import Silence

from . import _style
from ._current_clamp import currents_of, spikes_of
from ._figure import Figure, Records

COLUMNS = 4
DT = 0.01  # ms
SAMPLES = 20
TIME, POTENTIAL, CURRENT = "time (ms)", "potential (mV)", "current (nA)"
LASTING = 5  # spikes in 250 ms: the current lets the cell fire for good, not only at its onset
ABOVE = 1.5  # times the current from which on it does


@cache
def cells() -> dict[str, Cell]:
    """Every cell with an input current, in each of its published sets of values, by name; a broken file is left out."""
    found: dict[str, Cell] = {}
    for stem in discovery.files("circuits"):
        try:
            kind = discovery.load(stem, "circuits")
        except Brian2LearnError:
            continue
        if issubclass(kind, Cell) and kind.drive:
            named = {f"{kind.__name__} {name}": kind.preset(name) for name in kind.presets}
            found |= named or {kind.__name__: kind()}
    return found


@cache
def current_for(name: str) -> float:
    """A current well above that from which on the cell fires for good, A; to two digits, by its twin."""
    twin = cells()[name].reference

    def lasts(current: float) -> bool:
        return len(twin(np.full(2500, current), 1e-4)) >= LASTING

    high = 1e-13
    while not lasts(high):
        high *= 2
    low = high / 2
    while high > 1.02 * low:
        middle = (low + high) / 2
        low, high = (low, middle) if lasts(middle) else (middle, high)
    return float(f"{ABOVE * high:.2g}")


def twin_spikes(name: str, record: Record) -> np.ndarray:
    """When the cell of a record should have fired, s."""
    dt = float(record.info["dt"])
    n_steps = round(record.duration / dt)
    return cells()[name].reference(np.full(n_steps, currents_of(record)[0]), dt)


def outline(values: np.ndarray) -> np.ndarray:
    """Which samples of a trace to draw: of every `SAMPLES` the first and the largest, so that no peak is lost."""
    starts = np.arange(0, values.size - SAMPLES + 1, SAMPLES)
    peaks = starts + values[: starts.size * SAMPLES].reshape(-1, SAMPLES).argmax(axis=1)
    return np.unique([starts, peaks])


def n_other(records: Records) -> Interval:
    """Number of cells whose spikes differ in number from the twin's by more than one."""
    differences = [spikes_of(found[0], 0).size - twin_spikes(name, found[0]).size for name, found in records.items()]
    return exact(int(np.sum(np.abs(differences) > 1)), len(differences))


def irregularity(name: str) -> Callable[[Records], Interval]:
    """Coefficient of variation of a cell's intervals."""
    return lambda records: exact(cv(spikes_of(records[name][0], 0)) if name in records else np.nan)


def _claims() -> Iterator[Claim]:
    yield Claim(
        name="as_its_equations_say",
        sentence="Every cell fires as often as its equations say when they are integrated independently, without "
        "Brian2. Number of cells that differ by more than one spike in 300 ms.",
        source="gerstner2014, equations of the cells; every cell names the source of its values",
        paper_value="none",
        accept=(0, 0),
        reason="A spike may fall on the other side of the end; nothing is random.",
        evidence="derived",
        measure=n_other,
        unit="cells",
    )
    for name in ("CurrentLIF", "ConductanceLIF vogels2011"):
        yield Claim(
            name=f"{name.split()[0]}_is_regular",
            sentence=f"A leaky integrator without adaptation ({name}) fires like a clock. Coefficient of variation.",
            source="stein1965, leaky integrator, solved for constant current",
            paper_value="0",
            accept=(0, 1e-6),
            reason="All intervals are the same number of time steps; beyond that, rounding.",
            evidence="derived",
            measure=irregularity(name),
            unit="",
        )


class SpikePatterns(Figure):
    """The potential of every cell, in each of its published sets of values, from the onset of a constant current on.

    Bars are spikes. The current is half as strong again as the smallest that makes the cell go on firing. Potentials
    are drawn as simulated: a leaky integrator has no action potential, a MAT cell is not even reset, and where a cell
    is reset its peak is that of the model. The Hodgkin-Huxley cell counts its potential from rest.
    """

    title = "Spike patterns of all cells under constant current"
    cites = (
        "stein1965", "hodgkin1952", "brette2005", "izhikevich2003", "kobayashi2009", "vogels2011", "zenke2013",
        "gerstner2014",
    )  # fmt: skip
    claims = tuple(_claims())

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = Silence(length=(50 if small else 300) * ms)
        found = {}
        for name, cell in cells().items():
            current = current_for(name) * amp
            clamp = CurrentClamp(cell=cell, n_cells=1, i_low=current, i_high=current)
            record = {f"cells.{cell.potential}": DT * ms}
            found[name] = Experiment(task, clamp, dt=DT * ms, record=record)
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        traces, spikes = [], []
        for name, found in records.items():
            (potential,) = found[0].states.values()
            kept = outline(potential.values[:, 0])
            columns = {TIME: potential.t[kept] * 1e3, POTENTIAL: potential.values[kept, 0] * 1e3}
            traces.append(pd.DataFrame({"cell": name, **columns}))
            current = currents_of(found[0])[0] * 1e9
            spikes.append(pd.DataFrame({"cell": name, CURRENT: current, TIME: spikes_of(found[0], 0) * 1e3}))
        return {"traces": pd.concat(traces, ignore_index=True), "spikes": pd.concat(spikes, ignore_index=True)}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        traces = {str(name): trace for name, trace in data["traces"].groupby("cell", sort=False)}
        n_rows = -(-len(traces) // COLUMNS)
        canvas = _style.canvas(_style.TWO_COLUMNS, 29 * n_rows + 6)
        grid = canvas.subplots(n_rows, COLUMNS, squeeze=False)
        for axes in grid.flat[len(traces) :]:
            axes.set_axis_off()
        for axes, (name, trace) in zip(grid.flat, traces.items(), strict=False):
            spikes = data["spikes"][data["spikes"]["cell"] == name]
            axes.plot(trace[TIME], trace[POTENTIAL], color=_style.BLUE, lw=0.6)
            bottom, top = trace[POTENTIAL].min(), trace[POTENTIAL].max()
            unit = (top - bottom) / 10
            axes.vlines(spikes[TIME], top + unit, top + 2.5 * unit, color=_style.BLACK, lw=0.5)
            kind, _, values = name.partition(" ")
            current = spikes[CURRENT].iloc[0] if len(spikes) else np.nan
            strength = f"{current:g} nA" if current >= 0.1 else f"{current * 1e3:g} pA"
            axes.set_title(f"{kind}\n{values.replace('_', ' ')}{', ' if values else ''}{strength}", fontsize=6.5)
            axes.set_xlim(0, np.ceil(trace[TIME].max()))
            axes.set_ylim(bottom - unit, top + 3 * unit)
            axes.locator_params(axis="y", nbins=4)
        for k, axes in enumerate(grid.flat):
            axes.tick_params(labelbottom=k + COLUMNS >= len(traces))
        canvas.supxlabel("Time (ms)")
        canvas.supylabel("Potential (mV)")
        return canvas
