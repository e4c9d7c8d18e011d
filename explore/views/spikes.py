"""Weight and traces for given spikes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Param
from brian2learn.core.equations import statements

from ..pictures import LINE, TICKS, Curve, Picture
from ..synapse import Course, Pairs
from ._spikes import SpikeView, synapses_of
from ._view import Times

N_POINTS = 600


class Spikes(SpikeView):
    """One synapse with given pre and post spikes: its weight, its traces and its further states over time."""

    title = "Spike trains"
    order = 5

    t_stop = Param(0.2 * second, "end", low=1 * ms, high=1000 * second)
    pre = Times((0.01, 0.04, 0.07, 0.1, 0.13), "pre spikes, s")
    post = Times((0.02, 0.05, 0.065, 0.095, 0.14, 0.15), "post spikes, s")

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        t_stop = max(round(float(self.t_stop) / float(self.dt)), 1) * float(self.dt)
        return [self._on_grid(self.pre, t_stop)], [self._on_grid(self.post, t_stop)], t_stop

    def _on_grid(self, times: tuple[float, ...], t_stop: float) -> np.ndarray:
        dt = float(self.dt)
        steps = np.unique(np.rint(np.asarray(times) / dt))
        return steps[steps * dt < t_stop - dt / 2] * dt

    def course(self, shown: Any) -> tuple[Pairs, Course]:
        """The spikes and all that happens."""
        pairs = self.pairs(shown)
        return pairs, synapses_of(shown).follow(pairs, float(self.w_init))

    def _label(self, shown: Any, name: str) -> str:
        """A state of the synapse or of the cell, by the name in its rule, with its unit."""
        for term in shown.terms:
            for line in statements(f"{term.synapse_equations}\n{_text(term.on_cell)}"):
                state, _, unit = (part.strip() for part in line.partition(":"))
                if name in (state, term.on_neuron(state)):
                    return state if unit == "1" else f"{state} ({unit})"
        return name

    def brian2_script(self, shown: Any) -> str:
        end = "for t, w in zip(watched.t, watched.w[0]):\n    print(float(t), w)\n"
        return self._script(shown, end, watch=True)

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        pairs, course = self.course(shown)
        names = synapses_of(shown).shown
        t, series = sampled(course, pairs.t_stop)
        time = "time (ms)" if pairs.t_stop < 2 else "time (s)"
        scale = 1e3 if pairs.t_stop < 2 else 1.0
        traces = {trace.name for term in shown.terms for trace in term.all_traces}
        trains = [
            Curve(side, given[0] * scale, np.full(given[0].size, float(level)), TICKS)
            for side, given, level in (("post", pairs.post, 0), ("pre", pairs.pre, 1))
        ]
        found = [
            Picture("spikes", time, "", trains, edits="A click adds a spike, a click on a spike removes it."),
            Picture("weight", time, "weight", [Curve("w", t * scale, series["w"], LINE)],
                    note=f"w = {course.after['w'][-1]:.6g} at the end"),
        ]  # fmt: skip
        of_traces = [Curve(name, t * scale, series[name]) for name in names if name in traces]
        if of_traces:
            found.append(Picture("traces", time, "trace", of_traces))
        for name in names:
            if name != "w" and name not in traces:
                label = self._label(shown, name)
                found.append(Picture(name, time, label, [Curve(label, t * scale, series[name])]))
        for name, values in pairs.cell.items():
            grid = np.arange(pairs.n_steps) * pairs.dt
            unit, factor = ("mV", 1e3) if str(shown.needs[name]) in ("V", "volt") else (str(shown.needs[name]), 1.0)
            curve = Curve(name, grid * scale, values[:, 0] * factor)
            found.append(Picture(name, time, f"{name} ({unit}), given", [curve]))
        return tuple(replace(each, x_ends=(0.0, pairs.t_stop * scale)) for each in found)


def _text(lines: Any) -> str:
    return lines if isinstance(lines, str) else "\n".join(lines)


def sampled(course: Course, t_stop: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times (s) and every state there: before and after each event, and evenly in between."""
    grid = np.setdiff1d(np.linspace(0, t_stop, N_POINTS), course.t)
    many = course.t.size > 4 * N_POINTS
    chosen = np.arange(course.t.size)
    if many:  # far more events than points on a screen
        chosen = np.unique(np.linspace(0, course.t.size - 1, 4 * N_POINTS).astype(int))
    t = np.concatenate([course.t[chosen], course.t[chosen], grid])
    order = np.argsort(t, kind="stable")
    # of what happens at one time, each state before comes before the state after
    ranks = np.concatenate([2 * np.arange(chosen.size), 2 * np.arange(chosen.size) + 1, np.zeros(grid.size)])
    order = np.lexsort((ranks, t))
    series = {
        name: np.concatenate([course.before[name][chosen], course.after[name][chosen], course.at(name, grid)])[order]
        for name in course.after
    }
    return t[order], series
