"""The single synapse of Zenke et al. 2015: what is measured, by hand; and the verdicts at full size."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.core.claims import Verdict
from brian2learn.figures import zenke2015_synapse as figure
from brian2learn.figures._produce import judge
from brian2learn.runs.record import Record, States
from brian2learn.runs.simulate import simulate


def record_of(values, *, post=10.0, final=None):
    """A run with these weights every half second."""
    values = np.asarray(values, float)
    info = {"experiment": {"task": {"post_rate": {"si": post}}}}
    states = {"plastic.w": States(np.arange(len(values)) * figure.WARM, values)}
    return Record("0" * 64, info, {}, states, final or {}, {})


def test_drift_counts_from_the_end_of_the_warm_up():
    values = np.ones((4, 20))
    values[1] = 5.0  # whatever happened before
    values[3] = 5.0 + np.repeat(np.arange(10), 2)
    np.testing.assert_allclose(figure.drifts(record_of(values)), np.arange(10) / 1.0 / 100)


def test_crossovers_of_straight_lines():
    """Group k crosses at 9 + k/10."""
    where = np.repeat(9 + np.arange(10) / 10, 2)
    runs = {}
    for rate in figure.TURNING:
        values = np.ones((3, 20))
        values[2] += 1e-4 * (rate - where) * rate**2 * figure.WARM
        runs[f"drift {rate:g}"] = [record_of(values, post=rate)]
    np.testing.assert_allclose(figure.crossovers(runs), 9 + np.arange(10) / 10)


def test_the_rate_of_return_is_that_of_the_published_steps():
    values = np.ones((5, 20))
    values[4] = np.exp(-1.5 * figure.SMALLER / 14.9)
    np.testing.assert_allclose(figure.speeds(record_of(values)), 1 / 14.9)
    found = figure.relaxed(10.0)({"relax 10": [record_of(values)]})
    assert found.value == pytest.approx(1, rel=5e-3)


def test_the_barrier_is_the_largest_distance_at_rest():
    """References r on the curve 0.1 - 2 (r - 0.1)^2."""
    runs = {}
    for w in figure.WEIGHTS:
        reference = 0.1 + (1 - np.sqrt(1 - 8 * (w - 0.2))) / 4 if w < 0.3 else 0.45
        runs[f"simulation {w:g}"] = [record_of([[w]], final={"plastic.w_ref": np.array([reference])})]
    table = figure.held(runs, "simulation")
    assert np.all(np.diff(table[figure.REFERENCE]) >= 0)
    assert figure.barrier(runs, "simulation").value == pytest.approx(0.1, abs=1e-9)


@pytest.mark.full
def test_the_verdicts():
    made = figure.Zenke2015Synapse()
    records = {name: [simulate(each, 0)] for name, each in made.experiments().items()}
    assert {each.verdict for each in judge(made, records)} == {Verdict.REPRODUCED}
