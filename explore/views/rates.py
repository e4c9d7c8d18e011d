"""Course and phase plane of a rate rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from brian2 import second
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from brian2learn.analysis.stability import EXPLODED, Linear
from brian2learn.core.declaration import Choice, Declaration, Param
from brian2learn.plasticity._rate_rule import RateRule

from ..formulas import plain
from ..pictures import DASHES, LINE, POINTS, Curve, Picture
from ._view import View

N_POINTS = 800
N_GRID = 81
N_GUESSES = 400


class Fixed(NamedTuple):
    """Where nothing changes.

    Attributes
    ----------
    state : (n,) float
        The weight and what the rule brings.
    values : (n,) complex, 1/s
        Eigenvalues of the slopes around it.
    """

    state: np.ndarray
    values: np.ndarray

    @property
    def words(self) -> str:
        """Whether small deviations die away, and how they turn."""
        growth = float(self.values.real.max())
        name = "stable" if growth < 0 else "unstable" if growth > 0 else "neutral"
        turns = ""
        if np.abs(self.values.imag).max() > 0:
            turns = f", turning once in {2 * np.pi / np.abs(self.values.imag).max():.3g} s"
        return f"{name} at w = {self.state[0]:.4g} (fastest growth {growth:.3g}/s{turns})"


class OneInput:
    """A linear unit with one input of constant rate `x`: the slopes of the rule's twin."""

    def __init__(self, rule: RateRule, x: float) -> None:
        self.rule, self.x, self.names = rule, x, rule.cell_states
        self.low, self.high = rule.limits

    def settled(self, w: Any) -> np.ndarray:
        """The weight, and where what the rule brings comes to rest under it."""
        weights = np.asarray(w, float)
        slow = self.rule.settled(np.atleast_1d(weights * self.x)) if self.names else {}
        return np.array([weights, *(slow[name].reshape(weights.shape) for name in self.names)])

    def slopes(self, states: np.ndarray, *, free: bool = False) -> np.ndarray:
        """How fast each changes, 1/s, for many states (columns) at once; without the bounds of the weight if `free`."""
        w, slow = states[0], dict(zip(self.names, states[1:], strict=True))
        of_w, of_slow = self.rule.slopes(np.array([[self.x]]), w[None, :], w * self.x, slow)
        slope = of_w[0]
        if not free:
            slope = np.where(((w <= self.low) & (slope < 0)) | ((w >= self.high) & (slope > 0)), 0, slope)
        return np.array([slope, *(np.reshape(of_slow[name], w.shape) for name in self.names)])

    def eigenvalues(self, state: np.ndarray) -> np.ndarray:
        """Of the slopes around a state, 1/s."""
        steps = 1e-5 * np.eye(state.size)
        sides = [self.slopes(state[:, None] + sign * steps, free=True) for sign in (1, -1)]
        matrix = (sides[0] - sides[1]) / 2e-5
        if state.size == 2:
            return Linear(float(np.trace(matrix)), float(np.linalg.det(matrix))).eigenvalues
        return np.linalg.eigvals(matrix).astype(complex)


