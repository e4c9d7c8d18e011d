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

    def check(self) -> None:
        texts = {f"trace {trace.name}": f"{trace.at_spike}\n{trace.tau}" for trace in self.pre_traces}
        check_names(type(self).__name__, {"amount": self.amount, **texts}, {*self.numbers, *self.trace_names})

    @property
    def afferent_equations(self) -> str:
        """Lines to add to a source `NeuronGroup`, so that it holds the traces (synapses without delay only)."""
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
