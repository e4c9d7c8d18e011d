"""Zenke, Agnes & Gerstner 2015: assemblies form, are recalled by cues, and what each mechanism is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from brian2 import ms, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.assemblies import Recall, assemblies, presentation_rates, recall, selectivity
from brian2learn.analysis.firing import population_rate
from brian2learn.analysis.intervals import mean
from brian2learn.circuits.memory_network import MemoryNetwork
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.declaration import Choice
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.shape_memory import ShapeMemory

from . import _style
from ._figure import Figure, Records
from ._seeds import over_seeds
from ._zenke2015 import COLOURS, N_SHOWN, THRESHOLD, WHOLE, WITHOUT, n_cells

NETWORK = "zenke2015, abstract"
UNTRAINED = "no shapes before the cues"
SHAPES = ("square", "disc", "triangle", "cross")
TIME, RATE, CELL, SHAPE, RUN, WHAT = "time (s)", "rate (Hz)", "cell (1)", "shape", "run", "network"
INSIDE, OUTSIDE, BACKGROUND = "assembly (Hz)", "other assemblies (Hz)", "background (Hz)"
DELAY = (0.5, 2.5)  # s after the end of a cue, in which activity has outlasted it
TARGET = 4.0  # Hz


def _rates(record: Record, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    spikes = record.spikes["excitatory"]
    return presentation_rates(spikes.i, spikes.t, n_cells(record), starts, np.maximum(stops, starts + 1e-3))


def members(record: Record) -> np.ndarray:
    """Assemblies, from the second half of the presentations of whole shapes: (4, n_cells) bool."""
    whole = np.flatnonzero(record.truth["phase"] < 2)
    late = whole[whole.size // 2 :]
    rates = _rates(record, record.truth["t_start"][late], record.truth["t_stop"][late])
    return assemblies(rates, record.truth["shape"][late], len(SHAPES), threshold=THRESHOLD)


def cues(record: Record) -> np.ndarray:
    """Which presentations are cues."""
    return np.asarray(record.truth["phase"] == 2)


def rare_shapes(record: Record) -> np.ndarray:
    """Which are whole shapes that came rarely, in the second half of phase 1."""
    task, truth = record.info["experiment"]["task"], record.truth
    middle = float(task["learning"]["si"]) + float(task["rest"]["si"]) / 2
    return np.asarray((truth["phase"] == 1) & (truth["t_start"] >= middle))


def during(record: Record, chosen: np.ndarray, groups: np.ndarray) -> Recall:
    """What these assemblies did while the chosen presentations were on."""
    starts, stops = record.truth["t_start"][chosen], record.truth["t_stop"][chosen]
    return recall(_rates(record, starts, stops), record.truth["shape"][chosen], groups)


def after(record: Record, chosen: np.ndarray, groups: np.ndarray) -> Recall:
    """What they did in the `DELAY` after those, where nothing else was shown until its end."""
    begin, end = DELAY
    following = np.append(record.truth["t_start"][1:], record.duration)
    shown = np.flatnonzero(chosen & (following >= record.truth["t_stop"] + end))
    stops = record.truth["t_stop"][shown]
    return recall(_rates(record, stops + begin, stops + end), record.truth["shape"][shown], groups)


def background(record: Record) -> float:
    """Mean rate of the excitatory cells from the end of the first pause of phase 0 on, Hz."""
    t, begin = record.spikes["excitatory"].t, float(record.info["experiment"]["task"]["first"]["si"])
    return float(np.sum(t >= begin) / n_cells(record) / (record.duration - begin))


def _share(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")


def _number(value: float) -> float | None:
    """None for a share of nothing."""
    return None if np.isnan(value) else value


def _recalled(record: Record) -> float:
    """Share of cues that activate the assembly of their shape."""
    return _share(during(record, cues(record), members(record)).recalled)


def _outlasted(record: Record, chosen: Callable[[Record], np.ndarray]) -> float:
    """Share of presentations that the assembly of their shape outlasted."""
    return _share(after(record, chosen(record), members(record)).recalled)


def _stays_on(name: str, sentence: str, what: str, chosen: Callable[[Record], np.ndarray]) -> Claim:
    return Claim(
        name=name,
        sentence=sentence,
        source=NETWORK,
        paper_value="delay activity",
        accept=(0.8, 1),
        reason=f"No number is known; most {what}.",
        evidence="abstract",
        measure=over_seeds(WHOLE, lambda record: _number(_outlasted(record, chosen)), (0, 1)),
    )


def _owed_to_training(records: Records) -> Interval:
    """In each seed, the share of cues outlasted minus that without training, in the same cells."""
    owed = []
    for trained, untrained in zip(records[WHOLE], records[UNTRAINED], strict=True):
        groups = members(trained)
        shares = [_share(after(each, cues(each), groups).recalled) for each in (trained, untrained)]
        owed.append(shares[0] - shares[1])
    values = np.array(owed)
    return mean(values[np.isfinite(values)], within=(-1, 1))


def _worse(records: Records) -> Interval:
    """In each seed, the share of ablated networks with fewer rare shapes outlasted than the whole one."""
    whole, *ablated = ([_outlasted(each, rare_shapes) for each in records[name]] for name in (WHOLE, *WITHOUT))
    return mean((np.array(ablated) < whole).mean(axis=0), within=(0, 1))


class Zenke2015Memory(Figure):
    """A quarter of the published network, with as many inputs per cell, through a protocol of minutes instead of hours.

    The untrained network is the same one with the same cues, at other moments, but sees no shape before them.

    The claims are judged on the `shortened` size. `full` is the published network and protocol (50 h of simulated time,
    one run for every ablation). Parameters are those of the scripts and are not changed between the two, so in the
    shortened one the slow mechanisms (consolidation: 20 minutes) have little time.
    """

    title = "Zenke, Agnes & Gerstner 2015: assemblies, recall and delay activity"
    cites = "zenke2015"

    size = Choice(
        "shortened",
        "how large and how long",
        {
            "shortened": "1024 excitatory cells, 120 s of shapes, 360 s of rare shapes, 240 s of cues",
            "full": "4096 excitatory cells, 1 h of shapes, 1 h of rare shapes, 48 h of cues",
        },
    )

    claims = (
        Claim(
            name="assemblies",
            sentence="Every shape recruits an assembly of cells above 10 Hz: number of shapes with one.",
            source="zenke2015, repository (code): 864, 1188, 1059 and 1123 cells",
            paper_value="4 of 4",
            accept=(4, 4),
            reason="Each of the four shapes in every run.",
            evidence="code",
            measure=over_seeds(WHOLE, lambda record: float(members(record).any(1).sum()), (0, len(SHAPES))),
        ),
        Claim(
            name="recall",
            sentence="A brief partial cue activates its assembly (above 10 Hz in the mean) and no other, while it is "
            "on. Share of cues.",
            source=NETWORK,
            paper_value="recalled",
            accept=(0.8, 1),
            reason="No number is known; most cues.",
            evidence="abstract",
            measure=over_seeds(WHOLE, lambda record: _number(_recalled(record)), (0, 1)),
        ),
        _stays_on(
            "delay_activity_after_shapes",
            "After a whole shape that comes rarely, its assembly, and no other, stays above 10 Hz from 0.5 to 2.5 s "
            "after it. Share of shapes in the second half of the phase of rare shapes.",
            "shapes",
            rare_shapes,
        ),
        _stays_on(
            "delay_activity",
            "The assembly, and no other, stays above 10 Hz from 0.5 to 2.5 s after the cue. Share of cues.",
            "cues",
            cues,
        ),
        Claim(
            name="delay_activity_is_learned",
            sentence="It needs the learned assemblies: share of cues outlasted, minus that of the same network, in the "
            "same cells, after no shape was shown.",
            source=NETWORK,
            paper_value="all of the delay activity",
            accept=(0.5, 1),
            reason="No number is known; at least half of the cues.",
            evidence="abstract",
            measure=_owed_to_training,
        ),
        Claim(
            name="background_rate",
            sentence="Inhibitory plasticity holds the mean rate of the excitatory cells at its target.",
            source="zenke2015, GlobalPFConnection (code)",
            paper_value="4 Hz",
            accept=(3.6, 4.4),
            reason="10 %.",
            evidence="code",
            measure=over_seeds(WHOLE, background),
            unit="Hz",
        ),
        Claim(
            name="ablations",
            sentence="Without any one mechanism fewer rare shapes are outlasted than with all. Share of the ablated "
            "networks.",
            source=NETWORK,
            paper_value="all",
            accept=(1, 1),
            reason="Each of them.",
            evidence="abstract",
            measure=_worse,
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        if small:
            network = MemoryNetwork(n_excitatory=64, n_inhibitory=16, side=16, radius=4.0, p=0.5)
            task = ShapeMemory(
                side=16, first=0.2 * second, learning=1 * second, rest=1 * second, recall=1 * second,
                on=0.2 * second, off=0.2 * second, cue_on=0.1 * second, later_off=0.3 * second,
            )  # fmt: skip
        elif self.size == "shortened":
            network = MemoryNetwork.shrunk(4)
            task = ShapeMemory(
                side=network.side, first=5 * second, learning=120 * second, rest=360 * second, recall=240 * second,
            )  # fmt: skip
        else:
            network, task = MemoryNetwork(), ShapeMemory()
        changes: dict[str, dict[str, object]] = {WHOLE: {}, UNTRAINED: {}, **WITHOUT}
        only_cues = task.replace(first=task.learning + task.rest)
        return {
            name: Experiment(
                only_cues if name == UNTRAINED else task, network.replace(**values), dt=0.1 * ms,
                record={"secretion.rate": 0.1 * second},
            )
            for name, values in changes.items()
        }  # fmt: skip

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        own = {name: [members(record) for record in runs] for name, runs in records.items()}
        groups = own | {UNTRAINED: own[WHOLE]}  # looked at in the cells that training recruits
        whole, found = records[WHOLE][0], own[WHOLE][0]
        sizes = pd.DataFrame({
            SHAPE: SHAPES, "cells (1)": found.sum(1), "of one assembly only (1)": selectivity(found),
        })  # fmt: skip
        rows = []
        for name, runs in records.items():
            for run, record in enumerate(runs):
                cells = groups[name][run]
                on, off = (what(record, cues(record), cells) for what in (during, after))
                rare = after(record, rare_shapes(record), cells)
                rows.append((
                    name, run, int(own[name][run].any(1).sum()), _share(on.recalled), _share(off.recalled),
                    _share(on.inside), _share(on.outside), _share(off.inside), _share(off.outside),
                    _share(rare.recalled), _share(rare.inside), _share(rare.outside),
                    background(record),
                ))  # fmt: skip
        columns = [
            WHAT, RUN, "shapes with an assembly (1)", "recalled (1)", "outlasted (1)", f"cue {INSIDE}",
            f"cue {OUTSIDE}", f"delay {INSIDE}", f"delay {OUTSIDE}", "shapes outlasted (1)", f"after shapes {INSIDE}",
            f"after shapes {OUTSIDE}", BACKGROUND,
        ]  # fmt: skip
        return {
            "assemblies": sizes,
            "summary": pd.DataFrame(rows, columns=columns),
            "raster": _raster(whole, found),
            "rates": pd.concat([_courses(runs[0], name, groups[name][0]) for name, runs in records.items()]),
            "shown": pd.concat([_shown(whole, WHOLE), _shown(records[UNTRAINED][0], UNTRAINED)]),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 185)
        canvas.set_layout_engine("constrained", h_pad=0.06)
        axes = canvas.subplot_mosaic("aab;ccc;ddd;efg;hij", height_ratios=(1.3, 1, 1, 1, 1))
        _draw_raster(axes["a"], data["raster"], data["shown"][data["shown"][WHAT] == WHOLE])
        _draw_assemblies(axes["b"], data["assemblies"])
        for panel, name in zip("cdefghij", [WHOLE, UNTRAINED, *WITHOUT], strict=True):
            shown = data["shown"][data["shown"][WHAT] == (UNTRAINED if name == UNTRAINED else WHOLE)]
            _draw_course(axes[panel], data["rates"], shown, name)
        for panel in "abcdefghij":
            _style.letter(axes[panel], panel, left=7.5)
        return canvas


def _raster(record: Record, found: np.ndarray) -> pd.DataFrame:
    """Spikes of the last 20 s, at most, of some cells, sorted by assembly."""
    spikes, begin = record.spikes["excitatory"], max(0.0, record.duration - 20)
    group = np.where(found.any(0), found.argmax(0), len(SHAPES))
    order = np.argsort(group, kind="stable")[:: max(1, group.size // N_SHOWN)]
    row = np.full(group.size, -1)
    row[order] = np.arange(order.size)
    late = (spikes.t >= begin) & (row[spikes.i] >= 0)
    return pd.DataFrame(
        {TIME: spikes.t[late], CELL: row[spikes.i[late]], "assembly": group[spikes.i[late]]}
    )  # fmt: skip


def _courses(record: Record, name: str, found: np.ndarray) -> pd.DataFrame:
    """Rate of every assembly, and of all cells, in bins of half a second."""
    spikes, width = record.spikes["excitatory"], 0.5
    tables = []
    for shape, cells in [*zip(SHAPES, found, strict=True), ("all", np.ones(n_cells(record), bool))]:
        chosen = cells[spikes.i]
        n = max(int(cells.sum()), 1)
        rates = population_rate(
            np.zeros(chosen.sum(), int), spikes.t[chosen], n, t_start=0, t_stop=record.duration, width=width
        )  # fmt: skip
        middle = (np.arange(rates.size) + 0.5) * width
        tables.append(pd.DataFrame({WHAT: name, SHAPE: shape, TIME: middle, RATE: rates}))
    return pd.concat(tables)


def _shown(record: Record, name: str) -> pd.DataFrame:
    truth = record.truth
    return pd.DataFrame({
        WHAT: name, SHAPE: np.array(SHAPES)[truth["shape"]], "phase": truth["phase"], "from (s)": truth["t_start"],
        "to (s)": truth["t_stop"],
    })  # fmt: skip


def _mark(axes: Axes, shown: pd.DataFrame) -> None:
    """A bar above the axes for everything that was shown, in the colour of the shape; cues are thinner."""
    begin, end = axes.get_xlim()
    for _, shape, phase, start, stop in shown.itertuples(index=False):
        if start < end and stop > begin:
            axes.plot(
                [max(start, begin), min(stop, end)], [1.02, 1.02], color=COLOURS[SHAPES.index(shape)],
                lw=2.5 if phase < 2 else 1.5, transform=axes.get_xaxis_transform(), clip_on=False,
                solid_capstyle="butt",
            )  # fmt: skip


def _draw_raster(axes: Axes, raster: pd.DataFrame, shown: pd.DataFrame) -> None:
    for k, colour in enumerate((*COLOURS, _style.GREY)):
        dots = raster[raster["assembly"] == k]
        axes.plot(dots[TIME], dots[CELL], ".", color=colour, ms=0.8, mew=0, rasterized=True)
    if len(raster):
        axes.set_xlim(raster[TIME].min(), raster[TIME].max())
    _mark(axes, shown)
    axes.set_ylim(0, raster[CELL].max() + 1 if len(raster) else 1)
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Cell, by assembly")
    axes.set_title("end of the run", pad=6)


def _draw_assemblies(axes: Axes, table: pd.DataFrame) -> None:
    axes.bar(table[SHAPE], table["cells (1)"], color=COLOURS, width=0.6)
    axes.set_ylabel("Cells above 10 Hz")
    axes.set_title("assemblies", pad=6)
    axes.tick_params(axis="x", rotation=30)


def _draw_course(axes: Axes, rates: pd.DataFrame, shown: pd.DataFrame, name: str) -> None:
    for shape, colour in (("all", _style.BLACK), *zip(SHAPES, COLOURS, strict=True)):
        course = rates[(rates[WHAT] == name) & (rates[SHAPE] == shape)]
        axes.plot(course[TIME], course[RATE], color=colour, lw=0.7, label=shape if shape != "all" else "all cells")
    axes.axhline(TARGET, color=_style.GREY, lw=0.5, ls=":")
    axes.set_title(name, pad=6)
    axes.set_xlim(0, rates[TIME].max())
    axes.set_ylim(0, 1.3 * max(axes.get_ylim()[1], TARGET) if name == WHOLE else None)  # room for the legend
    _mark(axes, shown)
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Rate (Hz)")
    if name == WHOLE:
        axes.legend(loc="upper left", ncols=5)