class Rates(View):
    """A linear unit with one input of constant rate: its weight over time, and which way it goes from anywhere."""

    title = "Course and phase plane"
    order = 10
    side_by_side = True

    x = Param(1.0, "rate of the input", low=0, high=100)
    w_init = Param(0.5, "first weight", low=-100, high=100)
    t_stop = Param(20 * second, "end", low=0.01 * second, high=1e5 * second)
    slow_init = Choice(
        "own",
        "first values of what the rule brings to the unit",
        {"own": "those of the rule", "settled": "where they come to rest under the first weight"},
    )
    w_high = Param(2.5, "end of the axis of weights", low=0.01, high=1000)

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, RateRule)

    def controls(self, shown: Any) -> Sequence[str]:
        return tuple(name for name in self.fields if name != "slow_init" or shown.cell_states)

    def start(self, rule: RateRule) -> np.ndarray:
        """The first weight and the first values of what the rule brings."""
        if self.slow_init == "settled":
            return OneInput(rule, self.x).settled(self.w_init)
        first = [rule.value_of(rule.start[name]) if name in rule.start else 0.0 for name in rule.cell_states]
        return np.array([self.w_init, *first])

    def course(self, rule: RateRule) -> tuple[np.ndarray, np.ndarray]:
        """Times (n,) in s and states (n_states, n), up to where the weight explodes if it does."""
        unit, ceiling = OneInput(rule, self.x), EXPLODED * max(1.0, abs(self.w_init))

        def slope(_: float, state: np.ndarray) -> np.ndarray:
            return unit.slopes(state[:, None])[:, 0]

        def exploded(_: float, state: np.ndarray) -> float:
            return float(ceiling - abs(state[0]))

        exploded.terminal = True  # type: ignore[attr-defined]
        grid = np.linspace(0, float(self.t_stop), N_POINTS)
        with np.errstate(over="ignore", invalid="ignore"):
            found: Any = solve_ivp(
                slope, (0, grid[-1]), self.start(rule), method="LSODA", rtol=1e-8, atol=1e-10, events=exploded,
                t_eval=grid,
            )  # fmt: skip
        return found.t, found.y

    def fixed_points(self, rule: RateRule) -> list[Fixed]:
        """Where nothing changes, within the axis of weights; a whole line of such points is left out."""
        unit = OneInput(rule, self.x)
        w = np.linspace(0.0, self.w_high, N_GUESSES)

        def along(at: float) -> float:
            """Slope of the weight on the line on which what the rule brings stands."""
            return float(unit.slopes(unit.settled(at)[:, None])[0, 0])

        slope = unit.slopes(unit.settled(w))[0]
        if np.count_nonzero(slope == 0) > 3:
            return []
        signs = np.flatnonzero((np.sign(slope[:-1]) != np.sign(slope[1:])) | (slope[:-1] == 0))
        found: list[Fixed] = []
        for k in signs:
            zero = (
                w[k]
                if slope[k] == 0
                else brentq(lambda at: unit.slopes(unit.settled(at)[:, None])[0, 0], *w[k : k + 2])
            )
            state = unit.settled(zero)
            if not any(np.allclose(state, other.state, atol=1e-6) for other in found):
                found.append(Fixed(state, unit.eigenvalues(state)))
        return found

    # ------------------------------------------------------------------ pictures

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        t, states = self.course(shown)
        names = ("w", *shown.cell_states)
        exploded = t[-1] < float(self.t_stop) * (1 - 1e-9)
        far = np.abs(states[0]) > 3 * self.w_high
        cut = np.where(far, np.nan, states)
        fixed = self.fixed_points(shown)
        note = "; ".join(each.words for each in fixed)
        note = (f"Fixed points: {note}." if note else "No single fixed point.") + (
            f" The weight explodes after {t[-1]:.4g} s." if exploded else ""
        )
        curves = [Curve(plain(name), t, cut[k], LINE if k == 0 else DASHES) for k, name in enumerate(names)]
        over_time = Picture("course", "time (s)", "weight" + ", slow state" * (len(names) > 1), curves, note=note)
        plane = {1: self._line, 2: self._plane}.get(len(names))
        return (over_time,) if plane is None else (over_time, plane(shown, cut, fixed))

    def _line(self, rule: RateRule, states: np.ndarray, fixed: list[Fixed]) -> Picture:
        w = np.linspace(0 if rule.limits[0] >= 0 else -self.w_high, self.w_high, N_GRID * 3)
        points = np.array([each.state[0] for each in fixed])
        curves = [Curve("slope", w, OneInput(rule, self.x).slopes(w[None, :])[0])]
        curves.append(Curve("fixed point", points, np.zeros(points.size), POINTS))
        return Picture("slope", "weight w", "dw/dt (1/s)", curves)

    def _plane(self, rule: RateRule, states: np.ndarray, fixed: list[Fixed]) -> Picture:
        (slow,) = rule.cell_states
        w = np.linspace(0.0, self.w_high, N_GRID)
        rest = rule.settled(w * self.x)[slow]
        high = max(self.w_high, min(float(np.nanmax(rest)), 2 * self.w_high))
        s = np.linspace(0.0, high, N_GRID)
        grid = np.array(np.meshgrid(w, s)).reshape(2, -1)
        of_w = OneInput(rule, self.x).slopes(grid)[0].reshape(s.size, w.size)
        curves = [Curve("path", states[0], states[1]), Curve(f"{plain(slow)} stands", w, rest, DASHES)]
        curves.append(Curve("w stands", *_zeros(w, s, of_w), DASHES))
        points = np.array([each.state for each in fixed]).reshape(-1, 2).T
        curves.append(Curve("fixed point", points[0], points[1], POINTS))
        curves.append(Curve("start", states[0, :1], states[1, :1], POINTS))
        return Picture("plane", "weight w", plain(slow), curves)


def _zeros(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where z (y by x) changes its sign, as lines broken by nan."""
    import contourpy

    lines: Any = contourpy.contour_generator(x, y, z).lines(0.0)
    broken = [np.vstack([line, [[np.nan, np.nan]]]) for line in lines]
    joined = np.concatenate(broken) if broken else np.empty((0, 2))
    return joined[:, 0], joined[:, 1]
