"""How a spike acts on its target; how its weight changes is the business of a rule."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from brian2learn.core.declaration import number_lines
from brian2learn.core.equations import check_names, defined, rename

from ._mechanism import Mechanism


class Transmission(Mechanism):
    """What an arriving spike does to the target, in short names; on the target they carry the name of the class.

    The class ``AMPA`` with a state ``g`` and a number ``tau`` puts ``ampa_g`` and ``ampa_tau`` on the target, so that
    transmissions do not meet there. To have one twice (fast and slow), derive a class of another name.

    Class attributes: `equations` (lines for its states), `on_spike` (what a spike of weight ``w`` does; names of the
    target end in ``_post``, numbers do not), `drive` (the current it adds to the target's input, in its states, its
    numbers and the potential ``v``; empty if it adds none).
    """

    equations: ClassVar[str] = ""
    on_spike: ClassVar[str] = ""
    drive: ClassVar[str] = ""
    unit: ClassVar[str] = "amp"

    def check(self) -> None:
        texts = {"equations": self.equations, "on_spike": self.on_spike.replace("_post", ""), "drive": self.drive}
        check_names(type(self).__name__, texts, {*self.numbers, *self.states}, from_others={"w", "v"})

    @property
    def states(self) -> tuple[str, ...]:
        """Names that the equations define."""
        return defined(self.equations)

    @property
    def cell_equations(self) -> str:
        """Lines to add to the target's equations."""
        lines = self._renamed(self.equations).strip().splitlines()
        lines += number_lines(self.cell_constants)
        return "".join(f"{line.strip()}\n" for line in lines)

    @property
    def cell_constants(self) -> dict[str, Any]:
        """Values of the numbers in those lines."""
        return {self.on_neuron(name): value for name, value in self.numbers.items()}

    @property
    def transmit(self) -> str:
        """What a spike of weight ``w`` does, for ``on_pre`` of `brian2.Synapses`."""
        states = {f"{name}_post": f"{self.on_neuron(name)}_post" for name in self.states}
        numbers = {name: f"{self.on_neuron(name)}_post" for name in self.numbers}
        return rename(self.on_spike, {**states, **numbers})

    @property
    def current(self) -> str:
        """What it adds to the target's input current, as the target knows it."""
        return self._renamed(self.drive)

    def _renamed(self, text: str) -> str:
        own = (*self.states, *self.numbers)
        # the derivative of x is one word in equations
        return rename(text, {f"{d}{name}": f"{d}{self.on_neuron(name)}" for name in own for d in ("", "d")})

    def reference(self, spikes: ArrayLike, weights: ArrayLike, t: ArrayLike, v: float = 0.0) -> np.ndarray:
        """The slow independent twin, in closed form.

        Parameters
        ----------
        spikes : (k,) float, s
            When spikes arrive.
        weights : (k,) float
            The weight of each.
        t : (n,) float, s
            Where the answer is wanted; a spike counts from its own time on.
        v : float, V
            Potential at which the target is held.

        Returns
        -------
        (n,) float
            The `drive` in A; without one, the displacement of the potential in V.
        """
        lag = np.subtract.outer(np.asarray(t, float), np.asarray(spikes, float))
        return np.where(lag >= 0, self.response(np.maximum(lag, 0), v), 0) @ np.asarray(weights, float)

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        """The answer to one spike of weight 1, `s` seconds (0 or more) after it."""
        raise NotImplementedError
