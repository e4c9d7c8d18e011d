"""Figure 7 of Masquelier, Guyonneau & Thorpe (2008): conditions and verdicts by hand; the documented sweep files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import brian2learn.core
from brian2learn.core.claims import Verdict
from brian2learn.core.discovery import load
from brian2learn.figures.masquelier2008_fig7 import (
    CURVES,
    Masquelier2008Fig7,
    condition,
    in_words,
    steps_against_order,
    success,
)
from brian2learn.runs.record import Record, Spikes
from brian2learn.runs.sweep_file import read_sweep

DOCS = Path(brian2learn.core.__file__).resolve().parents[1] / "docs"
CLAIMS = {claim.name: claim for claim in Masquelier2008Fig7.claims}


def test_22_conditions():
    experiments = Masquelier2008Fig7().experiments()
    assert len(experiments) == len({each.key(0) for each in experiments.values()}) == 22
    assert sum(len(curve.points) for curve in CURVES.values()) == 22 + 4  # the standard one belongs to all


@pytest.mark.parametrize(
    ("curve", "point", "theta", "w_init"),
    [
        ("share", 0.2, 200, 0.19), ("share", 0.3, 300, 0.285), ("share", 0.4, 400, 0.38), ("share", 0.6, 600, 0.57),
        ("deletion", 0.1, 450, 0.4275), ("deletion", 0.2, 400, 0.38), ("deletion", 0.3, 350, 0.3325),
        ("weight", 0.275, 500, 0.275), ("jitter", 4, 500, 0.475), ("frequency", 0.05, 500, 0.475),
    ],
)  # fmt: skip
def test_threshold_and_first_weights_are_the_replications(curve, point, theta, w_init):
    circuit = condition(curve, point).circuit
    assert circuit.cell.theta == pytest.approx(theta)
    assert circuit.w_init == pytest.approx(w_init)


def run_that(succeeds):
    """A run of 9 s that answers every presentation in the last third after 4 ms, or none."""
    onsets = np.arange(45) * 0.2
    t = onsets + 0.004 if succeeds else np.empty(0)
    return Record(
        key="0" * 64, info={"duration": 9.0}, spikes={"cells": Spikes(t, np.zeros(t.size, np.int32))}, states={},
        final={}, truth={"onset": onsets, "pattern_length": np.array(0.05)},
    )  # fmt: skip


def records(curve, shares, n=20):
    """Runs of every point of a curve, of which these shares succeed."""
    return {
        CURVES[curve].name(point): [run_that(k < round(n * share)) for k in range(n)]
        for point, share in zip(CURVES[curve].points, shares, strict=True)
    }


def test_success_with_its_interval():
    found = success(records("deletion", (0.9, 0.5, 0, 0))["standard"])
    assert (found.value, found.n) == (90, 20)
    assert (found.low, found.high) == (pytest.approx(69.90, abs=0.01), pytest.approx(97.21, abs=0.01))


def test_orderings():
    """From end to end in the expected direction; a step back is found wherever it is."""
    falls, back, flat = (0.9, 0.6, 0.2, 0), (0.9, 0.2, 0.8, 0), (0.5, 0.5, 0.5, 0.5)
    curve = CURVES["deletion"]
    assert CLAIMS["deletion_trend"].measure(records("deletion", falls)).value == pytest.approx(90)
    assert CLAIMS["deletion_trend"].measure(records("deletion", flat)).value == 0
    assert steps_against_order(records("deletion", falls), curve).value == pytest.approx(-20)
    found = steps_against_order(records("deletion", back), curve)
    assert found.value == pytest.approx(60)
    assert found.low < 60 < found.high
    verdicts = [
        CLAIMS[f"deletion_{name}"].judge(CLAIMS[f"deletion_{name}"].measure(records("deletion", shares)))
        for name, shares in (("trend", falls), ("trend", flat), ("monotone", back))
    ]
    assert verdicts == [Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.NOT_REPRODUCED]
    rising = records("share", (0, 0.1, 0.6, 0.9, 1))
    assert CLAIMS["share_trend"].measure(rising).value == pytest.approx(100)
    assert CLAIMS["share_monotone"].measure(rising).value == pytest.approx(-10)


def test_the_interval_of_a_step_is_newcombes():
    """His method 10, from the two Wilson intervals."""
    runs = records("deletion", (0.1, 0.45, 0, 0))
    found = steps_against_order(runs, CURVES["deletion"])
    p, q = (success(runs[name]) for name in ("e_0.1", "standard"))
    assert found.value == pytest.approx(35)
    assert found.low == pytest.approx(35 - np.hypot(p.value - p.low, q.high - q.value))
    assert found.high == pytest.approx(35 + np.hypot(p.high - p.value, q.value - q.low))


def test_cost_in_words():
    cost = pd.DataFrame({"experiment": ["x", "y"], "runs": [20, 20], "input (s)": [0.0, 30.0], "run (s)": [60.0, 90.0]})
    assert in_words(cost).splitlines()[:2] == ["measured: 40 runs, 0.05 core-hours", "(4.5 s for each run)"]


@pytest.mark.parametrize("name", ["masquelier2008_fig7", "masquelier2009_stacking", "masquelier2018_learning"])
def test_the_documented_sweep_is_the_figure(name):
    """Every record of the sweep is one of the figure; the figure of 2009 has two conditions more."""
    sweep = read_sweep(DOCS / f"{name}.toml").sweep
    points = [sweep.point(k) for k in range(sweep.n_points)]
    experiments = load(name, "figures")().experiments()
    known = {each.key(seed) for each in experiments.values() for seed in sweep.seeds}
    assert {point.key for point in points} <= known
    expected = {"masquelier2008_fig7": 22, "masquelier2009_stacking": 6, "masquelier2018_learning": 3}
    assert len({point.key for point in points}) == sweep.n_points == expected[name] * len(sweep.seeds)
