"""What a population tells about a choice, against what it was drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from brian2learn.analysis.choice_decoding import counts, d_prime, decoded
from brian2learn.core.errors import DeclarationError


def drawn(n, d, seed=0):
    """Ten features, of which two differ by d standard deviations between labels."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.5
    return rng.normal(size=(n, 10)) + np.outer(label, [d, 0, 0, -d] + [0] * 6), label


def test_counts_by_hand():
    found = counts([0.0, 0.1, 0.15, 0.3, 0.9], [0, 1, 1, 0, 2], 3, [0.0, 0.05, 0.5], 0.2)
    assert found.tolist() == [[1, 2, 0], [0, 2, 0], [0, 0, 0]]


def test_a_decoder_is_as_good_as_two_gaussians_allow():
    found = decoded(*drawn(4000, 1.5))
    assert found.low < stats.norm.cdf(1.5 / np.sqrt(2)) < found.high
    assert abs(found.value - stats.norm.cdf(1.5 / np.sqrt(2))) < 0.03


def test_it_tells_nothing_where_there_is_nothing():
    found = decoded(*drawn(2000, 0.0))
    assert abs(found.value - 0.5) < stats.norm.isf(0.0005) * 0.5 / np.sqrt(2000)


def test_distance_of_cells():
    features, label = drawn(4000, 1.5)
    found = d_prime(np.column_stack([features, np.ones(4000)]), label)
    assert found[[0, 3]] == pytest.approx([1.5, -1.5], abs=0.15)
    assert abs(found[1]) < 0.15
    assert found[-1] == 0


def test_bad_input_is_refused():
    with pytest.raises(DeclarationError, match=r"decoded\.features: expected one row for each of the 2 labels"):
        decoded(np.ones((3, 1)), [0, 1])
    with pytest.raises(DeclarationError, match=r"decoded\.label .*at least 5 trials of each, got 0 and 6"):
        decoded(np.ones((6, 1)), np.zeros(6))
    with pytest.raises(DeclarationError, match=r"counts\.times .*ascending"):
        counts([1, 0], [0, 0], 1, [0], 1)
