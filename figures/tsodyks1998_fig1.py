"""Figure 1 of Tsodyks, Pawelzik & Markram 1998, with the steady state of both synapses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from brian2 import Hz, Mohm, ms, mV, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import exact
from brian2learn.analysis.short_term import ShortTerm
from brian2learn.circuits.current_lif import CurrentLIF
from brian2learn.circuits.postsynaptic_response import PostsynapticResponse
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.pulse_trains import PulseTrains

from . import _style
from ._figure import Figure, Records

KINDS = {"depressing": _style.BLUE, "facilitating": _style.VERMILION}
CURRENT = "exponential_current_I"
TIME, POTENTIAL, RATE = "time (ms)", "potential (mV above rest)", "rate (Hz)"
RELEASED, CLOSED, PER_SECOND = "simulated (share)", "closed form (share)", "simulated (share per second)"


def synapse(kind: str) -> PostsynapticResponse:
    """The synapse and the membrane of panel A (depressing) or B and C (facilitating) of the paper."""
    depressing = kind == "depressing"
    return PostsynapticResponse(
        cell=CurrentLIF(
            tau_m=(40 if depressing else 60) * ms, R=(100 if depressing else 1000) * Mohm, V_t=150 * mV
        ),
        transmission=ExponentialCurrent(tau=(3 if depressing else 1.5) * ms),
        release=TsodyksMarkram.preset(f"tsodyks1998_{kind}"),
        w=250.0 if depressing else 1540.0,
    )  # fmt: skip


def given(record: Record, *names: str) -> float:
    """A number of the circuit of a record, in SI units."""
    value = record.info["experiment"]["circuit"]
    for name in names:
        value = value[name]
    return float(value["si"] if isinstance(value, dict) else value)


def model(record: Record) -> ShortTerm:
    """The closed form of the synapse of a record."""
    tau_fac = given(record, "release", "tau_fac")
    none = tau_fac <= float(TsodyksMarkram.tau_fac.low)
    return ShortTerm(given(record, "release", "U"), given(record, "release", "tau_rec"), 0.0 if none else tau_fac)


def jump(record: Record, neuron: int, arrival: float) -> float:
    """What a pulse released, from the current just before and some time after it."""
    states, tau = record.states[f"cells.{CURRENT}"], given(record, "transmission", "tau")
    peak = given(record, "transmission", "i_unit") * given(record, "w")
    dt, step = record.info["dt"], states.t[1]
    before = int(arrival / step + 1e-6)  # the sample of this step is taken before the pulse
    rest = states.values[before, neuron] * np.exp(-step / tau)
    since = (before + 1) * step - arrival - dt
    return float((states.values[before + 1, neuron] - rest) * np.exp(since / tau) / peak)


def steady(record: Record) -> pd.DataFrame:
    """Release per pulse at the end of trains of 200 pulses, and the closed form for endless ones."""
    rates = record.truth["rate"]
    n_pulses = record.info["experiment"]["task"]["n_pulses"]
    resolution = record.info["experiment"]["task"]["resolution"]["si"]
    last = np.rint((n_pulses - 1) / rates / resolution) * resolution
    released = np.array([jump(record, k, arrival) for k, arrival in enumerate(last)])
    return pd.DataFrame(
        {RATE: rates, RELEASED: released, PER_SECOND: rates * released, CLOSED: model(record).steady_release(rates)}
    )


def highest(table: pd.DataFrame) -> tuple[float, float]:
    """Rate and release at the top of the parabola through the highest simulated point and its neighbours."""
    best = int(np.clip(np.argmax(table[RELEASED]), 1, len(table) - 2))
    near = table.iloc[best - 1 : best + 2]
    curve = np.polynomial.Polynomial.fit(near[RATE].to_numpy(), near[RELEASED].to_numpy(), 2)
    top = float(curve.deriv().roots()[0])
    return top, float(curve(top))


def limiting_rate(record: Record) -> float:
    """1 / (U tau_rec) with U from the first pulse and tau_rec from the release at the highest rate of a train."""
    first, table = jump(record, 0, 0.0), steady(record)
    rate, released = table[RATE].iloc[-1], table[RELEASED].iloc[-1]
    x = released / first
    return float(-rate * np.log((1 - x) / (1 - (1 - first) * x)) / first)


def _steady_claim(kind: str) -> Claim:
    def measure(records: Records) -> Interval:
        table = steady(records[f"{kind} steady"][0])
        return exact(np.max(np.abs(table[RELEASED] / table[CLOSED] - 1)))

    return Claim(
        name=f"steady_{kind}",
        sentence=f"Steady state of the {kind} synapse: largest distance of the simulated release per pulse from the "
        "closed form, relative to it.",
        source="tsodyks1998, Fig 1 parameters",
        paper_value="the closed form",
        accept=(0, 0.005),
        reason="Pulses come at multiples of 0.1 ms, so an interval of 20 ms is wrong by up to half a percent.",
        evidence="derived",
        measure=measure,
    )


class Tsodyks1998Fig1(Figure):
    """A depressing and a facilitating synapse answer trains of pulses, and what is left of a pulse in the steady state.

    The membrane follows an exponential current below threshold. The peak in panel d is of the release per pulse; the
    release per second goes on rising. Parameters are those of Brian2's example of this figure.
    """

    title = "Tsodyks, Pawelzik & Markram 1998, Figure 1: depression and facilitation"
    cites = "tsodyks1998"
    claims = (
        Claim(
            name="limiting_rate",
            sentence="The depressing synapse has a limiting rate 1/(U tau_rec) of 2.5 Hz: U from the first response, "
            "tau_rec from the steady response at 50 Hz.",
            source="tsodyks1998, text and Fig 1A",
            paper_value="2.5 Hz",
            accept=(2.45, 2.55),
            reason="Half of the last printed digit.",
            evidence="derived",
            measure=lambda records: exact(limiting_rate(records["depressing steady"][0])),
            unit="Hz",
        ),
        Claim(
            name="peak_formula",
            sentence="For the facilitating synapse the approximate formula puts the peak of the release per pulse at "
            "24.4 Hz (formula applied to the parameters of the run).",
            source="tsodyks1998, text",
            paper_value="24.4 Hz",
            accept=(24.35, 24.45),
            reason="Half of the last printed digit.",
            evidence="derived",
            measure=lambda records: exact(model(records["facilitating steady"][0]).peak_rate_formula),
            unit="Hz",
        ),
        Claim(
            name="peak_rate",
            sentence="In truth the release per pulse of regular trains peaks at 21 Hz.",
            source="tsodyks1998, Fig 1B parameters",
            paper_value="21 Hz (recomputed from the parameters)",
            accept=(20.5, 21.5),
            reason="Half of the last printed digit.",
            evidence="derived",
            measure=lambda records: exact(highest(steady(records["facilitating steady"][0]))[0]),
            unit="Hz",
        ),
        Claim(
            name="peak_release",
            sentence="The release per pulse at this peak.",
            source="tsodyks1998, Fig 1B parameters",
            paper_value="0.1656, 5.5 times that at rest (recomputed from the parameters)",
            accept=(0.16555, 0.16565),
            reason="Half of the last printed digit.",
            evidence="derived",
            measure=lambda records: exact(highest(steady(records["facilitating steady"][0]))[1]),
        ),
        *map(_steady_claim, KINDS),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        long = PulseTrains(
            low_rate=2 * Hz, high_rate=50 * Hz, n_rates=25, n_pulses=5 if small else 200, recovery=1 * second,
            silence=10 * ms,
        )  # fmt: skip
        short = PulseTrains(
            low_rate=20 * Hz, high_rate=70 * Hz, n_rates=2, n_pulses=20, recovery=500 * ms, silence=300 * ms
        )
        found = {}
        for kind in KINDS:
            found[f"{kind} trains"] = Experiment(short, synapse(kind), record={"cells.v": 0.5 * ms})
            found[f"{kind} steady"] = Experiment(long, synapse(kind), record={f"cells.{CURRENT}": 1 * ms})
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        tables = {}
        for panel, kind, neuron in (("a", "depressing", 0), ("b", "facilitating", 0), ("c", "facilitating", 1)):
            record = records[f"{kind} trains"][0]
            states = record.states["cells.v"]
            until = record.truth["recovery_time"][neuron] + 0.2
            shown = states.t <= until
            v = (states.values[shown, neuron].astype(float) - given(record, "cell", "E_L")) * 1e3
            tables[panel] = pd.DataFrame(
                {TIME: states.t[shown] * 1e3, POTENTIAL: v, "pulses (Hz)": record.truth["rate"][neuron]}
            )
        every = [steady(records[f"{kind} steady"][0]).assign(synapse=kind) for kind in KINDS]
        tables["d"] = pd.concat(every, ignore_index=True)
        rates = np.geomspace(0.5, 60, 200)
        curves = [
            pd.DataFrame({RATE: rates, CLOSED: model(records[f"{kind} steady"][0]).steady_release(rates)}).assign(
                synapse=kind
            )
            for kind in KINDS
        ]
        tables["curves"] = pd.concat(curves, ignore_index=True)
        depressing, facilitating = (model(records[f"{kind} steady"][0]) for kind in KINDS)
        tables["rates"] = pd.DataFrame(
            {"what": ["limiting rate", "peak, formula", "peak, exact"],
             RATE: [depressing.limiting_rate, facilitating.peak_rate_formula, facilitating.peak[0]]}
        )  # fmt: skip
        return tables

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 92)
        axes = canvas.subplot_mosaic("abc;dde", gridspec_kw={"hspace": 0.1})
        for panel, kind in (("a", "depressing"), ("b", "facilitating"), ("c", "facilitating")):
            table = data[panel]
            axes[panel].plot(table[TIME], table[POTENTIAL], color=KINDS[kind])
            axes[panel].set_title(f"{kind}, {table['pulses (Hz)'].iloc[0]:.0f} Hz")
            axes[panel].set_xlabel("Time (ms)")
            axes[panel].set_xlim(0, table[TIME].iloc[-1])
            axes[panel].locator_params(axis="x", nbins=4)
            axes[panel].set_ylim(bottom=0)
        axes["a"].set_ylabel("Potential above rest (mV)")
        _draw_steady(axes["d"], data, RELEASED, "Release per pulse, u x")
        _draw_steady(axes["e"], data, PER_SECOND, "Release per second (1/s)")
        for panel in "abcde":
            _style.letter(axes[panel], panel)
        return canvas


def _draw_steady(axes: Axes, data: Mapping[str, pd.DataFrame], column: str, label: str) -> None:
    per_second = column == PER_SECOND
    for kind, colour in KINDS.items():
        curve, points = (data[name][data[name]["synapse"] == kind] for name in ("curves", "d"))
        closed = curve[CLOSED] * (curve[RATE] if per_second else 1)
        axes.plot(curve[RATE], closed, color=colour, label=f"{kind}, closed form")
        axes.plot(points[RATE], points[column], "o", ms=2.5, mew=0, color=colour, label=f"{kind}, simulated")
    if not per_second:
        rates = data["rates"].set_index("what")[RATE]
        for what, colour, top, side in (
            ("limiting rate", _style.BLUE, 1.0, 1),
            ("peak, exact", _style.VERMILION, 0.6, -1),
            ("peak, formula", _style.VERMILION, 0.6, 1),
        ):
            axes.axvline(rates[what], 0, top, color=colour, lw=0.6, ls=":")
            axes.text(
                rates[what] + 0.5 * side, 0.48 * top, f"{what} {rates[what]:.1f} Hz", color=colour, fontsize=6.5,
                ha="left" if side > 0 else "right", va="top",
            )  # fmt: skip
        axes.legend(loc="upper right", ncols=2)
    axes.set_xlim(0, 60)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Rate of pulses (Hz)")
    axes.set_ylabel(label)
