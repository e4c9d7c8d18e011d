"""Plasticity from presynaptic spikes and the potential of the cell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from brian2 import ms, mV, volt

from brian2learn.core.declaration import Choice, Param, Preset, Size

from ._rule import Memory, Rule

_TABLE = "clopath2010, Table 1b (code)"


class ClopathSTDP(Rule):
    """A pre spike weakens the synapse of a cell that was depolarised; a potential above threshold strengthens it.

    The cell averages its depolarisation, ``v - u_rest``, twice: ``d_minus`` counts for depression, ``d_plus`` for
    potentiation. Both see the potential of `n_delay` steps ago, so that a spike does not count itself in; without that
    delay one pair at low frequency already potentiates. As in the published code all states take Euler steps; the
    numbers of the paper are those of a step of 1 ms, where 3 steps are the clamped spike (2 ms) and one more.

    The hippocampal set of the paper has no time constants for the averages; it is not among the presets.
    """

    cites = "clopath2010"

    depression = Choice(
        "fixed",
        "the amplitude of depression",
        {
            "fixed": "a constant",
            "homeostatic": "proportional to the mean squared depolarisation of the cell",
        },
        source="clopath2010 (code)",
    )
    A_LTD = Param(14e-5 / mV, "amplitude of depression", low=0 / mV, high=1 / mV, source=_TABLE)
    A_LTP = Param(8e-5 / mV**2, "amplitude of potentiation", low=0 / mV**2, high=1 / mV**2, source=_TABLE)
    theta_minus = Param(-70.6 * mV, "what the averages must exceed", low=-150 * mV, high=50 * mV, source=_TABLE)
    theta_plus = Param(
        -45.3 * mV, "what the potential must exceed to potentiate", low=-150 * mV, high=50 * mV, source=_TABLE
    )
    tau_x = Param(15 * ms, "memory of a pre spike", low=2 * ms, high=1000 * ms, source=_TABLE)
    tau_minus = Param(10 * ms, "average for depression", low=2 * ms, high=1000 * ms, source=_TABLE)
    tau_plus = Param(7 * ms, "average for potentiation", low=2 * ms, high=1000 * ms, source=_TABLE)
    u_rest = Param(
        -70.6 * mV, "potential at rest, where the averages begin", low=-150 * mV, high=50 * mV,
        source="clopath2010 (code)",
    )  # fmt: skip
    n_delay = Size(3, "time steps by which the averages lag", low=0, high=100, source="clopath2010 (code)")
    tau_mean = Param(
        1200 * ms, "homeostatic average", low=1 * ms, high=10**7 * ms, source="clopath2010 (code, receptive fields)"
    )
    u_ref2 = Param(
        60 * mV**2, "mean squared depolarisation at which depression is as without homeostasis", low=1e-3 * mV**2,
        high=10**5 * mV**2, source="clopath2010 (code, receptive fields)",
    )  # fmt: skip
    w_max = Param(3.0, "ceiling of the weight", low=1e-6, high=1e6, source="clopath2010 (code, receptive fields)")

    presets = {
        "visual_cortex": Preset({}, _TABLE),
        "somatosensory_cortex": Preset(
            {"A_LTD": 21e-5 / mV, "A_LTP": 30e-5 / mV**2, "tau_x": 30 * ms, "tau_minus": 6 * ms, "tau_plus": 5 * ms},
            _TABLE,
        ),
    }

    needs_on_cell = {"v": volt}
    synapse_equations = "x : 1"

    @property
    def numbers(self) -> dict[str, Any]:
        """Name and value of every number that its equations use under the options chosen."""
        unused = {"n_delay"} if self.depression == "homeostatic" else {"n_delay", "tau_mean", "u_ref2"}
        return {name: value for name, value in super().numbers.items() if name not in unused}

    @property
    def on_pre(self) -> str:
        factor = " * d2/u_ref2" if self.depression == "homeostatic" else ""
        return f"w = clip(w - A_LTD{factor} * {_above('d_minus + u_rest', 'theta_minus')}, 0, w_max)\nx = x + 1"

    @property
    def regularly(self) -> str:
        course = f"{_above('v_post', 'theta_plus')} * {_above('d_plus + u_rest', 'theta_minus')}"
        return f"w = clip(w + A_LTP * x/tau_x * {course} * dt, 0, w_max)\nx = x - x * dt/tau_x"

    @property
    def on_cell(self) -> str:
        lines = ["d_minus : volt", "d_plus : volt", *(f"{name} : volt" for name in self._past)]
        return "\n".join([*lines, "d2 : volt**2"] if self.depression == "homeostatic" else lines)

    @property
    def on_cell_step(self) -> str:
        seen = ["(v - u_rest)", *self._past]
        lines = [f"{d} = {d} + ({seen[-1]} - {d}) * dt/{tau}" for d, tau in _AVERAGES.items()]
        if self.depression == "homeostatic":
            lines.append(f"d2 = d2 + ({seen[-1]}**2 - d2) * dt/tau_mean")
        later = reversed(list(zip(seen[1:], seen[:-1], strict=True)))
        return "\n".join([*lines, *(f"{name} = {value}" for name, value in later)])

    @property
    def _past(self) -> list[str]:
        """Names of the depolarisation one step ago, two steps ago, …"""
        return [f"d_{k}" for k in range(1, self.n_delay + 1)]

    @classmethod
    def examples(cls) -> Iterator[ClopathSTDP]:
        """Both kinds of depression; no delay; the other published set."""
        yield cls()
        yield cls(depression="homeostatic")
        yield cls(depression="fixed", u_rest=-65 * mV, n_delay=0, ties="post_first")
        yield cls.preset("somatosensory_cortex", ties="mean", depression="homeostatic", tau_mean=20 * ms, n_delay=1)

    def pre_spike(self, memory: Memory, now: float) -> None:
        """Depression by the average of the potential before this step."""
        si = self._si
        over = max(memory.states.get("clopath.minus", 0.0) + si["u_rest"] - si["theta_minus"], 0.0)
        factor = memory.states.get("clopath.square", 0.0) / si["u_ref2"] if self.depression == "homeostatic" else 1.0
        memory.w = min(max(memory.w - si["A_LTD"] * factor * over, 0.0), self.w_max)
        memory.add("clopath.pre", now)

    def tick(self, memory: Memory, now: float) -> None:
        """Average what the cell was `n_delay` steps before the last one; then potentiation."""
        v, dt, states, si = memory.cell["v"], memory.dt, memory.states, self._si
        step = round(now / dt)
        seen = step - 1 - self.n_delay
        if seen >= 0:
            depolarised = float(v[seen]) - si["u_rest"]
            self._average(memory, "clopath.minus", depolarised, si["tau_minus"])
            self._average(memory, "clopath.plus", depolarised, si["tau_plus"])
            if self.depression == "homeostatic":
                self._average(memory, "clopath.square", depolarised**2, si["tau_mean"])
        course = float(v[step]) - si["theta_plus"]
        over = states.get("clopath.plus", 0.0) + si["u_rest"] - si["theta_minus"]
        if course > 0 and over > 0:
            # what a spike of the step before has left has not decayed yet, hence one factor less
            left = 1 - dt / si["tau_x"]
            x = memory.sum("clopath.pre", now, -dt / math.log(left)) / left
            memory.w = min(max(memory.w + si["A_LTP"] * dt / si["tau_x"] * x * course * over, 0.0), self.w_max)

    @staticmethod
    def _average(memory: Memory, name: str, value: float, tau: float) -> None:
        share = memory.dt / tau
        memory.states[name] = share * value + (1 - share) * memory.states.get(name, 0.0)

    @cached_property
    def _si(self) -> dict[str, float]:
        """All numbers in SI units; the twin reads them at every step."""
        return {name: float(value) for name, value in super().numbers.items()}


_AVERAGES = {"d_minus": "tau_minus", "d_plus": "tau_plus"}


def _above(value: str, limit: str) -> str:
    """By how much a value exceeds a limit, else 0."""
    return f"int({value} > {limit}) * ({value} - {limit})"
