"""The accumulator of Brunton et al. 2013 without simulation: chance to choose right, in every trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

PARAMETERS = ("lam", "sigma_a2", "sigma_s2", "sigma_i2", "B", "phi", "tau_phi", "bias", "lapse")
OPTIONS = {"noise": ("C", "C2"), "adaptation": ("across", "within"), "pairs": ("cancel", "count")}


ROWS = 1000  # trials at a time, each with a matrix


@dataclass(frozen=True)
class AccumulatorModel:
    """An observer with the parameters and conventions of the circuit `Accumulator`; default: the average rat.

    Attributes
    ----------
    lam : float, 1/s
        Growth rate; below 0 a leak.
    sigma_a2 : float, clicks^2/s
        Noise of the memory.
    sigma_s2 : float, clicks^2
        Noise of a click of strength 1.
    sigma_i2 : float, clicks^2
        Variance at the onset.
    B : float, clicks
        Bound; infinite for none.
    phi : float
        Factor of the strength at a click.
    tau_phi : float, s
        Its recovery.
    bias : float, clicks
        Above it the choice is right.
    lapse : float
        Chance to choose by a fair coin.
    noise, adaptation, pairs : str
        See `OPTIONS` and the circuit.

    Raises
    ------
    DeclarationError
        If a value is out of its range or an option unknown.
    """

    lam: float = -0.2767
    sigma_a2: float = 2.0767
    sigma_s2: float = 75.96 / 40
    sigma_i2: float = 1.9916
    B: float = 8.9474
    phi: float = 0.1694
    tau_phi: float = 0.0964
    bias: float = -0.0269
    lapse: float = 0.0613
    noise: str = "C"
    adaptation: str = "across"
    pairs: str = "cancel"

    def __post_init__(self) -> None:
        where = "AccumulatorModel"
        for name in PARAMETERS:
            value = getattr(self, name)
            low = -np.inf if name in ("lam", "bias") else 0.0
            high = 1.0 if name == "lapse" else np.inf
            fits = low <= value <= high if name == "B" else low <= value <= high and abs(value) < np.inf
            if not fits or (name in ("B", "tau_phi") and value == 0):
                expected = "a finite number" if low < 0 else "a value from 0 to 1" if high == 1 else "a value above 0"
                raise DeclarationError(where, name, expected=expected, got=str(value))
        for name, options in OPTIONS.items():
            if getattr(self, name) not in options:
                raise DeclarationError(
                    where, name, expected="one of its options", got=repr(getattr(self, name)), choices=options,
                    typed=str(getattr(self, name)),
                )  # fmt: skip

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> AccumulatorModel:
        """The model with the values of a circuit (``Accumulator().values``), or of any mapping, in SI units."""
        given = {each.name: values[each.name] for each in fields(cls)}
        return cls(**{name: value if isinstance(value, str) else float(value) for name, value in given.items()})  # type: ignore[arg-type]

    def strengths(self, trials: ClickTrials) -> NDArray[np.float64]:
        """Strength C of every click, in the order of the clicks; 0 for pairs that cancel.

        Returns
        -------
        (n_clicks,) float
        """
        volleys = Volleys.of(trials)
        both = self.adapted(volleys)
        found = both[volleys.row_of_click, volleys.column_of_click]
        return found[np.arange(found.shape[0]), trials.right.astype(int)]

    def moments(
        self, trials: ClickTrials | Volleys, C: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the state at the end of every trial, if there were no bound.

        Parameters
        ----------
        trials : ClickTrials or Volleys
        C : (n_trials, n_volleys, 2) float, optional
            What `adapted` gave for them.

        Returns
        -------
        mean, variance : (n_trials,) float
        """
        volleys = trials if isinstance(trials, Volleys) else Volleys.of(trials)
        C = self.adapted(volleys) if C is None else C
        growth = np.exp(self.lam * volleys.left_over)
        mean = ((volleys.counts[..., 1] * C[..., 1] - volleys.counts[..., 0] * C[..., 0]) * growth).sum(axis=1)
        per_click = (volleys.counts * self._per_click(C)).sum(axis=-1)
        T = volleys.duration
        variance = self.sigma_i2 * np.exp(2 * self.lam * T) + self._of_memory(T)
        return mean, variance + self.sigma_s2 * (per_click * growth**2).sum(axis=1)

    def p_right(self, trials: ClickTrials | Volleys, C: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Chance to choose right in every trial, in closed form, as if there were no bound (piet2018).

        Parameters are those of `moments`.

        Returns
        -------
        (n_trials,) float
        """
        mean, variance = self.moments(trials, C)
        sd = np.sqrt(np.maximum(variance, 1e-24))
        return (1 - self.lapse) * ndtr((mean - self.bias) / sd) + self.lapse / 2

    def p_right_bounded(self, trials: ClickTrials, dt: float = 0.02, n_bins: int = 0) -> NDArray[np.float64]:
        """The same with the bound: the Fokker-Planck equation on a grid of states, clicks on a grid of times.

        Parameters
        ----------
        trials : ClickTrials
        dt : float, s
            Time step; clicks go to the nearest multiple of it.
        n_bins : int
            Grid points from one bound to the other, both included; by default they are up to 0.34 clicks apart. Their
            distance should be below the root of 6 times the variance of a usual click.

        Returns
        -------
        (n_trials,) float
        """
        if not np.isfinite(self.B):
            return self.p_right(trials)
        n_bins = n_bins or 2 * int(np.ceil(self.B / 0.34)) + 1
        x = np.linspace(-self.B, self.B, n_bins)
        mean, variance = self._drives(trials, dt)
        n_steps = np.maximum(np.rint(trials.duration / dt).astype(int), 1)
        start = _deposit(np.zeros(1), np.array([self.sigma_i2]), x)[0, :, n_bins // 2]
        order = np.argsort(-n_steps)  # those that go on are always the first ones
        p = np.tile(start, (len(trials), 1))
        move = _transition(x * np.exp(self.lam * dt), self._of_memory(dt), x)
        for step in range(int(n_steps.max()) + 1):
            n_on = int(np.searchsorted(-n_steps[order], -step, side="right"))
            on = order[:n_on]
            if step:  # clicks at the onset come before anything else
                p[:n_on] = p[:n_on] @ move
            hit = np.flatnonzero((mean[on, step] != 0) | (variance[on, step] != 0))
            for some in np.array_split(hit, hit.size // ROWS + 1):
                kernel = _deposit(mean[on[some], step], variance[on[some], step], x)
                p[some] = np.matmul(kernel, p[some, :, None])[:, :, 0]
        right = np.clip((x - self.bias) / (x[1] - x[0]) + 0.5, 0, 1)
        found = np.empty(len(trials))
        found[order] = p @ right
        return (1 - self.lapse) * found + self.lapse / 2

    def _drives(self, trials: ClickTrials, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance that clicks add in every step: (n_trials, n_steps + 1) float; step 0 is the onset."""
        n_steps = max(int(np.rint(trials.duration.max() / dt)), 1)
        C = self.strengths(trials)
        trial = trials.trial
        last = np.maximum(np.rint(trials.duration / dt).astype(int), 1)[trial]
        step = np.minimum(np.rint(trials.times / dt).astype(int), last)
        shape = (len(trials), n_steps + 1)
        mean, variance = np.zeros(shape), np.zeros(shape)
        np.add.at(mean, (trial, step), np.where(trials.right, C, -C))
        np.add.at(variance, (trial, step), self.sigma_s2 * self._per_click(C))
        return mean, variance

    def _per_click(self, C: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of a click of strength C, in those of a click of strength 1."""
        return C if self.noise == "C" else C**2

    def _of_memory(self, T: Any) -> Any:
        """Variance that the noise of the memory has added after a time, s."""
        return self.sigma_a2 * (np.expm1(2 * self.lam * T) / (2 * self.lam) if abs(self.lam) > 1e-9 else T)

    def adapted(self, volleys: Volleys) -> NDArray[np.float64]:
        """Strength on each side at every volley: (n_trials, n_volleys, 2) float; it depends on phi and tau_phi only."""
        counts, found = volleys.counts, np.zeros(volleys.counts.shape)
        C = np.ones((counts.shape[0], 2))
        left_of = np.exp(-volleys.since / self.tau_phi)
        for k in range(counts.shape[1]):
            C = 1 - (1 - C) * left_of[:, k, None]
            if self.pairs == "cancel":
                C = np.where(np.all(counts[:, k] > 0, axis=1, keepdims=True), 0.0, C)
            found[:, k] = C
            heard = counts[:, k].sum(axis=1, keepdims=True) if self.adaptation == "across" else counts[:, k]
            C = C * self.phi**heard
        return found


@dataclass(frozen=True)
class Volleys:
    """Clicks of all trials as matrices: what comes at one time in a trial is one volley.

    Attributes
    ----------
    counts : (n_trials, n_volleys, 2) int
        Clicks on the left and right; 0 behind the last one.
    since : (n_trials, n_volleys) float, s
        From the volley before.
    left_over : (n_trials, n_volleys) float, s
        Until the end of the trial.
    duration : (n_trials,) float, s
    row_of_click, column_of_click : (n_clicks,) int
        Where every click is.
    """

    counts: NDArray[np.int64]
    since: NDArray[np.float64]
    left_over: NDArray[np.float64]
    duration: NDArray[np.float64]
    row_of_click: NDArray[np.int64]
    column_of_click: NDArray[np.int64]

    @classmethod
    def of(cls, trials: ClickTrials) -> Volleys:
        """The volleys of some trials; made once, they serve any number of models."""
        trial, times = trials.trial, trials.times
        begins = np.ones(times.size, bool)
        begins[1:] = (np.diff(trial) != 0) | (np.diff(times) != 0)
        number = np.cumsum(begins) - 1
        first = np.zeros(len(trials), np.int64)
        filled = np.diff(trials.offsets) > 0
        first[filled] = number[trials.offsets[:-1][filled]]
        column = number - first[trial]
        n_columns = int(column.max(initial=-1)) + 1
        counts = np.zeros((len(trials), n_columns, 2), np.int64)
        np.add.at(counts, (trial, column, trials.right.astype(int)), 1)
        at = np.tile(trials.duration[:, None], (1, n_columns))
        at[trial, column] = times
        since = np.diff(at, axis=1, prepend=0.0)
        return cls(counts, since, trials.duration[:, None] - at, trials.duration, trial, column)


def _transition(centres: NDArray[np.float64], variance: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """From every grid point to where it moves, with a variance: (n_from, n_to); the ends keep what they have.

    A small variance goes to the three nearest points with the right mean and variance, of which some may get less than
    nothing: linear interpolation alone would spread a leak over several points in the course of a trial.
    """
    n, dx = x.size, x[1] - x[0]
    if variance > dx**2 / 3:
        found = _hats(x[None, :] - centres[:, None], np.full((1, 1), variance), dx)
    else:
        found = np.zeros((n, n))
        nearest = np.clip(np.rint((centres - x[0]) / dx).astype(int), 1, n - 2)
        m = (centres - x[nearest]) / dx
        square = variance / dx**2 + m**2
        for by, share in ((-1, (square - m) / 2), (0, 1 - square), (1, (square + m) / 2)):
            found[np.arange(n), nearest + by] = share
    missing, high = 1 - found.sum(axis=1), centres > 0  # it has left the grid through the end that it is nearer to
    found[high, -1] += missing[high]
    found[~high, 0] += missing[~high]
    found[0], found[-1] = np.eye(n)[0], np.eye(n)[-1]
    return found


def _deposit(mean: NDArray[np.float64], variance: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same for one step of every trial that moves all points alike: (n_trials, n_to, n_from)."""
    n, dx = x.size, x[1] - x[0]
    offsets = dx * np.arange(-(n - 1), n)
    shares = _hats(offsets[None, :] - mean[:, None], variance[:, None], dx)  # to the point so many steps further
    to_from = np.arange(n)[:, None] - np.arange(n)[None, :] + n - 1
    kernel = shares[:, to_from]
    inner = kernel[:, 1:-1].sum(axis=1)
    # what leaves the grid is taken up by the end it leaves through: up, all moves of at least so many points
    up = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1][:, to_from[-1]]
    beyond = 1 - ndtr((offsets[-1] + dx / 2 - mean) / np.sqrt(np.maximum(variance, 1e-12)))
    kernel[:, -1] = np.clip(up + beyond[:, None], 0, 1)
    kernel[:, 0] = np.clip(1 - inner - kernel[:, -1], 0, 1)
    kernel[:, :, 0], kernel[:, :, -1] = np.eye(n)[0], np.eye(n)[-1]
    return kernel


def _hats(distance: NDArray[np.float64], variance: NDArray[np.float64], dx: float) -> NDArray[np.float64]:
    """Share of a Gaussian that falls to a grid point so far from its mean, by linear interpolation between points.

    Interpolation adds dx^2/6 to the variance on average, which is taken off beforehand where there is as much.
    """
    sd = np.sqrt(np.maximum(variance - dx**2 / 6, 1e-8 * dx**2))

    def ramp(z: NDArray[np.float64]) -> NDArray[np.float64]:
        u = z / sd
        return sd * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi) + z * ndtr(u)

    return (ramp(distance + dx) - 2 * ramp(distance) + ramp(distance - dx)) / dx
