"""Hebbian growth of one unit, compensated at once or late: slow Oja overshoots, the more the slower, but comes back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import exact
from brian2learn.analysis.stability import SlowOja, oja_instant
from brian2learn.core.claims import Claim
from brian2learn.plasticity.hebb import Hebb
from brian2learn.plasticity.oja import Oja
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record

from . import _style
from ._figure import Figure, Records
from ._zenke2017 import ETA, PEAK, RATIO, SLOW, TIME, WEIGHT, alone, course, digit_claim, explosion, peak_at, peaks

SOURCE = "zenkegerstner2017, slow compensation (model)"
START = 0.1
TRACES = {0.1: _style.BLUE, 1.0: _style.GREEN, 30.0: _style.VERMILION}
LISTED = {0.125: "1.00", 0.5: "1.13", 1.0: "1.42", 30.0: "18.2"}
RATIOS = (0.05, 0.1, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 100.0)
SLOWEST = RATIOS[-1]
SPIRAL = {0.12: "no_spiral", 0.2: "spiral"}  # ratios on both sides of 1/8
CLOSED = "closed form (1)"


def slow(ratio: float) -> Oja:
    """Oja's rule whose compensation takes `ratio` times 1/eta."""
    return Oja(compensation="slow", eta=ETA, tau=ratio / ETA)


def length(ratio: float) -> float:
    """Long enough for the first excursion, in 1/eta."""
    return 12 + 8 * np.sqrt(ratio)


def overshoot(record: Record) -> float:
    """How far the weight goes beyond the fixed point."""
    return float(course(record)[WEIGHT].max() - 1)


def growth(records: Records) -> float:
    """Rate of exponential growth under the plain Hebbian rule, in eta."""
    table = course(records["hebb"][0])
    return float(np.polyfit(table[TIME], np.log(table[WEIGHT]), 1)[0])


