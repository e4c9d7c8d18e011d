"""Figure 5 of Masquelier, Guyonneau & Thorpe 2008."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record

from . import _style
from ._figure import Figure, Records
from ._masquelier2008 import (
    detection,
    emerged,
    found,
    is_false_alarm,
    last,
    latencies_of,
    over_seeds_or_within,
    percent,
    scored,
    spikes_of,
    standard,
)
from ._seeds import over_seeds

DISCHARGE, TIME, LATENCY = "discharge", "time (s)", "latency (ms)"
FIRST, LAST = "from discharge", "to discharge"
WINDOW = 10.0  # s; about 50 presentations: the mean latency in a window is known to a few tenths of a ms
TOLERANCE = 1.0  # ms; the jitter of the pattern
N_FIRST = 300  # discharges in the first 5 s, well before anything is found


def last_false_alarm(record: Record) -> float | None:
    """Number of the discharge that was the last false alarm of the run."""
    moment = found(record)
    return moment.n_discharges if moment else None


def windows(record: Record, t_start: float) -> pd.DataFrame:
    """Mean latency of the first answers in windows of 10 s, and the discharges from and to which each reaches."""
    starts = np.arange(t_start, record.duration - WINDOW + 1e-9, WINDOW)
    latency = [scored(record, start, start + WINDOW).mean_latency * 1e3 for start in starts.tolist()]
    first, stop = (np.searchsorted(spikes_of(record), times) for times in (starts, starts + WINDOW))
    return pd.DataFrame({FIRST: first + 1, LAST: stop, TIME: starts + WINDOW / 2, LATENCY: latency})


def converged_at(record: Record) -> float | None:
    """Number of discharges until the latency in a window of 10 s is first within 1 ms of the latency in the end."""
    moment = emerged(record)
    if moment is None or not found(record):
        return None
    means = windows(record, moment.time)
    near = np.abs(means[LATENCY] - final_latency(record)) <= TOLERANCE
    return float(means[LAST][near].iloc[0]) if near.any() else None


def final_latency(record: Record) -> float:
    """Mean latency in the last 150 s, ms; nan if nothing is answered."""
    return detection(record).mean_latency * 1e3


def final_latencies(record: Record) -> Iterable[float]:
    """Latencies in the last 150 s, ms, if the pattern was found."""
    return detection(record).latencies * 1e3 if found(record) else ()


def way_back(record: Record) -> float | None:
    """How much later than in the end the cell answers in the first 4 s after finding the pattern, ms."""
    moment = emerged(record)
    if moment is None or not found(record):
        return None
    first = scored(record, moment.time, moment.time + 4).mean_latency * 1e3
    return None if np.isnan(first) else first - final_latency(record)


def late_change(record: Record) -> float | None:
    """Change of the mean latency from the 150 s before the last to the last 150 s, ms."""
    if not found(record):
        return None
    before = scored(record, record.duration - 2 * last(record), record.duration - last(record)).mean_latency * 1e3
    return None if np.isnan(before) else final_latency(record) - before


def chance_share(records: Sequence[Record]) -> Interval:
    """Share of the first 300 discharges that fall in a presentation, %, all runs together."""
    alarms = np.concatenate([is_false_alarm(record)[:N_FIRST] for record in records])
    return percent(int(np.sum(~alarms)), alarms.size)


def final_rates(record: Record) -> Iterable[float]:
    """Discharges in each of the last 150 s, Hz, if the pattern was found."""
    if not found(record):
        return ()
    n = int(last(record))
    return np.histogram(spikes_of(record), np.linspace(record.duration - n, record.duration, n + 1))[0]


def success(records: Sequence[Record]) -> Interval:
    """Share of all runs that meet the paper's criterion in the last 150 s, %."""
    return percent(sum(detection(record).success() for record in records), len(records))


