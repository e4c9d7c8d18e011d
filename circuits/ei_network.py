"""A recurrent network of excitatory and inhibitory cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from brian2 import Hz, Synapses, ms, pA, second

from brian2learn.core.declaration import Choice, Param, Part, Size, number_lines
from brian2learn.core.equations import rename
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.ampa import AMPA
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.gaba import GABA
from brian2learn.plasticity.inhibitory_stdp import InhibitorySTDP
from brian2learn.plasticity.pair_stdp import PairSTDP

from ._circuit import Cell, Circuit, prefixed
from ._integration import euler_but_decays
from .conductance_lif import ConductanceLIF

EXCITATORY, INHIBITORY = "excitatory", "inhibitory"


class Projection(NamedTuple):
    """One of the four projections."""

    source: str
    target: str
    transmission: Transmission
    rule: Plasticity
    w: float


class EINetwork(Circuit):
    """Cells of two kinds, joined at random, fire in the state that inhibition and excitation make of their background.

    Every ordered pair of different cells has a synapse with probability ``p``, drawn in the program from the seed of
    the run. Potentials start anywhere between reset and threshold.

    Differs from the paper's code: no cell has a synapse onto itself; potentials do not start at 0 mV, from where all
    cells fire at once.
    """

    cites: ClassVar[tuple[str, ...]] = ("vogels2011", "zenke2013")

    outputs = (EXCITATORY, INHIBITORY)

    cell = Part(ConductanceLIF(), "model of all cells", kind=Cell)
    excitation = Part(AMPA(), "what a spike of an excitatory cell does", kind=Transmission)
    inhibition = Part(GABA(), "what a spike of an inhibitory cell does", kind=Transmission)
    ee_rule = Part(Fixed(), "plasticity from excitatory to excitatory cells", kind=Plasticity)
    ie_rule = Part(
        InhibitorySTDP(onset=1 * second), "plasticity from inhibitory to excitatory cells", kind=Plasticity,
        source="vogels2011, recurrent network (code)",
    )  # fmt: skip
    n_excitatory = Size(8000, "number of excitatory cells", low=1, high=10**6, source="vogels2011 (code)")
    n_inhibitory = Size(2000, "number of inhibitory cells", low=1, high=10**6, source="vogels2011 (code)")
    p = Param(
        0.02, "probability of a synapse between two cells", low=0, high=1, structural=True, source="vogels2011 (code)"
    )
    delay = Param(0 * ms, "axonal delay of all synapses", low=0 * ms, high=100 * ms, structural=True)
    w_ee = Param(0.3, "weight from excitatory to excitatory cells", low=0, source="vogels2011 (code)")
    w_ei = Param(0.3, "weight from excitatory to inhibitory cells", low=0, source="vogels2011 (code)")
    w_ie = Param(1e-10, "weight from inhibitory to excitatory cells", low=0, source="vogels2011 (code)")
    w_ii = Param(3.0, "weight from inhibitory to inhibitory cells", low=0, source="vogels2011 (code)")
    bias = Param(200 * pA, "constant current into every cell", low=-1e6 * pA, high=1e6 * pA, source="vogels2011 (code)")
    background = Choice(
        "none",
        "spikes from outside, besides the bias",
        {"none": "none at all", "poisson": "every excitatory cell has a Poisson train of its own"},
    )
    w_background = Param(0.1, "weight of a spike from outside", low=0)
    background_rate = Param(1000 * Hz, "rate of the train from outside", low=0 * Hz, high=1e6 * Hz)
    keep = Choice(
        "nothing",
        "what is recorded of plastic weights at the end",
        {"nothing": "nothing", "weights": "every weight w, source by source, with source i and target j"},
    )
    integration = Choice(
        "euler",
        "how the cells are integrated",
        {
            "euler": "potential by Euler's method, as in the paper's code: good while conductances stay far below C/dt",
            "cell": "by the method of the cell",
        },
    )

    @property
    def projections(self) -> dict[str, Projection]:
        """The four projections by the name of their Brian2 object."""
        e, i = EXCITATORY, INHIBITORY
        return {
            "e_to_e": Projection(e, e, self.excitation, self.ee_rule, self.w_ee),
            "e_to_i": Projection(e, i, self.excitation, Fixed(), self.w_ei),
            "i_to_e": Projection(i, e, self.inhibition, self.ie_rule, self.w_ie),
            "i_to_i": Projection(i, i, self.inhibition, Fixed(), self.w_ii),
        }

    @property
    def plastic(self) -> dict[str, Projection]:
        """The projections whose weights change."""
        return {name: each for name, each in self.projections.items() if not isinstance(each.rule, Fixed)}

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        kept = ("w", "i", "j") if self.keep == "weights" else ()
        return tuple(f"{name}.{each}" for name in self.plastic for each in kept)

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        method = euler_but_decays if self.integration == "euler" else ""
        built: dict[str, Any] = {
            name: self._cell(name).group(
                n,
                transmissions=(self.excitation, self.inhibition),
                extra=self._extra(name),
                threshold=self._condition(name),
                method=method,
                name=name,
            )
            for name, n in self._sizes.items()
        }
        for name, each in self.projections.items():
            built[name] = self._synapses(name, each, built)
        for key, value in self._from_outside(EXCITATORY).items():
            setattr(built[EXCITATORY], key, value)
        if self.background == "poisson":
            arriving = rename(self.excitation.transmit, {"w": "(w_background*poisson(background_rate*dt))"})
            built[EXCITATORY].run_regularly(arriving.replace("_post", ""), when="synapses", name="background")
        return built

    def _cell(self, name: str) -> Cell:
        """The model of the cells of a population."""
        return self.cell

    def _condition(self, name: str) -> str:
        """What the threshold of a population asks besides that of its cells."""
        return ""

    @property
    def _sizes(self) -> dict[str, int]:
        return {EXCITATORY: self.n_excitatory, INHIBITORY: self.n_inhibitory}

    def _extra(self, name: str) -> str:
        """Lines of a population beside those of its cells."""
        lines = number_lines(self._from_outside(name))
        for each in self.plastic.values():
            lines += each.rule.cell_equations.splitlines() if each.target == name else ()
            lines += each.rule.afferent_equations.splitlines() if each.source == name else ()
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))

    def _from_outside(self, name: str) -> dict[str, Any]:
        if self.background == "none" or name == INHIBITORY:
            return {}
        return {"w_background": self.w_background, "background_rate": self.background_rate}

    def _synapses(self, name: str, each: Projection, built: Mapping[str, Any]) -> Synapses:
        source, target = built[each.source], built[each.target]
        connect = {"p": self.p, "condition": "i != j"} if source is target else {"p": self.p}
        delay = self.delay if self.delay > 0 * ms else None
        if not isinstance(each.rule, Fixed):
            return each.rule.synapses(
                source, target, transmit=each.transmission, connect=connect, delay=delay, name=name
            )
        # one weight for all
        model = "w : 1 (shared, constant)"
        synapses = Synapses(
            source, target, model, on_pre=each.transmission.transmit, delay=delay, namespace={}, name=name
        )
        synapses.connect(**connect)
        synapses.w = each.w
        return synapses

    @property
    def settings(self) -> dict[str, Any]:
        numbers = {**self.excitation.cell_constants, **self.inhibition.cell_constants}
        found: dict[str, Any] = {}
        for name in self._sizes:
            found |= prefixed(name, {**self._cell(name).constants, **numbers, **self._from_outside(name)})
        for name, each in self.projections.items():
            if name in self.plastic:
                found |= prefixed(name, each.rule.constants)
                found |= prefixed(each.target, each.rule.cell_constants("post"))
                found |= prefixed(each.source, each.rule.cell_constants("pre"))
            else:
                found[f"{name}.w"] = each.w
        return found

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        low, high = float(self.cell.values["V_reset"]), float(self.cell.values["V_t"])
        found: dict[str, Any] = {}
        for name, n in self._sizes.items():
            found[f"{name}.{self.cell.potential}"] = rng.uniform(low, high, n)
            found[f"{name}.{self.cell.drive}_ext"] = float(self.bias)
        for name, each in self.plastic.items():
            found |= prefixed(name, {"w": each.w, **each.rule.synapse_starts})
            found |= prefixed(each.target, each.rule.cell_starts())
        return {key: np.asarray(value, float) for key, value in found.items()}

    def check(self) -> None:
        for name in ("V_reset", "V_t"):
            if name not in self.cell.values or not self.cell.drive:
                expected = "a cell with an input current, V_reset and V_t"
                raise self.fields["cell"].refuse("EINetwork", expected, repr(self.cell))

    @classmethod
    def examples(cls) -> Iterator[EINetwork]:
        """A small network without plasticity; one with delay, spikes from outside and two rules."""
        yield cls(n_excitatory=40, n_inhibitory=10, p=0.2, ie_rule=Fixed())
        yield cls(
            n_excitatory=40, n_inhibitory=10, p=0.2, delay=0.8 * ms, background="poisson", keep="weights",
            ee_rule=PairSTDP(), integration="cell",
        )  # fmt: skip
