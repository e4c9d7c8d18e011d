"""The figures of one rate unit: what is measured in a course, by hand; and the verdicts at full size."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.core.claims import Verdict
from brian2learn.figures import _zenke2017 as shared
from brian2learn.figures import zenke2017_bcm as bcm
from brian2learn.figures import zenke2017_oja as oja
from brian2learn.figures._produce import judge
from brian2learn.runs.record import Record, States
from brian2learn.runs.simulate import simulate


def record_of(w, slow=None, *, eta=2.0, tau=0.25):
    """A run with this course of the weight, a sample every half second."""
    w = np.asarray(w, np.float32).reshape(len(w), -1)
    t = np.arange(len(w)) * 0.5
    rule = {"eta": {"si": eta}, "tau": {"si": tau}}
    states = {"plastic.w": States(t, w)}
    if slow is not None:
        states["units.bcm_theta"] = States(t, np.asarray(slow, np.float32)[:, None])
    return Record("0" * 64, {"duration": t[-1], "experiment": {"circuit": {"rule": rule}}}, {}, states, {}, {})


def test_times_are_in_those_of_learning():
    table = shared.course(record_of([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]))
    assert table[shared.TIME].tolist() == [0, 1, 2]
    np.testing.assert_allclose(table[shared.SLOW], [0.5, 0.6, 0.7])
    assert shared.ratio_of(record_of([0.1])) == 0.5


@pytest.mark.parametrize(
    ("w", "peak", "explosion"),
    [
        ([0.5, 0.8, 0.9], 0.9, np.inf),
        ([0.5, 1.5, 1.2, 0.5, 3.0, 0.5], 1.5, np.inf),  # the first excursion only
        ([0.5, 1.5, 2.0], 2.0, np.inf),
        ([0.5, 1.5, 9.0, 1e9, np.inf, np.nan], np.inf, 3),
        ([0.5, 1.5, 0.7, 2.0, np.nan, np.nan], 1.5, 4),
    ],
)
def test_first_peak_and_explosion(w, peak, explosion):
    record = record_of(w)
    assert shared.first_peak(record) == pytest.approx(peak)
    assert shared.explosion(record) == explosion


def test_what_does_not_settle():
    assert bcm.unsettled(record_of([0.5, 1.5, 1.0, 0.9, 1.2, 1.1])) == pytest.approx(0.2)
    assert bcm.unsettled(record_of([0.5, 1.5, np.inf])) == np.inf


def test_units_that_prefer_one_input():
    """Of four units two end selective, one answers both, one has the wrong size."""
    ends = np.array([[2.0, 0.001, 1.0, 3.0], [0.0, 2.05, 1.0, 0.0]])
    found = bcm.selective(record_of([np.full(8, 0.5), ends.ravel()]))
    assert (found.value, found.n) == (0.5, 4)


def test_the_boundary_is_where_measured_growth_turns_round():
    t = np.arange(0, 60, 0.05)
    runs = {}
    for ratio in bcm.NEAR:
        w = 1 + 1e-2 * np.exp((ratio - 1.004) * t) * np.sin(t)
        made = record_of(w)
        runs[f"near {ratio:g}"] = [
            Record(made.key, made.info, {}, {"plastic.w": States(t / 2, w[:, None])}, {}, {})  # eta = 2
        ]
    assert bcm.boundary(runs) == pytest.approx(1.004, abs=2e-4)


@pytest.mark.full
@pytest.mark.parametrize("figure", [bcm.Zenke2017Bcm, oja.Zenke2017Oja])
def test_the_verdicts(figure):
    records = {name: [simulate(each, 0)] for name, each in figure().experiments().items()}
    assert {each.claim.name: each.verdict for each in judge(figure(), records)} == {
        claim.name: Verdict.REPRODUCED for claim in figure.claims
    }
