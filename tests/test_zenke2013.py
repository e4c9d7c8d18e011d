"""The figure of the plastic network: what is measured, by hand; the verdicts on the mean field."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.core.claims import Verdict
from brian2learn.figures import zenke2013_stability as figure
from brian2learn.figures._produce import judge
from brian2learn.runs.record import Record, Spikes, States
from brian2learn.runs.simulate import simulate


def network_run(t, duration=60.0, n=10):
    """A run with these spikes of `n` excitatory cells."""
    t = np.asarray(t, float)
    info = {"duration": duration, "experiment": {"circuit": {"n_excitatory": n}}}
    return Record("0" * 64, info, {"excitatory": Spikes(t, np.zeros(t.size, np.int32))}, {}, {}, {})


def population_run(courses, *, low=50.0, high=50.0, step=0.1):
    """A run of the mean field with these courses of the weight."""
    w = np.atleast_2d(np.asarray(courses, float)).T
    circuit = {
        "eta": {"si": 1.24488e-5}, "kappa": {"si": 3.0}, "gain": 10.0, "w_0": 0.16, "low_tau": {"si": low},
        "high_tau": {"si": high}, "n": w.shape[1],
    }  # fmt: skip
    return Record(
        "0" * 64,
        {"experiment": {"circuit": circuit}},
        {},
        {"populations.w": States(np.arange(len(w)) * step, w)},
        {},
        {},
    )


def test_the_last_spike_tells_the_lifetime():
    alive, dead, silent = network_run(np.arange(0, 60, 0.1)), network_run([1.0, figure.ONSET + 1.5]), network_run([])
    assert (figure.lifetime(alive), figure.survives(alive)) == (60 - figure.ONSET, True)
    assert (figure.lifetime(dead), figure.survives(dead)) == (1.5, False)
    assert not figure.survives(silent)
    assert figure.mean_rate(alive, 10, 20) == pytest.approx(1)


@pytest.mark.parametrize(("lives", "share"), [((57, 57, 20, 5), 1), ((5, 20, 57, 57), 1 / 6), ((57, 20, 30, 5), 5 / 6)])
def test_lifetimes_in_order(lives, share):
    """Pairs that both live on count as in order."""
    runs = {
        f"detector {tau:g}": [network_run(np.arange(0, life + figure.ONSET + 0.01, 0.5))]
        for tau, life in zip(figure.DETECTORS, lives, strict=True)
    }
    assert figure.in_order(runs).value == pytest.approx(share)


def test_the_gain_of_frozen_networks():
    runs = {}
    for w in figure.WEIGHTS:
        n_spikes = round(1e5 * (w / 0.16) ** 6)
        t = np.concatenate([np.zeros(7), 3 + 10 * np.arange(n_spikes) / n_spikes])  # what comes first is left out
        runs[f"frozen {w:g}"] = [network_run(t, 13.0)] * 3
    found = figure.measured_gain(runs)
    assert found.value == pytest.approx(6, abs=1e-3)


def test_an_explosion_of_the_mean_field():
    w = np.full(100, 0.16)
    assert figure.explosion(population_run(w)) == np.inf
    w[40:] = 0.16 * (1 + 998 / 30)  # 1001 Hz
    assert figure.explosion(population_run(w)) == pytest.approx(4.0)
    w[30:] = np.nan
    assert figure.explosion(population_run(w)) == pytest.approx(3.0)


def test_the_boundary_is_where_growth_turns_round():
    t = np.arange(0, 2000, 0.1)
    taus = np.geomspace(40, 60, 5)
    courses = [0.16 + 1e-4 * np.exp((tau - 50.5) * 1e-5 * t) * np.sin(t / 8) for tau in taus]
    assert figure.measured_tau(population_run(courses, low=40.0, high=60.0)) == pytest.approx(50.5, rel=1e-3)


@pytest.mark.full
def test_the_verdicts_on_the_mean_field():
    made = figure.Zenke2013Stability()
    chosen = {name: each for name, each in made.experiments().items() if name.startswith(("kick", "boundary"))}
    records = {name: [simulate(each, 0)] for name, each in chosen.items()}
    of_network = {"fast_lives", "settles_at_target", "slow_explodes", "lifetimes"}
    made_claims = [claim for claim in figure.Zenke2013Stability.claims if claim.name not in of_network]
    assert len(made_claims) == 9

    class MeanField(figure.Zenke2013Stability):
        claims = tuple(made_claims)

    assert {each.claim.name: each.verdict for each in judge(MeanField(), records)} == {
        claim.name: Verdict.REPRODUCED for claim in made_claims
    }
