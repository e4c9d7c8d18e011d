"""A jump of the potential."""

from __future__ import annotations

import numpy as np
from brian2 import mV, volt

from brian2learn.core.declaration import Param

from ._transmission import Transmission


class Delta(Transmission):
    """A spike moves the potential at once by its weight, whether the cell is refractory or not."""

    cites = "stein1965"

    v_unit = Param(1 * mV, "jump for weight 1", low=0 * mV, high=1 * volt)

    on_spike = "v_post += w * v_unit"

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        return np.full_like(s, float(self.v_unit))
