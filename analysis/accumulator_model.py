"""The accumulator of Brunton et al. 2013 without simulation: chance to choose right, in every trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

PARAMETERS = ("lam", "sigma_a2", "sigma_s2", "sigma_i2", "B", "phi", "tau_phi", "bias", "lapse")
OPTIONS = {"noise": ("C", "C2"), "adaptation": ("across", "within"), "pairs": ("cancel", "count")}
ROWS = 1000  # trials at a time, each with a matrix
LEAST = 1e-24  # variance that counts as none


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
        (C,) = self._adapted(volleys)
        side = trials.right.astype(int) if C.shape[2] == 2 else 0
        return np.asarray(C[volleys.volley_of_click, trials.trial, side])

    def moments(self, trials: ClickTrials | Volleys) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the state at the end of every trial, if there were no bound.

        Returns
        -------
        mean, variance : (n_trials,) float
        """
        volleys = trials if isinstance(trials, Volleys) else Volleys.of(trials)
        mean, variance, _ = self._moments(volleys, self._adapted(volleys))
        return mean, variance

    def p_right(self, trials: ClickTrials | Volleys) -> NDArray[np.float64]:
        """Chance to choose right in every trial, in closed form, as if there were no bound (piet2018).

        Returns
        -------
        (n_trials,) float
        """
        mean, variance = self.moments(trials)
        sd = np.sqrt(np.maximum(variance, LEAST))
        return (1 - self.lapse) * ndtr((mean - self.bias) / sd) + self.lapse / 2

    def p_right_and_slopes(self, volleys: Volleys) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """The same, and its derivative by each of `PARAMETERS` but the bound."""
        mean, variance, by = self._moments(volleys, self._adapted(volleys, slopes=True))
        sd = np.sqrt(np.maximum(variance, LEAST))
        z = (mean - self.bias) / sd
        awake, density = 1 - self.lapse, (1 - self.lapse) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        slopes = {name: density * (dm - z * dv / (2 * sd)) / sd for name, (dm, dv) in by.items()}
        slopes |= {"bias": -density / sd, "lapse": 0.5 - ndtr(z)}
        return awake * ndtr(z) + self.lapse / 2, slopes

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

    def _moments(
        self, volleys: Volleys, adapted: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, tuple[Any, Any]]]:
        """Mean, variance, and the derivatives of both by parameters if there are those of the strengths."""
        T, left_over = volleys.duration, volleys.left_over
        growth = np.exp(self.lam * left_over)
        counts = volleys.counts.astype(float)

        def net(C: NDArray[np.float64]) -> NDArray[np.float64]:
            return (counts[..., 1] * C[..., -1] - counts[..., 0] * C[..., 0]) * growth

        C, *slopes = adapted
        drive = net(C)
        of_clicks = (counts * self._per_click(C)).sum(axis=-1) * growth**2
        whole, memory = np.exp(2 * self.lam * T), replace(self, sigma_a2=1.0)._of_memory(T)
        mean, clicks = drive.sum(axis=0), of_clicks.sum(axis=0)
        variance = self.sigma_i2 * whole + self.sigma_a2 * memory + self.sigma_s2 * clicks
        if not slopes:
            return mean, variance, {}
        by_lam = (T * whole - memory) / self.lam if abs(self.lam) > 1e-4 else T**2  # of memory; the limit at 0
        by_lam = self.sigma_a2 * by_lam + 2 * self.sigma_i2 * T * whole
        by_lam += 2 * self.sigma_s2 * (left_over * of_clicks).sum(axis=0)
        found: dict[str, tuple[Any, Any]] = {
            "lam": ((left_over * drive).sum(axis=0), by_lam),
            "sigma_a2": (0.0, memory), "sigma_s2": (0.0, clicks), "sigma_i2": (0.0, whole),
        }  # fmt: skip
        for name, dC in zip(("phi", "tau_phi"), slopes, strict=True):
            d = (counts * (dC if self.noise == "C" else 2 * C * dC)).sum(axis=-1) * growth**2
            found[name] = (net(dC).sum(axis=0), self.sigma_s2 * d.sum(axis=0))
        return mean, variance, found

    def _adapted(self, volleys: Volleys, *, slopes: bool = False) -> NDArray[np.float64]:
        """Strength at every volley, and its derivatives by phi and tau_phi.

        Returns
        -------
        (1 or 3, n_volleys, n_trials, 1 or 2) float
            With one side where both always have the same.
        """
        counts, tau, across = volleys.counts, self.tau_phi, self.adaptation == "across"
        heard = counts.sum(axis=2, keepdims=True) if across else counts
        pair = np.all(counts > 0, axis=2, keepdims=True) & (self.pairs == "cancel")
        powers = np.arange(heard.max(initial=0) + 1)
        factor = (self.phi**powers)[heard]
        of_factor = (powers * self.phi ** np.maximum(powers - 1, 0))[heard]
        left_of = np.exp(-volleys.since / tau)[..., None]
        found = np.zeros((3 if slopes else 1, *heard.shape))
        now = np.zeros((found.shape[0], *heard.shape[1:]))
        now[0] = 1
        for k in range(heard.shape[0]):
            if slopes:
                now[2] -= (1 - now[0]) * volleys.since[k][:, None] / tau**2
            now *= left_of[k]
            now[0] += 1 - left_of[k]
            now *= ~pair[k]
            found[:, k] = now
            before = now[0].copy()
            now *= factor[k]
            if slopes:
                now[1] += before * of_factor[k]
        return found


@dataclass(frozen=True)
class Volleys:
    """Clicks of all trials as matrices: what comes at one time in a trial is one volley.

    Attributes
    ----------
    counts : (n_volleys, n_trials, 2) int
        Clicks on the left and right; 0 behind the last one.
    since : (n_volleys, n_trials) float, s
        From the volley before.
    left_over : (n_volleys, n_trials) float, s
        Until the end of the trial.
    duration : (n_trials,) float, s
    volley_of_click : (n_clicks,) int
        The number of the volley of every click within its trial.
    """

    counts: NDArray[np.int64]
    since: NDArray[np.float64]
    left_over: NDArray[np.float64]
    duration: NDArray[np.float64]
    volley_of_click: NDArray[np.int64]

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
        volley = number - first[trial]
        n_volleys = int(volley.max(initial=-1)) + 1
        counts = np.zeros((n_volleys, len(trials), 2), np.int64)
        np.add.at(counts, (volley, trial, trials.right.astype(int)), 1)
        at = np.tile(trials.duration, (n_volleys, 1))
        at[volley, trial] = times
        since = np.diff(at, axis=0, prepend=0.0)
        return cls(counts, since, trials.duration - at, trials.duration, volley)


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
