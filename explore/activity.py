"""What a running circuit does, as pictures: rasters, population rates, weights, states of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Choice, Declaration, Param, Size

from .pictures import RASTER, Curve, Picture
from .views._view import View, units_in

MOST_SPIKES = 200_000
"""A raster shows every k-th cell, where all of them have more spikes."""
MOST_BINS = 2000
MOST_SAMPLES = 10**6
"""Values on record, with which a circuit is opened."""
FEW = 20  # cells
N_BARS = 60
SMALL = 1e-6  # weights that are all the same and below this are drawn as 0
QUANTILES = {"90 %": 0.9, "mean": None, "10 %": 0.1}
STEPS = {"0.01 ms": 0.01 * ms, "0.05 ms": 0.05 * ms, "0.1 ms": 0.1 * ms, "0.5 ms": 0.5 * ms, "1 ms": 1 * ms}
INTERVALS = {"never": None, "1 s": 1 * second, "100 ms": 100 * ms, "10 ms": 10 * ms, "1 ms": 1 * ms}
TIME = "Time (s)"


class Activity(View):
    """Spikes, rates and weights of a run."""

    title = "Activity"

    seed = Size(0, "seed: other spikes of the task, other first weights", low=0, high=10**6)
    rate_bin = Param(10 * ms, "bin in which spikes are counted for the rates", low=0.1 * ms, high=10 * second)
    dt = Choice("0.1 ms", "time step", dict.fromkeys(STEPS, "of the simulation"))
    weights = Choice(
        "never",
        "how often weights, or states of cells without spikes, are recorded",
        {"never": "their end only", **dict.fromkeys(list(INTERVALS)[1:], "their course")},
    )

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return False  # it needs a task too, and has a page of its own

    @property
    def step(self) -> Any:
        """Time step as a quantity."""
        return STEPS[self.dt]

    @property
    def interval(self) -> Any:
        """Time between two recorded values, or None."""
        return INTERVALS[self.weights]

    @classmethod
    def suited_to(cls, duration: float, n_cells: int, n_recorded: int) -> Activity:
        """With values recorded a hundred times or more, if there are not too many, and bins that hold some spikes."""
        rate_bin = cls.rate_bin.default if n_cells >= FEW else max(float(f"{duration / 100:.1g}"), 1e-3) * second
        for name, every in INTERVALS.items():
            if every is not None and n_recorded and 100 <= duration / float(every) <= MOST_SAMPLES / n_recorded:
                return cls(weights=name, rate_bin=rate_bin)
        return cls(rate_bin=rate_bin)

    def pictures(self, shown: Any, units: Mapping[str, str] | None = None) -> tuple[Picture, ...]:
        """Of a record, or of what was recorded until now: anything with spikes, states, final values and a duration.

        `units` are those of its states.
        """
        return (*self._rasters(shown), *self._rates(shown), *self._courses(shown, units or {}), *self._ends(shown))

    def _rasters(self, shown: Any) -> Iterator[Picture]:
        for name, (t, i) in shown.spikes.items():
            every = max(1, -(-t.size // MOST_SPIKES))
            kept = i % every == 0 if every > 1 else slice(None)
            note = f"{t.size} spikes" + (f"; one cell in {every} is drawn" if every > 1 else "")
            yield Picture(
                f"raster_{name}", TIME, f"Cell ({name})", [Curve("spikes", t[kept], i[kept], RASTER)],
                x_ends=(0.0, shown.duration), note=note,
            )  # fmt: skip

    def _rates(self, shown: Any) -> Iterator[Picture]:
        width = max(float(self.rate_bin), shown.duration / MOST_BINS)
        n_bins = max(1, int(np.ceil(shown.duration / width - 1e-9)))
        curves = []
        notes = []
        for name, (t, i) in shown.spikes.items():
            if not t.size:
                continue
            n_cells = int(i.max()) + 1
            counts = np.bincount(np.minimum((t / width + 1e-9).astype(int), n_bins - 1), minlength=n_bins)
            curves.append(Curve(name, (np.arange(n_bins) + 0.5) * width, counts / n_cells / width))
            notes.append(f"{name}: {t.size / n_cells / shown.duration:.3g} Hz")
        if curves:
            note = f"Per cell, in bins of {width * 1e3:.3g} ms; on average {', '.join(notes)}."
            yield Picture("rates", TIME, "Rate (Hz)", curves, x_ends=(0.0, shown.duration), note=note)

    def _courses(self, shown: Any, units: Mapping[str, str]) -> Iterator[Picture]:
        for name, (t, recorded) in shown.states.items():
            n, values = recorded.shape[1], np.where(np.isfinite(recorded), recorded, np.nan)
            unit = units.get(name, "SI units")
            label, kind = (f"Weight ({name})", "weights") if name.endswith(".w") else (f"{name} ({unit})", "values")
            if n == 1:
                curves, note = [Curve(name, t, values[:, 0])], ""
            else:
                curves = [
                    Curve(title, t, values.mean(1) if share is None else np.quantile(values, share, axis=1))
                    for title, share in QUANTILES.items()
                ]
                note = f"{n} {kind}: their mean, and what a tenth of them lies above and below."
            yield Picture(f"course_{name}", TIME, label, curves, x_ends=(0.0, shown.duration), note=note)

    def _ends(self, shown: Any) -> Iterator[Picture]:
        for name, values in shown.final.items():
            if values.ndim != 1 or values.size < 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
                continue
            first = shown.states[name].values[0] if name in shown.states else values[:0]
            alike = first.size and np.ptp(first) == 0
            ends = _ends_of(np.concatenate([values, first[: 0 if alike else None]]))
            curves = [_bars("now", values, ends)]
            if first.size and not alike:
                curves.insert(0, _bars("at first", first, ends))
            note = f"All of them began at {first[0]:.4g}." if alike else ""
            weight = name.endswith(".w")
            label, count = (f"Weight ({name})", "Synapses") if weight else (f"At the end ({name})", "Number")
            yield Picture(f"end_{name}", label, count, curves, note=note)

    def python(self, shown: Any) -> str:
        """A script that runs the same and prints its tables; `shown` is the scene."""
        experiment = shown.experiment
        step, every = (each.replace(" ", "*") for each in (self.dt, self.weights))  # to the last digit
        record = ", ".join(f"{name!r}: {every}" for name in experiment.record)
        text = (
            f"task = {experiment.task!r}\ncircuit = {experiment.circuit!r}\n"
            f"experiment = Experiment(task, circuit, dt={step}, record={{{record}}})\n"
            f"record = simulate(experiment, seed={self.seed})\n"
            f"for picture in {self!r}.pictures(record):\n    print(picture.table())\n"
        )
        units = units_in(text)
        lines = [f"from brian2 import {', '.join(units)}"] if units else []
        lines += [f"from {__name__} import Activity", "from brian2learn.runs.experiment import Experiment"]
        lines.append("from brian2learn.runs.simulate import simulate")
        own = []
        for part in dict.fromkeys(type(part) for part in _all_parts(experiment.task, experiment.circuit)):
            if part.__module__.startswith("brian2learn."):
                lines.append(f"from {part.__module__} import {part.__name__}")
            else:  # a user's file, which is found by its name
                own.append(f"{part.__name__} = load({part.__name__!r})")
        if own:
            lines.append("from brian2learn.core.discovery import load")
        return "\n".join([*sorted(lines), "", *own, text])


def _all_parts(*shown: Any) -> Iterator[Declaration]:
    for each in shown:
        if isinstance(each, Declaration):
            if not hasattr(each, "terms") or len(each.terms) == 1:
                yield each
            yield from _all_parts(*each.values.values())
        elif isinstance(each, tuple):
            yield from _all_parts(*each)


def _ends_of(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low < high:
        return low, high
    return min(low, 0.0), high if high > SMALL else 1.0  # all alike: a bar at an end


def _bars(name: str, values: np.ndarray, ends: tuple[float, float]) -> Curve:
    """A histogram, as an outline."""
    counts, edges = np.histogram(values, N_BARS, ends)
    return Curve(name, np.repeat(edges, 2)[1:-1], np.repeat(counts, 2))
