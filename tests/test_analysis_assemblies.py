"""Assemblies by hand: rates in windows, membership, selectivity, recall."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.analysis.assemblies import assemblies, latching, presentation_rates, recall, selectivity
from brian2learn.core.errors import DeclarationError


def test_rates_in_windows():
    """The end of a window is not in it, windows may overlap, and each has its own length."""
    rates = presentation_rates([0, 1, 1, 0, 2], [0.0, 0.1, 0.2, 0.5, 0.9], 3, [0.0, 0.1], [0.5, 1.1])
    np.testing.assert_allclose(rates, [[2, 4, 0], [1, 2, 1]])


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (([0], [0.1], 1, [0.5], [0.5]), "stops"),
        (([1], [0.1], 1, [0.0], [0.5]), "cells"),
        (([0, 0], [0.2, 0.1], 1, [0.0], [0.5]), "times"),
        (([0], [0.1], 1, [0.0, 1.0], [0.5]), "stops"),
    ],
)
def test_nonsense_windows_are_refused(values, name):
    with pytest.raises(DeclarationError, match=rf"presentation_rates\.{name}"):
        presentation_rates(*values)


RATES = np.array([[20.0, 0, 8, 0], [30, 0, 14, 0], [0, 50, 12, 10]])
MEMBERS = np.array([[True, False, True, False], [False, True, True, False], [False] * 4])


def test_a_cell_belongs_to_a_stimulus_above_the_threshold_in_the_mean():
    """Cell 2 has 11 and 12 Hz, cell 3 just the threshold; a stimulus that was never shown has no cells."""
    np.testing.assert_array_equal(assemblies(RATES, [0, 0, 1], 3), MEMBERS)
    with pytest.raises(DeclarationError, match=r"assemblies\.stimuli"):
        assemblies(RATES, [0, 1], 3)


def test_selectivity():
    assert selectivity(MEMBERS) == pytest.approx(2 / 3)
    assert np.isnan(selectivity(np.zeros((2, 5), bool)))


def test_recall_wants_the_assembly_and_no_other():
    rates = [[30, 2, 10, 90], [30, 40, 10, 0], [5, 0, 5, 0], [99, 99, 99, 99]]
    found = recall(rates, [0, 0, 0, 2], MEMBERS)
    np.testing.assert_allclose(found.inside, [20, 20, 5, 0])
    np.testing.assert_allclose(found.outside, [2, 40, 0, 99])
    assert found.recalled.tolist() == [True, False, False, False]


def test_latching_by_hand():
    """10 Hz is not above the threshold; a gap does not end a stay; stays at the ends of the run are cut."""
    high, low = 11.0, 10.0
    rates = np.full((10, 3), low)
    for window, assembly in ((0, 0), (1, 1), (2, 1), (4, 1), (5, 2), (7, 0), (8, 1), (9, 1)):
        rates[window, assembly] = high
    rates[9, 0] = high
    found = latching(rates, 0.5)
    np.testing.assert_array_equal(found.active, [0, 1, 1, -1, 1, 2, -1, 0, 1, -2])
    np.testing.assert_allclose(found.dwells, [2.0, 0.5, 0.5])
    assert (found.alone, found.visited.tolist()) == (0.7, [0, 1, 2])
    assert found.cv == pytest.approx(np.std([2, 0.5, 0.5], ddof=1))
    assert latching(rates, 0.5, threshold=20).dwells.size == 0
    assert np.isnan(latching(rates, 0.5, threshold=20).cv)


def test_latching_wants_windows_of_some_length():
    with pytest.raises(DeclarationError, match=r"latching\.width"):
        latching([[1.0]], 0)