class Masquelier2008Fig5(Figure):
    """The latency of every discharge in one run: at random, then tracking back through the pattern, then on a plateau.

    Drawn is the run of the first seed. A latency is counted from the start of the presentation and set to 0 for a
    false alarm, as in the paper.
    """

    title = "Masquelier et al. 2008, Figure 5: latency over discharges"
    cites = ("masquelier2008", "hathway2018")
    claims = (
        Claim(
            name="last_false_alarm",
            sentence="The last false alarm of the whole run is the 676th discharge. Mean over the runs that found the "
            "pattern.",
            source="masquelier2008, Fig 5 and text",
            paper_value="676th discharge",
            accept=(579, 889),
            reason="Exact-time runs begin at 579; the replication has 672 (SD 39) at a time step of 1 us and about "
            "850 at our 0.1 ms with ties counted as the mean of both orders.",
            evidence="paper",
            measure=over_seeds("standard", last_false_alarm),
            unit="discharges",
        ),
        Claim(
            name="random_phase",
            sentence="At first the discharges have nothing to do with the pattern: as many of them fall in a "
            "presentation as it takes of the time. Measured: the first 300 discharges of all runs together.",
            source="masquelier2008, Fig 5",
            paper_value="at random: 25 % of the time",
            accept=(20, 30),
            reason="5 points on either side: what the 300 discharges of a single run can tell apart.",
            evidence="paper",
            measure=lambda records: chance_share(records["standard"]),
            unit="%",
        ),
        Claim(
            name="tracking_back",
            sentence="When the cell has found the pattern it answers tens of ms after its start, and then tracks back. "
            "Measured: by how much the mean latency of the first 4 s after finding exceeds that of the last 150 s; "
            "mean over the runs that found the pattern in 50 s.",
            source="masquelier2008, Fig 5",
            paper_value="from up to 50 ms",
            accept=(10, 46),
            reason="From the least that can be called tens of ms to the length of the pattern less the final latency.",
            evidence="paper",
            measure=over_seeds("standard", way_back),
            unit="ms",
        ),
        Claim(
            name="convergence",
            sentence="The latency has converged after about 2000 discharges. Measured: discharges until the mean "
            "latency in a window of 10 s is first within 1 ms of that in the last 150 s; mean over the runs that "
            "found the pattern in 50 s.",
            source="masquelier2008, Figs 4c and 5",
            paper_value="about 2000 discharges",
            accept=(1300, 3000),
            reason="The paper gives a round number without a criterion, read off a curve that flattens slowly: a "
            "factor of 1.5 either way.",
            evidence="paper",
            measure=over_seeds("standard", converged_at),
            unit="discharges",
        ),
        Claim(
            name="final_latency",
            sentence="In the end the cell fires about 4 ms after the start of the pattern. Measured in the last 150 s; "
            "mean over the runs that found the pattern.",
            source="masquelier2008, Figs 4c and 5",
            paper_value="about 4 ms",
            accept=(3.5, 6),
            reason="Exact-time runs lie between 3.5 and 5.5 ms; the replication has 4.7 ms (SD 0.8) at our time step.",
            evidence="paper",
            measure=lambda records: over_seeds_or_within(records["standard"], final_latencies),
            unit="ms",
        ),
        Claim(
            name="plateau",
            sentence="Then the latency stays. Measured: its change between the second and the third 150 s; mean over "
            "the runs that found the pattern.",
            source="masquelier2008, Fig 5",
            paper_value="a plateau",
            accept=(-1, 1),
            reason="1 ms is the jitter of the pattern, below which a latency means little.",
            evidence="paper",
            measure=over_seeds("standard", late_change),
            unit="ms",
        ),
        Claim(
            name="final_rate",
            sentence="After learning the cell fires at 5 to 10 Hz. Measured in the last 150 s; mean over the runs that "
            "found the pattern.",
            source="masquelier2008, Discussion",
            paper_value="5 to 10 Hz",
            accept=(4.9, 10),
            reason="One or two discharges for each of 5 presentations a second, of which up to 2 % may be missed.",
            evidence="paper",
            measure=lambda records: over_seeds_or_within(records["standard"], final_rates),
            unit="Hz",
        ),
        Claim(
            name="success",
            sentence="96 % of the runs succeed: in the last 150 s a hit rate above 98 %, no false alarm, and a mean "
            "latency below 10 ms. Of all runs.",
            source="masquelier2008, text",
            paper_value="96 % of 100 runs",
            accept=(86, 100),
            reason="10 points, since the author's code gave 90 % and a Brian2 model 94 % when they were run again "
            "(hathway2018).",
            evidence="paper",
            measure=lambda records: success(records["standard"]),
            unit="%",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        return {"standard": standard(small=small)}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        record = records["standard"][0]
        spikes, moment = spikes_of(record), found(record)
        discharges = pd.DataFrame(
            {
                DISCHARGE: np.arange(1, spikes.size + 1),
                TIME: spikes,
                LATENCY: latencies_of(record),
                "false alarm": is_false_alarm(record),
            }
        )
        return {
            "discharges": discharges,
            "mean": windows(record, moment.time if moment else 0.0),
            "found": discharges[discharges[DISCHARGE] == moment.n_discharges] if moment else discharges[:0],
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.ONE_COLUMN, 62)
        axes = canvas.subplots()
        every, means, found_row = data["discharges"], data["mean"], data["found"]
        for alarm, colour, label in (
            (False, _style.BLUE, "discharge in the pattern"),
            (True, _style.VERMILION, "false alarm (0 by convention)"),
        ):
            some = every[every["false alarm"] == alarm]
            axes.plot(some[DISCHARGE], some[LATENCY], ".", color=colour, ms=1.8, mew=0, label=label)
        middle = (means[FIRST] + means[LAST]) / 2
        axes.plot(middle, means[LATENCY], color=_style.BLACK, lw=0.9, label="first answers, mean of 10 s")
        for n, time in zip(found_row[DISCHARGE], found_row[TIME], strict=True):
            axes.axvline(n, color=_style.BLACK, lw=0.6, ls=(0, (4, 3)))
            label = f"pattern found:\ndischarge {n}, {time:.1f} s"
            axes.annotate(label, (n, 26), (4, 0), textcoords="offset points", va="top")
        axes.set_xlim(0, every[DISCHARGE].max() if len(every) else 1)
        axes.set_ylim(-1.5, 51)
        axes.set_xlabel("Discharge")
        axes.set_ylabel("Latency (ms)")
        axes.legend(loc="upper right", markerscale=3, frameon=True, framealpha=0.85, edgecolor="none")
        return canvas