def comes_back(records: Records) -> float:
    """Largest distance from the fixed point in the last tenth of the slowest run; infinite if it explodes."""
    record = records[f"long {SLOWEST:g}"][0]
    w = course(record)[WEIGHT].to_numpy()
    return float("inf") if np.isfinite(explosion(record)) else float(np.max(np.abs(w[-w.size // 10 :] - 1)))


def instant_error(records: Records) -> float:
    """Largest distance of the simulated weight from the closed form, instantaneous compensation."""
    table = course(records["instant"][0])
    return float(np.max(np.abs(table[WEIGHT] - oja_instant(table[TIME], START, 1.0))))


class Zenke2017Oja(Figure):
    """One unit with one input: plain Hebbian growth, Oja's compensation at once, and compensation that comes late.

    The unit is linear with an input of rate 1, so its rate is its weight; the fixed point is 1. A late compensation
    makes the weight overshoot, the more the later it comes, but the fixed point is stable for every time constant. So
    what a slow compensation costs here is the size of the excursion; what it costs BCM is stability itself.
    """

    title = "Zenke, Gerstner & Ganguli 2017: Oja's rule needs a rapid compensation to keep excursions small"
    cites = ("zenke2017", "zenkegerstner2017", "oja1982")
    claims = (
        Claim(
            name="hebb_grows",
            sentence="Without compensation the weight grows exponentially with the rate eta. Growth rate in eta.",
            source="zenkegerstner2017, plain Hebbian plasticity",
            paper_value="1",
            accept=(0.999, 1.001),
            reason="Euler steps of 1e-3/eta grow by 0.05 % less.",
            evidence="derived",
            measure=lambda records: exact(growth(records)),
        ),
        Claim(
            name="instant",
            sentence="Instantaneous compensation takes the weight to 1 without passing it. Largest distance from the "
            "closed form.",
            source="oja1982, one input",
            paper_value="0",
            accept=(0, 1e-3),
            reason="The length of an Euler step, 1e-3/eta, times a slope below 1.",
            evidence="derived",
            measure=lambda records: exact(instant_error(records)),
        ),
        *(
            digit_claim(
                "peak", ratio, value,
                peak_at(ratio),
                sentence=f"Peak of the weight from 0.1 on with tau eta = {ratio:g}.", source=SOURCE,
            )
            for ratio, value in LISTED.items()
        ),
        Claim(
            name="no_spiral",
            sentence="With tau eta below 1/8 the weight does not pass the fixed point. Overshoot from 0.9 at 0.12.",
            source=SOURCE,
            paper_value="0",
            accept=(-1e-3, 1e-6),
            reason="Single precision of the recorded weight; from below it comes close to 1.",
            evidence="derived",
            measure=lambda records: exact(overshoot(records["spiral 0.12"][0])),
        ),
        Claim(
            name="spiral",
            sentence="With tau eta above 1/8 it spirals into the fixed point. Overshoot from 0.9 at 0.2.",
            source=SOURCE,
            paper_value="above 0",
            accept=(1e-4, 0.1),
            reason="Far above single precision, and less than the start was away.",
            evidence="derived",
            measure=lambda records: exact(overshoot(records["spiral 0.2"][0])),
        ),
        Claim(
            name="never_diverges",
            sentence="Even with tau eta = 100 the weight comes back. Largest distance from 1 in the last tenth of "
            "20 tau.",
            source=SOURCE,
            paper_value="0 (trace -1/tau, determinant 2 eta/tau)",
            accept=(0, 0.05),
            reason="Deviations decay with 2 tau: after 18 tau 1e-4 of an excursion of 50 is left.",
            evidence="derived",
            measure=lambda records: exact(comes_back(records)),
        ),
    )  # fmt: skip

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        def late(ratio: float, w: float, time: float) -> Experiment:
            return alone(slow(ratio), w, time, slow="oja_ybar")

        found = {f"ratio {ratio:g}": late(ratio, START, 10 if small else length(ratio)) for ratio in RATIOS}
        found |= {f"spiral {ratio:g}": late(ratio, 0.9, 6) for ratio in SPIRAL}
        found[f"long {SLOWEST:g}"] = late(SLOWEST, START, 20 if small else 20 * SLOWEST)
        found["hebb"] = alone(Hebb(eta=ETA), START, 6)
        found["instant"] = alone(Oja(eta=ETA), START, 6)
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        instant = course(records["instant"][0])
        traces = [course(records[f"ratio {r:g}"][0]).assign(**{RATIO: r}) for r in TRACES]
        ratios = np.geomspace(0.05, 120, 60)
        found = [SlowOja(1.0, ratio).course(START, START, length(ratio), 20_001).peak for ratio in ratios]
        return {
            "hebb": course(records["hebb"][0]),
            "instant": instant.assign(**{CLOSED: oja_instant(instant[TIME], START, 1.0)}),
            "traces": pd.concat(traces, ignore_index=True),
            "peaks": peaks(records, RATIOS),
            "peaks_ode": pd.DataFrame({RATIO: ratios, PEAK: found}),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 56)
        axes = canvas.subplot_mosaic("abcd")
        hebb, instant = data["hebb"], data["instant"]
        axes["a"].axhline(1, color=_style.GREY, lw=0.5)
        axes["a"].plot(hebb[TIME], hebb[WEIGHT], color=_style.BLACK)
        axes["a"].plot(instant[TIME], instant[WEIGHT], color=_style.BLUE)
        axes["a"].set_xlim(0, 6)
        axes["a"].set_ylim(0, 3)
        axes["a"].set_title("none, or at once")
        axes["a"].set_xlabel("Time (1/$\\eta$)")
        axes["a"].set_ylabel("Weight")
        axes["a"].text(3.4, 2.6, "Hebb", fontsize=6.5, color=_style.BLACK)
        axes["a"].text(4.2, 0.75, "Oja", fontsize=6.5, color=_style.BLUE)
        self._draw_traces(axes["b"], data["traces"])
        self._draw_plane(axes["c"], data["traces"])
        self._draw_peaks(axes["d"], data)
        for panel in "abcd":
            _style.letter(axes[panel], panel)
        return canvas

    def _draw_traces(self, axes: Axes, traces: pd.DataFrame) -> None:
        axes.axhline(1, color=_style.GREY, lw=0.5)
        for ratio, colour in TRACES.items():
            table = traces[traces[RATIO] == ratio]
            axes.plot(table[TIME], table[WEIGHT], color=colour, label=f"$\\tau\\eta$ = {ratio:g}")
        axes.set_title("slow compensation")
        axes.set_xlim(0, 20)
        axes.set_yscale("log")
        axes.set_ylim(0.1, 30)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("Time (1/$\\eta$)")
        axes.set_ylabel("Weight")
        axes.legend(loc="lower right")

    def _draw_plane(self, axes: Axes, traces: pd.DataFrame) -> None:
        axes.plot([0, 2], [1, 1], color=_style.BLACK, lw=0.9, label="weight stands")
        axes.plot([0, 2], [0, 2], color=_style.BLACK, lw=0.9, ls="--", label="$\\bar{y}$ stands")
        for ratio, colour in TRACES.items():
            table = traces[(traces[RATIO] == ratio) & (traces[TIME] <= 20)]
            axes.plot(table[WEIGHT], table[SLOW], color=colour)
        axes.plot(START, START, "o", color=_style.BLACK, ms=3)
        axes.plot(1, 1, "o", color=_style.BLACK, mfc="white", ms=3.5, mew=0.8, zorder=3)
        axes.set_title("phase plane")
        axes.set_xlim(0, 2)
        axes.set_ylim(0, 2)
        axes.set_xlabel("Weight $w$")
        axes.set_ylabel("Low-pass rate $\\bar{y}$")
        axes.legend(loc="upper left")

    def _draw_peaks(self, axes: Axes, data: Mapping[str, pd.DataFrame]) -> None:
        ode, found = data["peaks_ode"], data["peaks"]
        axes.plot(ode[RATIO], ode[PEAK], color=_style.BLUE, label="theory (ODE)")
        axes.plot(found[RATIO], found[PEAK], "o", color=_style.BLUE, ms=2.8, mew=0, label="simulated")
        axes.axvline(1 / 8, color=_style.BLACK, lw=0.7, ls=":")
        axes.text(0.14, 0.68, "spirals", fontsize=6.5, va="bottom")
        axes.set_title("stable, but far away")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.04, 150)
        axes.set_ylim(0.6, 100)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("$\\tau\\eta$ of the compensation")
        axes.set_ylabel("Peak of the weight")
        axes.legend(loc="upper left")
