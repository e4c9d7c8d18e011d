"""The leaky integrate-and-fire cell whose input acts at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from brian2 import ms

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell


class InstantLIF(Cell):
    """A leaky integrator that a spike of weight ``w`` lifts by ``w``; its threshold may rise at each of its own spikes.

    Rises add up and decay. The cell is never refractory.

    Differs from the author's code: the decay is exact, not by Euler steps.
    """

    cites = ("masquelier2018a", "masquelier2018b", "stein1965")

    tau_m = Param(18 * ms, "membrane time constant", low=0.5 * ms, high=200 * ms, source="masquelier2018a (code)")
    theta = Param(369.8, "threshold at rest, in jumps of weight 1", low=1e-6, source="masquelier2018a (code)")
    theta_rise = Param(
        0.0, "rise of the threshold at a spike, in thresholds", low=0, high=10, source="masquelier2018a (code)"
    )
    tau_theta = Param(80 * ms, "decay of the rise", low=0.1 * ms, high=10_000 * ms, source="masquelier2018b (code)")

    presets: ClassVar[Mapping[str, Preset]] = {
        "masquelier2018a_low_threshold": Preset(
            {"theta": 252.6}, "masquelier2018a, ModelDB 230138 (code)", "Two spikes per pattern."
        ),
        "masquelier2018b_five_patterns": Preset(
            {"tau_m": 8.9 * ms, "theta": 178.0, "theta_rise": 1.8},
            "masquelier2018b, ModelDB 244684 (code)",
            "Five patterns.",
        ),
    }

    equations = """
    du/dt = -u/tau_m : 1
    drise/dt = -rise/tau_theta : 1
    """
    threshold = "u >= theta + rise"
    reset = "u = 0; rise += theta_rise * theta"
    receive = "u_post += w"

    @classmethod
    def examples(cls) -> Iterator[InstantLIF]:
        """The default; the published cells."""
        yield cls()
        for name in cls.presets:
            yield cls.preset(name)
