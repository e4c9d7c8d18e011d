"""Potentiated synapses, bimodality, and the table of a pattern's spikes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brian2learn.analysis.weights import Potentiated, bimodality, pattern_table, potentiated
from brian2learn.core.errors import DeclarationError


def test_potentiated_by_hand():
    weights, in_pattern = [1.0, 0.9, 0.89, 0.0, 0.95, 0.1], [True, True, True, True, False, False]
    found = potentiated(weights, in_pattern)
    assert found == Potentiated(n_inside=2, n_outside=1)
    assert found.n_total == 3
    assert potentiated(weights, in_pattern, threshold=1.0) == Potentiated(1, 0)
    assert potentiated([], np.array([], dtype=bool)) == Potentiated(0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_potentiated_equals_counting_one_by_one(seed):
    rng = np.random.default_rng(seed)
    weights, in_pattern, threshold = rng.random(300), rng.random(300) < 0.5, rng.random()
    n_inside = n_outside = 0
    for weight, member in zip(weights, in_pattern, strict=True):
        if weight >= threshold:
            n_inside, n_outside = n_inside + bool(member), n_outside + (not member)
    assert potentiated(weights, in_pattern, threshold) == Potentiated(n_inside, n_outside)


def test_bimodality_by_hand():
    assert bimodality([0.0, 1.0, 0.0, 1.0]) == 1.0
    assert bimodality([0.5, 0.475]) == 0.0
    assert bimodality([0.0, 0.125, 0.875, 0.9, 1.0], margin=0.125) == 1.0  # the margin itself is close
    assert bimodality([0.0, 0.3, 1.5, 2.0], w_max=2.0) == 0.5
    assert math.isnan(bimodality([]))


@pytest.mark.parametrize("margin", [0.05, 0.1, 0.3])
def test_bimodality_of_evenly_spread_weights(margin):
    assert bimodality(np.linspace(0, 1, 100_001), margin=margin) == pytest.approx(2 * margin, abs=1e-4)


def test_pattern_table_joins_every_spike_with_its_weight():
    table = pattern_table([2, 0, 2], [0.03, 0.01, 0.04], [0.1, 0.2, 0.9])
    assert list(table) == ["afferent", "time_in_pattern", "weight"]
    assert table.to_numpy().tolist() == [[2, 0.03, 0.9], [0, 0.01, 0.1], [2, 0.04, 0.9]]


def test_pattern_table_of_no_spikes():
    assert pattern_table([], [], [0.5]).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: potentiated([0.5, 1.0], [True]), r"^potentiated\.in_pattern .* expected as many as weights \(2\)"),
        (lambda: potentiated([0.5, 1.0], [0, 1]), r"^potentiated\.in_pattern .* boolean array, got int"),
        (lambda: potentiated([math.nan], [True]), r"^potentiated\.weights .* got nan at index 0\.$"),
        (lambda: bimodality([[0.5]]), r"^bimodality\.weights .* one-dimensional"),
        (lambda: bimodality([0.5], w_max=0.0), r"^bimodality\.w_max .* above 0, got 0\.0\.$"),
        (lambda: bimodality([0.5], margin=0.5), r"^bimodality\.margin .* below 0\.5, got 0\.5\.$"),
        (lambda: pattern_table([0, 1], [0.1], [0.5, 0.5]), r"^pattern_table\.times .* as many as afferents \(2\)"),
        (lambda: pattern_table([2], [0.1], [0.5, 0.5]), r"^pattern_table\.afferents .* of the 2 weights, got 2\.$"),
        (lambda: pattern_table([-1], [0.1], [0.5]), r"^pattern_table\.afferents .* got -1\.$"),
        (lambda: pattern_table([0.0], [0.1], [0.5]), r"^pattern_table\.afferents .* whole numbers, got float64"),
        (lambda: pattern_table([0], [math.inf], [0.5]), r"^pattern_table\.times .* got inf at index 0\.$"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
