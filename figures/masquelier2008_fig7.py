"""Figure 7 of Masquelier, Guyonneau & Thorpe 2008."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from brian2 import ms
from matplotlib.figure import Figure as Canvas

from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record

from . import _style
from ._figure import Figure, Records
from ._masquelier2008 import detection, percent, standard

N_AFFERENTS = 2000
THETA_SHARE = 0.5  # threshold in afferents that show the pattern
W_SHARE = 1.9  # first weights of all afferents together, in thresholds


class Curve(NamedTuple):
    """One panel: what is varied, where, and the success in percent that is known."""

    letter: str
    label: str
    points: tuple[float, ...]
    standard: float
    references: Mapping[str, tuple[float, ...]] = {}
    order: int = 0  # -1: success falls along the axis; 1: it rises; 0: not said

    def name(self, point: float) -> str:
        """Name of the experiment at one point; the standard one is shared by all curves."""
        return "standard" if point == self.standard else f"{self.letter}_{point:g}"


AUTHOR, COARSE, FINE, PLOT = (
    "author's code run again", "replication, 0.1 ms", "replication, 0.001 ms", "author's, read off the plot"
)  # fmt: skip
CURVES = {
    "frequency": Curve("a", "Share of sections with the pattern (1)", (0.05, 0.10, 0.15, 0.25, 0.50), 0.25),
    "jitter": Curve(
        "b", "Jitter (ms)", (0, 1, 2, 3, 4, 5, 6), 1,
        {
            AUTHOR: (93, 90, 63, 34, 12, 2, 0),
            COARSE: (89, 94, 92, 51, 4, 0, 0),
            FINE: (97, 98, 94, 52, 2, 0, 0),
        },
        order=-1,
    ),
    "share": Curve(
        "c", "Share of afferents in the pattern (1)", (0.2, 0.3, 0.4, 0.5, 0.6), 0.5,
        {AUTHOR: (0, 3, 51, 96, 95), COARSE: (0, 6, 74, 94, 95), FINE: (0, 18, 78, 98, 100)},
        order=1,
    ),
    "weight": Curve("d", "First weights (1)", (0.275, 0.325, 0.375, 0.425, 0.475), 0.475),
    "deletion": Curve(
        "e", "Share of spikes deleted (1)", (0, 0.1, 0.2, 0.3), 0,
        {PLOT: (96, 80, 50, 1), COARSE: (94, 67, 13, 1), FINE: (98, 76, 19, 0)},
        order=-1,
    ),
}  # fmt: skip
PUBLISHED_HOURS = (8, 24)  # for 10 runs of each of 25 parameter sets, hathway2018
MARGIN = 10.0  # points


def condition(curve: str, point: float, *, small: bool = False) -> Experiment:
    """The standard experiment with one thing changed.

    The threshold follows the pattern spikes that are left, and the first weights follow the threshold, as in the
    replication; the pattern is cut from the first slot, as there.
    """
    full = standard(small=small).replace(record={})
    changes = {
        "frequency": {"pattern_share": point},
        "jitter": {"jitter": point * ms},
        "share": {"n_pattern": round(point * N_AFFERENTS)},
        "weight": {},
        "deletion": {"deletion": float(point)},
    }
    task = full.task.replace(lead_in=0 * ms, **changes[curve])
    theta = THETA_SHARE * (1 - task.values["deletion"]) * task.values["n_pattern"]
    cell = full.circuit.values["cell"].replace(theta=theta)
    w_init = point if curve == "weight" else W_SHARE * theta / N_AFFERENTS
    return full.replace(task=task, circuit=full.circuit.replace(cell=cell, w_init=w_init))


def succeeds(record: Record) -> bool:
    """Whether a run meets the paper's criterion."""
    return detection(record).success()


def success(records: Sequence[Record]) -> Interval:
    """Share of the runs that do, %."""
    return percent(sum(map(succeeds, records)), len(records))


def steps_against_order(records: Records, curve: Curve) -> Interval:
    """Largest step of success against the expected order, points; the interval of the two conditions it lies between.

    Ends of the interval as for independent shares (Newcombe's, from the two Wilson intervals).
    """
    worst = Interval(-np.inf, -np.inf, np.inf, 0, "Newcombe")
    for before, after in zip(curve.points, curve.points[1:], strict=False):
        pair = [success(records[curve.name(point)]) for point in (before, after)]
        low, high = pair if curve.order > 0 else pair[::-1]  # expected: low <= high
        step = low.value - high.value
        below = np.hypot(low.value - low.low, high.high - high.value)
        above = np.hypot(low.high - low.value, high.value - high.low)
        if step > worst.value:
            worst = Interval(step, step - below, step + above, min(low.n, high.n), "Newcombe")
    return worst


def end_to_end(records: Records, curve: Curve) -> Interval:
    """How much success changes from the first to the last point in the expected direction, points (Newcombe)."""
    first, last = (success(records[curve.name(point)]) for point in (curve.points[0], curve.points[-1]))
    low, high = (first, last) if curve.order > 0 else (last, first)
    below = np.hypot(high.value - high.low, low.high - low.value)
    above = np.hypot(high.high - high.value, low.value - low.low)
    step = high.value - low.value
    return Interval(step, step - below, step + above, min(low.n, high.n), "Newcombe")


