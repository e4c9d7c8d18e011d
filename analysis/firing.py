"""When cells fire: closed forms of single cells, and rates, regularity and correlation from spike times."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.errors import DeclarationError

from . import _check


def lif_rate(
    drive: ArrayLike, *, tau: float, threshold: float, reset: float = 0.0, refractory: float = 0.0
) -> NDArray[np.float64]:
    """Firing rate of a leaky integrate-and-fire neuron under constant input.

    Parameters
    ----------
    drive : float or array of float
        Where the potential would settle without a threshold, R i, from rest; in the unit of `threshold`.
    tau : float, s
        Membrane time constant.
    threshold, reset : float
        Both from rest; the reset is below the threshold.
    refractory : float, s
        Time at the reset after a spike.

    Returns
    -------
    float or array of float, Hz
        ``1 / (refractory + tau log((drive - reset) / (drive - threshold)))``; 0 up to the threshold.

    Raises
    ------
    DeclarationError
        If a time constant is not positive, the reset is not below the threshold, or a drive is not finite.

    Examples
    --------
    >>> round(float(lif_rate(15e-3, tau=10e-3, threshold=10e-3)), 2)
    91.02
    """
    where = "lif_rate"
    _check.positive(where, "tau", "membrane time constant", tau, "s")
    if not -np.inf < reset < threshold < np.inf:
        raise DeclarationError(
            where, "reset", meaning="potential after a spike", expected=f"below threshold = {threshold}", got=str(reset)
        )
    if not 0 <= refractory < np.inf:
        raise DeclarationError(
            where, "refractory", meaning="refractory time", expected="0 s or more", got=str(refractory)
        )
    array = np.asarray(drive, dtype=float)
    if not np.isfinite(array).all():
        raise DeclarationError(
            where, "drive", meaning="R i from rest", expected="finite values", got=str(array[~np.isfinite(array)][0])
        )
    above = array > threshold
    safe = np.where(above, array, threshold + 1.0)  # below threshold the logarithm has no value
    period = refractory + tau * np.log1p((threshold - reset) / (safe - threshold))
    return np.where(above, 1 / period, 0.0)


def rheobase(*, threshold: float, resistance: float) -> float:
    """Constant current above which a leaky integrate-and-fire neuron fires.

    Parameters
    ----------
    threshold : float, V
        From rest.
    resistance : float, Ohm
        Of the membrane.

    Returns
    -------
    float, A

    Raises
    ------
    DeclarationError
        Unless both are above 0.
    """
    _check.positive("rheobase", "threshold", "threshold from rest", threshold, "V")
    _check.positive("rheobase", "resistance", "resistance of the membrane", resistance, "Ohm")
    return threshold / resistance


def coincidence_limit(*, tau: float, threshold: float) -> float:
    """Largest distance of two unit inputs that make a leaky integrator without other input fire.

    Parameters
    ----------
    tau : float, s
        Membrane time constant.
    threshold : float
        In units of one input, between 1 and 2: up to 1 a single input suffices, from 2 on two never do.

    Returns
    -------
    float, s
        ``-tau log(threshold - 1)``; at this very distance the potential just touches the threshold.

    Raises
    ------
    DeclarationError
        If `tau` is not positive or the threshold not between 1 and 2.

    Examples
    --------
    >>> round(1e3 * coincidence_limit(tau=10e-3, threshold=1.5), 3)
    6.931
    """
    _check.positive("coincidence_limit", "tau", "membrane time constant", tau, "s")
    if not 1 < threshold < 2:
        raise DeclarationError(
            "coincidence_limit",
            "threshold",
            meaning="threshold in units of one input",
            expected="between 1 and 2",
            got=str(threshold),
        )
    return -tau * float(np.log(threshold - 1))


def upward_crossings(t: ArrayLike, v: ArrayLike, *, level: float, rearm: float) -> NDArray[np.float64]:
    """Spike times in a voltage trace: `v` reaches `level` after it was below `rearm`.

    Parameters
    ----------
    t : (n,) float, s
        Times of the samples, ascending.
    v : (n,) float
        The trace.
    level, rearm : float
        In the unit of `v`; 50 mV and 20 mV above rest for the Hodgkin-Huxley neuron.

    Returns
    -------
    (n_spikes,) float, s
        Time of the first sample at or above `level`, for each spike.

    Raises
    ------
    DeclarationError
        If `t` is not ascending, `v` has another length or is not finite, or `rearm` is above `level`.
    """
    where = "upward_crossings"
    samples = _check.times(where, "t", "times of the samples, s", t)
    trace = _check.numbers(where, "v", "voltage trace", v)
    _check.same_length(where, "v", "voltage trace", trace, "t", samples)
    if not rearm <= level:
        raise DeclarationError(
            where, "rearm", meaning="potential below which a new spike can come", expected=f"at most level = {level}",
            got=str(rearm),
        )  # fmt: skip
    side = np.where(trace >= level, 1, np.where(trace < rearm, -1, 0))
    seen = np.flatnonzero(side)  # in between the two levels nothing happens
    return samples[seen[1:][np.diff(side[seen]) > 0]]


def steady_rate(spikes: ArrayLike, *, t_stop: float, t_start: float = 0.0) -> float:
    """One over the mean interval between the spikes in the second half of a run.

    Parameters
    ----------
    spikes : (n,) float, s
        Spike times of one cell, ascending.
    t_start, t_stop : float, s
        The whole run.

    Returns
    -------
    float, Hz
        0 with fewer than two spikes in the second half.

    Raises
    ------
    DeclarationError
        If the times are not ascending or the run has no length.
    """
    array = _check.times("steady_rate", "spikes", "spike times, s", spikes)
    _check.window("steady_rate", t_start, t_stop)
    late = array[(array >= (t_start + t_stop) / 2) & (array < t_stop)]
    return (late.size - 1) / float(late[-1] - late[0]) if late.size > 1 and late[-1] > late[0] else 0.0


def cv(spikes: ArrayLike) -> float:
    """Coefficient of variation of the intervals between the spikes of one cell: 0 for a clock, 1 for a Poisson train.

    Parameters
    ----------
    spikes : (n,) float, s
        Spike times, ascending.

    Returns
    -------
    float
        nan with fewer than three spikes.

    Raises
    ------
    DeclarationError
        If the times are not ascending.
    """
    return _cv(_check.times("cv", "spikes", "spike times, s", spikes))


def cv_of_cells(indices: ArrayLike, times: ArrayLike, n: int) -> NDArray[np.float64]:
    """`cv` of every cell of a population.

    Parameters
    ----------
    indices, times : (k,) int and (k,) float, s
        Cell and time of every spike, sorted by time.
    n : int
        Number of cells.

    Returns
    -------
    (n,) float
        nan for cells with fewer than three spikes.

    Raises
    ------
    DeclarationError
        If the times are not ascending, an index is not a cell, or the two differ in length.
    """
    cells, spikes = _population("cv_of_cells", indices, times, n)
    order = np.argsort(cells, kind="stable")
    trains = np.split(spikes[order], np.cumsum(np.bincount(cells, minlength=n))[:-1])
    return np.array([_cv(train) for train in trains])


def population_rate(
    indices: ArrayLike, times: ArrayLike, n: int, *, t_start: float, t_stop: float, width: float
) -> NDArray[np.float64]:
    """Mean rate of a population in successive bins.

    Parameters
    ----------
    indices, times, n
        As for `cv_of_cells`.
    t_start, t_stop : float, s
        The window.
    width : float, s
        Of a bin; what is left of the window after the last whole bin is not looked at.

    Returns
    -------
    (n_bins,) float, Hz
        Spikes per cell and second.

    Raises
    ------
    DeclarationError
        As `cv_of_cells`; also if the window does not hold a bin.
    """
    return _counts("population_rate", indices, times, n, t_start, t_stop, width).sum(axis=0) / (n * width)


def mean_correlation(
    indices: ArrayLike, times: ArrayLike, n: int, *, t_start: float, t_stop: float, width: float
) -> float:
    """Mean Pearson correlation of the spike counts of two cells, over all pairs: near 0 in an asynchronous state.

    Parameters
    ----------
    indices, times, n, t_start, t_stop, width
        As for `population_rate`.

    Returns
    -------
    float
        Over the cells whose count varies; nan with fewer than two of them.

    Raises
    ------
    DeclarationError
        As `population_rate`.
    """
    counts = _counts("mean_correlation", indices, times, n, t_start, t_stop, width)
    varies = counts.std(axis=1) > 0
    m = int(varies.sum())
    if m < 2:
        return float("nan")
    z = counts[varies] - counts[varies].mean(axis=1, keepdims=True)
    z /= z.std(axis=1, keepdims=True)
    # the variance of a sum is the sum of all covariances, m of which are those of a cell with itself
    return float((z.sum(axis=0).var() - m) / (m * (m - 1)))


def _cv(spikes: NDArray[np.float64]) -> float:
    gaps = np.diff(spikes)
    return float(gaps.std() / gaps.mean()) if gaps.size > 1 and gaps.mean() > 0 else float("nan")


def _counts(
    where: str, indices: ArrayLike, times: ArrayLike, n: int, t_start: float, t_stop: float, width: float
) -> NDArray[np.float64]:
    """Spikes of every cell (rows) in every bin (columns)."""
    cells, spikes = _population(where, indices, times, n)
    _check.window(where, t_start, t_stop)
    _check.positive(where, "width", "width of a bin", width, "s")
    n_bins = int((t_stop - t_start) / width * (1 + 1e-12))
    if n_bins < 1:
        raise DeclarationError(
            where, "width", meaning="width of a bin", expected=f"at most {t_stop - t_start} s", got=str(width)
        )
    # a spike on the edge of a bin belongs to the bin that begins there, whatever the rounding of its time
    bins = np.floor((spikes - t_start) / width + 1e-9).astype(np.int64)
    inside = (bins >= 0) & (bins < n_bins)
    flat = np.bincount(cells[inside] * n_bins + bins[inside], minlength=n * n_bins)
    return flat.reshape(n, n_bins).astype(float)


def _population(
    where: str, indices: ArrayLike, times: ArrayLike, n: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    spikes = _check.times(where, "times", "spike times, s", times)
    cells = np.asarray(indices)
    if n < 1:
        raise DeclarationError(where, "n", meaning="number of cells", expected="at least 1", got=str(n))
    if cells.ndim != 1 or (cells.size and not np.issubdtype(cells.dtype, np.integer)):
        raise DeclarationError(
            where,
            "indices",
            meaning="cell of every spike",
            expected="a one-dimensional array of whole numbers",
            got=f"{cells.dtype} of shape {cells.shape}",
        )
    _check.same_length(where, "indices", "cell of every spike", cells, "times", spikes)
    strange = cells[(cells < 0) | (cells >= n)]
    if strange.size:
        raise DeclarationError(
            where, "indices", meaning="cell of every spike", expected=f"from 0 to {n - 1}", got=str(strange[0])
        )
    return cells.astype(np.intp), spikes
