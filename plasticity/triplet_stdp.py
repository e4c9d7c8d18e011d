"""Spike-timing-dependent plasticity from pairs and triplets of spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import ClassVar

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Choice, Param, Preset

from ._rule import Memory, Rule, Trace

UNBOUNDED = 1e6  # the published rows have no ceiling; their weights are relative to the first one, 1


class TripletSTDP(Rule):
    """Pairs of spikes change the weight, and more so if a second spike of the same side came shortly before.

    The slow traces are read before the present spike adds to them, so a spike makes no triplet with itself.

    Differs from the paper: weights are clipped to [0, w_max]; the published rows are a plain sum.
    """

    cites = ("pfister2006", "zenke2013", "zenke2015")

    pairing = Choice(
        "all_to_all",
        "which spikes a trace remembers",
        {"all_to_all": "every spike of its side", "nearest": "the last spike of its side only"},
        source="pfister2006",
    )
    tau_plus = Param(16.8 * ms, "potentiation window", low=0.1 * ms, high=1 * second, source="pfister2006, all rows")
    tau_minus = Param(33.7 * ms, "depression window", low=0.1 * ms, high=1 * second, source="pfister2006, all rows")
    tau_x = Param(101 * ms, "slow pre trace", low=0.1 * ms, high=10 * second, source="pfister2006, Table 3")
    tau_y = Param(114 * ms, "slow post trace", low=0.1 * ms, high=10 * second, source="pfister2006, Table 3")
    a2_plus = Param(0.0, "step up of a pair", low=0, high=1, source="pfister2006, Table 3")
    a3_plus = Param(6.5e-3, "step up of a post-pre-post triplet", low=0, high=1, source="pfister2006, Table 3")
    a2_minus = Param(7.1e-3, "step down of a pair", low=0, high=1, source="pfister2006, Table 3")
    a3_minus = Param(0.0, "step down of a pre-post-pre triplet", low=0, high=1, source="pfister2006, Table 3")
    w_max = Param(1.0, "ceiling of the weight", low=1e-6, high=1e6)

    presets: ClassVar[Mapping[str, Preset]] = {
        f"{data}_{scheme}_{terms}": Preset(
            {"pairing": scheme, "a2_plus": a2_plus, "a3_plus": a3_plus, "a2_minus": a2_minus, "a3_minus": a3_minus}
            | ({} if tau_x is None else {"tau_x": tau_x * ms})
            | {"tau_y": tau_y * ms, "w_max": UNBOUNDED},
            f"pfister2006, Table {3 if data == 'visual_cortex' else 4}",
            f"{evidence} Weights relative to the first one; no ceiling.",
        )
        for data, scheme, terms, a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y, evidence in (
            ("visual_cortex", "all_to_all", "full", 5e-10, 6.2e-3, 7e-3, 2.3e-4, 101, 125,
             "Two reports of the paper; the defaults of NEST's stdp_triplet_synapse (code)."),
            ("visual_cortex", "all_to_all", "minimal", 0, 6.5e-3, 7.1e-3, 0, None, 114,
             "Three reports of the paper; Auryn (code)."),
            ("visual_cortex", "nearest", "full", 8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 714, 40,
             "Time constants from a report of the paper; the amplitudes are recalled, and confirmed by the fit to the "
             "data (derived)."),
            ("visual_cortex", "nearest", "minimal", 0, 5e-2, 8e-3, 0, None, 40, "A report of the paper."),
            ("hippocampus", "all_to_all", "full", 6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946, 27, "A report of the paper."),
            ("hippocampus", "all_to_all", "minimal", 5.3e-3, 8e-3, 3.5e-3, 0, None, 40, "Auryn (code)."),
            ("hippocampus", "nearest", "full", 4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 575, 47, "Two reports of the paper."),
            ("hippocampus", "nearest", "minimal", 4.6e-3, 9.1e-3, 3e-3, 0, None, 48,
             "Recalled, not confirmed in the paper."),
        )
    } | {
        "zenke2013_static": Preset(
            {"a2_minus": 6.5e-3 * float(16.8 * ms * 114 * ms * 3 * Hz / (33.7 * ms)), "w_max": 1.0},
            "zenke2013, TripletScalingConnection (code)",
            "The visual-cortex row with the step down that puts the crossover at 3 Hz; meant with SynapticScaling.",
        ),
        "zenke2015": Preset(
            {"tau_plus": 20 * ms, "tau_minus": 20 * ms, "tau_y": 100 * ms, "a3_plus": 1e-3, "a2_minus": 1e-3,
             "w_max": 5.0},
            "zenke2015, P10 (code)",
            "The Hebbian terms alone; meant with Heterosynaptic, TransmitterInduced and Consolidation.",
        ),
    }  # fmt: skip

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        return (Trace("r1", "tau_plus", self._at_spike("r1")), Trace("r2", "tau_x", self._at_spike("r2")))

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        return (Trace("o1", "tau_minus", self._at_spike("o1")), Trace("o2", "tau_y", self._at_spike("o2")))

    def _at_spike(self, trace: str) -> str:
        return f"{trace} += 1" if self.pairing == "all_to_all" else f"{trace} = 1"

    on_pre = "w = clip(w - o1 * (a2_minus + a3_minus * r2), 0, w_max)"
    on_post = "w = clip(w + r1 * (a2_plus + a3_plus * o2), 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[TripletSTDP]:
        """Both pairings with every policy for ties; the default; one term of each side; short traces."""
        large = {"a2_plus": 0.02, "a3_plus": 0.03, "a2_minus": 0.04, "a3_minus": 0.03}
        for pairing, ties in product(cls.pairing.options, cls.ties.options):
            yield cls(pairing=pairing, ties=ties, **large)
        yield cls()
        yield cls(a3_plus=0, a2_minus=0, a2_plus=0.1, a3_minus=0.2, w_max=3.0)
        yield cls(tau_plus=100 * ms, tau_minus=0.5 * ms, tau_x=5 * ms, tau_y=1 * ms, **large)

    def pre_spike(self, memory: Memory, now: float) -> None:
        pairs, before = memory.sum("triplet.post", now, self.tau_minus), memory.sum("triplet.pre", now, self.tau_x)
        memory.w = max(memory.w - self.a2_minus * pairs - self.a3_minus * pairs * before, 0.0)
        self._see(memory, "triplet.pre", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        pairs, before = memory.sum("triplet.pre", now, self.tau_plus), memory.sum("triplet.post", now, self.tau_y)
        memory.w = min(memory.w + self.a2_plus * pairs + self.a3_plus * pairs * before, float(self.w_max))
        self._see(memory, "triplet.post", now)

    def _see(self, memory: Memory, side: str, now: float) -> None:
        if self.pairing == "all_to_all":
            memory.add(side, now)
        else:
            memory.only(side, now)
