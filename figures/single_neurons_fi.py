"""How fast cells fire under constant current."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from brian2 import Mohm, cm, ms, mV, nA, second, uA
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.firing import lif_rate, steady_rate
from brian2learn.analysis.intervals import exact
from brian2learn.circuits._circuit import Cell
from brian2learn.circuits.ad_ex import AdEx
from brian2learn.circuits.current_clamp import CurrentClamp
from brian2learn.circuits.current_lif import CurrentLIF
from brian2learn.circuits.hodgkin_huxley import HodgkinHuxley
from brian2learn.circuits.izhikevich import Izhikevich
from brian2learn.circuits.mat import MAT
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.silence import Silence

from . import _style
from ._current_clamp import currents_of, spikes_of
from ._figure import Figure, Records

TAU, GAP = 10e-3, 10e-3  # s and V; threshold above rest and reset
LIF = CurrentLIF(tau_m=10 * ms, R=100 * Mohm, E_L=-60 * mV, V_reset=-60 * mV, V_t=-50 * mV)
REFRACTORY = {"lif": 0.0, "lif_refractory": 2e-3}  # s
LIF_RATES = {
    "lif": {12: 55.81, 15: 91.02, 20: 144.27, 30: 246.63},
    "lif_refractory": {12: 50.21, 15: 77.01, 20: 111.96, 30: 165.16},
}  # Hz, by R i in mV
HH_RATES = {6.3: 52.4, 7: 58.3, 10: 68.3, 50: 117.0}  # Hz, by uA/cm2
AREA = HodgkinHuxley().area
DENSITY = float(AREA * uA / cm**2)  # A for 1 uA/cm2
OTHERS: dict[str, tuple[type[Cell], float]] = {
    "AdEx": (AdEx, 2.0), "Izhikevich": (Izhikevich, 0.02), "MAT": (MAT, 1.0)
}  # cell and the highest current, nA  # fmt: skip

DRIVE, CURRENT, RATE, DENSITIES = "drive (mV)", "current (nA)", "rate (Hz)", "current density (uA/cm2)"
ERROR, STEP = "period error (time steps)", "time step (ms)"
LIF_SOURCE = "stein1965, leaky integrator, solved for constant current"
HH_SOURCE = "hodgkin1952, equations at 6.3 degrees C, integrated (RK4, 0.005 ms)"


def rates(record: Record) -> np.ndarray:
    """Steady rate of every cell, Hz: one over the mean interval in the second half of the run."""
    n = currents_of(record).size
    return np.array([steady_rate(spikes_of(record, cell), t_stop=record.duration) for cell in range(n)])


def rates_by(record: Record, unit: float) -> dict[float, float]:
    """Steady rate, Hz, by current in `unit` (A)."""
    return dict(zip((currents_of(record) / unit).round(6).tolist(), rates(record).tolist(), strict=True))


def n_spikes_by_density(record: Record) -> dict[float, int]:
    """Number of spikes in the whole run, by current density in uA/cm2."""
    densities = (currents_of(record) / DENSITY).round(6).tolist()
    return {density: spikes_of(record, cell).size for cell, density in enumerate(densities)}


def period_errors(record: Record) -> np.ndarray:
    """By how many time steps the period of every LIF cell differs from the closed form; nan for a silent one."""
    circuit = record.info["experiment"]["circuit"]
    tau_ref = circuit["cell"]["tau_ref"]["si"]
    wanted = lif_rate(currents_of(record) * float(LIF.R), tau=TAU, threshold=GAP, refractory=tau_ref)
    found = rates(record)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = (1 / found - 1 / wanted) / record.info["dt"]
    return np.where((found > 0) & (wanted > 0), errors, np.nan)


def lif_at(name: str, drive: float) -> Callable[[Records], Interval]:
    """Rate of the LIF cell whose R i is `drive` (mV)."""
    return lambda records: exact(rates_by(records[name][0], 1e-3 / float(LIF.R)).get(drive, np.nan))


def largest_error(*names: str) -> Callable[[Records], Interval]:
    """Largest error of a period, in time steps, whatever its sign."""

    def measure(records: Records) -> Interval:
        errors = np.abs(np.concatenate([period_errors(records[name][0]) for name in names]))
        errors = errors[~np.isnan(errors)]
        return exact(float(errors.max()) if errors.size else np.nan, errors.size)

    return measure


def n_below_rheobase(records: Records) -> Interval:
    """Number of spikes of all LIF cells whose R i is below the threshold."""
    record = records["lif_below"][0]
    return exact(record.spikes["cells"].t.size, currents_of(record).size)


def hh_rates(records: Records) -> dict[float, float]:
    """Steady rate of the Hodgkin-Huxley cell, Hz, by current density in uA/cm2, ascending."""
    found: dict[float, float] = {}
    for name in ("hh", "hh_low", "hh_onset"):
        found |= rates_by(records[name][0], DENSITY)
    return dict(sorted(found.items()))


def hh_counts(records: Records) -> dict[float, int]:
    """Number of spikes of the Hodgkin-Huxley cell in the whole run, by current density in uA/cm2."""
    found: dict[float, int] = {}
    for name in ("hh", "hh_low", "hh_onset"):
        found |= n_spikes_by_density(records[name][0])
    return found


def hh_at(density: float) -> Callable[[Records], Interval]:
    """Steady rate at one current density, Hz."""
    return lambda records: exact(hh_rates(records).get(density, np.nan))


def spikes_between(low: float, high: float) -> Callable[[Records], Interval]:
    """Fewest and most spikes that a current density in this range calls forth in the whole run."""

    def measure(records: Records) -> Interval:
        counts = [n for density, n in hh_counts(records).items() if low <= density <= high]
        return Interval(max(counts), min(counts), max(counts), len(counts), "range") if counts else exact(np.nan)

    return measure


def first_steady_rate(records: Records) -> Interval:
    """Lowest steady rate that is not zero, Hz."""
    firing = [rate for rate in hh_rates(records).values() if rate > 0]
    return exact(min(firing) if firing else np.nan)


def n_falls(records: Records) -> Interval:
    """How often the rate falls from one current density to the next between 6.3 and 50 uA/cm2."""
    found = np.array([rate for density, rate in hh_rates(records).items() if 6.3 <= density <= 50])
    return exact(int(np.sum(np.diff(found) < 0)) if found.size > 1 else np.nan, int(found.size))


def halving_changes(records: Records) -> Interval:
    """Largest change of a steady rate when the time step is halved, Hz."""
    coarse = hh_rates(records)
    fine = rates_by(records["hh_half_step"][0], DENSITY)
    changes = [abs(rate - coarse[density]) for density, rate in fine.items() if density in coarse]
    return exact(max(changes) if changes else np.nan, len(changes))


def _claims() -> Iterator[Claim]:
    def claim(name: str, sentence: str, value: str, accept: tuple[float, float], reason: str, **more: Any) -> Claim:
        return Claim(
            name=name, sentence=sentence, paper_value=value, accept=accept, reason=reason, evidence="derived", **more
        )  # fmt: skip

    for name, table in LIF_RATES.items():
        after = f"{REFRACTORY[name] * 1e3:g} ms refractory" if REFRACTORY[name] else "never refractory"
        for drive, rate in table.items():
            yield claim(
                f"{name}_{drive}mV",
                f"A LIF cell (time constant 10 ms, threshold 10 mV above reset, {after}) fires at {rate} Hz when its "
                f"input alone would take it {drive} mV above rest.",
                f"{rate} Hz",
                (1 / (1 / rate + 1e-5) - 0.005, 1 / (1 / rate - 1e-5) + 0.005),
                "A period may be wrong by the time step of 0.01 ms; the rate is given to 0.01 Hz.",
                source=LIF_SOURCE,
                measure=lif_at(name, drive),
                unit="Hz",
            )
    for name, dt in (("", 0.01), ("_coarse", 0.1)):
        yield claim(
            f"lif_period{name}",
            f"With a time step of {dt} ms no period of a LIF cell differs by more than one step from the closed form.",
            "at most 1 step",
            (0, 1.000001),
            "Spikes lie on the time grid; beyond that, rounding.",
            source=LIF_SOURCE,
            measure=largest_error(*(f"{each}{name}" for each in REFRACTORY)),
            unit="steps",
        )
    yield claim(
        "lif_rheobase",
        "A LIF cell does not fire while its input alone would leave it below threshold. Number of spikes, all cells.",
        "0 spikes",
        (0, 0),
        "Nothing is random.",
        source=LIF_SOURCE,
        measure=n_below_rheobase,
        unit="spikes",
    )
    for density, rate in HH_RATES.items():
        yield claim(
            f"hh_{density}",
            f"The Hodgkin-Huxley cell fires steadily at {rate} Hz under {density} uA/cm2.",
            f"{rate} Hz",
            (rate - 0.5, rate + 0.5),
            "0.5 Hz for another way of integrating and of counting.",
            source=HH_SOURCE,
            measure=hh_at(density),
            unit="Hz",
        )
    yield claim(
        "hh_onset", "Where steady firing begins the rate jumps from 0 to about 52 Hz (type II). Lowest steady rate.",
        "52 Hz", (51.4, 52.9), "0.5 Hz as for the other rates; a current below 6.3 uA/cm2 might still fire.",
        source=HH_SOURCE, measure=first_steady_rate, unit="Hz",
    )  # fmt: skip
    for name, (low, high), (least, most), words in (
        ("hh_silent", (0, 2.2), (0, 0), "Up to 2.2 uA/cm2 there is no spike"),
        ("hh_few", (2.3, 6.0), (1, 2), "From 2.3 to 6.0 uA/cm2 there are one or two spikes, then silence"),
        ("hh_transient", (6.25, 6.25), (8, 8), "At 6.25 uA/cm2 there is a transient train of 8 spikes"),
        ("hh_block", (100, 100), (2, 2), "At 100 uA/cm2 there are 2 spikes, then depolarisation block"),
    ):
        yield claim(
            name, f"{words}. Most spikes in 1 s at such a current, with the range.",
            f"{least}" if least == most else f"{least} to {most}", (least, most), "Nothing is random.",
            source=HH_SOURCE, measure=spikes_between(low, high), unit="spikes",
        )  # fmt: skip
    yield claim(
        "hh_rises", "Between 6.3 and 50 uA/cm2 the steady rate rises with the current. How often it falls.",
        "never", (0, 0), "Nothing is random; neighbouring currents differ by more than the grid of spike times.",
        source=HH_SOURCE, measure=n_falls, unit="falls",
    )  # fmt: skip
    yield claim(
        "hh_half_step", "Half the time step leaves the steady rates between 10 and 50 uA/cm2 as they are.",
        "no change", (0, 0.5), "0.5 Hz as for the rates.",
        source=HH_SOURCE, measure=halving_changes, unit="Hz",
    )  # fmt: skip


class SingleNeuronsFI(Figure):
    """Frequency-current curves: where a cell begins to fire, at what rate, and how the rate grows.

    Rates are one over the mean interval in the second half of 1 s of constant current. The LIF cell is drawn with its
    closed form. A spike is counted up to a step late, but Brian2 counts a refractory period from the beginning of the
    step in whose course the cell fired, so that it is a step short. Published parameter sets bear their names.
    """

    title = "Frequency-current curves of single cells"
    cites = ("stein1965", "hodgkin1952", "brette2005", "izhikevich2003", "kobayashi2009")
    claims = tuple(_claims())

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = Silence(length=(0.1 if small else 1) * second)
        found = {}

        def add(name: str, cell: Cell, low: Any, high: Any, n: int, dt: float = 0.01) -> None:
            clamp = CurrentClamp(cell=cell, i_low=low, i_high=high, n_cells=4 if small else n)
            found[name] = Experiment(task, clamp, dt=dt * ms)

        for name, dt in (("", 0.01), ("_coarse", 0.1)):
            for each, tau_ref in REFRACTORY.items():
                add(f"{each}{name}", LIF.replace(tau_ref=tau_ref * second), 0.11 * nA, 0.3 * nA, 20, dt)
        add("lif_below", LIF.replace(tau_ref=0 * ms), 0 * nA, 0.095 * nA, 20)
        one = 1 * uA / cm**2 * AREA
        add("hh", HodgkinHuxley(), 0 * one, 100 * one, 51, 0.005)
        add("hh_low", HodgkinHuxley(), 1 * one, 6 * one, 51, 0.005)
        add("hh_onset", HodgkinHuxley(), 5 * one, 7.5 * one, 51, 0.005)
        add("hh_half_step", HodgkinHuxley(), 10 * one, 50 * one, 5, 0.0025)
        for name, (cell, high) in OTHERS.items():
            for preset in cell.presets:
                add(f"{name} {preset}", cell.preset(preset), 0 * nA, high * nA, 41)
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        first = {name: found[0] for name, found in records.items()}
        lif, errors, others = [], [], []
        for name in REFRACTORY:
            for each in (name, "lif_below") if name == "lif" else (name,):
                drive = currents_of(first[each]) * float(LIF.R) * 1e3
                lif.append(pd.DataFrame({"cell": name, DRIVE: drive, RATE: rates(first[each])}))
            for each in (name, f"{name}_coarse"):
                record = first[each]
                drive = currents_of(record) * float(LIF.R) * 1e3
                row = {"cell": name, STEP: record.info["dt"] * 1e3, DRIVE: drive, ERROR: period_errors(record)}
                errors.append(pd.DataFrame(row))
        fine = np.concatenate([np.linspace(0, 10, 2), 10 + np.geomspace(1e-3, 21, 300)])
        closed = [
            pd.DataFrame(
                {"cell": name, DRIVE: fine, RATE: lif_rate(fine * 1e-3, tau=TAU, threshold=GAP, refractory=ref)}
            )
            for name, ref in REFRACTORY.items()
        ]
        for name, (cell, _) in OTHERS.items():
            for preset in cell.presets:
                record = first[f"{name} {preset}"]
                columns = {CURRENT: currents_of(record) * 1e9, RATE: rates(record)}
                others.append(pd.DataFrame({"cell": name, "set": preset, **columns}))
        hodgkin = hh_rates(records)
        return {
            "lif": pd.concat(lif, ignore_index=True),
            "lif_closed_form": pd.concat(closed, ignore_index=True),
            "lif_errors": pd.concat(errors, ignore_index=True),
            "hodgkin_huxley": pd.DataFrame({DENSITIES: hodgkin.keys(), RATE: hodgkin.values()}).astype(float),
            "others": pd.concat(others, ignore_index=True),
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 108)
        axes = canvas.subplot_mosaic([list("abc"), list("def")])
        look = {"lif": (_style.BLUE, "never refractory"), "lif_refractory": (_style.VERMILION, "2 ms refractory")}
        for name, (colour, label) in look.items():
            closed, dots = (data[table][data[table]["cell"] == name] for table in ("lif_closed_form", "lif"))
            axes["a"].plot(closed[DRIVE], closed[RATE], color=colour, label=label)
            axes["a"].plot(dots[DRIVE], dots[RATE], "o", color=colour, ms=2.2, mew=0)
            for dt, face in ((0.1, "none"), (0.01, colour)):
                rows = data["lif_errors"]
                rows = rows[(rows["cell"] == name) & np.isclose(rows[STEP], dt)]
                axes["b"].plot(rows[DRIVE], rows[ERROR], "o", color=colour, mfc=face, ms=2.6, mew=0.6)
        axes["b"].axhspan(-1, 1, color=_style.BAND, lw=0)
        for dt, face in ((0.1, "none"), (0.01, _style.BLACK)):
            axes["b"].plot([], [], "o", color=_style.BLACK, mfc=face, ms=2.6, mew=0.6, label=f"time step {dt} ms")
        hodgkin = data["hodgkin_huxley"]
        axes["c"].plot(hodgkin[DENSITIES], hodgkin[RATE], "o", color=_style.BLUE, ms=1.8, mew=0)
        axes["a"].set_title("LIF: closed form and simulation")
        axes["b"].set_title("LIF: simulation minus closed form")
        axes["c"].set_title("Hodgkin-Huxley")
        for panel in "ab":
            axes[panel].set_xlabel("Drive $R\\,i$ (mV)")
            axes[panel].set_xlim(0 if panel == "a" else 10, 31)
        axes["b"].set_ylabel("Period error (time steps)")
        axes["b"].set_ylim(-1.2, 1.9)
        axes["b"].set_yticks([-1, 0, 1])
        axes["a"].legend(loc="upper left")
        axes["b"].legend(loc="upper left")
        axes["c"].set_xlabel("Current density (µA/cm$^2$)")
        for panel, (name, _) in zip("def", OTHERS.items(), strict=True):
            self._curves(axes[panel], data["others"][data["others"]["cell"] == name])
            axes[panel].set_title(name)
        for panel in "acdef":
            axes[panel].set_ylabel("Rate (Hz)")
            axes[panel].set_ylim(bottom=-0.03 * axes[panel].get_ylim()[1])
        for panel in "abcdef":
            _style.letter(axes[panel], panel, left=9)
        return canvas

    @staticmethod
    def _curves(axes: Axes, rows: pd.DataFrame) -> None:
        """One curve for each parameter set; more than four sets differ in their dashes too."""
        colours = (_style.BLUE, _style.VERMILION, _style.GREEN, _style.BLACK)
        factor, unit = (1e3, "pA") if rows[CURRENT].max() < 0.1 else (1, "nA")
        for k, (name, curve) in enumerate(rows.groupby("set", sort=False)):
            dashes = "-" if k < len(colours) else (0, (3, 1.5))
            label = str(name).replace("_", " ")
            axes.plot(factor * curve[CURRENT], curve[RATE], color=colours[k % len(colours)], ls=dashes, label=label)
        axes.set_xlabel(f"Current ({unit})")
        axes.set_xlim(0, factor * rows[CURRENT].max())
        axes.legend(loc="upper left")
