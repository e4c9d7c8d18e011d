"""The balanced network of Zenke, Hennequin & Gerstner 2013, with plastic synapses between excitatory cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, NeuronGroup, Synapses, linked_var, ms, mV, nS, pA, second

from brian2learn.core.declaration import Choice, Param, Part, Size
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.gaba import GABA
from brian2learn.plasticity.metaplastic_triplet import MetaplasticTriplet
from brian2learn.plasticity.nmda import NMDA

from ._circuit import Cell, prefixed
from .adaptive_threshold_lif import AdaptiveThresholdLIF
from .ei_network import EXCITATORY, EINetwork

CHECK_EVERY = 10 * ms


class PlasticBalancedNetwork(EINetwork):
    """Conductance cells with a moving threshold, driven by shared Poisson afferents, under metaplastic triplet STDP.

    Weights are conductances relative to the leak. The afferents reach excitatory cells only. A network whose excitatory
    rate, averaged over `tau_check`, exceeds `ceiling` has exploded: from then on no excitatory cell fires, so that the
    last spike tells its lifetime and the rest of the run costs nothing.

    `n_excitatory`, `n_inhibitory` and `p` together keep the inputs per cell: 2000, 500 and 0.5 for a network of a tenth
    of the size, in which cells share more of their input.

    Differs from the author's code: the membrane is integrated by exponential Euler, not Euler; an exploded network is
    silenced where the code ends the run.
    """

    cites = ("zenke2013",)

    inputs = ("afferents",)

    cell = Part(AdaptiveThresholdLIF(), "model of excitatory cells", kind=Cell, source="zenke2013 (code)")
    inhibitory_cell = Part(
        AdaptiveThresholdLIF.preset("zenke2013_inhibitory"), "model of inhibitory cells", kind=Cell,
        source="zenke2013 (code)",
    )  # fmt: skip
    excitation = Part(NMDA(g_unit=10 * nS), "what a spike of an excitatory cell does", kind=Transmission)
    inhibition = Part(GABA(g_unit=10 * nS), "what a spike of an inhibitory cell does", kind=Transmission)
    ee_rule = Part(MetaplasticTriplet(), "plasticity from excitatory to excitatory cells", kind=Plasticity)
    ie_rule = Part(Fixed(), "plasticity from inhibitory to excitatory cells", kind=Plasticity)
    n_excitatory = Size(20_000, "number of excitatory cells", low=1, high=10**6, source="zenke2013 (code)")
    n_inhibitory = Size(5000, "number of inhibitory cells", low=1, high=10**6, source="zenke2013 (code)")
    p = Param(
        0.05, "probability of a synapse between two cells", low=0, high=1, structural=True, source="zenke2013 (code)"
    )
    p_afferent = Param(
        0.05, "probability of a synapse from an afferent", low=0, high=1, structural=True, source="zenke2013 (code)"
    )
    delay = Param(
        0.8 * ms, "axonal delay of all synapses", low=0 * ms, high=100 * ms, structural=True, source="zenke2013 (code)"
    )
    w_ee = Param(0.16, "weight from excitatory to excitatory cells", low=0, source="zenke2013 (code)")
    w_ei = Param(0.16, "weight from excitatory to inhibitory cells", low=0, source="zenke2013 (code)")
    w_ie = Param(1.0, "weight from inhibitory to excitatory cells", low=0, source="zenke2013 (code)")
    w_ii = Param(1.0, "weight from inhibitory to inhibitory cells", low=0, source="zenke2013 (code)")
    w_afferent = Param(0.16, "weight from afferents to excitatory cells", low=0, source="zenke2013 (code)")
    bias = Param(0 * pA, "constant current into every cell", low=-1e6 * pA, high=1e6 * pA)
    v_mean = Param(-60 * mV, "mean first potential", low=-150 * mV, high=100 * mV, source="zenke2013 (code)")
    v_spread = Param(10 * mV, "SD of first potentials", low=0 * mV, high=100 * mV, source="zenke2013 (code)")
    ceiling = Param(60 * Hz, "rate of an exploded network", low=1 * Hz, high=1e4 * Hz, source="zenke2013 (code)")
    tau_check = Param(100 * ms, "averaging of that rate", low=1 * ms, high=100 * second, source="zenke2013 (code)")
    integration = Choice("cell", EINetwork.integration.meaning, EINetwork.integration.options)

    def _cell(self, name: str) -> Cell:
        return self.cell if name == EXCITATORY else self.inhibitory_cell

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        built = super().build(sources)
        excitatory = built[EXCITATORY]
        model = "w : 1 (shared, constant)"
        driven = Synapses(
            sources["afferents"], excitatory, model, on_pre=self.excitation.transmit, delay=self.delay, namespace={},
            name="afferent_to_e",
        )  # fmt: skip
        driven.connect(p=self.p_afferent)
        driven.w = self.w_afferent
        watch = NeuronGroup(
            1,
            """drate/dt = -rate/tau_check : Hz
            alive : 1
            n_watched : 1 (shared, constant)
            tau_check : second (shared, constant)
            ceiling : Hz (shared, constant)""",
            method="exact",
            namespace={},
            name="watch",
        )
        watch.alive, watch.n_watched = 1, self.n_excitatory
        watch.tau_check, watch.ceiling = self.tau_check, self.ceiling
        watch.run_regularly("alive = alive*int(rate < ceiling)", dt=CHECK_EVERY, name="watch_ceiling")
        excitatory.alive = linked_var(watch, "alive")
        counted = Synapses(
            excitatory, watch, on_pre="rate_post += 1/(n_watched_post*tau_check_post)", namespace={}, name="counted"
        )
        counted.connect()
        return {**built, "afferent_to_e": driven, "watch": watch, "counted": counted}

    def _extra(self, name: str) -> str:
        return super()._extra(name) + ("alive : 1 (linked)\n" if name == EXCITATORY else "")

    def _condition(self, name: str) -> str:
        return " and alive > 0" if name == EXCITATORY else ""

    @property
    def settings(self) -> dict[str, Any]:
        watch = {"n_watched": self.n_excitatory, "tau_check": self.tau_check, "ceiling": self.ceiling}
        return {**super().settings, "afferent_to_e.w": self.w_afferent, **prefixed("watch", watch)}

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        found = super().initial(sizes, rng)
        for name, n in self._sizes.items():
            found[f"{name}.{self._cell(name).potential}"] = rng.normal(float(self.v_mean), float(self.v_spread), n)
        return found

    @classmethod
    def examples(cls) -> Iterator[PlasticBalancedNetwork]:
        """A small network."""
        yield cls(n_excitatory=40, n_inhibitory=10, p=0.5)
