"""How much transmitter a spike releases: short-term plasticity of the presynaptic side."""

from __future__ import annotations

from typing import Any

import numpy as np

from brian2learn.core.equations import check_names

from ._trace import Holder


class Release(Holder):
    """Scales what every spike does to its target; the weight itself does not change.

    Class attributes or properties: `pre_traces` (numbers that jump at pre spikes and decay to 0) and `amount` (the
    share of a weight that a spike releases, in parameters and traces as they are before the spike).
    """

    amount: Any = ""

    @property
    def most(self) -> float:
        """The largest amount."""
        return 1.0

    def check(self) -> None:
        texts = {f"trace {trace.name}": f"{trace.at_spike}\n{trace.tau}" for trace in self.pre_traces}
        check_names(type(self).__name__, {"amount": self.amount, **texts}, {*self.numbers, *self.trace_names})

    @staticmethod
    def on_synapse(name: str) -> str:
        """What a trace or a parameter is called on a synapse, which has one release: ``release_U``."""
        return f"release_{name}"

    @property
    def synapse_names(self) -> dict[str, str]:
        """Every name that a synapse can hold, with what it is called there; of ``dx/dt`` the name is ``dx``."""
        traces = {f"d{name}": f"d{self.on_synapse(name)}" for name in self.trace_names}
        return {name: self.on_synapse(name) for name in (*self.numbers, *self.trace_names)} | traces

    @property
    def constants(self) -> dict[str, Any]:
        """Name and value of every number the synapses hold."""
        return {self.on_synapse(name): value for name, value in self.numbers.items()}

    @property
    def afferent_equations(self) -> str:
        """Lines to add to a source `NeuronGroup`, so that it holds the traces."""
        lines = [line for trace in self.pre_traces for line in self.lines_for_neuron(trace)]
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))

    def reference(self, times: np.ndarray) -> np.ndarray:
        """The slow independent twin: what each spike releases.

        Parameters
        ----------
        times : (k,) float, s
            Sorted spike times.

        Returns
        -------
        (k,) float
        """
        raise NotImplementedError
