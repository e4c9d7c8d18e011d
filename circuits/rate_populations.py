"""Populations described by one weight and one rate: the mean field of a network with metaplastic triplet plasticity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, NeuronGroup, second

from brian2learn.core.declaration import Param, Size, number_lines

from ._circuit import Circuit, prefixed

EQUATIONS = """
nu = kappa*clip(1 + gain*(w/w_0 - 1), 0, inf) : Hz
dw/dt = eta*nu**2*(nu - nubar**2/kappa) : 1
dnubar/dt = (nu - nubar)/tau_hom : Hz
tau_hom : second (constant)
"""


class RatePopulations(Circuit):
    """Independent recurrent populations, each with a rate detector of its own speed, after a small kick to the weight.

    All cells of a population fire at the rate nu(w) as independent Poisson trains; around w_0, where the rate is the
    target kappa, the rate rises in a straight line, and does not fall below 0. Time constants of the detectors are
    evenly spaced in logarithm. Euler steps of the time step of the experiment; at 0.1 s they are those of the
    literature. A weight that explodes becomes infinite.
    """

    cites = "zenke2013"

    n = Size(1, "populations", low=1, high=10_000)
    low_tau = Param(50 * second, "shortest time constant of a detector", low=1e-3 * second, high=1e6 * second)
    high_tau = Param(50 * second, "longest time constant of a detector", low=1e-3 * second, high=1e6 * second)
    eta = Param(1.24488e-5 * second**2, "a3_plus tau_plus tau_slow", low=0 * second**2, source="zenke2013 (code)")
    kappa = Param(3 * Hz, "target rate", low=1e-3 * Hz, high=1e3 * Hz, source="zenke2013 (code)")
    gain = Param(10.0, "d ln nu / d ln w", low=0, high=1e4)
    w_0 = Param(0.16, "weight at the target rate", low=1e-6, source="zenke2013 (code)")
    kick = Param(1e-3, "first weight above w_0", low=-1, high=1)

    def check(self) -> None:
        if self.low_tau > self.high_tau:
            expected = f"at least low_tau = {self.low_tau}"
            raise self.fields["high_tau"].refuse("RatePopulations", expected, str(self.high_tau))
        if (self.n == 1) != (self.low_tau == self.high_tau):
            expected = "1 if low_tau equals high_tau, else 2 or more"
            raise self.fields["n"].refuse("RatePopulations", expected, str(self.n))

    @property
    def taus(self) -> np.ndarray:
        """Time constant of every detector: (n,) float, s."""
        return np.geomspace(float(self.low_tau), float(self.high_tau), self.n)

    @property
    def _constants(self) -> dict[str, Any]:
        return {name: self.values[name] for name in ("eta", "kappa", "gain", "w_0")}

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        lines = "\n".join(number_lines(self._constants))
        populations = NeuronGroup(self.n, EQUATIONS + lines, method="euler", namespace={}, name="populations")
        for name, value in self._constants.items():
            setattr(populations, name, value)
        return {"populations": populations}

    @property
    def settings(self) -> dict[str, Any]:
        return prefixed("populations", self._constants)

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        first = {"w": self.w_0 + self.kick, "nubar": float(self.kappa)}
        return prefixed(
            "populations",
            {"tau_hom": self.taus, **{name: np.full(self.n, value) for name, value in first.items()}},
        )

    @classmethod
    def examples(cls) -> Iterator[RatePopulations]:
        """One population; several."""
        yield cls()
        yield cls(n=3, low_tau=10 * second, high_tau=100 * second, kick=-1e-3, gain=20.0)
