"""Figures 2b and 1h of Clopath, Büsing, Vasilaki & Gerstner 2010."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from brian2 import Hz, ms, mV, second
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from brian2learn.analysis.intervals import exact
from brian2learn.analysis.pairing import sjostrom2001
from brian2learn.circuits.pulsed_pairs import PulsedPairs
from brian2learn.circuits.voltage_clamp import VoltageClamp
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity.clopath_stdp import ClopathSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.clopath_pairing import ClopathPairing
from brian2learn.tasks.pulse_trains import PulseTrains

from . import _style
from ._figure import Figure, Records

FREQUENCY, LAG, WEIGHT, SEM = "frequency (Hz)", "lag (ms)", "weight (%)", "SEM (%)"
AT_ONCE = "weight without the late reading (%)"
POTENTIAL, CORTEX, HIPPOCAMPUS = "potential (mV)", "weight in visual cortex (%)", "weight in hippocampus (%)"

LISTED = {
    (10, 0.1): 100.0, (10, 20.0): 115.7, (10, 50.0): 165.0,
    (-10, 0.1): 71.7, (-10, 10.0): 59.6, (-10, 40.0): 117.8,
}  # fmt: skip
"""Weights in % that the published code gives, by lag (ms) and frequency (Hz)."""

PUBLISHED = {
    (10, 0.1): 101.0, (10, 20.0): 117.3, (10, 50.0): 167.3,
    (-10, 0.1): 71.7, (-10, 10.0): 59.6, (-10, 40.0): 118.8,
}  # fmt: skip
"""The curve as printed, read by others."""

MODEL: dict[str, Any] = {"ls": "-", "lw": 1.2}
READ_AT_ONCE: dict[str, Any] = {"ls": ":", "lw": 1.0}
PAPER: dict[str, Any] = {"ls": "", "marker": "s", "mfc": "none", "mew": 0.8, "ms": 5}
EXPERIMENT: dict[str, Any] = {"ls": "", "marker": "o", "ms": 2.5, "alpha": 0.6}

# no ceiling, as in the paper's figure
CORTICAL = ClopathSTDP(w_max=1e3)
# under a constant potential the time constants of the averages, which the paper does not give, do not matter
HIPPOCAMPAL = CORTICAL.replace(
    A_LTD=38e-5 / mV, A_LTP=2e-5 / mV**2, theta_minus=-41 * mV, theta_plus=-38 * mV, tau_x=16 * ms
)


def end_weights(record: Record) -> dict[tuple[int, float], float]:
    """Final weights in % of the first, by lag (ms) and frequency (Hz)."""
    lags, frequencies = np.rint(record.truth["lag"] * 1e3).astype(int), record.truth["frequency"]
    weights = 100 * record.final["plastic.w"] / PulsedPairs().w_init
    return {(int(lag), float(f)): float(w) for lag, f, w in zip(lags, frequencies, weights, strict=True)}


def clamped(record: Record) -> np.ndarray:
    """Final weights in % of the first, by potential."""
    return 100 * record.final["plastic.w"] / VoltageClamp().w_init


def _end_weight(records: Records, name: str, point: tuple[int, float]) -> Interval:
    return exact(end_weights(records[name][0])[point])


def _at(records: Records, name: str, potential: float) -> Interval:
    return exact(np.interp(potential, VoltageClamp().potentials * 1e3, clamped(records[name][0])))


def _lowest(records: Records, name: str) -> Interval:
    return exact(clamped(records[name][0]).min())


def _crossing(records: Records, name: str) -> Interval:
    """Potential in mV from which on the weight grows."""
    weights, potentials = clamped(records[name][0]), VoltageClamp().potentials * 1e3
    k = np.flatnonzero(weights < 100 - 1e-9)[-1]
    return exact(np.interp(100, weights[k : k + 2], potentials[k : k + 2]))


def _listed(point: tuple[int, float], value: float) -> Claim:
    lag, frequency = point
    order = "pre before post" if lag > 0 else "post before pre"
    return Claim(
        name=f"{'pre_post' if lag > 0 else 'post_pre'}_{frequency:g}".replace(".", "_"),
        sentence=f"Weight after pairing at {frequency:g} Hz, {order} by 10 ms.",
        source="clopath2010, Fig 2b (published code)",
        paper_value=f"{value:.1f} %",
        accept=(value - 0.1, value + 0.1),
        reason="Nothing is drawn, so only the printed digit and rounding are left.",
        evidence="code",
        measure=partial(_end_weight, name="late", point=point),
        unit="%",
    )


def _held(name: str, sentence: str, value: str, accept: tuple[float, float], measure: Callable[[Any], Interval],
          unit: str = "%") -> Claim:  # fmt: skip
    return Claim(
        name=name, sentence=sentence, source="clopath2010, Fig 1h", paper_value=value, accept=accept,
        reason="The printed digits, as others read them.", evidence="secondary", measure=measure, unit=unit,
    )  # fmt: skip


class Clopath2010Fig2b(Figure):
    """How far one voltage rule explains pairing at any frequency, and pre spikes while the potential is held.

    The protocol is that of the published code, at its time step of 1 ms: five pairs, 15 times at 0.1 Hz, with one more
    post spike at the end of a burst that began with post; at 0.1 Hz, ten trains of five pairs.
    """

    title = "Clopath et al. 2010, Figures 2b and 1h: pairing at five frequencies; the potential held"
    cites = ("clopath2010", "sjostrom2001")
    claims = (
        *(_listed(point, value) for point, value in LISTED.items()),
        Claim(
            name="without_the_late_reading",
            sentence="If the averages of the potential are read at once and not 3 ms late, one pair at a time "
            "potentiates (pre before post by 10 ms, 0.1 Hz).",
            source="clopath2010, Fig 2b (published code)",
            paper_value="129.9 %",
            accept=(129.8, 130.0),
            reason="Nothing is drawn, so only the printed digit and rounding are left.",
            evidence="derived",
            measure=partial(_end_weight, name="at_once", point=(10, 0.1)),
            unit="%",
        ),
        _held("cortex_lowest", "Held potential, visual cortex, 25 spikes: the lowest weight.", "91.1 % at -45.3 mV",
              (91.0, 91.2), partial(_lowest, name="cortex")),
        _held("cortex_high", "Held potential, visual cortex, 25 spikes: the weight at -26.5 mV.", "250 %",
              (249.0, 251.0), partial(_at, name="cortex", potential=-26.5)),
        _held("hippocampus_low", "Held potential, hippocampus, 100 spikes: the weight at -30 mV.",
              "75.8 % (the lowest)", (75.7, 75.9), partial(_at, name="hippocampus", potential=-30.0)),
        _held("hippocampus_crossing", "Held potential, hippocampus: where depression turns into potentiation.",
              "-19 mV", (-19.5, -18.5), partial(_crossing, name="hippocampus"), "mV"),
    )  # fmt: skip

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        pairing = ClopathPairing(n_bursts=2, n_trains=1) if small else ClopathPairing()

        def spikes(n: int) -> PulseTrains:
            rate = 25 * Hz
            return PulseTrains(
                low_rate=rate, high_rate=rate, n_rates=1, n_pulses=n - 1, recovery=1 / rate, silence=2 * second
            )

        return {
            "late": Experiment(pairing, PulsedPairs(), dt=1 * ms),
            "at_once": Experiment(pairing, PulsedPairs(rule=ClopathSTDP(n_delay=0)), dt=1 * ms),
            "cortex": Experiment(spikes(25), VoltageClamp(rule=CORTICAL), dt=1 * ms),
            "hippocampus": Experiment(spikes(100), VoltageClamp(rule=HIPPOCAMPAL), dt=1 * ms),
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        late, at_once = (end_weights(records[name][0]) for name in ("late", "at_once"))
        points = {LAG: [float(lag) for lag, _ in late], FREQUENCY: [frequency for _, frequency in late]}
        measured = sjostrom2001()
        cortex, hippocampus = (clamped(records[name][0]) for name in ("cortex", "hippocampus"))
        return {
            "a": pd.DataFrame({**points, WEIGHT: [*late.values()], AT_ONCE: [at_once[point] for point in late]}),
            "published": pd.DataFrame(
                {LAG: [float(lag) for lag, _ in PUBLISHED], FREQUENCY: [frequency for _, frequency in PUBLISHED],
                 WEIGHT: [*PUBLISHED.values()]}
            ),
            "measured": pd.DataFrame(
                {LAG: measured["lag"] * 1e3, FREQUENCY: measured["frequency"],
                 WEIGHT: 100 * (1 + measured["change"]), SEM: 100 * measured["sem"]}
            ),
            "b": pd.DataFrame({POTENTIAL: VoltageClamp().potentials * 1e3, CORTEX: cortex, HIPPOCAMPUS: hippocampus}),
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 66)
        axes = canvas.subplot_mosaic([["a", "b"]], width_ratios=(1.35, 1))
        for lag, colour in ((10.0, _style.BLUE), (-10.0, _style.VERMILION)):
            model, published, measured = (
                table[np.isclose(table[LAG], lag)] for table in (data["a"], data["published"], data["measured"])
            )
            axes["a"].plot(model[FREQUENCY], model[WEIGHT], color=colour, **MODEL)
            axes["a"].plot(model[FREQUENCY], model[AT_ONCE], color=colour, **READ_AT_ONCE)
            axes["a"].plot(published[FREQUENCY], published[WEIGHT], color=colour, **PAPER)
            beside = measured[FREQUENCY] + np.sign(lag) * 0.6
            axes["a"].errorbar(beside, measured[WEIGHT], measured[SEM], color=colour, capsize=1.5, **EXPERIMENT)
        axes["a"].text(28, 138, "pre first", color=_style.BLUE, ha="center")
        axes["a"].text(34, 72, "post first", color=_style.VERMILION, ha="center")
        held = data["b"]
        for column, colour, label in (
            (CORTEX, _style.GREEN, "visual cortex, 25 spikes"), (HIPPOCAMPUS, _style.ORANGE, "hippocampus, 100 spikes"),
        ):  # fmt: skip
            axes["b"].plot(held[POTENTIAL], held[column], color=colour, lw=1.2, label=label)
        for panel in "ab":
            axes[panel].axhline(100, color=_style.GREY, lw=0.6, zorder=0)
            axes[panel].set_ylabel("Weight (% of the first)")
            _style.letter(axes[panel], panel, left=10)
        axes["a"].set_xlim(-2, 52)
        axes["a"].set_ylim(40, 225)
        axes["a"].set_xlabel("Frequency of pairing (Hz)")
        keys = {"model": MODEL, "model, averages read at once": READ_AT_ONCE, "curve of the paper": PAPER,
                "experiment (SEM)": EXPERIMENT}  # fmt: skip
        lines = [Line2D([], [], color=_style.BLACK, label=label, **look) for label, look in keys.items()]
        axes["a"].legend(handles=lines, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        axes["b"].set_xlim(-80, 0)
        axes["b"].set_ylim(50, 300)
        axes["b"].set_xlabel("Potential of the cell (mV)")
        axes["b"].legend(loc="lower left", bbox_to_anchor=(0, 1))
        return canvas
