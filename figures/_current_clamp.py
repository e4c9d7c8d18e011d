"""What the figures of cells under constant current share: currents and spikes of a record."""

from __future__ import annotations

import numpy as np

from brian2learn.runs.record import Record


def currents_of(record: Record) -> np.ndarray:
    """Current into every cell, A."""
    circuit = record.info["experiment"]["circuit"]
    return np.linspace(circuit["i_low"]["si"], circuit["i_high"]["si"], circuit["n_cells"])


def spikes_of(record: Record, cell: int) -> np.ndarray:
    """Spike times of one cell, s."""
    spikes = record.spikes["cells"]
    return spikes.t[spikes.i == cell]
