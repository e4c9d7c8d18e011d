"""What the figures of the memory network share: which mechanisms it can lack, and how it is shown."""

from __future__ import annotations

from brian2 import ms, second

from brian2learn.plasticity.consolidation import Consolidation
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.secreted_inhibitory_stdp import SecretedInhibitorySTDP
from brian2learn.plasticity.transmitter_induced import TransmitterInduced
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.plasticity.tsodyks_markram import LOWEST, TsodyksMarkram
from brian2learn.runs.record import Record

from . import _style

WHOLE = "all mechanisms"
HEBB, TOWARDS, UP, HOLD = TripletSTDP.preset("zenke2015"), Heterosynaptic(), TransmitterInduced(), Consolidation()
# amplitudes of 0 act as the sum without the mechanism does, and need no other program
WITHOUT: dict[str, dict[str, object]] = {
    "no triplet STDP": {"e_rule": TOWARDS + HEBB.replace(a3_plus=0, a2_minus=0) + UP + HOLD},
    "no heterosynaptic": {"e_rule": TOWARDS.replace(beta=0) + HEBB + UP + HOLD},
    "no transmitter-induced": {"e_rule": TOWARDS + HEBB + UP.replace(delta=0) + HOLD},
    # the reference weight stays where it begins, at 0
    "no consolidation": {"e_rule": TOWARDS + HEBB + UP + HOLD.replace(tau_cons=1e7 * second)},
    "inhibition not plastic": {"ie_rule": SecretedInhibitorySTDP(eta=0)},
    "no short-term plasticity": {
        # recovers at once, so that every spike releases U
        "release": TsodyksMarkram.preset("zenke2015", tau_rec=0.1 * ms, tau_fac=LOWEST)
    },
}
COLOURS = (_style.BLUE, _style.ORANGE, _style.GREEN, _style.PURPLE)
THRESHOLD = 10.0  # Hz, above which an assembly is active
N_SHOWN = 200  # cells in a raster


def n_cells(record: Record) -> int:
    """Number of excitatory cells."""
    return int(record.info["experiment"]["circuit"]["n_excitatory"])
