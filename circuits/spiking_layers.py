"""Layers of spiking cells that learn to fire target spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import ms, nA

from brian2learn.core.declaration import Choice, Param, Part, Size
from brian2learn.core.equations import assigned
from brian2learn.plasticity._learning import Learning
from brian2learn.plasticity._three_factor import ThreeFactor
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.super_spike import SuperSpike

from ._circuit import Cell, Circuit, prefixed
from .current_lif import CurrentLIF


class SpikingLayers(Circuit):
    """Inputs, any number of hidden layers and outputs, fully joined; errors of the outputs are sent to all layers.

    With the default cells and currents a weight is in volts, as in the paper: a spike moves the drive of the cell by
    ``w``. Cells are integrated by exponential Euler unless they bring a method of their own other than exact.
    """

    cites = "zenkeganguli2018"
    inputs = ("inputs", "targets")

    cell = Part(CurrentLIF(tau_ref=5 * ms), "cells of all layers", kind=Cell, source="zenkeganguli2018, Table 1")
    transmission = Part(
        ExponentialCurrent(tau=5 * ms, i_unit=10 * nA), "how spikes act on cells", kind=Transmission,
        source="zenkeganguli2018, Table 1",
    )  # fmt: skip
    rule = Part(SuperSpike(), "how weights change", kind=ThreeFactor)
    n_hidden = Size(4, "cells in every hidden layer", low=1, high=10**5)
    n_layers = Size(0, "hidden layers", low=0, high=20)
    feedback = Choice(
        "symmetric",
        "weights with which errors reach hidden layers",
        {
            "symmetric": "the present forward weights, layer by layer",
            "random": "fixed, drawn from a normal distribution of unit variance, straight from the outputs",
            "uniform": "1, straight from the outputs",
            "none": "no errors: hidden weights are fixed",
        },
        source="zenkeganguli2018",
    )
    teacher = Choice(
        "times",
        "what errors are",
        {
            "times": "target spikes that are missing (+1), fired spikes that were not wanted (-1)",
            "answers": "the targets of an output fire when its time to answer begins and when it ends: every spike out "
            "of this time is an error (-1), and so is its end without one (+1)",
        },
        source="zenkeganguli2018, sections 4.1 and 4.2",
    )
    resets = Choice(
        "dropped",
        "whether weights act on later spikes through the reset of the cell",
        {
            "dropped": "no, as in the paper",
            "kept": "yes: an eligibility is reset with its state; a cell with an upswing needs that",
        },
    )
    w_init = Param(0.05, "standard deviation of first weights, times the root of their number at a cell", low=0,
                   source="zenkeganguli2018 (code)")  # fmt: skip
    delay = Param(0.8 * ms, "axonal delay", low=0 * ms, high=100 * ms, structural=True,
                  source="zenkeganguli2018 (code)")  # fmt: skip

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers of cells, the outputs last."""
        return (*(f"hidden{k + 1}" for k in range(self.n_layers)), "output")

    @property
    def outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.layers

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        """Weights of all layers, and fixed ones that carry errors back."""
        back = [f"{wires[0]}.b" for wires in self._drawn_wires.values()]
        return (*(f"to_{name}.w" for name in self.layers), *back)

    @property
    def _drawn_wires(self) -> dict[str, list[str]]:
        """For every hidden layer, the objects that bring it errors with weights that are drawn."""
        if self.feedback not in ("random", "uniform"):
            return {}
        ends = [""] if self.teacher == "answers" else ["_wanted", "_fired"]
        return {name: [f"back_to_{name}{end}" for end in ends] for name in self.layers[:-1]}

    @property
    def learning(self) -> Learning:
        """The rule on these cells, derived."""
        cell, transmission = self.cell, self.transmission
        return self.rule.on(
            cell.model + cell.input_equations([transmission]), threshold=cell.threshold, reset=cell.reset,
            on_pre=transmission.transmit, method=self._method, refractory=bool(cell.refractory),
            keep=sorted(assigned(cell.reset)) if self.resets == "kept" else (),
        )  # fmt: skip

    @property
    def _method(self) -> str:
        return "exponential_euler" if self.cell.method == "exact" else self.cell.method

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        learning, targets = self.learning, sources["targets"]
        sizes = {name: self.n_hidden for name in self.layers} | {"output": len(targets)}
        built: dict[str, Any] = {}
        before = sources["inputs"]
        for name in self.layers:
            cells = self.cell.group(
                sizes[name], transmissions=[self.transmission], extra=learning.cell_equations + self._answers(name),
                method=self._method, name=name,
            )  # fmt: skip
            learning.attach(cells)
            built[name] = cells
            built[f"to_{name}"] = learning.synapses(
                before, cells, self.transmission.transmit, delay=self.delay, name=f"to_{name}",
                learns=name == "output" or self.feedback != "none",
            )  # fmt: skip
            before = cells
        if self.teacher == "answers":
            wires = learning.teach_answers(targets, built["output"], name="teach")
        else:
            wires = learning.teach(targets, built["output"], name="teach")
        if self.feedback != "none":
            for k, name in enumerate(self.layers[:-1]):
                above = self.layers[k + 1]
                back = f"back_to_{name}"
                if self.feedback == "symmetric" and (above != "output" or self.teacher == "answers"):
                    wires.append(learning.pass_back(built[f"to_{above}"], built[above], built[name], back))
                elif self.teacher == "answers":
                    wires.append(learning.broadcast(built["output"], learning.names["raw"], built[name], name=back))
                else:
                    forward = built["to_output"] if self.feedback == "symmetric" else None
                    wires += learning.feedback(targets, built["output"], built[name], forward=forward, name=back)
        return built | {wire.name: wire for wire in wires}

    def _answers(self, layer: str) -> str:
        return "may_answer : 1\nanswered : 1\n" if self.teacher == "answers" and layer == "output" else ""

    @property
    def settings(self) -> dict[str, Any]:
        learning = self.learning
        found: dict[str, Any] = {}
        on_cells = {**self.cell.constants, **self.transmission.cell_constants, **learning.cell_constants}
        for name in self.layers:
            found |= prefixed(name, on_cells) | prefixed(f"to_{name}", learning.synapse_constants)
        return found

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        before, w_max = sizes["inputs"], float(self.rule.values.get("w_max", np.inf))
        for name in self.layers:
            n = sizes["targets"] if name == "output" else self.n_hidden
            w = rng.standard_normal(before * n) * self.w_init / np.sqrt(before)
            found[f"to_{name}.w"] = np.clip(w, -w_max, w_max)
            found |= prefixed(name, {key: np.full(n, float(value)) for key, value in self.cell.start.items()})
            before = n
        for wires in self._drawn_wires.values():
            n = sizes["targets"] * self.n_hidden
            b = rng.standard_normal(n) if self.feedback == "random" else np.ones(n)
            found |= {f"{wire}.b": b for wire in wires}
        return found

    @classmethod
    def examples(cls) -> Iterator[SpikingLayers]:
        """One layer; a hidden layer with each feedback; two hidden layers."""
        yield cls()
        for feedback in cls.fields["feedback"].options:  # type: ignore[attr-defined]
            yield cls(n_layers=1, feedback=feedback)
        for feedback in ("symmetric", "random"):
            yield cls(n_layers=1, feedback=feedback, teacher="answers")
        yield cls(n_layers=2, n_hidden=3)
        yield cls(n_layers=2, n_hidden=3, feedback="random", rule=SuperSpike(form="reference"))
