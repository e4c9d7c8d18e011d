"""Short-term plasticity: the two forms, an integrated twin, the steady state, the digits of the science."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from brian2learn.analysis.short_term import FORMS, ShortTerm
from brian2learn.core.errors import DeclarationError

DEPRESSING = ShortTerm(U=0.5, tau_rec=0.8)
FACILITATING = ShortTerm(U=0.03, tau_rec=0.13, tau_fac=0.53)
ZENKE = ShortTerm(U=0.2, tau_rec=0.2, tau_fac=0.6)
SYNAPSES = [DEPRESSING, FACILITATING, ZENKE, ShortTerm(U=1.0, tau_rec=0.1, tau_fac=0.1), ShortTerm(0.04, 0.1, 1.0)]


def train(seed, n=200, rate=20.0):
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, n))


def integrated(synapse, times, form):
    """The same from the differential equations, with the jumps in the order of the form."""
    first = form == "facilitate_first"
    u, x, now, released = (0.0 if first else synapse.U), 1.0, times[0], []
    for time in times:
        if time > now:
            rest = 0.0 if first else synapse.U
            flow = solve_ivp(
                lambda t, y, rest=rest: [(rest - y[0]) / synapse.tau_fac, (1 - y[1]) / synapse.tau_rec],
                (now, time), [u, x], rtol=1e-10, atol=1e-12,
            )  # fmt: skip
            u, x = flow.y[:, -1]
        now = time
        if first:
            u = u + synapse.U * (1 - u)
        released.append(u * x)
        x = x - u * x
        if not first:
            u = u + synapse.U * (1 - u)
    return np.array(released)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("synapse", [each for each in SYNAPSES if each.tau_fac], ids=repr)
def test_release_is_that_of_the_differential_equations(synapse, form):
    times = train(0, n=30)
    np.testing.assert_allclose(synapse.release(times, form=form), integrated(synapse, times, form), rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("synapse", SYNAPSES, ids=repr)
def test_both_forms_release_the_same(synapse, seed):
    times = train(seed)
    one, other = (synapse.release(times, form=form) for form in FORMS)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    u = 0.37  # any state of the one form has its counterpart in the other
    one = synapse.release(times, form="facilitate_first", u=u, x=0.6)
    other = synapse.release(times, form="release_first", u=synapse.U + (1 - synapse.U) * u, x=0.6)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("synapse", SYNAPSES, ids=repr)
def test_the_first_release_is_U(synapse, form):
    assert synapse.release([3.0], form=form).tolist() == [synapse.U]
    assert synapse.release([], form=form).tolist() == []


def test_the_common_slip():
    first = FACILITATING.release([0.0], form="facilitate_first", u=FACILITATING.U)
    assert first.item() == pytest.approx(0.03 * (2 - 0.03), abs=1e-15)


def test_by_hand_without_facilitation():
    """The second spike finds 1 - U, recovered for 0.8 s * log(2)."""
    found = DEPRESSING.release([0.0, 0.8 * math.log(2), 0.8 * math.log(2)])
    np.testing.assert_allclose(found, [0.5, 0.5 * 0.75, 0.5 * 0.375], rtol=0, atol=1e-15)


@pytest.mark.parametrize("synapse", SYNAPSES, ids=repr)
@pytest.mark.parametrize("rate", [0.5, 5.0, 21.0, 100.0])
def test_a_regular_train_converges_to_the_steady_release(synapse, rate):
    times = np.arange(3000) / rate
    for form in FORMS:
        assert synapse.release(times, form=form)[-1] == pytest.approx(float(synapse.steady_release(rate)), abs=1e-12)


def test_steady_release_takes_arrays():
    rates = np.array([[1.0, 5.0], [10.0, 20.0]])
    assert ZENKE.steady_release(rates).shape == (2, 2)
    assert ZENKE.steady_release(rates)[1, 1] == ZENKE.steady_release(20.0)


def test_tsodyks1998_to_the_printed_digits():
    assert f"{DEPRESSING.limiting_rate:.1f}" == "2.5"
    assert f"{FACILITATING.peak_rate_formula:.1f}" == "24.4"
    rate, release = FACILITATING.peak
    assert (f"{rate:.0f}", f"{release:.4f}", f"{release / FACILITATING.U:.1f}") == ("21", "0.1656", "5.5")
    per_second = FACILITATING.steady_release([20, 40, 80, 160]) * [20, 40, 80, 160]
    assert np.all(np.diff(per_second) > 0)


@pytest.mark.parametrize(
    ("tau_rec", "steady", "peak"),
    [
        (0.2, "0.235 0.368 0.317 0.207 0.115", ("5", "0.368", "1.84")),
        (0.15, "0.236 0.401 0.375 0.260 0.150", ("6", "0.406", "2.03")),
    ],
)
def test_zenke2015_to_the_printed_digits(tau_rec, steady, peak):
    synapse = ShortTerm(0.2, tau_rec, 0.6)
    rows = [f"{value:.3f}" for value in synapse.steady_release([1, 5, 10, 20, 40])]
    assert " ".join(rows) == steady
    rate, release = synapse.peak
    assert (f"{rate:.0f}", f"{release:.3f}", f"{release / 0.2:.2f}") == peak


@pytest.mark.parametrize("synapse", SYNAPSES, ids=repr)
def test_the_peak_is_the_highest_point(synapse):
    rate, release = synapse.peak
    everywhere = synapse.steady_release(np.geomspace(1e-3, 1e4, 100_000))
    assert release == pytest.approx(max(everywhere.max(), synapse.U), rel=1e-7)
    assert release >= everywhere.max() * (1 - 1e-12)
    if rate:
        assert synapse.steady_release(rate) == pytest.approx(release, abs=1e-15)


def test_a_depressing_synapse_has_no_peak():
    assert DEPRESSING.peak == (0.0, 0.5)
    assert math.isnan(DEPRESSING.peak_rate_formula)


def test_limiting_rate():
    """The release per second saturates at 1 / tau_rec; at the limiting rate a mean-field synapse is half way there."""
    assert 1e6 * DEPRESSING.steady_release(1e6) == pytest.approx(1 / 0.8, rel=1e-5)
    assert DEPRESSING.limiting_rate * DEPRESSING.poisson_release(DEPRESSING.limiting_rate) == pytest.approx(0.5 / 0.8)


@pytest.mark.parametrize("rate", [2.0, 10.0, 40.0])
def test_poisson_release_without_facilitation_is_exact(rate):
    """300,000 spikes: the standard error of the mean is at most 0.14 % at these rates, so 0.7 % is five of them."""
    found = DEPRESSING.release(train(0, n=300_000, rate=rate))[1000:].mean()
    assert found == pytest.approx(float(DEPRESSING.poisson_release(rate)), rel=0.007)


def test_poisson_release_with_facilitation_is_up_to_4_percent_high():
    """Where a spike is likely to follow spikes, u is high and x low; the product of means leaves that out."""
    for rate in (5.0, 20.0, 40.0):
        found = ZENKE.release(train(0, n=200_000, rate=rate))[1000:].mean()
        assert found < ZENKE.poisson_release(rate) < 1.05 * found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ShortTerm(0.0, 0.1), r"^ShortTerm\.U \(share released at rest\): .*, got 0\.0\.$"),
        (lambda: ShortTerm(1.1, 0.1), r"^ShortTerm\.U .* got 1\.1\.$"),
        (lambda: ShortTerm(math.nan, 0.1), r"^ShortTerm\.U .* got nan\.$"),
        (lambda: ShortTerm(0.5, 0.0), r"^ShortTerm\.tau_rec .* got 0\.0\.$"),
        (lambda: ShortTerm(0.5, 0.1, -1.0), r"^ShortTerm\.tau_fac .* got -1\.0\.$"),
        (lambda: ZENKE.release([1.0, 0.5]), r"^release\.times .* ascending"),
        (lambda: ZENKE.release([1.0], form="release"), r"^release\.form .* Did you mean release_first\?"),
        (lambda: ZENKE.release([1.0], u=1.5), r"^release\.u .* got 1\.5\.$"),
        (lambda: ZENKE.release([1.0], x=-0.1), r"^release\.x .* got -0\.1\.$"),
        (lambda: ZENKE.steady_release(0.0), r"^steady_release\.rate .* got 0\.0\.$"),
        (lambda: ZENKE.steady_release([1.0, math.inf]), r"^steady_release\.rate .* got inf\.$"),
        (lambda: ZENKE.poisson_release(-1.0), r"^poisson_release\.rate .* got -1\.0\.$"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
