"""The file of a rat: its published tables, and whatever is wrong with a file."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.io import savemat

from brian2learn.analysis.rat_clicks import Behaviour, read_rat
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError


@pytest.fixture(scope="module")
def rat():
    """The behaviour of the rat whose data are beside the clone; without them its tests are skipped."""
    return read_rat(os.environ["BRIAN2LEARN_RAT"])


def test_what_is_in_the_file(rat):
    assert len(rat.trials) == 3846
    difference = rat.trials.difference
    assert round(rat.correct[difference != 0].mean(), 3) == 0.718
    assert set(rat.trials.gamma) == {-3, -2, -1, 1, 2, 3}
    duration = rat.trials.duration
    assert [round(each, 2) for each in (duration.min(), duration.max(), np.median(duration))] == [0.01, 1.06, 0.51]
    total = rat.trials.times.size
    assert [round(n / duration.sum(), 1) for n in (total, total - 2 * 3846)] == [43.8, 39.9]
    at_onset = np.bincount(rat.trials.trial[rat.trials.times == 0])
    assert np.all(at_onset == 2)


def test_table_by_difference(rat):
    edges = [(-40, -17), (-16, -11), (-10, -7), (-6, -4), (-3, -1), (0, 0), (1, 3), (4, 6), (7, 10), (11, 16), (17, 40)]
    difference = rat.trials.difference
    found = [round(rat.went_right[(difference >= low) & (difference <= high)].mean(), 3) for low, high in edges]
    assert found == [0.173, 0.230, 0.361, 0.424, 0.478, 0.569, 0.630, 0.664, 0.730, 0.749, 0.738]


def test_table_by_duration(rat):
    duration, decided = rat.trials.duration, rat.trials.difference != 0
    found = [
        round(rat.correct[decided & (duration >= low) & (duration < low + 0.2)].mean(), 3)
        for low in (0, 0.2, 0.4, 0.6, 0.8)
    ]
    assert found == [0.586, 0.694, 0.763, 0.771, 0.725]


GOOD = [
    {"leftbups": [0.0, 0.1], "rightbups": [0.0], "T": 0.3, "pokedR": 1, "gamma": -1.0, "hit": 0, "Delta": -1},
    {"leftbups": [0.2], "rightbups": [0.0, 0.2, 0.25], "T": 0.4, "pokedR": 1, "gamma": 2.0, "hit": 1, "Delta": 2},
    {"leftbups": [0.2], "rightbups": [0.1], "T": 0.4, "pokedR": 0, "gamma": 2.0, "hit": 1, "Delta": 0},
]


def written(path, rows, name="rawdata"):
    fields = list(dict.fromkeys(key for row in rows for key in row))
    array = np.empty((1, len(rows)), dtype=[(field, object) for field in fields])
    for k, row in enumerate(rows):
        for field in fields:
            array[0, k][field] = np.asarray(row[field])
    savemat(path, {name: array})
    return path


def changed(trial, **values):
    return [{**row, **values} if k == trial else row for k, row in enumerate(GOOD)]


def test_a_small_file(tmp_path):
    found = read_rat(written(tmp_path / "rat.mat", GOOD))
    assert found.trials.difference.tolist() == [-1, 2, 0]
    assert found.went_right.tolist() == [True, True, False]
    assert found.correct.tolist() == [False, True, False]
    assert found.rewarded.tolist() == [False, True, True]
    assert found.pick([2, 0]).trials.duration.tolist() == [0.4, 0.3]
    fewer = [{key: row[key] for key in ("leftbups", "rightbups", "T", "pokedR", "gamma")} for row in GOOD]
    assert read_rat(written(tmp_path / "fewer.mat", fewer)).rewarded.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, rightbups=[0.0, 0.5, 0.6]), r"times: expected times from 0 to 0.4 s, got 0.5 s in trial 1"),
        (changed(1, rightbups=[0.2, 0.1, 0.3]), r"right: expected ascending times, got 0.2 before 0.1 s in trial 1"),
        (changed(0, leftbups=[0.0, np.nan]), r"times: expected finite times, got nan in trial 0"),
        (
            changed(0, leftbups=[], rightbups=[]),
            r"leftbups, rightbups: expected at least one click, got none in trial 0",
        ),
        (changed(0, leftbups="none"), r"leftbups: expected a list of times, got an array of shape"),
        (changed(0, T=[]), r"T: expected one number in every trial, got 0 in trial 0"),
        (changed(0, T=np.nan), r"duration: expected finite values, got nan in trial 0"),
        (changed(2, T=0.0), r"duration: expected more than 0 s, got 0.0 s in trial 2"),
        (changed(0, pokedR=2), r"pokedR: expected 0 or 1, got 2.0 in trial 0"),
        (changed(0, pokedR=np.nan), r"pokedR: expected 0 or 1, got nan in trial 0"),
        (
            changed(1, hit=0),
            r"hit: expected 1 where the side with more clicks .*got 0 instead of 1 in trial 1, and 0 more",
        ),
        (changed(1, Delta=-2), r"Delta: expected the clicks on the right less .*got -2 instead of 2 in trial 1"),
    ],
)
def test_an_impossible_trial_is_refused(rows, message, tmp_path):
    with pytest.raises(DeclarationError, match=rf"read_rat\.rat\.mat:{message}"):
        read_rat(written(tmp_path / "rat.mat", rows))


def test_a_field_that_is_not_there(tmp_path):
    for missing in ("leftbups", "rightbups", "T", "pokedR", "gamma"):
        rows = [{(f"{key}x" if key == missing else key): value for key, value in row.items()} for row in GOOD]
        message = (
            rf"rat\.mat:{missing}: expected this field of every trial, got none\. Did you mean {missing}x\? It has:"
        )
        with pytest.raises(DeclarationError, match=message):
            read_rat(written(tmp_path / "rat.mat", rows))


def test_not_such_a_file(tmp_path):
    path = tmp_path / "rat.mat"
    with pytest.raises(DeclarationError, match=r"rat\.mat: expected a MATLAB file, got none at .*rat\.mat"):
        read_rat(path)
    for content in (b"", b"no such thing" * 30):
        path.write_bytes(content)
        with pytest.raises(DeclarationError, match=r"rat\.mat: expected a MATLAB file, got "):
            read_rat(path)
    savemat(path, {"numbers": np.arange(3)})
    with pytest.raises(DeclarationError, match=r"one struct array .*, got none among the variables numbers"):
        read_rat(path)
    savemat(path, {"rawdata": np.empty((1, 0), dtype=[(field, object) for field in GOOD[0]])})
    with pytest.raises(DeclarationError, match="at least one trial, got none"):
        read_rat(path)


def test_choices_that_do_not_fit():
    with pytest.raises(DeclarationError, match=r"Behaviour\.went_right: expected one value for each of the 1 trials"):
        Behaviour(ClickTrials.of_sides([[]], [[]], [0.1], [1]), [True, False], [True])
