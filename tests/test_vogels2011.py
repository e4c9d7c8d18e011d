"""The inhibitory rule of Vogels et al. 2011: its numbers, its fixed point, and which side each trace belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers import DT, Pair, learn, twin
from brian2 import Hz, ms, second

from brian2learn.plasticity.inhibitory_stdp import InhibitorySTDP

NONE = np.array([], int)


@pytest.mark.parametrize(
    ("preset", "alpha"), [("vogels2011_feed_forward", 0.25), ("vogels2011_recurrent", 0.12), ("nest", 0.12)]
)
def test_alpha_of_the_published_settings(preset, alpha):
    assert InhibitorySTDP.preset(preset).alpha == pytest.approx(alpha, rel=1e-12)


class SwappedTraces(InhibitorySTDP):
    """Each side's change reads the trace of its own side, as in Brian2's own example of another paper until 2025."""

    on_pre = InhibitorySTDP.on_pre.replace("y", "x")
    on_post = InhibitorySTDP.on_post.replace("eta * x", "eta * y")


def changes(rule, pairs):
    """What every pair of trains does to a weight of 1."""
    return learn([rule], pairs, np.full(len(pairs), 1 / rule.w_max)).final[0] - 1


# steps of 0.1 ms: post after pre, pre after post, both together, two pre, two post, and one alone of either
ORACLE = [
    Pair(np.array([10]), np.array([60])),
    Pair(np.array([60]), np.array([10])),
    Pair(np.array([10]), np.array([10])),
    Pair(np.array([10, 60]), NONE),
    Pair(NONE, np.array([10, 60])),
    Pair(np.array([10, 110]), np.array([60])),
]


def by_hand(eta, alpha, tau):
    """Pairs count alike in both orders; a pre spike alone takes alpha."""
    near = np.exp(-50 * DT / tau)
    return eta * np.array([near - alpha, near - alpha, 1 - alpha, -2 * alpha, 0, 2 * near - 2 * alpha])


@pytest.mark.parametrize("preset", InhibitorySTDP.presets)
def test_the_published_rule_by_hand(preset):
    rule = InhibitorySTDP.preset(preset)
    expected = by_hand(rule.eta, rule.alpha, float(rule.tau))
    np.testing.assert_allclose(changes(rule.replace(w_max=10.0), ORACLE), expected, rtol=0, atol=1e-12)


def test_swapped_traces_are_caught():
    rule = SwappedTraces(w_max=10.0)
    expected = by_hand(rule.eta, rule.alpha, float(rule.tau))
    wrong = np.abs(changes(rule, ORACLE) - expected) > 1e-6
    assert wrong.tolist() == [True, True, True, True, True, True]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(
            learn([rule], ORACLE, np.full(len(ORACLE), 0.1)).final,
            twin([rule], ORACLE, np.full(len(ORACLE), 0.1)), atol=1e-12,
        )  # fmt: skip


def test_nothing_is_learned_before_the_onset_but_traces_run():
    """A pre spike before the onset still pairs with a post spike after it."""
    rule = InhibitorySTDP(onset=5 * ms, w_max=10.0)
    trains = [
        Pair(np.array([10]), np.array([40])),
        Pair(np.array([10]), np.array([50])),
        Pair(np.array([50]), np.array([10])),
    ]
    near = np.exp(-40 * DT / float(rule.tau))
    expected = rule.eta * np.array([0, near, near - rule.alpha])
    np.testing.assert_allclose(changes(rule, trains), expected, rtol=0, atol=1e-12)


def test_the_mean_change_vanishes_at_the_target_rate():
    """Independent Poisson trains: down below the target, up above it, and as computed at it."""
    rho0, tau, n_trains, duration, pre_rate = 5.0, 0.02, 4000, 1.0, 20.0
    rule = InhibitorySTDP(rho0=rho0 * Hz, tau=tau * second, eta=1e-6, w_max=2.0)
    rng = np.random.default_rng(0)

    def train(rate):
        return np.unique(rng.integers(round(duration / DT), size=rng.poisson(rate * duration)))

    found = []
    for rate in (rho0 / 2, rho0, rho0 * 2):
        pairs = [Pair(train(pre_rate), train(rate)) for _ in range(n_trains)]
        change = changes(rule, pairs) / rule.eta
        # pairs across the ends of the trains are missing
        expected = 2 * tau * pre_rate * (rate * (duration - tau) - rho0 * duration)
        error = change.std() / np.sqrt(n_trains)
        assert abs(change.mean() - expected) < 4 * error
        found.append(change.mean() / error)
    assert found[0] < -10
    assert found[2] > 10
