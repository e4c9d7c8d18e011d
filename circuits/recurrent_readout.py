"""Recurrent cells with leaky readouts, all learned by e-prop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, NeuronGroup, Synapses, ms, second

from brian2learn.core.declaration import Choice, Param, Part, Parts, Preset, Size, number_lines
from brian2learn.core.equations import rename, statements
from brian2learn.core.errors import AssemblyError
from brian2learn.core.fixed_point import N_NEURONS, VALUES
from brian2learn.plasticity._learning import Learning
from brian2learn.plasticity._release import Release
from brian2learn.plasticity.adam import Adam
from brian2learn.plasticity.e_prop import EProp
from brian2learn.plasticity.gradient_descent import GradientDescent
from brian2learn.plasticity.relative_tsodyks_markram import RelativeTsodyksMarkram
from brian2learn.plasticity.triangle import Triangle
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram

from ._circuit import Circuit, prefixed

NEVER = -1e6 * second

SLOT, MEAN_TRIAL = 1650 * ms, 1100 * ms  # of random clicks: the longest trial, and the mean one
_CLICKS: dict[str, Any] = {
    "n_cells": 100, "wanted": "class", "feedback": "symmetric", "gain": "one", "tau_m": 20 * ms, "v_t": 0.6,
    "tau_ref": 4 * ms,
}  # fmt: skip


def _clicks_rule(f_target: float, c: float = 2e-6, r0: float = 5e-3, dt: float = 2e-3, n_updates: int = 400) -> EProp:
    """The rule of the networks for random clicks.

    It adds ``c/2 (rate - f_target)^2`` (in Hz) of every cell to the cross entropy, with rates of the mean trial; the
    rest of a slot is silent.
    """
    window, share = 75, float(MEAN_TRIAL / SLOT)
    return EProp(
        chunk=SLOT, batch=64, tau_out=20 * ms, window=window, surrogate=Triangle(width=0.6),
        optimiser=Adam(r0=r0, fall="exponential", decay=0.1, decay_at=n_updates * 64 * SLOT),
        rates="batch", f_target=f_target * share * Hz, c_reg=c * window / (share * dt) ** 2,
    )  # fmt: skip


class RecurrentReadout(Circuit):
    """Inputs, recurrent cells and leaky readouts; weights onto cells follow e-prop, those onto readouts the gradient.

    Cells are leaky integrators without dimension; the threshold of adaptive ones rises at each of their spikes. A
    chunk of the rule is a trial: all states begin it at rest. The population ``targets`` tells what is wanted: of a
    class, one spike, from which on the rest of the trial counts; of signals, their values (`core.fixed_point`).

    ``out.loss`` and ``out.score`` are the sums so far in the trial of every readout's loss and of its value where it
    counts. Record them once per chunk: the value at the beginning of a trial is the one of the whole trial before.
    Weights follow a chunk at the beginning of the next one.
    """

    cites = "bellec2020"
    inputs = ("inputs", "targets")

    rule = Part(
        EProp(surrogate=Triangle(width=0.03), optimiser=GradientDescent(r0=1e-4)), "how weights change", kind=EProp
    )
    n_cells = Size(100, "recurrent cells", low=1, high=10**5, source="bellec2020 (code)")
    n_adaptive = Size(0, "adaptive cells among them, the last ones", low=0, high=10**5, source="bellec2020 (code)")
    wanted = Choice(
        "signal",
        "what readouts are to show, and their loss",
        {
            "signal": "the values of signals: half of the squared difference",
            "class": "the greatest of all readouts in one class: cross entropy of their softmax",
        },
    )
    feedback = Choice(
        "random",
        "weights with which errors of readouts reach cells",
        {
            "symmetric": "the present ones of the readouts",
            "random": "fixed, drawn from a normal distribution",
            "adaptive": "drawn like random ones, then changed by the same steps as those of the readouts",
            "uniform": "1",
        },
        source="bellec2020",
    )
    recurrence = Choice("learned", "synapses among the cells", {"learned": "between all pairs", "none": "none"})
    release = Parts("short-term plasticity of synapses among the cells: none or one", kind=Release)
    gain = Choice(
        "leak",
        "what a spike of weight w adds to a cell",
        {"leak": "w (1 - exp(-dt/tau_m))", "one": "w"},
        source="bellec2020 (code)",
    )
    tau_m = Param(30 * ms, "membrane time constant", low=0.1 * ms, high=10_000 * ms, source="bellec2020 (code)")
    v_t = Param(0.03, "threshold at rest", low=1e-9, high=1e6, source="bellec2020 (code)")
    tau_ref = Param(0 * ms, "refractory period", low=0 * ms, high=100 * ms, source="bellec2020 (code)")
    tau_a = Param(2000 * ms, "decay of adaptation", low=1 * ms, high=100_000 * ms, source="bellec2020 (code)")
    beta = Param(0.0174, "rise of the threshold at a spike", low=0, high=1e6, source="bellec2020 (code)")
    watched = Choice(
        "spikes",
        "what is recorded beside weights, losses and scores",
        {"spikes": "the spikes of the cells", "nothing": "nothing: long runs have more spikes than fit into memory"},
    )
    w_decay = Param(0.0, "share that weights of readouts and adaptive feedback lose at an update", low=0, high=1)
    g_in = Param(1.0, "standard deviation of first input weights, times the root of their number at a cell", low=0,
                 high=1e3)  # fmt: skip
    g_rec = Param(1.0, "the same for recurrent weights", low=0, high=1e3)
    g_feedback = Param(
        1.0, "standard deviation of random feedback, for signals times the root of the number of cells",
        low=0, high=1e3, source="bellec2020 (code)",
    )  # fmt: skip

    presets = {
        "evidence": Preset(
            {
                "rule": EProp(
                    chunk=2250 * ms, batch=32, tau_out=20 * ms, window=150,
                    optimiser=Adam(r0=5e-3), surrogate=Triangle(width=0.6),
                ),
                "n_adaptive": 50, "wanted": "class", "gain": "one", "tau_m": 20 * ms, "v_t": 0.6, "tau_ref": 5 * ms,
                "tau_a": 2000 * ms, "beta": 0.0174242,
            },
            "bellec2020 (code)",
            "Accumulation of cues: 50 cells without and 50 with adaptation.",
        ),
        "clicks_adaptive": Preset(
            {
                **_CLICKS, "rule": _clicks_rule(f_target=10), "n_adaptive": 50, "tau_a": 2000 * ms, "beta": 0.0174,
                "g_rec": 0.5,
            },
            "brunton2013, the task; the network is our own",
            "Random clicks: half of the cells remember by their adaptation. For slots of 1.65 s in steps of 2 ms.",
        ),
        "clicks_facilitating": Preset(
            {
                **_CLICKS, "rule": _clicks_rule(f_target=20), "g_in": 2.0, "g_rec": 0.1,
                "release": (RelativeTsodyksMarkram(U=0.03, tau_fac=1500 * ms, tau_rec=100 * ms),),
            },
            "brunton2013, the task; the network is our own, in the spirit of a talk by Zenke (Cosyne 2019)",
            "Random clicks: cells without adaptation remember by facilitating synapses among them. For slots of 1.65 s "
            "in steps of 2 ms.",
        ),
        "clicks_facilitating_large": Preset(
            {
                **_CLICKS, "rule": _clicks_rule(f_target=20, c=1e-5, r0=1.25e-3), "n_cells": 200, "g_in": 2.0,
                "g_rec": 0,
                "release": (RelativeTsodyksMarkram(U=0.02, tau_fac=1500 * ms, tau_rec=50 * ms),),
            },
            "brunton2013, the task; the network is our own",
            "The same with twice the cells, synapses among them that begin at 0 and recover faster, a quarter of the "
            "learning rate and five times the weight of the rates.",
        ),
    }  # fmt: skip

    def check(self) -> None:
        if self.n_adaptive > self.n_cells:
            raise self.fields["n_adaptive"].refuse("RecurrentReadout", f"at most {self.n_cells}", str(self.n_adaptive))
        if len(self.release) > 1 or (self.release and self.recurrence == "none"):
            expected = "at most one, and synapses among the cells"
            raise self.fields["release"].refuse("RecurrentReadout", expected, repr(self.release))

    @property
    def outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("cells",) if self.watched == "spikes" else ()

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        recurrent = () if self.recurrence == "none" else ("recurrent.w",)
        return ("to_cells.w", *recurrent, "readout.w", "out.loss", "out.score")

    @property
    def transmit(self) -> str:
        """What a spike of weight ``w`` does to a cell."""
        return "v_post += w" + ("*(1 - exp(-dt/tau_m_post))" if self.gain == "leak" else "")

    @property
    def learning(self) -> Learning:
        """The rule on these cells, derived. Their reset comes in the paper with the decay of the next step."""
        adapts = self.n_adaptive > 0
        equations = "dv/dt = -v/tau_m : 1\n" + "\n".join(number_lines(self._cell_numbers))
        if adapts:
            equations += "\nda/dt = -a/tau_a : 1\nbeta : 1 (constant)"
        return self.rule.on(
            equations + "\nz_bar : 1", threshold="v >= v_t" + adapts * " + beta*a",
            reset=self._reset, on_pre=self.transmit, method="exact", refractory=True, keep=["a"] * adapts,
            arrival="before_thresholds",
        )  # fmt: skip

    @property
    def _reset(self) -> str:
        return "v -= v_t*exp(dt/tau_m)" + ("; a += exp(dt/tau_a)" if self.n_adaptive else "")

    @property
    def _cell_numbers(self) -> dict[str, Any]:
        names = ["tau_m", "v_t", "tau_ref", *["tau_a"] * (self.n_adaptive > 0)]
        return {name: self.values[name] for name in names}

    @property
    def _readout_numbers(self) -> dict[str, Any]:
        return {**self.rule.optimiser.numbers, "w_decay": self.w_decay, "window": self.rule.window}

    @property
    def multiples(self) -> dict[str, int]:
        # the neurons that tell one signal
        return {"targets": N_NEURONS if self.wanted == "signal" else 1}

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        learning, rule, targets = self.learning, self.rule, sources["targets"]
        cells = NeuronGroup(
            self.n_cells, learning.equations, threshold=learning.threshold, reset=self._reset, method="exact",
            refractory="tau_ref", namespace={}, name="cells",
        )  # fmt: skip
        for name, value in self._cell_numbers.items():
            setattr(cells, name, value)
        learning.attach(cells)
        each = self.multiples["targets"]
        if len(targets) % each:
            expected = f"{each} neurons for every signal"
            raise AssemblyError("RecurrentReadout", "targets", expected=expected, got=f"{len(targets)} neurons")
        out = self._readouts(len(targets) // each)
        built: dict[str, Any] = {"cells": cells, "out": out}
        built["to_cells"] = learning.synapses(sources["inputs"], cells, self.transmit, name="to_cells")
        if self.recurrence != "none":
            built["recurrent"] = learning.synapses(
                cells, cells, self.transmit, connect={"condition": "i != j"}, name="recurrent",
                release=self.release[0] if self.release else None,
            )  # fmt: skip
            if self.release:
                rest = "\n".join(f"{Release.on_synapse(trace.name)} = 0" for trace in self.release[0].pre_traces)
                for when in ("start", "before_thresholds"):  # in the latter arrives what was sent in the trial before
                    built["recurrent"].run_regularly(
                        rest, dt=rule.chunk, when=when, order=2, name=f"recurrent_rest_{when}"
                    )
        keep = "exp(-dt/e_prop_tau_out)"
        spiked = learning.names["spiked"]
        cells.run_regularly(f"z_bar = z_bar*{keep} + (1 - {keep})*{spiked}", when="end", order=-4, name="cells_bar")
        readout = Synapses(
            cells, out, f"w : 1\n{self._learned_text}", on_pre="y_post += (1 - exp(-dt/tau_out_post))*w", namespace={},
            name="readout",
        )  # fmt: skip
        readout.connect()
        self._learns(readout, "w", "error_post*z_bar_pre")
        back = self._back(learning, readout, out, cells)
        rest = "v = 0\nz_bar = 0\n" + "a = 0\n" * bool(self.n_adaptive) + f"lastspike = {float(NEVER)}*second"
        cells.run_regularly(rest, dt=rule.chunk, when="start", order=2, name="cells_new_trial")
        cells.run_regularly("v = 0", dt=rule.chunk, when="before_thresholds", order=2, name="cells_late")
        return built | {"readout": readout, "back": back} | self._told(targets, out)

    def _readouts(self, n: int) -> NeuronGroup:
        out = NeuronGroup(
            n,
            """
            dy/dt = -y/tau_out : 1
            tau_out : second (shared, constant)
            wanted : 1
            counts : 1
            mass : 1
            error : 1
            loss : 1
            score : 1
            """,
            method="exact", namespace={}, name="out",
        )  # fmt: skip
        out.tau_out = self.rule.tau_out
        if self.wanted == "class":
            step = "error = (exp(y)/mass - wanted)*counts\nloss -= wanted*log(exp(y)/mass)*counts"
        else:
            step = "error = (y - wanted)*counts\nloss += 0.5*error**2"
        out.run_regularly(step + "\nscore += y*counts", when="end", order=-4, name="out_error")
        rest = "y = 0\nloss = 0\nscore = 0\nwanted = 0\ncounts = 0"
        out.run_regularly(rest, dt=self.rule.chunk, when="start", order=2, name="out_new_trial")
        return out

    def _told(self, targets: Any, out: NeuronGroup) -> dict[str, Any]:
        """What is wanted, from the spikes of `targets`."""
        if self.wanted == "class":
            share = Synapses(out, out, "mass_post = exp(y_pre) : 1 (summed)", namespace={}, name="share")
            share.connect()
            share.summed_updaters["mass_post"].when, share.summed_updaters["mass_post"].order = "end", -5
            label = Synapses(targets, out, on_pre="wanted_post = 1", namespace={}, name="label")
            label.connect(j="i")
            begin = Synapses(targets, out, on_pre="counts_post = 1", namespace={}, name="begin")
            begin.connect()
            return {"share": share, "label": label, "begin": begin}
        strobe = Synapses(targets, out, on_pre="wanted_post = 0; counts_post = 1", namespace={}, name="strobe")
        digits = Synapses(targets, out, "value : 1 (constant)", on_pre="wanted_post += value", namespace={},
                          name="digits")  # fmt: skip
        strobe.pre.order, digits.pre.order = 0, 1
        strobe.connect(j=f"i//{N_NEURONS} for _ in range(int(i%{N_NEURONS} == 0))")
        digits.connect(j=f"i//{N_NEURONS}")
        return {"strobe": strobe, "digits": digits}

    def _learns(self, synapses: Synapses, weight: str, gradient: str) -> None:
        """Let a weight of synapses follow a product of a readout's error and a filtered cell."""
        rule, optimiser, name = self.rule, self.rule.optimiser, synapses.name
        for number, value in self._readout_numbers.items():
            setattr(synapses, number, value)
        synapses.run_regularly(f"gradient -= {gradient}", when="end", order=0, name=f"{name}_gradient")
        every = rule.batch * rule.chunk
        change = f"m = gradient/(window*{rule.batch})\nrate = {optimiser.rate}\n"
        change += f"k = clip(t/({float(every)!r}*second), 1, inf)\n{optimiser.update}\n"
        change += "w *= 1 - w_decay*int(rate > 0)\ngradient = 0"
        change = rename("\n".join(statements(change)), {"w": weight})
        synapses.run_regularly(change, dt=every, when="start", order=-1, name=f"{name}_update")

    @property
    def _learned_text(self) -> str:
        text = [*statements(self.rule.optimiser.equations), *number_lines(self._readout_numbers)]
        return "gradient : 1\n" + "\n".join(text)

    def _back(self, learning: Learning, readout: Synapses, out: NeuronGroup, cells: NeuronGroup) -> Synapses:
        """Errors of the readouts on their way to the cells."""
        if self.feedback == "symmetric":
            return learning.pass_back(readout, out, cells, "back", error="error")
        if self.feedback != "adaptive":
            return learning.broadcast(out, "error", cells, name="back")
        back = learning.broadcast(out, "error", cells, model=f"b : 1\n{self._learned_text}", name="back")
        self._learns(back, "b", "error_pre*z_bar_post")
        return back

    @property
    def settings(self) -> dict[str, Any]:
        learning = self.learning
        on_synapses = learning.synapse_constants
        found = prefixed("cells", {**self._cell_numbers, **learning.cell_constants})
        found |= prefixed("to_cells", on_synapses) | prefixed("readout", self._readout_numbers)
        found["out.tau_out"] = self.rule.tau_out
        if self.recurrence != "none":
            released = self.release[0].constants if self.release else {}
            found |= prefixed("recurrent", {**on_synapses, **released})
        if self.feedback == "adaptive":
            found |= prefixed("back", self._readout_numbers)
        return found

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        n, n_in, n_out = self.n_cells, sizes["inputs"], sizes["targets"] // self.multiples["targets"]
        found = {"to_cells.w": self.g_in * rng.standard_normal(n_in * n) / np.sqrt(n_in)}
        if self.recurrence != "none":
            found["recurrent.w"] = self.g_rec * rng.standard_normal(n * (n - 1)) / np.sqrt(n)
        if self.wanted == "class":
            limit = np.sqrt(6 / (n + n_out))
            found["readout.w"] = rng.uniform(-limit, limit, n * n_out)
        else:
            found["readout.w"] = rng.standard_normal(n * n_out) / np.sqrt(n)
            found["digits.value"] = np.tile(VALUES, n_out)
        if self.feedback != "symmetric":
            drawn = self.g_feedback * rng.standard_normal(n * n_out) / (np.sqrt(n) if self.wanted == "signal" else 1)
            found["back.b"] = np.ones(n * n_out) if self.feedback == "uniform" else drawn
        if self.n_adaptive:
            found["cells.beta"] = np.where(np.arange(n) < n - self.n_adaptive, 0, float(self.beta))
        return found

    @classmethod
    def examples(cls) -> Iterator[RecurrentReadout]:
        """Signals by each feedback; classes by adaptive cells; by facilitating synapses; without recurrence."""
        for feedback in cls.fields["feedback"].options:  # type: ignore[attr-defined]
            yield cls(n_cells=8, feedback=feedback)
        yield cls.preset("evidence")
        yield cls.preset("evidence", n_adaptive=0, release=[TsodyksMarkram(U=0.03)], n_cells=10)
        yield cls.preset("evidence", recurrence="none", n_cells=10, n_adaptive=10)
        yield cls.preset("clicks_facilitating", n_cells=10, watched="nothing")
