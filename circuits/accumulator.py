"""The accumulator of Brunton et al. 2013: an observer of random clicks with noise, adaptation and a bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, NeuronGroup, Synapses, ms, second

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.declaration import Choice, Param, Preset, number_lines
from brian2learn.core.errors import AssemblyError

from ._circuit import Circuit, prefixed

STATES = ("moving", "stuck", "stopping", "went_right", "C_left", "C_right", "n_left", "n_right")
CHOICE = "int(a > bias)*(1 - lapsed) + lapsed*int(rand() < 0.5)"


class Accumulator(Circuit):
    """Every cell is the observer of one trial: it sums up clicks until the trial stops, then says which side had more.

    A click moves the state a by its strength C, to the right (positive) or to the left, with noise. C begins at 1; a
    click takes it to phi C, from where it goes back to 1: Tsodyks-Markram depression with U = 1 - phi, tau_rec =
    tau_phi and u fixed. Where a reaches a bound it stays. The choice is right where a exceeds `bias`, but for lapses.

    Neurons ``2 k`` and ``2 k + 1`` of ``clicks`` are the left and the right of cell k, neuron k of ``stops`` says that
    its trial is over. Clicks of both sides in one time step are a pair. What happens in a step counts from its end on;
    a trial begins with the end of the first one.
    """

    cites = ("brunton2013", "piet2018")
    inputs = ("clicks", "stops")
    learned = ("cells.a", "cells.stuck", "cells.went_right")

    lam = Param(
        -0.2767 * Hz, "growth rate of a: below 0 a leak, above it an instability", low=-100 * Hz, high=100 * Hz,
        source="brunton2013 (code of the lab)",
    )  # fmt: skip
    sigma_a2 = Param(2.0767 * Hz, "variance of a per time: noise of the memory, clicks^2/s", low=0 * Hz, high=1e4 * Hz,
                     source="brunton2013 (code of the lab)")  # fmt: skip
    sigma_s2 = Param(75.96 / 40, "variance of a click of strength 1: noise of the senses, clicks^2", low=0, high=1e4,
                     source="brunton2013 (code of the lab, for 40 clicks per second)")  # fmt: skip
    sigma_i2 = Param(1.9916, "variance of a at the onset, clicks^2", low=0, high=1e4,
                     source="brunton2013 (code of the lab)")  # fmt: skip
    B = Param(8.9474, "bound of a, in clicks; 1e9 for none", low=0.1, high=1e9, source="brunton2013 (code of the lab)")
    phi = Param(0.1694, "factor of C at a click: below 1 depression, above it facilitation", low=0, high=10,
                source="brunton2013 (code of the lab)")  # fmt: skip
    tau_phi = Param(96.4 * ms, "recovery of C", low=1e-3 * ms, high=100 * second,
                    source="brunton2013 (code of the lab)")  # fmt: skip
    bias = Param(-0.0269, "a above which the choice is right, in clicks", low=-1e3, high=1e3,
                 source="brunton2013 (code of the lab)")  # fmt: skip
    lapse = Param(0.0613, "chance to choose by a fair coin", low=0, high=1, source="brunton2013 (code of the lab)")
    noise = Choice("C", "variance of a click of strength C, over sigma_s2", {
        "C": "C, as in the code of the lab", "C2": "C squared, as if every click were multiplied by a random number",
    })  # fmt: skip
    adaptation = Choice("across", "which clicks change C", {
        "across": "those of both sides change that of both", "within": "those of a side change that of the side",
    })  # fmt: skip
    pairs = Choice("cancel", "clicks of both sides at one time", {
        "cancel": "are not heard, but leave C at 0", "count": "are a click on each side, both of the C before them",
    })  # fmt: skip

    presets = {
        "piet2018": Preset(
            {
                "lam": -0.4 * Hz, "sigma_a2": 0 * Hz, "sigma_s2": 36.6 / 40, "sigma_i2": 0.1, "B": 5.0, "phi": 0.15,
                "tau_phi": 140 * ms, "bias": -0.18, "lapse": 0.1,
            },
            "piet2018, example in the accumulation-model repository (code)",
        ),
        "perfect_integrator": Preset(
            {
                "lam": 0 * Hz, "sigma_a2": 0 * Hz, "sigma_i2": 0.0, "B": 1e9, "bias": 0.0, "lapse": 0.0,
            },
            "brunton2013 (code of the lab), without memory noise, bound, bias and lapses",
            "Noise of the senses and adaptation are those of the average rat.",
        ),
        "ideal_counter": Preset(
            {
                "lam": 0 * Hz, "sigma_a2": 0 * Hz, "sigma_s2": 0.0, "sigma_i2": 0.0, "B": 1e9, "phi": 1.0, "bias": 0.0,
                "lapse": 0.0, "pairs": "count",
            },
            "brunton2013, the task",
            "Chooses left at equal numbers.",
        ),
    }  # fmt: skip

    @property
    def multiples(self) -> dict[str, int]:
        """Inputs whose number of neurons must be a multiple: two for every trial."""
        return {"clicks": 2}

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        clicks, stops = sources["clicks"], sources["stops"]
        n = len(stops)
        if len(clicks) != 2 * n:
            expected = f"two neurons for each of the {n} trials"
            raise AssemblyError("Accumulator", "clicks", expected=expected, got=f"{len(clicks)} neurons")
        text = "da/dt = begun*moving*(lam*a + sqrt(sigma_a2)*xi) : 1\nt_click : second\nbegun : 1 (shared)\n"
        text += "\n".join([*(f"{name} : 1" for name in STATES), *number_lines(self.numbers)])
        cells = NeuronGroup(
            n, text, method="euler", namespace={}, name="cells",
            events={"click": "n_left + n_right > 0", "bound": "moving*abs(a) >= B", "stop": "stopping > 0"},
        )  # fmt: skip
        for name, value in self.numbers.items():
            setattr(cells, name, value)
        cells.run_regularly("begun = 1", when="after_groups", name="cells_begin")
        decision = f"lapsed = int(rand() < lapse)\nwent_right = {CHOICE}\nmoving = 0\nstopping = 0"
        for event, order, code in (  # a click in the last step still counts
            ("click", 0, self._at_click),
            ("bound", 2, "moving = 0\nstuck = 1\na = clip(a, -B, B)"),
            ("stop", 4, decision),
        ):
            cells.set_event_schedule(event, when="after_synapses", order=order)
            cells.run_on_event(event, code, when="after_synapses", order=order + 1)
        heard = Synapses(
            clicks, cells, "is_right : 1 (constant)", namespace={}, name="heard",
            on_pre="n_left_post += 1 - is_right; n_right_post += is_right",
        )  # fmt: skip
        heard.connect(i=np.arange(2 * n), j=np.arange(2 * n) // 2)  # by a formula NumPy would take 100 us each
        stop = Synapses(stops, cells, on_pre="stopping_post = 1", namespace={}, name="stop")
        stop.connect(i=np.arange(n), j=np.arange(n))
        return {"cells": cells, "heard": heard, "stop": stop}

    @property
    def _at_click(self) -> str:
        """What a cell does in a time step with a click."""
        alone = "1 - int(n_left*n_right > 0)" if self.pairs == "cancel" else "1"
        strength = "C" if self.noise == "C" else "C**2"
        variance = " + ".join(f"n_{side}*{strength.replace('C', f'C_{side}')}" for side in ("left", "right"))
        lines = [f"heard = {alone}", "left_of = exp(-(t - t_click)/tau_phi)", "t_click = t"]
        lines += [f"C_{side} = heard*(1 - (1 - C_{side})*left_of)" for side in ("left", "right")]
        lines.append(f"a += moving*(n_right*C_right - n_left*C_left + sqrt(sigma_s2*({variance}))*randn())")
        for side in ("left", "right"):
            lines.append(f"C_{side} *= phi**({'n_left + n_right' if self.adaptation == 'across' else f'n_{side}'})")
        return "\n".join([*lines, "n_left = 0", "n_right = 0"])

    @property
    def settings(self) -> dict[str, Any]:
        return prefixed("cells", self.numbers)

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        n = sizes["stops"]
        return {
            "cells.a": np.sqrt(self.sigma_i2) * rng.standard_normal(n),
            "cells.moving": np.ones(n),
            "cells.C_left": np.ones(n),
            "cells.C_right": np.ones(n),
            "heard.is_right": np.tile([0.0, 1.0], n),
        }

    def reference(self, trials: ClickTrials) -> np.ndarray:
        """The slow independent twin without noise: the state at the end of every trial, event by event.

        Parameters
        ----------
        trials : ClickTrials

        Returns
        -------
        (n_trials,) float
        """
        lam, tau, B = float(self.lam), float(self.tau_phi), self.B
        found = []
        for k in range(len(trials)):
            mine = slice(*trials.offsets[k : k + 2])
            times, right = trials.times[mine], trials.right[mine]
            a, now = 0.0, 0.0
            strength = {True: 1.0, False: 1.0}
            for at in np.union1d(times, trials.duration[k]):
                a *= np.exp(lam * (at - now))
                strength = {side: 1 - (1 - C) * np.exp(-(at - now) / tau) for side, C in strength.items()}
                now = at
                if abs(a) >= B:
                    break
                sides = [bool(side) for side in right[times == at]]
                if self.pairs == "cancel" and len(set(sides)) == 2:
                    strength = {True: 0.0, False: 0.0}
                    continue
                a += sum(strength[side] * (1 if side else -1) for side in sides)
                for side in sides:
                    for other in (True, False) if self.adaptation == "across" else (side,):
                        strength[other] *= self.phi
                if abs(a) >= B:
                    break
            found.append(float(np.clip(a, -B, B)))
        return np.array(found)

    @classmethod
    def examples(cls) -> Iterator[Accumulator]:
        """The average rat, the other sets, and every other convention."""
        yield cls()
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(noise="C2", adaptation="within", pairs="count", phi=1.2)
