"""What a notebook shows of declarations, records and claims; and the sliders in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from _helpers import loadable, rest_slow
from brian2 import Network, NeuronGroup, ms
from brian2.devices.device import get_device

from brian2learn.circuits._circuit import Cell, Circuit
from brian2learn.circuits.detector import Detector
from brian2learn.circuits.ei_network import EINetwork
from brian2learn.core import notebook
from brian2learn.core.claims import Interval, Verdict
from brian2learn.core.discovery import load
from brian2learn.core.errors import DeclarationError
from brian2learn.explore import diagram
from brian2learn.figures._produce import Judged
from brian2learn.plasticity.adam import Adam
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.inhibitory_stdp import InhibitorySTDP
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.runs.record import Record, Spikes, States

CIRCUITS = [name for name, cls in loadable("circuits").items() if issubclass(cls, Circuit)]
LARGE = {"latching_network", "memory_network", "plastic_balanced_network", "recurrent_readout", "spiking_layers"}


def test_a_rule_shows_its_equations_and_parameters():
    text = PairSTDP(tau_plus=12.5 * ms)._repr_html_()
    assert text.count("<math") >= 4
    assert "<td>12.5 ms</td><td>0.1 to 200 ms</td><td>potentiation window</td>" in text
    both = (TripletSTDP() + Heterosynaptic(w_max=1.0))._repr_html_()
    assert "TripletSTDP + Heterosynaptic" in both
    assert "beta" in both


@pytest.mark.parametrize("name", [name for name, cls in loadable("circuits").items() if issubclass(cls, Cell)])
def test_a_cell_shows_all_of_itself(name):
    text = load(name, "circuits")()._repr_html_()
    assert "the cell" in text.lower()
    assert "it fires when" in text.lower()


@pytest.mark.parametrize(
    "name", [*(each for each in CIRCUITS if each not in LARGE), *rest_slow(sorted(LARGE), n_default=0)]
)
def test_a_circuit_shows_what_it_builds(name):
    """Every input, every group and every projection, whatever the size, and the arrows lead where the synapses do."""
    circuit = load(name, "circuits")()
    populations, projections = diagram.parts(circuit)
    assert {each.name for each in populations if each.given} == {*circuit.inputs}
    assert {*circuit.outputs} <= {each.name for each in populations}
    known = {each.name for each in populations}
    assert all({each.source, each.target} <= known for each in projections)
    assert {each.split(".")[0] for each in circuit.learned if each.endswith(".w")} <= {
        each.name for each in projections if each.plastic
    }
    picture = ET.fromstring(re.search(r"<svg.*</svg>", circuit._repr_html_(), re.DOTALL).group())
    words = {each.text for each in picture.iter() if each.tag.endswith("text")}
    assert known | {each.name for each in projections} <= words


def test_a_diagram_follows_the_circuit():
    _, projections = diagram.parts(EINetwork(ie_rule=InhibitorySTDP(), ee_rule=PairSTDP()))
    assert {each.name for each in projections if each.plastic} == {"e_to_e", "i_to_e"}
    populations, projections = diagram.parts(Detector(n_cells=3, inhibition=0.25))
    assert [each.n for each in populations] == [None, 3]
    assert ("lateral", "cells", "cells", False) in [tuple(vars(each).values()) for each in projections]
    places = diagram.layout(*diagram.parts(EINetwork()))
    assert len({*places.values()}) == len(places)


def test_drawing_leaves_brian2_as_it_was(caplog):
    device = get_device()
    group = NeuronGroup(2, "v : 1", namespace={})
    group.v = [1, 2]
    Detector()._repr_html_()
    assert get_device() is device
    np.testing.assert_array_equal(group.v[:], [1, 2])
    Network(group).run(1 * ms, namespace={})


def test_claims_and_verdicts():
    claim = load("masquelier2008_fig4", "figures").claims[0]
    assert claim.reason in claim._repr_html_()
    judged = Judged(claim, Interval(0.5, 0.4, 0.6, 10, "t"), Verdict.NOT_REPRODUCED)
    assert "<b>not reproduced</b><br>0.5 [0.4, 0.6] (n=10, t)" in judged._repr_html_()


def test_a_record_says_what_it_is():
    info = {
        "experiment": {"task": {"class": "HiddenPattern"}, "circuit": {"class": "Detector"}}, "duration": 2.0,
        "dt": 1e-4, "seed": 7, "versions": {"brian2learn": "0", "brian2": "2.9"}, "commit": None, "written": "today",
    }  # fmt: skip
    spikes = Spikes(np.array([0.5, 1.0, 1.5]), np.array([0, 1, 0], np.int32))
    states = {"cells.v": States(np.arange(4.0), np.zeros((4, 2), np.float32))}
    record = Record(
        "abc", info, {"cells": spikes}, states, {"plastic.w": np.array([0.0, 0.5, 1.0])}, {"when": spikes.t}
    )
    text = record._repr_html_()
    for words in (
        "HiddenPattern → Detector",
        "seed 7",
        "3 spikes of 2 cells",
        "4 × 2 values",
        "3 values, 0 to 1, median",
    ):
        assert words in text
    assert "data:image/png;base64," in text


def test_the_sliders_of_a_notebook_move_its_pictures():
    layout = PairSTDP().explore(dark=True)
    assert layout.styles["--ink"] == "#e6e6e6"
    sliders = {each.name.split(" ")[0]: each for each in layout.select(lambda each: hasattr(each, "bar_color"))}
    panes = layout.select(lambda each: type(each).__name__ == "Bokeh")
    (line,) = (each for pane in panes for each in pane.object.renderers if each.name == "weight:w")
    before = line.data_source.data["y"].copy()
    sliders["a_plus"].value = sliders["a_plus"].value * 2
    assert not np.array_equal(line.data_source.data["y"], before)
    named = [each.name for each in layout.select(lambda each: each.visible and hasattr(each, "clicks"))]
    assert "Undo" in named
    assert "Copy link" not in named


def test_what_has_no_picture_says_so():
    with pytest.raises(DeclarationError, match="expected something there is a picture of"):
        Adam().explore()


def test_without_its_libraries_a_declaration_is_printed(monkeypatch):
    monkeypatch.setattr(notebook, "_DRAWER", "brian2learn.explore.nowhere")
    assert PairSTDP()._repr_html_() is None
