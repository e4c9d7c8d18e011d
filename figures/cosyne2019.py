"""Spiking networks learn random clicks, in the spirit of a talk by F. Zenke (Cosyne 2019).

The talk gives no size, no time constant, no parameter and no accuracy; all of them here are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from brian2 import ms, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.choice_decoding import d_prime, decoded
from brian2learn.analysis.click_kernels import excess_rate
from brian2learn.analysis.intervals import mean, share
from brian2learn.analysis.psychometric import in_bins, psychometric
from brian2learn.circuits.accumulator import Accumulator
from brian2learn.circuits.recurrent_readout import RecurrentReadout
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.click_trials import ClickTrials
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.parallel_clicks import ParallelClicks

from . import _style
from ._clicks_networks import (
    BATCH,
    LONG,
    N_UPDATES,
    answers,
    cell_counts,
    clicks,
    end_of_clicks,
    held_out,
    mean_release,
    right,
    training,
    with_constant_release,
    without_facilitation,
    without_release,
)
from ._figure import Figure, Records
from ._seeds import Measurement, difference, over_seeds

ADAPTIVE, FACILITATING, MODEL = "adaptive cells", "facilitating synapses", "model, average rat"
LARGE = "facilitating, 200 cells"
COLORS = {ADAPTIVE: _style.GREEN, FACILITATING: _style.VERMILION, MODEL: _style.BLUE}
TRAINED = {ADAPTIVE: "adaptive", FACILITATING: "facilitating", LARGE: "large"}
LEVELS = {"release_low": 1.65, "release_mean": 3.3, "release_high": 4.95}
"""About 0.5, 1 and 1.5 times what a spike releases in a trained net (3.27 in seed 0)."""
PAUSE = (1 * second, 300 * ms)
"""When in the delay something is held at rest, and for how long."""
HELD = {"silence": ("cells", *PAUSE), "erasure": ("release", *PAUSE), "both": ("both", *PAUSE),
        "all_silent": ("cells", 0 * second, LONG)}  # fmt: skip
ABLATIONS = {
    "adaptive": "adaptive cells", "adaptive_no_recurrence": "no recurrence", "facilitating": "facilitating synapses",
    "large": "200 cells, better recipe", "random": "random feedback", "uniform": "uniform feedback",
    "no_recurrence": "without recurrence",
    "no_plasticity": "without plasticity", "off": "plasticity off at test",
    "no_facilitation": "no facilitation at test",
    **{name: f"release held at {level:g}" for name, level in LEVELS.items()},
    "long": "delay of 2 s", "silence": "cells silent, 0.3 s", "all_silent": "cells silent, 2 s",
    "erasure": "facilitation erased, 0.3 s", "both": "both, 0.3 s",
}  # fmt: skip
GROUPS = ("adaptive", "facilitating", "long")  # with what follows them
LAST = 2000  # trials at the end of a training whose answers count
BIN = 0.05  # s
DIFFERENCES = np.array([-40, -16, -10, -6, -3, 0, 1, 4, 7, 11, 17, 41])
DURATIONS = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 1.0])  # s
TENTHS = np.linspace(0, 0.5, 6)  # s
DELAYS = {"long": _style.BLACK, "silence": _style.BLUE, "erasure": _style.VERMILION}
DECODED = "share decoded (1)"
UNITS = {"threshold": "threshold (clicks)", "width": "width (clicks)", "slope": "slope (1/click)",
         "lapse_low": "lapse left (1)", "lapse_high": "lapse right (1)"}  # fmt: skip
WHO, TIME, CELL, UPDATE, CORRECT, CLICKS, RIGHT, LOW, HIGH, RATE, PHASE = (
    "who", "time (s)", "cell", "update (1)", "share correct (1)", "clicks right less left (1)", "share right (1)",
    "low (1)", "high (1)", "excess rate (Hz)", "phase",
)  # fmt: skip


def tested(name: str) -> str:
    """The experiment with held-out trials of a net; of what was only trained, the training itself."""
    return f"{name}_test" if name in TRAINED.values() else name


def of_each(records: Records, name: str) -> list[np.ndarray]:
    """Whether each of the last trials was answered rightly, seed by seed."""
    return [right(each)[-LAST:] for each in records[tested(name)]]


def accuracy(name: str) -> Measurement:
    """Share of right answers: the spread between seeds; of a single one, between trials."""

    def measure(records: Records) -> Interval:
        found = of_each(records, name)
        if len(found) > 1:
            return mean([each.mean() for each in found], within=(0, 1))
        return share(int(found[0].sum()), found[0].size)

    return measure


def lost(name: str) -> Measurement:
    """Share of right answers of the net with facilitating synapses less that of another, seed by seed."""

    return difference(lambda record: right(record)[-LAST:].mean(), tested("facilitating"), tested(name), (-1, 1))


def rise(of: Callable[[ClickTrials], np.ndarray], high: float, low: float) -> Measurement:
    """Share of right answers in trials with a number from `high` on, less that in trials with one below `low`."""

    def measure(record: Record) -> float:
        number, good = of(clicks(record)), right(record)
        easy, hard = good[number >= high], good[number < low]
        return float(easy.mean() - hard.mean()) if easy.size and hard.size else 0.0

    return over_seeds("facilitating_test", measure, (-1, 1))


def by_duration(trials: ClickTrials, good: np.ndarray) -> np.ndarray:
    """Share of right answers in each bin of the duration."""
    return in_bins(trials.duration, good, DURATIONS)["share"].to_numpy()


def above_the_rat(records: Records) -> Interval:
    """What adaptive nets answer rightly more often than the average rat, in the worst bin of the duration; by seed."""
    pairs = zip(records["adaptive_test"], records["model"], strict=True)
    found = []
    for net, model in pairs:
        trials = clicks(model)
        rat = by_duration(trials, (trials.difference > 0) == (model.final["cells.went_right"] > 0.5))
        found.append(float(np.min(by_duration(clicks(net), right(net)) - rat)))
    return mean(found, within=(-1, 1))


def window_counts(record: Record, after: float, length: float) -> np.ndarray:
    """Spikes of every cell in a window of every delay."""
    return cell_counts(record, end_of_clicks(record) + after, length, RecurrentReadout.n_cells.default)


def share_telling(record: Record) -> float:
    """Share of cells whose counts of the last 0.2 s of a delay of 2 s are over one d-prime apart."""
    features = window_counts(record, float(LONG) - 0.2, 0.2)
    return float(np.mean(abs(d_prime(features, record.truth["label"] == 1)) > 1))


def share_decoded(record: Record) -> float | None:
    """Share of answers that a decoder tells from those counts; None if all answers are the same."""
    answered = answers(record)
    if min(np.bincount(answered, minlength=2)) < 2:
        return None
    return decoded(window_counts(record, float(LONG) - 0.2, 0.2), answered == 1, n_folds=2).value


told_by_cells = over_seeds("long", share_telling, (0, 1))
decoded_at_the_end = over_seeds("long", share_decoded, (0, 1))


def _claim(
    name: str, sentence: str, paper_value: str, accept: tuple[float, float], reason: str,
    measure: Measurement,
) -> Claim:  # fmt: skip
    source = "bellec2020, e-prop on the task of brunton2013 (a replica of our own)"
    return Claim(name, sentence, source, paper_value, accept, reason, "derived", measure)


class Cosyne2019(Figure):
    """Networks learn by e-prop to count clicks and to keep the answer over a silent delay; facilitation is a memory.

    Parameters are our own: the talk that this follows gives none. 400 updates of 64 trials, then 2000 held-out ones; of
    nets that were trained otherwise the answers to their last 2000 trials, all of them new, count.
    """

    title = "Spiking networks learn random clicks (in the spirit of Cosyne 2019)"
    cites = ("brunton2013", "bellec2020", "tsodyks1998")
    claims = (
        _claim("adaptive", "A network whose adaptive cells remember answers new trials of the standard mix rightly.",
               "0.954 to 0.981", (0.93, 1), "The lowest of few seeds less 0.03 by which updates differ.",
               accuracy("adaptive")),
        _claim("facilitating", "A network whose facilitating synapses remember does so too.", "0.930 to 0.954",
               (0.88, 1), "The lowest of few seeds less 0.05 by which updates differ.", accuracy("facilitating")),
        _claim("large", "200 cells whose synapses begin at 0 and recover in 50 ms, with a quarter of the learning rate "
               "and five times the weight of rates, do better.", "not measured; chosen by other seeds", (0.95, 1),
               "What was looked for.", accuracy("large")),
        _claim("adaptation_counts", "Adaptive cells need no recurrence: share of right answers without it.",
               "0.995, 0.997", (0.98, 1), "0.015 below two seeds.", accuracy("adaptive_no_recurrence")),
        _claim("off", "With short-term plasticity switched off at test, answers are at chance.", "0.503", (0.44, 0.56),
               "Chance, and what a biased network may reach.", accuracy("off")),
        _claim("erased", "So they are with facilitation erased between spikes at test.", "0.489", (0.44, 0.56),
               "As above.", accuracy("no_facilitation")),
        _claim("strength", "Strong synapses that do not change hardly do better: every spike releases 3.3, about the "
               "mean of the trained network.", "0.568", (0.44, 0.7), "Far below the network with facilitation.",
               accuracy("release_mean")),
        _claim("no_plasticity", "A network trained without short-term plasticity stays at chance.", "0.504 to 0.507",
               (0.44, 0.56), "As above.", accuracy("no_plasticity")),
        _claim("no_recurrence", "So does one with no recurrence, and thus no facilitating synapse.", "0.504",
               (0.44, 0.56), "As above.", accuracy("no_recurrence")),
        _claim("uniform", "Uniform feedback, whose signals cancel between two answers, is worse than symmetric one: "
               "difference.", "0.38", (0.1, 0.6), "Clearly worse, at most chance.", lost("uniform")),
        _claim("delay", "The answer is kept as firing that differs between sides: share of cells with d-prime above 1 "
               "at the end of a delay of 2 s.", "0.88", (0.5, 1), "Most cells.", told_by_cells),
        _claim("decoded", "From there the coming answer can be decoded: share of trials.", "not given", (0.85, 1),
               "About as well as answers follow the clicks.", decoded_at_the_end),
        _claim("silence", "The replica took this firing for the memory. Then silencing all cells for 0.3 s of a delay "
               "of 2 s, while facilitation decays by itself, leaves answers at chance.", "not measured", (0.44, 0.6),
               "Chance, and what a biased network may reach.", accuracy("silence")),
        _claim("erasure", "Nor is facilitation all of it: after erasing it for as long, while cells fire, answers are "
               "worse, but above chance.", "not measured; stated after seed 0 of ours", (0.6, 0.9), "Apart from both.",
               accuracy("erasure")),
        _claim("both", "Nothing else remembers: after both at once answers are at chance.", "by construction",
               (0.44, 0.56), "Chance, and what a biased network may reach.", accuracy("both")),
        _claim("longer_is_better", "Answers are better in trials of 0.8 to 1 s than in those of 0.1 to 0.2 s.",
               "0.953 - 0.851", (0.02, 0.2), "Rising; short trials differ by few clicks.",
               rise(lambda trials: trials.duration, 0.8, 0.2)),
        _claim("stronger_is_better", "Answers are better where rates differ by a factor of e^3 than by one of e.",
               "0.981 - 0.865", (0.02, 0.25), "Rising; weak trials differ by few clicks.",
               rise(lambda trials: np.abs(trials.gamma), 3, 2)),
        _claim("above_the_rat", "Adaptive cells answer better than the average rat at every duration: the smallest "
               "difference.", "0.12 (0.8 to 1 s)", (0, 1), "Better at all.", above_the_rat),
    )  # fmt: skip

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        n_updates, n_test, n_long = (1, 40, 20) if small else (N_UPDATES, LAST, 400)
        adaptive, net, large = (
            RecurrentReadout.preset(f"clicks_{name}") for name in ("adaptive", "facilitating", "facilitating_large")
        )
        found = {
            "adaptive": training(adaptive, n_updates),
            "adaptive_no_recurrence": training(adaptive.replace(recurrence="none"), n_updates),
            "facilitating": training(net, n_updates),
            "large": training(large, n_updates),
            "no_plasticity": training(without_release(net), n_updates),
            "no_recurrence": training(without_release(net).replace(recurrence="none"), n_updates),
            "random": training(net.replace(feedback="random"), n_updates),
            "uniform": training(net.replace(feedback="uniform"), n_updates),
        }
        trained = found["facilitating"]
        return found | {
            "adaptive_test": held_out(found["adaptive"], n_test),
            "facilitating_test": held_out(trained, n_test),
            "large_test": held_out(found["large"], n_test),
            "off": held_out(trained, n_test, net=without_release(net)),
            "no_facilitation": held_out(trained, n_test, net=without_facilitation(net)),
            **{
                name: held_out(trained, n_test, net=with_constant_release(net, level)) for name, level in LEVELS.items()
            },
            "before": held_out(trained, 10, spikes=True, learned=False),
            "after": held_out(trained, 10 if small else 50, spikes=True),
            "long": held_out(trained, n_long, delay=True, spikes=True),
            **{
                name: held_out(trained, n_long, delay=True, spikes=name in DELAYS, held=each)
                for name, each in HELD.items()
            },
            "model": Experiment(ParallelClicks(n_trials=200 if small else 20_000), Accumulator(), dt=1 * ms),
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        return {
            "spikes": _spikes(records), "learning": _learning(records), **_behaviour(records), "delay": _delay(records),
            "ablations": _ablations(records), "release": _release(records),
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 170)
        grid = canvas.add_gridspec(3, 1, height_ratios=(1, 1, 1.5))
        lines = [grid[k].subgridspec(1, n) for k, n in enumerate((3, 3, 2))]
        places = dict(zip("abcdefgh", (line[k] for line in lines for k in range(line.ncols)), strict=True))
        axes = {name: canvas.add_subplot(place) for name, place in places.items()}
        for name, phase in (("a", "before learning"), ("b", "after learning")):
            _raster(axes[name], data["spikes"], phase)
        for who in TRAINED:
            rows = data["learning"][data["learning"][WHO] == who]
            line = ":" if who == LARGE else "-"
            axes["c"].plot(
                rows[UPDATE], rows[CORRECT], color=COLORS.get(who, COLORS[FACILITATING]), lw=1, ls=line, label=who
            )
        axes["c"].axhline(0.791, color=COLORS[MODEL], lw=0.8, ls="--", label=MODEL)
        axes["c"].set(xlabel="Update (64 trials)", ylabel="Share correct", ylim=(0.45, 1), title="Learning")
        axes["c"].legend(loc="lower right")
        for who, color in COLORS.items():
            for name, table, x, y in (("d", "choices", CLICKS, RIGHT), ("e", "durations", TIME, CORRECT)):
                rows = data[table][data[table][WHO] == who]
                spread = [rows[y] - rows[LOW], rows[HIGH] - rows[y]]
                line = "" if name == "d" else "-"
                axes[name].errorbar(rows[x], rows[y], spread, color=color, ls=line, marker="o", ms=3, lw=1, label=who)
            rows = data["curves"][data["curves"][WHO] == who]
            axes["d"].plot(rows[CLICKS], rows[RIGHT], color=color, lw=1)
            rows = data["kernels"][data["kernels"][WHO] == who]
            axes["f"].errorbar(rows[TIME], rows[RATE], rows["standard error (Hz)"], color=color, marker="o", ms=3, lw=1)
        axes["d"].set(xlabel="Clicks right less left", ylabel="Share of answers right", ylim=(-0.03, 1.03))
        axes["e"].set(xlabel="Duration (s)", ylabel="Share correct", ylim=(0.6, 1))
        axes["f"].axhline(0, color=_style.GREY, lw=0.6)
        axes["f"].set(xlabel="Time from onset (s)", ylabel="Excess click rate (Hz)")
        _draw_delay(axes["g"], data["delay"])
        _draw_ablations(axes["h"], data["ablations"])
        for name, each in axes.items():
            _style.letter(each, name, left=32 if name == "h" else 8.5)
        return canvas


def _spikes(records: Records) -> pd.DataFrame:
    """Spikes of all cells, and clicks, in a long trial before learning and in one after it."""
    found = []
    for name, phase in (("before", "before learning"), ("after", "after learning")):
        record = records[name][0]
        k = int(np.argmax(clicks(record).duration))
        onset, trials = record.truth["onset"][k], clicks(record).pick([k])
        t, i = record.spikes["cells"]
        inside = (t >= onset) & (t < record.truth["trial"][0] * (k + 1))
        found.append(pd.DataFrame({TIME: t[inside] - onset, CELL: i[inside], PHASE: phase}))
        side = np.where(trials.right, -2, -1)  # rows for clicks on the right and on the left
        found.append(pd.DataFrame({TIME: trials.times, CELL: side, PHASE: phase}))
        end = trials.duration[0] + record.truth["delay"][k]
        found.append(pd.DataFrame({TIME: [trials.duration[0], end], CELL: [-3, -3], PHASE: phase}))
    return pd.concat(found)


def _raster(axes: Axes, table: pd.DataFrame, phase: str) -> None:
    rows = table[table[PHASE] == phase]
    spikes = rows[rows[CELL] >= 0]
    axes.plot(spikes[TIME], spikes[CELL], "|", color=_style.BLACK, ms=1.5, mew=0.4)
    for side, color, height in ((-1, _style.SKY, 106), (-2, _style.ORANGE, 114)):
        some = rows[rows[CELL] == side]
        axes.plot(some[TIME], np.full(len(some), height), "|", color=color, ms=4, mew=0.7)
    begin, end = rows[rows[CELL] == -3][TIME]
    axes.axvspan(begin, end, color=_style.BAND, lw=0, zorder=0)
    axes.set(xlabel="Time from onset (s)", ylabel="Cell", ylim=(-2, 122), yticks=[0, 50, 100])
    axes.set_title(phase.capitalize(), fontsize=7)


def _learning(records: Records) -> pd.DataFrame:
    """Share of right answers in blocks of ten updates, mean of seeds."""
    found = []
    for who, name in TRAINED.items():
        good = np.mean([right(each) for each in records[name]], axis=0)
        block = BATCH * min(10, good.size // BATCH)
        shares = good[: good.size // block * block].reshape(-1, block).mean(axis=1)
        at = (np.arange(shares.size) + 0.5) * block / BATCH
        found.append(pd.DataFrame({UPDATE: at, CORRECT: shares, WHO: who}))
    return pd.concat(found)


def _behaviour(records: Records) -> dict[str, pd.DataFrame]:
    """Psychometric and chronometric points, curves with their numbers, and kernels, of nets on held-out trials and of
    the model."""
    choices, curves, numbers, durations, kernels = [], [], [], [], []
    for who in COLORS:
        some = records["model" if who == MODEL else tested(TRAINED[who])]
        chosen = [each.final["cells.went_right"] > 0.5 if who == MODEL else answers(each) == 1 for each in some]
        trials = [clicks(each) for each in some]
        difference, went_right = np.concatenate([each.difference for each in trials]), np.concatenate(chosen)
        duration = np.concatenate([each.duration for each in trials])
        columns = {"share_low": LOW, "share_high": HIGH}
        table = in_bins(difference, went_right, DIFFERENCES)[["x", "share", *columns]]
        choices.append(table.rename(columns={"x": CLICKS, "share": RIGHT, **columns}).assign(who=who))
        x, curve = np.linspace(-35, 35, 141), psychometric(difference, went_right)
        curves.append(pd.DataFrame({CLICKS: x, RIGHT: curve(x), WHO: who}))
        ends = {UNITS[name]: [each.value, each.low, each.high] for name, each in curve.intervals.items()}
        numbers.append(pd.DataFrame({**ends, "end": ["most likely", "low", "high"], WHO: who}))
        table = in_bins(duration, (difference > 0) == went_right, DURATIONS)[["x", "share", *columns]]
        durations.append(table.rename(columns={"x": TIME, "share": CORRECT, **columns}).assign(who=who))
        tables = [excess_rate(*each, TENTHS) for each in zip(trials, chosen, strict=True)]
        sem = np.sqrt(np.sum([each["sem"] ** 2 for each in tables], axis=0)) / len(tables)
        middle = (tables[0]["low"] + tables[0]["high"]) / 2
        kernel = np.mean([each["kernel"] for each in tables], axis=0)
        kernels.append(pd.DataFrame({TIME: middle, RATE: kernel, "standard error (Hz)": sem, WHO: who}))
    named = {
        "choices": choices, "curves": curves, "psychometric": numbers, "durations": durations, "kernels": kernels,
    }  # fmt: skip
    return {name: pd.concat(tables) for name, tables in named.items()}


def _delay(records: Records) -> pd.DataFrame:
    """Share of labels that a decoder tells from counts in windows around a long delay: the spread between seeds; of a
    single one, between trials."""
    found = []
    for name in DELAYS:
        labels = [record.truth["label"] == 1 for record in records[name]]
        for at in np.arange(-0.1, float(LONG) + 0.15 - BIN, BIN):
            each = [
                decoded(window_counts(record, float(at), BIN), label, n_folds=int(min(5, label.sum(), (~label).sum())))
                for record, label in zip(records[name], labels, strict=True)
            ]
            told = mean([one.value for one in each], within=(0, 1)) if len(each) > 1 else each[0]
            found.append((at + BIN / 2, told.value, told.low, told.high, ABLATIONS[name]))
    return pd.DataFrame(found, columns=[TIME, DECODED, LOW, HIGH, WHO])


def _draw_delay(axes: Axes, table: pd.DataFrame) -> None:
    for name, color in DELAYS.items():
        rows = table[table[WHO] == ABLATIONS[name]]
        axes.fill_between(rows[TIME], rows[LOW], rows[HIGH], color=color, alpha=0.25, lw=0)
        axes.plot(
            rows[TIME], rows[DECODED], color=color, lw=1, label="undisturbed" if name == "long" else ABLATIONS[name]
        )
    axes.axhline(0.5, color=_style.GREY, lw=0.6)
    axes.axvspan(0, float(LONG), color=_style.BAND, lw=0, zorder=0)
    axes.plot([float(PAUSE[0]), float(sum(PAUSE))], [1.02, 1.02], color=_style.BLACK, lw=2, solid_capstyle="butt")
    axes.set(xlabel="Time from the end of clicks (s)", ylabel="Labels decoded from 50 ms", ylim=(0.35, 1.04))
    axes.legend(loc="lower left")


def _ablations(records: Records) -> pd.DataFrame:
    rows = [(ABLATIONS[name], accuracy(name)(records)) for name in ABLATIONS]
    return pd.DataFrame([(who, each.value, each.low, each.high) for who, each in rows],
                        columns=[WHO, CORRECT, LOW, HIGH])  # fmt: skip


def _release(records: Records) -> pd.DataFrame:
    """What a spike releases in the trained net, mean of spikes, seed by seed."""
    net = RecurrentReadout.preset("clicks_facilitating")
    return pd.DataFrame({"mean release (1)": [mean_release(each, net) for each in records["after"]]})


def _draw_ablations(axes: Axes, table: pd.DataFrame) -> None:
    heads = [ABLATIONS[name] for name in GROUPS]
    place, labels = -1.5, {}
    for _, row in table.iterrows():
        head = row[WHO] in heads
        place += 1.5 if head else 1  # a gap before every group
        labels[place] = row[WHO] if head else f"\N{EN SPACE}{row[WHO]}"
        color = COLORS[ADAPTIVE] if place < 2 else COLORS[FACILITATING]
        axes.plot([row[LOW], row[HIGH]], [place, place], color=color, lw=1)
        axes.plot(row[CORRECT], place, "o", color=color, ms=3.5)
    axes.axvline(0.5, color=_style.GREY, lw=0.6)
    axes.set(xlabel="Share correct", xlim=(0.4, 1.02), ylim=(place + 0.6, -0.6))
    axes.set_yticks([*labels], [*labels.values()], ha="left")
    axes.tick_params(axis="y", length=0, pad=90)
