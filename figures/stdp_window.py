"""The STDP window of every rule that has one, measured like Bi & Poo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from brian2 import Hz, ms
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import exact
from brian2learn.analysis.pairing import ExponentialWindow
from brian2learn.circuits.paired import Paired
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.discovery import files, load
from brian2learn.core.equations import identifiers
from brian2learn.core.errors import Brian2LearnError, DeclarationError
from brian2learn.plasticity._rule import Rule
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.spike_pairing import SpikePairing

from . import _style
from ._figure import Figure, Records

LAG, CHANGE, FITTED = "lag (ms)", "change by one pair (weight)", "exponential (weight)"
N_COLUMNS = 3
SHAPE = 0.01  # a fit that misses a point by more than this share of the largest change has another form


def has_window(rule: Rule) -> bool:
    """Whether a spike of one side changes the weight by what the other side's spikes have left."""
    before, after = ({trace.name for trace in traces} for traces in (rule.pre_traces, rule.post_traces))
    return bool(identifiers(rule.on_pre) & after or identifiers(rule.on_post) & before)


def rules() -> dict[str, Rule]:
    """Every rule with a window that asks nothing of its target cell, with its default values."""
    found = {}
    for name in files("plasticity"):
        try:
            cls = load(name, "plasticity")
        except Brian2LearnError:  # a broken file of a user breaks itself only
            continue
        if issubclass(cls, Rule) and has_window(rule := cls()) and not rule.needs and not rule.cell_states:
            found[name] = rule
    return found


def in_the_open(rule: Rule) -> Paired:
    """Synapses whose weight is far from its ceiling, if the rule has one that can be moved, and from 0."""
    if "w_max" in rule.numbers:
        return Paired(rule=rule.replace(w_max=20.0), w_init=10.0)
    return Paired(rule=rule, w_init=0.5)


def window(record: Record) -> pd.DataFrame:
    """Mean change by one pair against its lag."""
    info = record.info["experiment"]
    change = (record.final["plastic.w"] - info["circuit"]["w_init"]) / info["task"]["n_pairs"]
    return pd.DataFrame({LAG: record.truth["lag"] * 1e3, CHANGE: change})


def fitted(table: pd.DataFrame) -> ExponentialWindow | None:
    """The two exponentials of a window, if that is its form."""
    try:
        fit = ExponentialWindow.fit(table[LAG] / 1e3, table[CHANGE])
    except DeclarationError:
        return None
    miss = np.max(np.abs(fit.change(table[LAG] / 1e3) - table[CHANGE]))
    return fit if miss < SHAPE * np.max(np.abs(table[CHANGE])) else None


def _measured(records: Records, what: str) -> Interval:
    fit = fitted(window(records["pair_stdp"][0]))
    if fit is None:
        return exact(np.nan)
    values = {"tau_plus": fit.tau_plus * 1e3, "tau_minus": fit.tau_minus * 1e3, "areas": fit.ltd_area / fit.ltp_area}
    return exact(values[what])


class STDPWindow(Figure):
    """Weight change by a pair of spikes against its lag, 60 pairs at 1 Hz, for every rule that has such a window.

    Each rule has its default values, but the ceiling of the weight is out of reach. Rules that ask something of their
    target cell are not shown. Where the window is a pair of exponentials, the fit is drawn.
    """

    title = "The STDP window of every spike rule"
    cites = ("bipoo1998", "masquelier2008")
    claims = (
        Claim(
            name="tau_plus",
            sentence="With the constants of 2008, potentiation falls off with 16.8 ms; fitted to simulated pairs.",
            source="masquelier2008, Methods",
            paper_value="16.8 ms",
            accept=(16.75, 16.85),
            reason="Half of the last printed digit.",
            evidence="paper",
            measure=lambda records: _measured(records, "tau_plus"),
            unit="ms",
        ),
        Claim(
            name="tau_minus",
            sentence="With the constants of 2008, depression falls off with 33.7 ms; fitted to simulated pairs.",
            source="masquelier2008, Methods",
            paper_value="33.7 ms",
            accept=(33.65, 33.75),
            reason="Half of the last printed digit.",
            evidence="paper",
            measure=lambda records: _measured(records, "tau_minus"),
            unit="ms",
        ),
        Claim(
            name="areas",
            sentence="With the constants of 2008, the area of depression is 1.70 times that of potentiation.",
            source="masquelier2008, Methods",
            paper_value="1.705 (0.85 x 33.7 / 16.8; cut off after two decimals, 1.70)",
            accept=(1.7045, 1.7055),
            reason="Half of the last digit of what follows from the published constants.",
            evidence="derived",
            measure=lambda records: _measured(records, "areas"),
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = SpikePairing(
            low_lag=-100 * ms, high_lag=100 * ms, n_lags=80, low_frequency=1 * Hz, high_frequency=1 * Hz,
            n_frequencies=1, n_pairs=2 if small else 60,
        )  # fmt: skip
        return {name: Experiment(task, in_the_open(rule)) for name, rule in rules().items()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        tables = []
        for name, (record, *_) in records.items():
            table, fit = window(record), fitted(window(record))
            table[FITTED] = np.nan if fit is None else fit.change(table[LAG] / 1e3)
            tables.append(table.assign(rule=name))
        return {"windows": pd.concat(tables, ignore_index=True)}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        groups = list(data["windows"].groupby("rule", sort=False))
        n_rows = -(-len(groups) // N_COLUMNS)
        canvas = _style.canvas(_style.TWO_COLUMNS, 44 * n_rows)
        axes = canvas.subplots(n_rows, N_COLUMNS, squeeze=False).ravel()
        for panel, (each, (name, table)) in enumerate(zip(axes, groups, strict=False)):
            _draw_window(each, load(str(name), "plasticity").__name__, table)
            if panel % N_COLUMNS == 0:
                each.set_ylabel("Weight change (10$^{-3}$)")
            _style.letter(each, "abcdefghijklmnopqrstuvwxyz"[panel % 26])
        for each in axes[len(groups) :]:
            each.set_axis_off()
        fitted = [each for each, (_, table) in zip(axes, groups, strict=False) if table[FITTED].notna().any()]
        for each in fitted[:1]:
            each.legend(loc="lower right")
        return canvas


def _draw_window(axes: Axes, title: str, table: pd.DataFrame) -> None:
    axes.axhline(0, color=_style.GREY, lw=0.5)
    axes.axvline(0, color=_style.GREY, lw=0.5)
    for side, simulated, fit in (
        (table[table[LAG] < 0], "one pair", "exponential"), (table[table[LAG] > 0], None, None),
    ):  # fmt: skip
        axes.plot(side[LAG], 1e3 * side[CHANGE], "o", ms=2.8, mew=0, color=_style.SKY, label=simulated)
        axes.plot(side[LAG], 1e3 * side[FITTED], color=_style.BLACK, lw=0.7, label=fit)
    axes.set_title(title)
    axes.set_xlim(-100, 100)
    axes.set_xlabel("Post minus pre (ms)")
