"""Figure 4 of Masquelier, Guyonneau & Thorpe 2008."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from brian2learn.analysis.intervals import mean
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record

from . import _style
from ._figure import Figure, Records
from ._masquelier2008 import (
    detection,
    emerged,
    first_rate,
    found,
    in_percent,
    is_false_alarm,
    last,
    length_of,
    percent,
    spikes_of,
    standard,
    weak,
)
from ._seeds import over_seeds

TIME, POTENTIAL, THRESHOLD = "time (s)", "potential (EPSP peaks)", "threshold (EPSP peaks)"
ONSET, END = "onset (s)", "end (s)"


def emergence_time(record: Record) -> float | None:
    """When the cell found the pattern, s."""
    moment = emerged(record)
    return moment.time if moment else None


def emergence_presentations(record: Record) -> float | None:
    """How often the pattern had been shown by then."""
    moment = emerged(record)
    return moment.n_presentations if moment else None


def hit_rate(records: Sequence[Record]) -> Interval:
    """Share of the last presentations that were answered, %: over the runs that found the pattern, or in one."""
    if len(records) == 1 and found(records[0]):
        only = detection(records[0])
        return percent(only.n_hits, only.n_presentations)
    return in_percent(mean([detection(record).hit_rate for record in records if found(record)], within=(0, 1)))


def false_alarms(records: Sequence[Record]) -> Interval:
    """Share of the last discharges that are false alarms, %, all runs together; a silent cell adds nothing."""
    alarms = [is_false_alarm(record)[spikes_of(record) >= record.duration - last(record)] for record in records]
    return percent(int(sum(map(np.sum, alarms))), sum(map(len, alarms)))


class Masquelier2008Fig4(Figure):
    """The potential of the cell in one second before, during and after learning, with the pattern's presentations.

    Drawn is the run of the first seed: its first second, the second around its last false alarm in the first 50 s (the
    middle of the run if it did not find the pattern), and its last second. The threshold is 500 times the peak of an
    EPSP of weight 1.
    """

    title = "Masquelier et al. 2008, Figure 4: the potential before, during and after learning"
    cites = ("masquelier2008", "hathway2018")
    claims = (
        Claim(
            name="initial_rate",
            sentence="In the first second, with all weights at 0.475, the cell fires at 63 Hz, whatever it is shown.",
            source="masquelier2008, text and Fig 4a",
            paper_value="about 63 Hz (a period of 16 ms)",
            accept=(62, 64),
            reason="Mean-field theory gives 63.1 Hz and exact-time runs 63 Hz; 1 Hz is the last digit given.",
            evidence="paper",
            measure=lambda records: first_rate(records["standard"]),
            unit="Hz",
        ),
        Claim(
            name="initial_rate_weak",
            sentence="With all weights at 0.325 instead, the cell fires at 38 Hz in the first second.",
            source="masquelier2008, text",
            paper_value="38 Hz",
            accept=(37, 41),
            reason="From 38 Hz to the 40 Hz that mean-field theory leaves room for (40.6 Hz while the weights stay), "
            "each with the 1 Hz accepted for the other rate.",
            evidence="paper",
            measure=lambda records: first_rate(records["weak"]),
            unit="Hz",
        ),
        Claim(
            name="emergence_time",
            sentence="After 13.5 s the cell fires for the pattern only. Measured: its last false alarm in the first "
            "50 s; mean over the runs that found the pattern by then.",
            source="masquelier2008, Fig 4b",
            paper_value="about 13.5 s",
            accept=(12, 18),
            reason="Exact-time runs take 12.3 to 14.5 s; the replication takes 13.5 s at a time step of 1 us and 17 s "
            "at our 0.1 ms with ties counted as the mean of both orders, with 1 s between seeds.",
            evidence="paper",
            measure=over_seeds("standard", emergence_time),
            unit="s",
        ),
        Claim(
            name="emergence_presentations",
            sentence="By then the pattern has been shown about 70 times. Mean over the runs that found it in 50 s.",
            source="masquelier2008, Fig 4b",
            paper_value="about 70",
            accept=(60, 90),
            reason="Five presentations a second during the accepted 12 to 18 s.",
            evidence="paper",
            measure=over_seeds("standard", emergence_presentations),
            unit="presentations",
        ),
        Claim(
            name="hit_rate",
            sentence="In the last 150 s the cell answers 99.1 % of the presentations. Mean over the runs that found "
            "the pattern.",
            source="masquelier2008, Fig 4c",
            paper_value="99.1 %",
            accept=(98, np.inf),
            reason="The paper's criterion of success; more hits than in its run do not speak against it.",
            evidence="paper",
            measure=lambda records: hit_rate(records["standard"]),
            unit="%",
        ),
        Claim(
            name="false_alarms",
            sentence="In the last 150 s no discharge falls outside a presentation. Share in the discharges of all "
            "runs together.",
            source="masquelier2008, Fig 4c",
            paper_value="0",
            accept=(0, 0.6),
            reason="The criterion allows none, but none in the 750 or more discharges of one run still leaves 0.5 % "
            "(Wilson). One in a single run leaves 0.75 % and is not accepted.",
            evidence="paper",
            measure=lambda records: false_alarms(records["standard"]),
            unit="%",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        return {"standard": standard(small=small), "weak": weak()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        record = records["standard"][0]
        moment = emerged(record)
        middle = moment.time if moment else record.duration / 2
        starts = {"a": 0.0, "b": min(max(middle - 0.5, 0.0), record.duration - 1), "c": record.duration - 1}
        onsets, spikes = record.truth["onset"], spikes_of(record)
        shown, fired = [], []
        for panel, start in starts.items():
            near = onsets[(onsets > start - length_of(record)) & (onsets < start + 1)]
            shown.append(pd.DataFrame({"panel": panel, ONSET: near, END: near + length_of(record)}))
            inside = (spikes >= start) & (spikes < start + 1)
            alarm = is_false_alarm(record)[inside]
            fired.append(pd.DataFrame({"panel": panel, TIME: spikes[inside], "false alarm": alarm}))
        return {
            **{panel: potential(record, start, start + 1) for panel, start in starts.items()},
            "presentations": pd.concat(shown, ignore_index=True),
            "discharges": pd.concat(fired, ignore_index=True),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 105)
        rows = canvas.subplots(3, 1, sharey=True)
        titles = {"a": "before learning", "b": "during learning", "c": "after learning"}
        for axes, (panel, title) in zip(rows, titles.items(), strict=True):
            parts = [data[name][data[name]["panel"] == panel] for name in ("presentations", "discharges")]
            draw_panel(axes, data[panel], *parts)
            axes.set_title(title)
            _style.letter(axes, panel)
        rows[1].set_ylabel("Membrane potential\n(EPSP peaks)")
        rows[-1].set_xlabel("Time (s)")
        handles = [
            Patch(color=_style.BAND, label="pattern"),
            Line2D([], [], color=_style.BLACK, ls=(0, (4, 3)), label="threshold"),
            Line2D([], [], color=_style.BLUE, marker="|", ls="", ms=5, mew=1, label="discharge in the pattern"),
            Line2D([], [], color=_style.VERMILION, marker="|", ls="", ms=5, mew=1, label="false alarm"),
        ]
        canvas.legend(handles=handles, loc="outside upper right", ncols=4)
        return canvas


def potential(record: Record, t_start: float, t_stop: float) -> pd.DataFrame:
    """The recorded potential, with its peak put in at every discharge, which the recording passes over."""
    cell = record.info["experiment"]["circuit"]["cell"]
    t, values = record.states["cells.u"]
    spikes = spikes_of(record)
    t = np.append(t, spikes)
    u = np.append(values[:, 0], np.full(spikes.size, cell["k_spike"] * cell["theta"]))
    order = np.argsort(t, kind="stable")  # a sample at the very time of a discharge was taken before it
    order = order[(t[order] >= t_start) & (t[order] < t_stop)]
    return pd.DataFrame({TIME: t[order], POTENTIAL: u[order].astype(float), THRESHOLD: float(cell["theta"])})


def draw_panel(axes: Axes, trace: pd.DataFrame, shown: pd.DataFrame, fired: pd.DataFrame) -> None:
    """One second of potential over the shaded presentations, with a tick above it for every discharge."""
    for onset, end in zip(shown[ONSET], shown[END], strict=True):
        axes.axvspan(onset, end, color=_style.BAND, lw=0, zorder=0)
    axes.plot(trace[TIME], trace[POTENTIAL], color=_style.GREY, lw=0.6)
    axes.plot(trace[TIME], trace[THRESHOLD], color=_style.BLACK, ls=(0, (4, 3)), lw=0.6)
    top = 1.15 * trace[POTENTIAL].max()
    for alarm, colour in ((False, _style.BLUE), (True, _style.VERMILION)):
        times = fired[TIME][fired["false alarm"] == alarm]
        axes.plot(times, np.full(len(times), top), "|", color=colour, ms=5, mew=0.9)
    axes.set_xlim(np.floor(trace[TIME].iloc[0] * 100) / 100, np.ceil(trace[TIME].iloc[-1] * 100) / 100)