def order_claims(name: str, curve: Curve) -> list[Claim]:
    """Success changes along the curve as it should, from end to end, and nowhere goes back."""
    verb = "rises" if curve.order > 0 else "falls"
    what = curve.label.split(" (")[0].lower()
    known = next(iter(curve.references.values()))
    return [
        Claim(
            name=f"{name}_trend",
            sentence=f"Success {verb} with the {what}: change from the first to the last point.",
            source="hathway2018, data and masquelier2008, Fig 7",
            paper_value=f"{known[0]:g} to {known[-1]:g} %",
            accept=(60.0, 100.0),
            reason="Every reference changes by more than 85 points; 25 are left for the 20 runs at either end.",
            evidence="code",
            measure=lambda records: end_to_end(records, curve),
            unit="points",
        ),
        Claim(
            name=f"{name}_monotone",
            sentence=f"Success {verb} with the {what} at every step: largest step in the other direction.",
            source="hathway2018, data and masquelier2008, Fig 7",
            paper_value="at most 5 points",
            accept=(-100.0, 15.0),
            reason="The replication at 0.1 ms goes back by 5 points; 10 are left for chance.",
            evidence="code",
            measure=lambda records: steps_against_order(records, curve),
            unit="points",
        ),
    ]


def value_claim(name: str, curve: Curve, k: int) -> Claim:
    """Success at one point beside all values that are known."""
    known = {source: values[k] for source, values in curve.references.items()}
    point = curve.points[k]
    return Claim(
        name=f"{name}_{point:g}",
        sentence=f"{curve.label.split(' (')[0]} of {point:g}: success of all runs.",
        source="hathway2018, data and masquelier2008, Fig 7",
        paper_value=", ".join(f"{value:g} % ({source})" for source, value in known.items()),
        accept=(max(0.0, min(known.values()) - MARGIN), min(100.0, max(known.values()) + MARGIN)),
        reason="10 points below the lowest and above the highest value known; the author's own numbers differ by 6.",
        evidence="code",
        measure=lambda records: success(records[curve.name(point)]),
        unit="%",
    )


class Masquelier2008Fig7(Figure):
    """Success of learning when the pattern is rarer, less precise, in fewer afferents, or learning starts elsewhere.

    22 conditions; the standard one belongs to all five curves. Success is the paper's: in the last 150 s more than 98 %
    hits, no false alarm, a mean latency below 10 ms. The paper does not say which section of the trains the pattern is
    cut from, and the curves depend on it: this is the first slot, as in the code whose values stand beside
    (docs/masquelier2008_fig7.md has the other).
    """

    title = "Masquelier et al. 2008, Figure 7: what success depends on"
    cites = ("masquelier2008", "hathway2018")
    claims = tuple(
        claim
        for name, curve in CURVES.items()
        if curve.order
        for claim in (*order_claims(name, curve), *(value_claim(name, curve, k) for k in range(len(curve.points))))
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        return {
            curve.name(point): condition(name, point, small=small)
            for name, curve in CURVES.items()
            for point in curve.points
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        rows, known = [], []
        for name, curve in CURVES.items():
            for k, point in enumerate(curve.points):
                runs = records[curve.name(point)]
                found = success(runs)
                rows.append((name, float(point), found.value, found.low, found.high, found.n))
                known += [(name, float(point), source, float(values[k])) for source, values in curve.references.items()]
        columns = ["curve", "point (unit of the curve)", "success (%)", "low (%)", "high (%)", "runs"]
        cost = [
            (name, len(runs), *(sum(record.info["wall_time"][part] for record in runs) for part in ("draw", "run")))
            for name, runs in records.items()
        ]
        return {
            "success": pd.DataFrame(rows, columns=columns),
            "published": pd.DataFrame(known, columns=[*columns[:2], "source", columns[2]]),
            "cost": pd.DataFrame(cost, columns=["experiment", "runs", "input (s)", "run (s)"]),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 100)
        panels = canvas.subplots(2, 3, sharey=True).ravel()
        at, y = "point (unit of the curve)", "success (%)"
        looks = {
            AUTHOR: (_style.VERMILION, "s"), PLOT: (_style.VERMILION, "D"), COARSE: (_style.ORANGE, "^"),
            FINE: (_style.GREEN, "v"),
        }  # fmt: skip
        for axes, (name, curve) in zip(panels, CURVES.items(), strict=False):
            own = data["success"][data["success"]["curve"] == name]
            known = data["published"][data["published"]["curve"] == name]
            for source in curve.references:
                colour, marker = looks[source]
                some = known[known["source"] == source]
                axes.plot(some[at], some[y], marker=marker, color=colour, ms=3, lw=0.7, ls=":", label=source)
            ends = np.array([own[y] - own["low (%)"], own["high (%)"] - own[y]]).clip(0)
            axes.errorbar(own[at], own[y], ends, color=_style.BLUE, marker="o", ms=3.5, capsize=2, label="measured")
            axes.set_xlabel(curve.label.removesuffix(" (1)"))
            axes.set_title(name)
            axes.set_ylim(-4, 104)
            _style.letter(axes, curve.letter)
        for axes in panels[::3]:
            axes.set_ylabel("Success (% of runs)")
        handles: dict[str, Any] = {}
        for axes in panels[:-1]:
            handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        panels[-1].set_axis_off()
        panels[-1].legend(handles.values(), handles, loc="upper left")
        panels[-1].text(0, 0.1, in_words(data["cost"]), transform=panels[-1].transAxes, fontsize=7)
        return canvas


def in_words(cost: pd.DataFrame) -> str:
    """What all runs cost, beside the replication."""
    n_runs, hours = int(cost["runs"].sum()), (cost["input (s)"] + cost["run (s)"]).sum() / 3600
    low, high = PUBLISHED_HOURS
    return (
        f"measured: {n_runs} runs, {hours:.3g} core-hours\n({3600 * hours / n_runs:.2g} s for each run)\n"
        f"replication: 250 runs, {low} to {high} h"
    )
