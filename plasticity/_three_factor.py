"""What a rule of three factors is: an error times a filtered eligibility, summed over a chunk, moves a weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from brian2 import second

from brian2learn.core.declaration import Choice, Param, Part, Size
from brian2learn.core.equations import identifiers, statements
from brian2learn.core.errors import AssemblyError

from ._derive import derive
from ._learning import Learning
from ._mechanism import Mechanism
from ._optimiser import Optimiser
from ._surrogate import Surrogate
from .fast_sigmoid import FastSigmoid
from .r_max_prop import RMaxProp


class ThreeFactor(Mechanism):
    """A rule whose weights follow the sum over time of the cell's error times the synapse's filtered eligibility.

    Class attributes, all without units:

    * `filters` and `readout`: statements of every step that filter the eligibility `elig`, and the filtered one that
      meets the error; they are linear in `elig` and in the states they set, with `coefficients` (expressions in the
      rule's numbers and ``dt``) as factors;
    * `on_cell` and `on_cell_step`: further states of the cell and the statements of every step that make the error
      ``err`` of the events ``raw`` of this step; ``spiked`` is 1 if the cell fires in it;
    * `on_chunk`: what the cell works out when a chunk ends: ``direct``, an error that meets the unfiltered
      eligibilities of the whole chunk, and ``decay``, which meets the weight; `after_chunk`: what it then sets back;
    * `bounds`: the lowest and the highest weight, as text; none if weights are free;
    * `forgets`: whether chunks are trials: eligibilities start from zero, and what was sent in one is lost in the next;
    * `divisor`: by what the sum over a chunk is divided to give the gradient.
    """

    filters: ClassVar[str] = ""
    readout: ClassVar[str] = ""
    coefficients: ClassVar[Mapping[str, str]] = {}
    on_cell: ClassVar[str] = ""
    on_cell_step: ClassVar[str] = ""
    on_chunk: ClassVar[str] = ""
    after_chunk: ClassVar[str] = ""
    bounds: ClassVar[tuple[str, str] | None] = None
    forgets: ClassVar[bool] = False
    divisor: ClassVar[str] = "n_steps"

    form = Choice(
        "transposed",
        "how the gradient is computed; the result is the same",
        {
            "transposed": "backwards over every chunk, per postsynaptic neuron, without a recursion at any synapse",
            "reference": "forwards, by a recursion at every synapse in every time step",
        },
    )
    surrogate = Part(FastSigmoid(), "derivative of a spike", kind=Surrogate)
    optimiser = Part(RMaxProp(), "how weights follow the gradient", kind=Optimiser)
    chunk = Param(0.5 * second, "stretch after which gradients are summed", low=1e-4 * second, structural=True)
    batch = Size(1, "chunks after which weights change, by the mean of their gradients", low=1, high=10**6)

    @property
    def filter_states(self) -> tuple[str, ...]:
        """The states of the filters."""
        names = (line.split("=")[0].strip(" +-*/") for line in statements(self.filters))
        return tuple(dict.fromkeys(names))

    @property
    def is_direct(self) -> bool:
        """Whether an error meets unfiltered eligibilities."""
        return "direct" in identifiers(self.on_chunk)

    @property
    def decays(self) -> bool:
        """Whether something meets the weight itself."""
        return "decay" in identifiers(self.on_chunk)

    def on(
        self,
        equations: str,
        *,
        threshold: str,
        on_pre: str | Sequence[str],
        reset: str = "",
        method: str = "exponential_euler",
        refractory: bool = False,
        keep: Sequence[str] = (),
        arrival: str = "after_thresholds",
    ) -> Learning:
        """This rule on a cell, derived from its text.

        Parameters
        ----------
        equations, threshold, reset, method : str
            As given to `brian2.NeuronGroup`.
        on_pre : str or sequence of str
            What a spike of weight ``w`` does to the cell.
        refractory : bool
            Whether the group is given a refractory period.
        keep : sequence of str
            States whose reset is differentiated; see `derive`.
        arrival : {"after_thresholds", "before_thresholds"}
            When spikes arrive within a step; the latter takes them one step later.
        """
        found = derive(
            equations, threshold=threshold, reset=reset, on_pre=on_pre, method=method, keep=keep,
            where=type(self).__name__,
        )  # fmt: skip
        if arrival not in ("after_thresholds", "before_thresholds"):
            expected = "'after_thresholds' or 'before_thresholds'"
            raise AssemblyError(type(self).__name__, "arrival", expected=expected, got=repr(arrival))
        return Learning(self, found, equations, threshold, refractory, arrival)
