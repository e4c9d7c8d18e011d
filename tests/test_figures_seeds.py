"""What is measured over the runs of an experiment; here a run is the number that is measured in it."""

from __future__ import annotations

import math

import pytest

from brian2learn.analysis.intervals import mean, share
from brian2learn.core.errors import DeclarationError
from brian2learn.figures._seeds import difference, over_seeds, share_of_seeds

RECORDS = {"net": [0.9, 0.8, 1.0, None], "other": [0.5, 0.6, 0.4, 0.2]}


def itself(run):
    return run


def test_runs_that_give_no_number_are_left_out():
    assert over_seeds("net", itself)(RECORDS) == mean([0.9, 0.8, 1.0])
    assert over_seeds("net", itself, (0, 1))(RECORDS) == mean([0.9, 0.8, 1.0], within=(0, 1))
    assert over_seeds("net", itself)(RECORDS).high > 1


def test_nan_is_refused():
    """A run that went wrong must not make the others look better."""
    with pytest.raises(DeclarationError, match=r"expected finite values, got nan at index 1\."):
        over_seeds("net", itself)({"net": [0.9, math.nan, 1.0]})


def test_differences_are_those_of_the_same_seed():
    pairs = {name: runs[:3] for name, runs in RECORDS.items()}
    assert difference(itself, "net", "other")(pairs) == mean([0.9 - 0.5, 0.8 - 0.6, 1.0 - 0.4])
    assert difference(itself, "net", "other", (-1, 0.7))(pairs).high == 0.7
    with pytest.raises(ValueError, match="shorter"):
        difference(itself, "net", "other")({"net": [1.0, 2.0], "other": [1.0]})


def test_share_of_runs():
    assert share_of_seeds("other", lambda run: run > 0.45)(RECORDS) == share(2, 4)
