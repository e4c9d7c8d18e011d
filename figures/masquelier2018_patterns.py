"""A cell that learns to detect five patterns, of Masquelier & Kheradpisheh 2018."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.optimal_detection import OptimalDetection
from brian2learn.circuits.instant_lif import InstantLIF
from brian2learn.core.claims import Claim
from brian2learn.plasticity.homeostatic_stdp import HomeostaticSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.periodic_patterns import PeriodicPatterns

from . import _style
from ._figure import Figure, Records
from ._masquelier2008 import percent
from ._masquelier2018 import learning, scores_of
from ._seeds import over_seeds

N_PATTERNS, WINDOW = 5, 11e-3
TARGET = float(OptimalDetection(n_patterns=N_PATTERNS).n_connected(WINDOW))
DISTANCE = 1.0


def misses_target(record: Record) -> float:
    """How far the number of strong weights lies from that of the best detector, %."""
    return 100 * abs(scores_of(record).n_strong / TARGET - 1)


class Masquelier2018Patterns(Figure):
    """One cell with soft bounds and an adaptive threshold learns five patterns that take turns.

    Judged are the last 100 presentations of each pattern in 12,000 intervals of 400 ms.
    """

    title = "Masquelier & Kheradpisheh 2018: one cell detects five patterns"
    cites = ("masquelier2018b",)
    claims = (
        Claim(
            name="every_pattern",
            sentence="Every pattern is answered at least once in the test. Share of the patterns of all runs.",
            source="masquelier2018b, code",
            paper_value="all, if a run is perfect",
            accept=(90, 100),
            reason="All of 50 patterns in 10 runs leaves 93 % (Wilson).",
            evidence="code",
            measure=lambda records: percent(
                int(sum(np.sum(scores_of(record).hits > 0) for record in records["five"])),
                N_PATTERNS * len(records["five"]),
            ),
            unit="%",
        ),
        Claim(
            name="false_alarms",
            sentence="No test interval has a spike outside the patterns. Share of the test intervals of all runs.",
            source="masquelier2018b, code",
            paper_value="0, if a run is perfect",
            accept=(0, 0.2),
            reason="None in 5000 intervals still leaves 0.1 % (Wilson).",
            evidence="code",
            measure=lambda records: percent(
                sum(scores_of(record).n_false_alarms for record in records["five"]),
                sum(scores_of(record).counts.size for record in records["five"]),
            ),
            unit="%",
        ),
        Claim(
            name="weights",
            sentence="The number of strong weights is that of the best detector, 1614. Mean distance over all runs.",
            source="masquelier2018b, code",
            paper_value="below 5 %, if a run is perfect",
            accept=(0, 5),
            reason="The author's criterion.",
            evidence="code",
            measure=over_seeds("five", misses_target, (0, np.inf)),
            unit="%",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = PeriodicPatterns(n_patterns=N_PATTERNS, n_intervals=60 if small else 12_000)
        name = "masquelier2018b_five_patterns"
        return {"five": learning(task, InstantLIF.preset(name), HomeostaticSTDP.preset(name), DISTANCE)}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        tests = {int(record.info["seed"]): scores_of(record) for record in records["five"]}
        rows = [
            (seed, pattern, hits, float(test.counts[test.pattern == pattern].mean()))
            for seed, test in tests.items()
            for pattern, hits in enumerate(test.hits)
        ]
        runs = [(seed, test.n_strong, test.n_false_alarms, test.counts.size) for seed, test in tests.items()]
        columns = ["seed", "pattern", "hits (%)", "spikes per presentation (1)"]
        weights, edges = np.histogram(records["five"][0].final["plastic.w"], np.linspace(0, 1, 21))
        return {
            "patterns": pd.DataFrame(rows, columns=columns),
            "runs": pd.DataFrame(runs, columns=["seed", "strong weights", "false alarm intervals", "intervals"]),
            "weights": pd.DataFrame({"from (1)": edges[:-1], "to (1)": edges[1:], "synapses": weights}),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 58)
        left, middle, right = canvas.subplots(1, 3)
        patterns, runs, weights = data["patterns"], data["runs"], data["weights"]
        left.plot(patterns["pattern"] + 1, patterns["hits (%)"], "_", color=_style.BLUE, ms=9)
        left.set_xlabel("Pattern; a dash for each run")
        left.set_ylabel("Hits (%)")
        left.set_ylim(-3, 103)
        middle.axhspan(0.95 * TARGET, 1.05 * TARGET, color=_style.BAND, lw=0)
        middle.plot(runs["seed"], runs["strong weights"], ".", color=_style.BLUE)
        middle.set_xlabel("Seed")
        middle.set_ylabel("Weights above 0.5")
        middle.set_ylim(0)
        right.bar(weights["from (1)"], weights["synapses"], width=0.05, align="edge", color=_style.BLUE)
        right.set_yscale("log")
        right.set_xlabel("Weight")
        right.set_ylabel("Synapses")
        titles = ("last 100 presentations", "at the end", "weights of one run")
        for axes, letter, title in zip((left, middle, right), "abc", titles, strict=True):
            _style.letter(axes, letter)
            axes.set_title(title)
        return canvas
