"""The rule of Bienenstock, Cooper & Munro between rate units, with a sliding threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset

from ._rate_rule import RateRule


class BCM(RateRule):
    """A weight grows while the postsynaptic rate is above a threshold and shrinks below it; the threshold slides.

    The threshold follows the mean square of the rate, and weights do not fall below 0. For a single input x = 1 the
    fixed point w = theta = kappa is stable only if tau < 1/(eta kappa): the threshold must slide faster than the
    weight learns. At the boundary the weight oscillates with the period 2 pi tau; far beyond it, it explodes.

    The form is that of the reduced model: phi is y (y - theta), and theta averages y^2 rather than squares the average.
    """

    cites = ("bienenstock1982", "zenkegerstner2017", "zenke2017")

    eta = Param(1 * Hz, "learning rate", low=0 * Hz, high=10_000 * Hz)
    tau = Param(0.1 * second, "time constant of the threshold", low=0.1 * ms, high=10_000 * second)
    kappa = Param(1.0, "rate at the fixed point", low=1e-6, high=1e6)

    presets = {
        "unstable": Preset(
            {"eta": 1 * Hz, "tau": 2 * second},
            "zenkegerstner2017, caption of the BCM figure",
            "The panel with tau = 2/eta and a single input x = 1.",
        )
    }

    change = "eta*x*y*(y - theta)"
    on_cell = "dtheta/dt = (y**2/kappa - theta)/tau : 1"
    start: Any = {"theta": "kappa"}
    bounds = ("0", "inf")

    def slopes(
        self, x: np.ndarray, w: np.ndarray, y: np.ndarray, cell: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        theta = cell["theta"]
        phi = np.square(y) - y * theta
        return float(self.eta) * np.multiply(x, phi), {"theta": -(theta - np.square(y) / self.kappa) / float(self.tau)}

    @classmethod
    def examples(cls) -> Iterator[BCM]:
        """The default; the unstable panel; a high rate with slow learning."""
        yield cls()
        yield cls.preset("unstable")
        yield cls(kappa=4.0, eta=0.1 * Hz, tau=1 * second)
