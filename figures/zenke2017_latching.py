"""Zenke & Gerstner 2017: cell assemblies take turns in a plastic network, whose attractors plasticity leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from brian2 import ms, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.assemblies import Latching, latching, presentation_rates
from brian2learn.analysis.intervals import ANY, mean
from brian2learn.circuits.latching_network import WITHIN, LatchingNetwork
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.declaration import Choice
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.shape_memory import ShapeMemory

from . import _style
from ._figure import Figure, Records
from ._seeds import over_seeds
from ._zenke2015 import COLOURS, N_SHOWN, THRESHOLD, WHOLE, WITHOUT, n_cells

TALK = "zenkegerstner2017, to which a talk of 2017 points for its latching panel"
SETTLED = "all mechanisms, while settling"
UNFATIGUED = "no slow fatigue"
DESTROYED = ("no heterosynaptic", "inhibition not plastic")
SETTLE, JUDGED = 100.0, 600.0  # s
WIDTH = 1.0  # s
SILENT = 1.0  # s without a spike
SHOWN = 60.0  # s of the raster
TIME, RATE, CELL, ASSEMBLY, RUN = "time (s)", "rate (Hz)", "cell (1)", "assembly", "run"
WHAT, WEIGHT, SHARE, DWELL = "network", "weight (1)", "share of synapses (1)", "dwell time (s)"
KINDS = {"within assemblies": WITHIN, "others": "e_to_e"}
BINS = np.linspace(0, 1.5, 61)


def turns(record: Record, begin: float) -> Latching:
    """Which assembly is active when, from `begin` s on."""
    return latching(assembly_rates(record, begin), WIDTH, threshold=THRESHOLD)


def assembly_rates(record: Record, begin: float = 0.0) -> np.ndarray:
    """Mean rate of every assembly in every window from `begin` s on: (n_windows, n_assemblies) float, Hz."""
    spikes, n = record.spikes["excitatory"], n_cells(record)
    starts = begin + WIDTH * np.arange(round((record.duration - begin) / WIDTH))
    n_assemblies = int(record.info["experiment"]["circuit"]["n_assemblies"])
    own = spikes.i.astype(int) * n_assemblies // n
    sizes = np.bincount(np.arange(n) * n_assemblies // n)
    return presentation_rates(own, spikes.t, n_assemblies, starts, starts + WIDTH) / sizes


def drift(settled: Record, record: Record) -> float:
    """Relative change of the mean weight within assemblies since the network had settled."""
    first, last = (float(each.final[f"{WITHIN}.w"].mean()) for each in (settled, record))
    return abs(last / first - 1)


def is_destroyed(record: Record) -> bool:
    """Whether the excitatory cells are silent in the end: by themselves, or silenced beyond the ceiling of 60 Hz."""
    t = record.spikes["excitatory"].t
    return not bool(t.size) or bool(t.max() < record.duration - SILENT)


def _of_turns(measure: Callable[[Latching], float], within: tuple[float, float] = ANY) -> Callable[[Records], Interval]:
    def measured(records: Records) -> Interval:
        values = [
            measure(turns(record, settled.duration))
            for settled, record in zip(records[SETTLED], records[WHOLE], strict=True)
        ]
        return mean(np.array(values)[np.isfinite(values)], within)

    return measured


class Zenke2017Latching(Figure):
    """A network with four consolidated assemblies hears nothing but the background for 600 s, after 100 s to settle.

    The authors' panel has neither parameters nor a number that are known; the claims are an acceptance test with
    thresholds of our own. "Without input" is read as without stimuli: all inputs go on firing at their background rate.
    """

    title = "Zenke & Gerstner 2017: assemblies that take turns are fixed points of plasticity"
    cites = ("zenkegerstner2017", "zenke2015")

    size = Choice(
        "shortened",
        "how large",
        {
            "shortened": "1024 excitatory cells, with as many inputs per cell as published",
            "full": "4096 excitatory cells",
        },
    )

    claims = (
        Claim(
            name="one_at_a_time",
            sentence="Exactly one assembly fires above 10 Hz for most of the time. Share of windows of 1 s.",
            source=TALK,
            paper_value="latching",
            accept=(0.5, 1),
            reason="Most of the time; no number is known.",
            evidence="paper",
            measure=_of_turns(lambda found: found.alone, (0, 1)),
        ),
        Claim(
            name="dwell_time",
            sentence="An active assembly stays so for a finite time, then another takes its turn. Mean dwell time.",
            source=TALK,
            paper_value="finite",
            accept=(WIDTH, 60),
            reason="At least ten stays in 600 s; no number is known.",
            evidence="paper",
            measure=_of_turns(lambda found: float(found.dwells.mean()) if found.dwells.size else float("nan")),
            unit="s",
        ),
        Claim(
            name="all_visited",
            sentence="Every assembly has its turn. Number of assemblies that are active at some time.",
            source=TALK,
            paper_value="all",
            accept=(4, 4),
            reason="Each of the four in every run.",
            evidence="paper",
            measure=_of_turns(lambda found: float(found.visited.size), (0, 4)),
        ),
        Claim(
            name="fixed_point",
            sentence="Plasticity leaves the assemblies as they are: relative change of the mean weight within them in "
            "600 s, after the network has settled.",
            source=TALK,
            paper_value="attractors are fixed points of plasticity",
            accept=(0, 0.1),
            reason="10 %; no number is known.",
            evidence="paper",
            measure=lambda records: mean(
                [drift(*pair) for pair in zip(records[SETTLED], records[WHOLE], strict=True)], within=(0, np.inf)
            ),
        ),
        *(
            Claim(
                name=name,
                sentence=f"{sentence} the network falls silent or exceeds 60 Hz. Share of runs.",
                source=TALK,
                paper_value="destroyed",
                accept=(1, 1),
                reason="Every run.",
                evidence="paper",
                measure=over_seeds(without, is_destroyed, (0, 1)),
            )
            for name, without, sentence in (
                ("heterosynaptic_needed", DESTROYED[0], "Without heterosynaptic plasticity"),
                ("inhibitory_needed", DESTROYED[1], "With inhibition that is not plastic"),
            )
        ),
    )  # fmt: skip

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        if small:
            network = LatchingNetwork(n_excitatory=64, n_inhibitory=16, side=16, radius=4.0, p=0.5)
        else:
            network = LatchingNetwork.shrunk(4 if self.size == "shortened" else 1)
        network = network.replace(keep="weights")
        settle, judged = (1.0, 3.0) if small else (SETTLE, JUDGED)
        changes = {
            SETTLED: {},
            WHOLE: {},
            **{name: WITHOUT[name] for name in DESTROYED},
            UNFATIGUED: {"cell": network.cell.replace(jump_b=0)},
        }
        return {
            name: Experiment(
                _background(network.side, settle + (0 if name == SETTLED else judged)), network.replace(**values),
                dt=0.1 * ms, record={"secretion.rate": 1 * second},
            )
            for name, values in changes.items()
        }  # fmt: skip

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        rows, dwells = [], []
        for name in (WHOLE, *DESTROYED, UNFATIGUED):
            for run, (settled, record) in enumerate(zip(records[SETTLED], records[name], strict=True)):
                found, t = turns(record, settled.duration), record.spikes["excitatory"].t
                if name == WHOLE:
                    dwells += [(run, float(each)) for each in found.dwells]
                stay = float(found.dwells.mean()) if found.dwells.size else float("nan")
                last = float(t.max()) if t.size else 0.0
                rows.append((
                    name, run, found.alone, found.visited.size, found.dwells.size, stay, found.cv,
                    drift(settled, record), last,
                ))  # fmt: skip
        columns = [
            WHAT, RUN, "one active (1)", "visited", "stays", "mean dwell (s)", "CV of dwell (1)", "drift (1)",
            "last spike (s)",
        ]  # fmt: skip
        whole = records[WHOLE][0]
        return {
            "summary": pd.DataFrame(rows, columns=columns),
            "raster": _raster(whole),
            "rates": pd.concat([_courses(records[name][0], name) for name in records if name != SETTLED]),
            "dwells": pd.DataFrame(dwells, columns=[RUN, DWELL]).astype({RUN: int, DWELL: float}),
            "weights": pd.concat([
                _weights(record, kind, when) for kind in KINDS
                for when, record in (("settled", records[SETTLED][0]), ("end", whole))
            ]),
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 125)
        canvas.set_layout_engine("constrained", h_pad=0.06)
        axes = canvas.subplot_mosaic("aab;ccd;efg", height_ratios=(1.2, 1, 1))
        _draw_raster(axes["a"], data["raster"])
        _draw_weights(axes["b"], data["weights"])
        _draw_courses(axes["c"], data["rates"], WHOLE)
        _draw_dwells(axes["d"], data["dwells"])
        for panel, name in zip("efg", (*DESTROYED, UNFATIGUED), strict=True):
            _draw_courses(axes[panel], data["rates"], name)
        for panel in "abcdefg":
            _style.letter(axes[panel], panel)
        return canvas


def _raster(record: Record) -> pd.DataFrame:
    """Spikes of the end of the run, of some cells."""
    spikes, n = record.spikes["excitatory"], n_cells(record)
    every = max(1, n // N_SHOWN)
    late = (spikes.t >= record.duration - SHOWN) & (spikes.i % every == 0)
    cells = spikes.i[late].astype(int)
    own = cells * int(record.info["experiment"]["circuit"]["n_assemblies"]) // n
    return pd.DataFrame({TIME: spikes.t[late], CELL: cells, ASSEMBLY: own})


def _courses(record: Record, name: str) -> pd.DataFrame:
    rates = assembly_rates(record)
    middle = (np.arange(len(rates)) + 0.5) * WIDTH
    return pd.concat([
        pd.DataFrame({WHAT: name, ASSEMBLY: k, TIME: middle, RATE: course}) for k, course in enumerate(rates.T)
    ])  # fmt: skip


def _weights(record: Record, kind: str, when: str) -> pd.DataFrame:
    """Histogram of the weights; what lies beyond the last bin counts in it."""
    w = np.minimum(record.final[f"{KINDS[kind]}.w"], BINS[-1])
    share = np.histogram(w, BINS)[0] / max(w.size, 1)
    return pd.DataFrame({"synapses": kind, "when": when, WEIGHT: (BINS[:-1] + BINS[1:]) / 2, SHARE: share})


def _draw_raster(axes: Axes, raster: pd.DataFrame) -> None:
    for k, colour in enumerate(COLOURS):
        dots = raster[raster[ASSEMBLY] == k]
        axes.plot(dots[TIME], dots[CELL], ".", color=colour, ms=1, mew=0, rasterized=True)
    if len(raster):
        axes.set_xlim(raster[TIME].min(), raster[TIME].max())
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Cell, by assembly")
    axes.set_title("end of the run")


def _draw_weights(axes: Axes, table: pd.DataFrame) -> None:
    for kind, colour in zip(KINDS, (_style.VERMILION, _style.GREY), strict=True):
        for when, line in (("settled", ":"), ("end", "-")):
            rows = table[(table["synapses"] == kind) & (table["when"] == when)]
            axes.plot(rows[WEIGHT], rows[SHARE], line, color=colour, drawstyle="steps-mid", label=f"{kind}, {when}")
    axes.set_yscale("log")
    axes.set_ylim(1e-5, 1e3)  # room for the legend
    axes.set_xlim(BINS[0], BINS[-1])
    axes.set_xlabel("Weight E to E")
    axes.set_ylabel("Share of synapses")
    axes.set_title("weights")
    axes.legend(loc="upper right", fontsize=5.5)


def _draw_courses(axes: Axes, table: pd.DataFrame, name: str) -> None:
    courses = table[table[WHAT] == name]
    for k, colour in enumerate(COLOURS):
        course = courses[courses[ASSEMBLY] == k]
        axes.plot(course[TIME], course[RATE], color=colour, lw=0.6)
    axes.axhline(THRESHOLD, color=_style.GREY, lw=0.5, ls=":")
    axes.set_xlim(0, courses[TIME].max())
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Rate (Hz)")
    axes.set_title(name)


def _draw_dwells(axes: Axes, table: pd.DataFrame) -> None:
    longest = float(table[DWELL].max()) if len(table) else 1.0
    axes.hist(table[DWELL], bins=[0.5 + k for k in range(round(longest) + 1)], color=_style.BLUE)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Dwell time (s)")
    axes.set_ylabel("Stays")
    axes.set_title("dwell times")


def _background(side: int, length: float) -> ShapeMemory:
    """No shape comes before the end."""
    return ShapeMemory(
        side=side, first=1e4 * second, learning=length * second, rest=0 * second, recall=0 * second
    )  # fmt: skip
