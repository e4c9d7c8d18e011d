"""What the figures of Masquelier, Guyonneau & Thorpe 2009 share: competing cells, and which pattern each one codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from brian2 import ms, second

from brian2learn.analysis.detection import score
from brian2learn.circuits.detector import Detector
from brian2learn.circuits.srm0 import SRM0
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.hidden_patterns import HiddenPatterns

INHIBITION = 0.25
THETA = 550.0


def competing(
    n_patterns: int, n_cells: int, inhibition: float = INHIBITION, *, theta: float = THETA, small: bool = False
) -> Experiment:
    """Cells with random weights that see the same input and inhibit one another.

    75 s for each pattern, three times. At a time step of 0.1 ms several cells may reach threshold in one step: the one
    furthest above fires, the others are looked at again in the next step, as in the author's event-driven engine
    they are at the next input spike. Ties of pre and post spikes count as in the figures of 2008. The threshold of 550
    is in the author's later parameter file; it is 500 in the paper of 2008.
    """
    period = (5 if small else 75) * n_patterns * second
    circuit = Detector(
        cell=SRM0(theta=theta, tau_ref=5 * ms),
        rule=PairSTDP(pairing="reduced_nearest", ties="mean"),
        n_cells=n_cells,
        w_init=0.5,
        w_spread=0.5,
        w_shape="uniform",
        inhibition=inhibition,
        competition="winner" if inhibition else "none",
    )
    return Experiment(HiddenPatterns(n_patterns=n_patterns, period=period), circuit, dt=0.1 * ms)


@dataclass(frozen=True)
class Response:
    """How one cell answers one pattern in the last third of a run.

    Attributes
    ----------
    cell, pattern : int
    hit_rate : float
        Share of its presentations that are answered.
    latency : float, ms
        Mean over these; nan if there are none.
    false_alarm_rate : float, Hz
        Spikes outside all presentations of all patterns.
    codes : bool
        Whether the cell answers more than half of the presentations and has fewer false alarms than there are
        presentations; our criterion.
    """

    cell: int
    pattern: int
    hit_rate: float
    latency: float
    false_alarm_rate: float
    codes: bool


def responses(record: Record) -> list[Response]:
    """Every cell with every pattern, in the last third of the run, which is the last showing of the input."""
    onsets, shown, length = record.truth["onset"], record.truth["pattern"], float(record.truth["pattern_length"])
    n_cells = int(record.info["experiment"]["circuit"]["n_cells"])
    window = {"t_start": record.duration * 2 / 3, "t_stop": record.duration}
    found = []
    for cell in range(n_cells):
        spikes = record.spikes["cells"].t[record.spikes["cells"].i == cell]
        n_alarms = score(spikes, onsets, length, **window).n_false_alarms
        for pattern in range(len(record.truth["in_pattern"])):
            one = score(spikes, onsets[shown == pattern], length, **window)
            codes = one.hit_rate > 0.5 and n_alarms < one.n_presentations
            rate = n_alarms / (record.duration / 3)
            found.append(Response(cell, pattern, one.hit_rate, one.mean_latency * 1e3, rate, codes))
    return found


def coding(record: Record, pattern: int) -> list[Response]:
    """The cells that code a pattern, the fastest first."""
    chosen = [each for each in responses(record) if each.codes and each.pattern == pattern]
    return sorted(chosen, key=lambda each: each.latency)


def spacing(record: Record) -> float | None:
    """How much later than the first cell the second one answers, ms; mean over patterns that two cells code."""
    gaps = []
    for pattern in range(len(record.truth["in_pattern"])):
        first = coding(record, pattern)[:2]
        if len(first) == 2:
            gaps.append(first[1].latency - first[0].latency)
    return float(np.mean(gaps)) if gaps else None


def false_alarm_rate(record: Record) -> float:
    """Mean over all cells, Hz."""
    return float(np.mean([each.false_alarm_rate for each in responses(record)]))


def table_of(records: Sequence[Record]) -> list[dict[str, float | int | bool]]:
    """A row for each run, cell and pattern."""
    return [
        {
            "seed": int(record.info["seed"]),
            "cell": each.cell,
            "pattern": each.pattern,
            "hits (%)": 100 * each.hit_rate,
            "latency (ms)": each.latency,
            "false alarms (Hz)": each.false_alarm_rate,
            "codes": each.codes,
        }
        for record in records
        for each in responses(record)
    ]
