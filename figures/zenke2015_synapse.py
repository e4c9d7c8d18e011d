"""What holds a single synapse of Zenke, Agnes & Gerstner 2015 in place, mechanism by mechanism."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from brian2 import Hz, ms, mV, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import exact, mean
from brian2learn.analysis.pairing import TripletDrift
from brian2learn.analysis.reference_weight import Consolidating, relaxation_time
from brian2learn.analysis.short_term import ShortTerm
from brian2learn.circuits.current_lif import CurrentLIF
from brian2learn.circuits.paired import Paired
from brian2learn.circuits.postsynaptic_response import PostsynapticResponse
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity.consolidation import Consolidation
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.poisson_pairs import PoissonPairs
from brian2learn.tasks.pulse_trains import PulseTrains

from . import _style
from ._figure import Figure, Records
from .tsodyks1998_fig1 import CLOSED, CURRENT, RATE, RELEASED, highest, steady

CODE = "zenke2015, P10 and its simulation (code)"
DRIFT, FORMULA, TIME_BACK = "change per squared rate (1e-6 s)", "formula (1e-6 s)", "relaxation time (s)"
REFERENCE, HELD, STRENGTH = "reference weight (1)", "weight above the reference (1)", "strength P (1)"
HEBBIAN = TripletSTDP.preset("zenke2015")
TURNING = (6.0, 8.0, 12.0, 15.0)  # Hz; around the crossover
RELAXING = {5.0: "81", 10.0: "14.9", 20.0: "2.3", 50.0: "0.14"}  # Hz, s
SMALLER = 1e-3  # steps of the heterosynaptic term in the published ones; the formula is for small steps
WARM = 0.5  # s; traces come to their mean
GROUPS = 10  # of pairs, each of which measures on its own
STRENGTHS = {"simulation": 0.1 / 0.005859, "class default": 20.0}
WEIGHTS = tuple(np.round(np.arange(0.02, 0.401, 0.02), 3)) + tuple(np.round(np.arange(0.20, 0.24, 0.005), 4))
RECOVERY = {200: _style.BLUE, 150: _style.ORANGE}  # ms


def pairs_of(task: PoissonPairs, beta: float, a: float) -> Experiment:
    """Pairs under the Hebbian and the heterosynaptic term, with these amplitudes."""
    rule = HEBBIAN.replace(a3_plus=a, a2_minus=a) + Heterosynaptic(beta=beta)
    return Experiment(task, Paired(rule=rule, w_init=1.0), record={"plastic.w": WARM * second})


def grouped(record: Record) -> np.ndarray:
    """Weights of all pairs after the warm-up and in the last sample: (2, GROUPS, pairs of a group)."""
    values = record.states["plastic.w"].values.astype(float)
    return np.stack([values[1], values[-1]]).reshape(2, GROUPS, -1)


def span(record: Record) -> float:
    """Time between these two samples, s."""
    t = record.states["plastic.w"].t
    return float(t[-1] - t[1])


def post_rate(record: Record) -> float:
    """Rate of the post neurons, Hz."""
    return float(record.info["experiment"]["task"]["post_rate"]["si"])


def drifts(record: Record) -> np.ndarray:
    """Change per second and squared rate in every group of pairs."""
    first, last = grouped(record)
    return (last - first).mean(axis=1) / span(record) / post_rate(record) ** 2


def crossovers(records: Records) -> np.ndarray:
    """In every group, where a straight line through the drifts of all rates is 0: Hz."""
    each = np.stack([drifts(records[f"drift {rate:g}"][0]) for rate in TURNING])
    slopes, offsets = np.polyfit(TURNING, each, 1)
    return np.asarray(-offsets / slopes)


def speeds(record: Record) -> np.ndarray:
    """Rate of return to the reference with the published steps in every group, 1/s."""
    first, last = grouped(record).mean(axis=2)
    return np.log(first / last) / (SMALLER * span(record))


def relaxed(rate: float) -> Callable[[Records], Interval]:
    """How fast weights return to their reference at a rate, in that of the formula."""
    wanted = float(relaxation_time(rate, Heterosynaptic().beta, float(Heterosynaptic().tau_het)))
    return lambda records: mean(wanted * speeds(records[f"relax {rate:g}"][0]))


def held(records: Records, strength: str) -> pd.DataFrame:
    """Where the reference of every frozen weight has come to rest, and how far below its weight."""
    rows = []
    for w in sorted({*WEIGHTS}):
        (record, *_) = records[f"{strength} {w:g}"]
        reference = float(record.final["plastic.w_ref"][0])
        rows.append((reference, w - reference))
    table = pd.DataFrame(rows, columns=[REFERENCE, HELD])
    return table.sort_values(REFERENCE, ignore_index=True)


def barrier(records: Records, strength: str) -> Interval:
    """The largest distance at which a reference below a quarter rests: top of the parabola around it."""
    table = held(records, strength)
    low = table[table[REFERENCE] < 0.25].to_numpy()
    k = int(np.clip(np.argmax(low[:, 1]), 1, len(low) - 2))
    curve = np.polynomial.Polynomial.fit(low[k - 1 : k + 2, 0], low[k - 1 : k + 2, 1], 2)
    top = float(curve.deriv().roots()[0])
    return exact(float(np.real(curve(top))))


def release(tau_rec: int) -> TsodyksMarkram:
    """Short-term plasticity of the paper with one of its two recovery times, ms."""
    return TsodyksMarkram.preset("zenke2015", tau_rec=tau_rec * ms)


def _peak_claim(tau_rec: int, paper_value: str, accept: tuple[float, float], at: str) -> Claim:
    return Claim(
        name=f"peak_drive_{tau_rec}",
        sentence=f"With a recovery time of {tau_rec} ms a spike of a steady train releases most near {at}: the share "
        "released at the peak.",
        source="zenke2015, short-term plasticity (code)",
        paper_value=f"{paper_value} (recomputed from the parameters)",
        accept=accept,
        reason="Half of the last printed digit.",
        evidence="derived",
        measure=lambda records: exact(highest(steady(records[f"release {tau_rec}"][0]))[1]),
    )


class Zenke2015Synapse(Figure):
    """The mechanisms at one excitatory synapse: Hebbian terms, return to the reference, consolidation, release.

    Each is simulated alone: mean change under independent Poisson trains of one rate, relaxation after post spikes
    alone with steps a thousand times smaller than published, where the reference of a frozen weight comes to rest, and
    release in trains of 200 pulses.
    """

    title = "Zenke, Agnes & Gerstner 2015: the mechanisms at a single excitatory synapse"
    cites = ("zenke2015", "pfister2006", "tsodyks1998")
    claims = (
        Claim(
            name="crossover",
            sentence="Under independent Poisson trains of one rate depression turns into potentiation at 10 Hz.",
            source=CODE,
            paper_value="10 Hz",
            accept=(9.7, 10.3),
            reason="3 % for the finite number of spikes; the formula gives 10 exactly.",
            evidence="code",
            measure=lambda records: mean(crossovers(records)),
            unit="Hz",
        ),
        *(
            Claim(
                name=f"relaxation_{rate:g}_hz",
                sentence=f"At a post rate of {rate:g} Hz weights return to their reference in {printed} s. Simulated "
                "rate of return in that of the formula.",
                source=CODE,
                paper_value=f"{printed} s (recomputed from the parameters)",
                accept=(0.95, 1.05),
                reason="5 % for the finite number of spikes.",
                evidence="derived",
                measure=relaxed(rate),
            )
            for rate, printed in RELAXING.items()
        ),
        *(
            Claim(
                name=f"barrier_{name.replace(' ', '_')}",
                sentence="A reference weight leaves 0 only if the weight is held this far above it "
                f"(P = {STRENGTHS[name]:.4g}).",
                source=CODE,
                paper_value=f"{printed} (recomputed from the parameters)",
                accept=(printed - 5e-5, printed + 5e-5),
                reason="Half of the last printed digit.",
                evidence="derived",
                measure=lambda records, name=name: barrier(records, name),  # type: ignore[misc]
            )
            for name, printed in (("simulation", 0.1026), ("class default", 0.1203))
        ),
        _peak_claim(200, "0.368 near 5 Hz", (0.3675, 0.3685), "5 Hz"),
        _peak_claim(150, "0.406 near 6 Hz", (0.4055, 0.4065), "6 Hz"),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        n_pairs = 100 if small else 25_000

        def firing(rate: float, length: float, pre: float) -> PoissonPairs:
            time = 1.6 if small else length
            return PoissonPairs(n_pairs=n_pairs, pre_rate=pre * Hz, post_rate=rate * Hz, length=time * second)

        found = {f"drift {r:g}": pairs_of(firing(r, 2.6, r), 0.0, HEBBIAN.a3_plus) for r in TURNING}
        found |= {f"relax {r:g}": pairs_of(firing(r, 6.1, 0.0), SMALLER * Heterosynaptic().beta, 0.0) for r in RELAXING}
        found |= {f"{name} {w:g}": self._frozen(P, w, small) for name, P in STRENGTHS.items() for w in WEIGHTS}
        pulses = PulseTrains(
            low_rate=2 * Hz, high_rate=40 * Hz, n_rates=39, n_pulses=4 if small else 200, recovery=100 * ms,
            silence=10 * ms,
        )  # fmt: skip
        for tau_rec in RECOVERY:
            circuit = PostsynapticResponse(
                cell=CurrentLIF(V_t=150 * mV), transmission=ExponentialCurrent(tau=5 * ms), release=release(tau_rec),
                w=100.0,
            )  # fmt: skip
            found[f"release {tau_rec}"] = Experiment(pulses, circuit, record={f"cells.{CURRENT}": 2 * ms})
        return found

    def _frozen(self, strength: float, w: float, small: bool) -> Experiment:
        """One synapse without spikes; steps of a hundredth of the time constant of consolidation."""
        rule = Consolidation(P=strength, dt_cons=12 * second)
        silent = PoissonPairs(n_pairs=1, pre_rate=0 * Hz, post_rate=0 * Hz, length=(240 if small else 120_000) * second)
        return Experiment(silent, Paired(rule=rule, w_init=w), dt=12 * second)

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        triplet = TripletDrift(
            a2_plus=0.0, a3_plus=HEBBIAN.a3_plus, a2_minus=HEBBIAN.a2_minus, a3_minus=0.0,
            **{name: float(HEBBIAN.values[name]) for name in ("tau_plus", "tau_minus", "tau_x", "tau_y")},
        )  # fmt: skip
        rates = np.array(TURNING)
        each = [mean(drifts(records[f"drift {rate:g}"][0]) * 1e6) for rate in TURNING]
        with np.errstate(divide="ignore"):
            back = [1 / np.mean(speeds(records[f"relax {rate:g}"][0])) for rate in RELAXING]
        curve = np.linspace(1, 60, 119)
        ends = pd.concat(held(records, name).assign(**{STRENGTH: P}) for name, P in STRENGTHS.items())
        grid = np.linspace(0, 0.55, 111)
        pulls = [
            pd.DataFrame({REFERENCE: grid, HELD: Consolidating(P, 0.5).pull(grid), STRENGTH: P})
            for P in STRENGTHS.values()
        ]
        released = [steady(records[f"release {tau}"][0]).assign(recovery=f"{tau} ms") for tau in RECOVERY]
        fine = np.linspace(0.5, 40, 200)
        closed = [
            pd.DataFrame({RATE: fine, CLOSED: ShortTerm(0.2, tau / 1e3, 0.6).steady_release(fine)}).assign(
                recovery=f"{tau} ms"
            )
            for tau in RECOVERY
        ]
        beta, tau = Heterosynaptic().beta, float(Heterosynaptic().tau_het)
        return {
            "drift": pd.DataFrame(
                {RATE: rates, DRIFT: [one.value for one in each],
                 FORMULA: triplet.drift(rates, rates) / rates**2 * 1e6}
            ),
            "relaxation": pd.DataFrame({RATE: list(RELAXING), TIME_BACK: back}),
            "relaxation_formula": pd.DataFrame({RATE: curve, TIME_BACK: relaxation_time(curve, beta, tau)}),
            "consolidation": ends,
            "pull": pd.concat(pulls, ignore_index=True),
            "release": pd.concat(released, ignore_index=True),
            "release_formula": pd.concat(closed, ignore_index=True),
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 58)
        axes = canvas.subplot_mosaic("abcd")
        self._draw_drift(axes["a"], data["drift"])
        self._draw_relaxation(axes["b"], data)
        self._draw_consolidation(axes["c"], data)
        self._draw_release(axes["d"], data)
        for panel in "abcd":
            _style.letter(axes[panel], panel)
        return canvas

    def _draw_drift(self, axes: Axes, table: pd.DataFrame) -> None:
        axes.axhline(0, color=_style.GREY, lw=0.5)
        axes.axvline(10, color=_style.BLACK, lw=0.7, ls=":")
        axes.plot(table[RATE], table[FORMULA], color=_style.BLUE, label="formula")
        axes.plot(table[RATE], table[DRIFT], "o", color=_style.BLUE, ms=3, mew=0, label="simulated")
        axes.set_title("Hebbian terms")
        axes.set_xlabel("Rate of pre and post (Hz)")
        axes.set_ylabel("Change per squared rate (10$^{-6}$ s)")
        axes.set_xticks([6, 8, 10, 12, 14])
        axes.legend(loc="lower right")

    def _draw_relaxation(self, axes: Axes, data: Mapping[str, pd.DataFrame]) -> None:
        curve, table = data["relaxation_formula"], data["relaxation"]
        axes.plot(curve[RATE], curve[TIME_BACK], color=_style.BLUE)
        axes.plot(table[RATE], table[TIME_BACK], "o", color=_style.BLUE, ms=3, mew=0)
        axes.set_title("heterosynaptic")
        axes.set_yscale("log")
        axes.set_ylim(0.05, 300)
        axes.set_xlim(0, 60)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("Post rate (Hz)")
        axes.set_ylabel("Relaxation time (s)")

    def _draw_consolidation(self, axes: Axes, data: Mapping[str, pd.DataFrame]) -> None:
        axes.axhline(0, color=_style.GREY, lw=0.5)
        for (P, curve), colour in zip(data["pull"].groupby(STRENGTH), (_style.BLUE, _style.ORANGE), strict=True):
            axes.plot(curve[REFERENCE], curve[HELD], color=colour, label=f"P = {P:.4g}")
            points = data["consolidation"][data["consolidation"][STRENGTH] == P]
            axes.plot(points[REFERENCE], points[HELD], "o", color=colour, ms=2.2, mew=0)
        axes.set_title("consolidation")
        axes.set_xlim(0, 0.55)
        axes.set_ylim(-0.15, 0.15)
        axes.set_xlabel("Reference weight at rest")
        axes.set_ylabel("Weight above the reference")
        axes.legend(loc="lower left")

    def _draw_release(self, axes: Axes, data: Mapping[str, pd.DataFrame]) -> None:
        for tau, colour in RECOVERY.items():
            curve, points = (
                data[name][data[name]["recovery"] == f"{tau} ms"] for name in ("release_formula", "release")
            )
            axes.plot(curve[RATE], curve[CLOSED], color=colour, label=f"recovery {tau} ms")
            axes.plot(points[RATE].iloc[::3], points[RELEASED].iloc[::3], "o", color=colour, ms=2.2, mew=0)
        axes.set_title("short-term plasticity")
        axes.set_xlim(0, 40)
        axes.set_ylim(0, 0.45)
        axes.set_xlabel("Rate of pulses (Hz)")
        axes.set_ylabel("Share released, $u x$")
        axes.legend(loc="lower left")
