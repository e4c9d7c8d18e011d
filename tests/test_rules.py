"""What every rule must do, over all its examples, found by discovery; then how rules are joined and refused.

All examples of a rule learn the same pairs of spike trains in one network, so that a rule costs a few seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from _helpers import (
    DT,
    Pair,
    ceiling,
    courses,
    driven,
    first_of_each,
    first_weights,
    generator,
    learn,
    learner,
    loadable,
    run,
    steps_of,
    time_step,
    twin,
    twin_of,
    twins_of,
)
from brian2 import NeuronGroup, Synapses, amp, ms, mV, second, volt

from brian2learn.core import discovery, equations
from brian2learn.core.declaration import Choice, Param, Size
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._rule import PlasticitySum, Rule, Trace
from brian2learn.plasticity.pair_stdp import PairSTDP

EXACT = 1e-12
RULES = loadable("plasticity", kind=Rule)


def over_examples():
    found = [(stem, k) for stem, cls in RULES.items() for k, _ in enumerate(cls.examples())]
    return [pytest.param(stem, k, id=f"{stem}-{k}") for stem, k in found]


def over_params():
    return [pytest.param(stem, name, id=f"{stem}-{name}") for stem, cls in RULES.items() for name in cls().numbers]


def over_choices():
    return [
        pytest.param(stem, name, id=f"{stem}-{name}")
        for stem, cls in RULES.items()
        for name, field in cls.fields.items()
        if isinstance(field, Choice)
    ]


every_rule = pytest.mark.parametrize("stem", RULES)
every_example = pytest.mark.parametrize(("stem", "k"), over_examples())
first_examples = pytest.mark.parametrize(("stem", "k"), first_of_each(over_examples()))


# ---------------------------------------------------------------------- spike trains


def train(rate, n_steps, rng):
    return np.flatnonzero(rng.random(n_steps) < rate * DT)


def make_pairs(seed=0, n_steps=1000):
    """Random pairs (from 20 to 300 Hz), pairs that often fire in the same step, and hand-made extremes."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(20, 300, (2, 48))
    pairs = [Pair(train(pre, n_steps, rng), train(post, n_steps, rng)) for pre, post in rates.T]
    for k in range(24, 48):
        pre, post = pairs[k]
        shared = pre[rng.random(pre.size) < 0.6]
        pairs[k] = Pair(pre, np.union1d(post[: post.size // 2], shared))
    none, some, row = np.array([], int), np.array([3, 40, 41, 300]), np.arange(10, 30)
    extremes = [(none, none), (some, none), (none, some), (some, some), (row, row), (row, row + 1), (row + 1, row),
                (row, row[::2]), (row[::2], row), (np.array([0]), np.array([0])), (np.array([0]), np.array([1])),
                (np.array([1]), np.array([0]))]  # fmt: skip
    return [*pairs, *(Pair(*pair) for pair in extremes)]


PAIRS = make_pairs()
RANDOM, COINCIDENT, EXTREME = slice(0, 24), slice(24, 48), slice(48, None)
SILENT = 48
SHARES = np.random.default_rng(1).random(len(PAIRS))
SHARES[[0, 24]], SHARES[[1, 25]] = 0, 1  # both ends of the range


def test_the_pairs_are_what_they_are_meant_to_be():
    ties = [np.intersect1d(*pair).size for pair in PAIRS]
    assert max(ties[RANDOM]) < 5 < np.median(ties[COINCIDENT])
    assert [train.size for train in PAIRS[SILENT]] == [0, 0]


# ---------------------------------------------------------------------- one network for all examples of a rule


@cache
def examples(stem):
    return tuple(RULES[stem].examples())


@cache
def on_synapses(stem):
    return learn(examples(stem), PAIRS, SHARES, watch=True)


@cache
def twins(stem):
    return twins_of(examples(stem), PAIRS, SHARES)


@cache
def on_neurons(stem):
    return learn(examples(stem), PAIRS, SHARES, on_neurons=True)


DELAY = 7  # time steps


@cache
def with_delay(stem):
    return learn(examples(stem), PAIRS, SHARES, delay=DELAY)


def assert_same(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=EXACT, atol=EXACT)


# ---------------------------------------------------------------------- every rule: its text


@every_example
def test_names_are_declared_and_params_used(stem, k):
    rule = examples(stem)[k]
    rule.check()
    traces = (*rule.pre_traces, *rule.post_traces)
    texts = [rule.on_pre, rule.on_post, rule.synapse_equations, rule.regularly, rule.on_cell, rule.on_cell_step]
    texts += [*rule.start.values(), rule.every or "", *(trace.at_spike for trace in traces)]
    used = set().union(*map(equations.identifiers, texts)) | {trace.tau for trace in traces}
    assert set(rule.numbers) <= used
    declared = {"w", *rule.numbers, *rule.trace_names, *rule.synapse_states, *rule.cell_states}
    foreign = {*rule.needs_on_cell, *(f"{name}_post" for name in rule.needs_on_cell)}
    assert used - declared - foreign <= equations.known_functions() | equations.PROVIDED | {""}


@every_rule
def test_its_examples_take_every_option(stem):
    for name, field in RULES[stem].fields.items():
        if isinstance(field, Choice):
            assert {getattr(rule, name) for rule in examples(stem)} == set(field.options), name


def program(rule):
    """All that the choices of a rule can change: equations, statements, and what comes first in a step."""
    one = [np.array([1])]
    synapses = rule.synapses(generator(one), learner(rule, one, 2, on_neurons=True), transmit="")
    sides = {side: getattr(synapses, side) for side in ("pre", "post") if hasattr(synapses, side)}
    texts = [rule.model([]), *(f"{side}: {rule.code(side, [])}" for side in ("pre", "post"))]
    texts += [rule.regularly, rule.cell_equations, rule.on_cell_step]
    return (*texts, *(f"{side} {pathway.order}" for side, pathway in sides.items()))


@pytest.mark.parametrize(("stem", "name"), over_choices())
def test_every_option_makes_another_program(stem, name):
    if name == "ties" and not ties_matter(examples(stem)[0]):
        return
    options = RULES[stem].fields[name].options
    programs = {program(RULES[stem](**{name: option})) for option in options}
    assert len(programs) == len(options)


@pytest.mark.slow
@pytest.mark.parametrize(("stem", "name"), over_choices())
def test_every_option_makes_another_weight(stem, name):
    """Two options that always end in the same weights would be one."""
    if name == "ties" and not ties_matter(examples(stem)[0]):
        return
    by_option = {}
    for rule, final in zip(examples(stem), everything(on_synapses(stem)), strict=True):
        by_option.setdefault(rule.replace(**{name: RULES[stem].fields[name].default}), {})[getattr(rule, name)] = final
    found = max(by_option.values(), key=len)
    assert set(found) == set(RULES[stem].fields[name].options)
    assert len({final.tobytes() for final in found.values()}) == len(found)


def ties_matter(rule):
    """Whether what one side's spike does depends on the other side's."""
    reads_pre = {*equations.assigned(rule.on_pre), *(trace.name for trace in rule.pre_traces)}
    reads_post = {*equations.assigned(rule.on_post), *(trace.name for trace in rule.post_traces)}
    both = bool(rule.on_pre) and bool(rule.on_post)
    return (
        both
        or bool(rule.on_pre)
        and not reads_post.isdisjoint(equations.identifiers(rule.on_pre))
        or bool(rule.on_post)
        and not reads_pre.isdisjoint(equations.identifiers(rule.on_post))
    )


def everything(outcome):
    """Weights and further states of every rule, one row each."""
    pairs = zip(outcome.final, outcome.states, strict=True)
    return [np.concatenate([final, *(states[name] for name in sorted(states))]) for final, states in pairs]


def another(rule, name):
    """The rule with one number halved, or doubled where the bounds forbid it or half of 0 is 0."""
    for factor in (0.5, 2):
        value = rule.values[name] * factor if rule.values[name] != 0 else rule.fields[name].high * factor / 2
        try:
            return rule.replace(**{name: value})
        except DeclarationError:
            continue
    raise AssertionError(f"no other value of {name} fits its bounds")


@cache
def changed(stem):
    """Final weights of the first example, and of the same with each number changed."""
    rule = examples(stem)[0]
    variants = {name: another(rule, name) for name in rule.numbers if not isinstance(rule.fields[name], Size)}
    outcome = learn([rule, *variants.values()], PAIRS, 0.5 * SHARES)
    return dict(zip(["", *variants], everything(outcome), strict=True))


@pytest.mark.parametrize(("stem", "name"), over_params())
def test_every_number_changes_the_weights(stem, name):
    weights = changed(stem)
    shares = weights[name] / ceiling(examples(stem)[0]), weights[""] / ceiling(examples(stem)[0])
    assert np.max(np.abs(shares[0] - shares[1])) > 1e-6


# ---------------------------------------------------------------------- every rule: its numbers


@every_example
@pytest.mark.parametrize("which", [RANDOM, COINCIDENT, EXTREME], ids=["random", "coincident", "extreme"])
def test_brian2_equals_the_twin(stem, k, which):
    assert_same(on_synapses(stem).final[k, which], twins(stem).final[k, which])


@every_example
def test_further_states_equal_the_twin(stem, k):
    got, wanted = on_synapses(stem).states[k], twins(stem).states[k]
    for name in set(got) & set(wanted):
        assert_same(got[name], wanted[name])


@first_examples
@pytest.mark.slow
def test_traces_on_neurons_equal_traces_on_synapses(stem, k):
    assert_same(on_neurons(stem).final[k], on_synapses(stem).final[k])


@first_examples
def test_an_axonal_delay_shifts_the_pre_spikes(stem, k):
    delayed = twin([examples(stem)[k]], PAIRS, SHARES, delay=DELAY)[0]
    assert_same(with_delay(stem).final[k], delayed)
    if ties_matter(examples(stem)[k]):
        assert np.max(np.abs(delayed - twins(stem).final[k])) > 1e-3


@every_example
def test_weights_stay_in_bounds(stem, k):
    outcome = on_synapses(stem)
    assert outcome.lowest[k].min() >= 0
    if "w_max" in examples(stem)[k].numbers:
        assert outcome.highest[k].max() <= ceiling(examples(stem)[k])


@every_example
def test_something_is_learned(stem, k):
    rule, outcome = examples(stem)[k], on_synapses(stem)
    first = first_weights([rule], SHARES)[0]
    changes = [outcome.final[k] - first]
    changes += [values - rule.synapse_starts.get(name, 0) for name, values in outcome.states[k].items()]
    assert max(np.mean(np.abs(change) > 1e-3) for change in changes) > 0.5


@every_example
def test_no_spikes_change_nothing(stem, k):
    """But what is done regularly, which the twin knows."""
    rule = examples(stem)[k]
    first = first_weights([rule], SHARES)[0, SILENT]
    wanted = twins(stem).final[k, SILENT] if rule.regularly else first
    assert_same(on_synapses(stem).final[k, SILENT], wanted)


@every_rule
def test_the_same_run_gives_the_same_bits(stem):
    again = learn(examples(stem), PAIRS, SHARES)
    assert again.final.tobytes() == on_synapses(stem).final.tobytes()


COARSE = 4e-4  # s, the coarsest of three time steps


def off_grid_pairs(n, seed=2):
    """Pairs of trains in continuous time, any two spikes of which are more than two coarse steps apart.

    Their order is then the same on every grid and no two fall together. What is left of the error comes from lags that
    are wrong by up to a step; it shrinks in proportion to the step. (A pair whose order the grid turns round is off by
    a whole jump; such pairs become rarer in the same proportion, but too few of them would be seen here.)
    """
    rng = np.random.default_rng(seed)
    for _ in range(n):
        times = np.cumsum(2 * COARSE + rng.exponential(4e-3, 6))
        is_pre = rng.random(times.size) < 0.5
        yield times[is_pre], times[~is_pre]


@cache
def errors_by_step(stem):
    """Mean distance from the twin in continuous time for three time steps (rows) and every example (columns)."""
    needy = any(rule.needs for rule in examples(stem))  # its twin walks through every fine step
    trains = list(off_grid_pairs(120 if needy else 400))
    shares = np.random.default_rng(3).uniform(0.3, 0.7, len(trains))
    rules = examples(stem)
    firsts = first_weights(rules, shares)
    grids = {
        dt: [Pair(*(np.floor(times / dt).astype(int) for times in pair)) for pair in trains]
        for dt in (COARSE / 4, COARSE / 2, COARSE)
    }
    n_coarse = steps_of(grids[COARSE])
    fine = COARSE / 64  # of what is integrated in the twin, if anything is
    exact = []
    for rule, first in zip(rules, firsts, strict=True):
        n_fine = n_coarse * 64 if rule.needs else 0
        cells = courses(rule, len(trains), n_fine, fine)
        exact.append(
            [
                twin_of(
                    rule, *pair, w, t_stop=n_coarse * COARSE, dt=fine if rule.needs else COARSE / 4,
                    cell={name: values[:, k] for name, values in cells.items()},
                )[0]
                for k, (pair, w) in enumerate(zip(trains, first, strict=True))
            ]
        )  # fmt: skip
    errors = []
    for dt, pairs in grids.items():
        with time_step(dt):
            got = learn(rules, pairs, shares, n_steps=n_coarse * round(COARSE / dt)).final
            errors.append(np.mean(np.abs(got - exact), axis=1))
    return np.array(errors)


@pytest.mark.slow
@every_example
def test_half_the_time_step_halves_the_error(stem, k):
    """The mean error over 400 pairs has a standard error of some 5 %, the order one of about 0.05."""
    errors = errors_by_step(stem)[:, k]
    rule = examples(stem)[k]
    if not (rule.all_traces or rule.needs):  # lags do not matter
        assert errors.max() < EXACT
        return
    assert errors[-1] > 1e-6
    order = np.polyfit(np.log2([1, 2, 4]), np.log2(errors), 1)[0]
    assert 0.8 < order < 1.25


@first_examples
def test_a_spike_acts_with_the_weight_before_its_own_change(stem, k):
    rule = examples(stem)[k]
    n_steps = 25
    source, target = (
        generator([np.array([20])]),
        learner(rule, [np.array([10])], n_steps, on_neurons=True, more="v_seen : 1"),
    )
    synapses = rule.synapses(source, target, transmit="v_seen_post += w")
    synapses.w = 0.5
    run(source, target, synapses, duration=n_steps * DT)
    cell = {name: values[:, 0] for name, values in courses(rule, 1, n_steps, DT).items()}
    none, pre, post = np.array([]), np.array([20 * DT]), np.array([10 * DT])
    assert_same(target.v_seen[0], twin_of(rule, none, post, 0.5, t_stop=21 * DT, cell=cell, dt=DT)[0])
    assert_same(synapses.w[0], twin_of(rule, pre, post, 0.5, t_stop=n_steps * DT, cell=cell, dt=DT)[0])
    if stem == "pair_stdp":
        assert synapses.w[0] < target.v_seen[0]


# ---------------------------------------------------------------------- these tests can fail


class WrongSign(PairSTDP):
    """A post spike weakens the synapse in Brian2 only."""

    on_post = property(lambda self: super().on_post.replace("w +", "w -"))


class WrongPairing(PairSTDP):
    """Traces do not add up in Brian2, whatever the pairing."""

    def _at_spike(self, trace):
        return f"{trace} = 1"


class WrongTies(PairSTDP):
    """The post spike comes first in the twin, whatever the policy."""

    def reference(self, pre, post, w):
        values = {**self.values, "ties": "post_first"}
        return PairSTDP(**values).reference(pre, post, w)


class ForgetsTheCeiling(PairSTDP):
    """Weights of Brian2 are clipped at twice the ceiling."""

    on_post = property(lambda self: super().on_post.replace("0, w_max", "0, 2*w_max"))


class ChangesFirst(PairSTDP):
    """The post trace jumps a step's worth too early: before the weight changes."""

    on_post = property(lambda self: "x = 0\n" + super().on_post)


@pytest.mark.parametrize("wrong", [WrongSign, WrongPairing, WrongTies, ForgetsTheCeiling, ChangesFirst])
def test_a_wrong_rule_is_caught(wrong):
    rules = [wrong()]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(learn(rules, PAIRS, SHARES).final, twin(rules, PAIRS, SHARES))


def test_a_wrong_order_of_ties_is_caught_on_coincident_trains_only():
    rules = [WrongTies()]
    right = np.isclose(learn(rules, PAIRS, SHARES).final, twin(rules, PAIRS, SHARES), rtol=EXACT, atol=EXACT)[0]
    tied = np.array([np.intersect1d(*pair).size > 0 for pair in PAIRS])
    assert right[~tied].all()
    assert right[COINCIDENT].mean() < 0.5  # some end at a bound whatever the order


def test_a_wrong_delay_is_caught():
    rules = [PairSTDP()]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(learn(rules, PAIRS, SHARES, delay=DELAY + 1).final, twin(rules, PAIRS, SHARES, delay=DELAY))


OF_A_USER = '''
"""A rule of a user."""

import bisect

import numpy as np
from brian2 import ms

from brian2learn.core.declaration import Param
from brian2learn.plasticity._rule import Rule, Trace


class FreshRule(Rule):
    """A post spike adds what the last pre spike has left, a pre spike takes a fixed step away."""

    tau = Param(20 * ms, "how long a pre spike is remembered", low=1 * ms, high=100 * ms)
    up = Param(0.05, "largest step up", low=0, high=1)
    down = Param(0.02, "step down", low=0, high=1)

    pre_traces = (Trace("x", "tau", "x = 1"),)
    on_pre = "w = clip(w - down, 0, 1)"
    on_post = "w = clip(w + up * x, 0, 1)"

    def reference(self, pre, post, w):
        late = self.ties == "post_first"
        order = sorted([(t, late, 0) for t in pre] + [(t, not late, 1) for t in post])
        last = -np.inf
        k = 0
        while k < len(order):
            now, _, is_post = order[k]
            tie = self.ties == "mean" and k + 1 < len(order) and order[k + 1][0] == now
            before = min(w + self.up * np.exp(-(now - last) / float(self.tau)), 1)
            if tie:
                w = (max(before - self.down, 0) + min(max(w - self.down, 0) + self.up, 1)) / 2
            else:
                w = before if is_post else max(w - self.down, 0)
            last = last if is_post and not tie else now
            k += 1 + tie
        return float(w)
'''


def generic_tests_of(stem, folder):
    """Run this file for one rule, slow tests too, in a process of its own, with the folder on the search path."""
    chosen = ["-k", stem, "-m", "slow or not slow"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", str(Path(__file__)), *chosen, "-q", "-p", "no:cacheprovider", "--tb=line"],
        env={**os.environ, discovery.SEARCH_PATH: str(folder)},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def user_rule(tmp_path, monkeypatch):
    (tmp_path / "plasticity").mkdir()
    monkeypatch.setenv(discovery.SEARCH_PATH, str(tmp_path))

    def write(text):
        (tmp_path / "plasticity" / "fresh_rule.py").write_text(text)
        return tmp_path

    return write


def test_one_new_file_is_listed_shown_and_tested(user_rule):
    folder = user_rule(OF_A_USER)
    assert "fresh_rule" in discovery.files("plasticity")
    assert discovery.heading("plasticity", "fresh_rule").summary.startswith("A post spike adds")
    done = generic_tests_of("fresh_rule", folder)
    assert done.returncode == 0, done.stdout
    n_passed = int(done.stdout.rsplit(" passed", 1)[0].split()[-1])
    n_params, n_choices, n_examples, n_per_example, n_per_rule = 3, 1, 3, 12, 2
    assert n_passed == n_params + 2 * n_choices + n_examples * n_per_example + n_per_rule


def test_a_wrong_sign_in_a_new_file_fails_its_tests(user_rule):
    folder = user_rule(OF_A_USER.replace("clip(w + up", "clip(w - up"))
    done = generic_tests_of("fresh_rule", folder)
    assert done.returncode == 1, done.stdout
    for which in ("random", "coincident", "extreme"):
        assert f"test_brian2_equals_the_twin[{which}-fresh_rule-0]" in done.stdout


# ---------------------------------------------------------------------- where traces are


def paired(rule, *, source=None, target=None, **more):
    """Synapses from groups that hold the traces to such groups, for all pairs."""
    source = source or driven([pair.pre for pair in PAIRS], rule.afferent_equations)
    target = target or driven([pair.post for pair in PAIRS], rule.cell_equations)
    synapses = rule.synapses(source, target, transmit="", connect={"j": "i"}, **more)
    synapses.w = first_weights([rule], SHARES)[0]
    return source, target, synapses


@pytest.mark.parametrize("pairing", ["all_to_all", "nearest"])
def test_two_projections_share_a_trace(pairing):
    rule = PairSTDP(pairing=pairing)
    source, target, one = paired(rule)
    _, other_target, two = paired(rule, source=source)
    three = paired(rule, source=source, target=target)[2]
    assert len(source.contained_objects) == len({each.name for each in source.contained_objects})
    run(source, target, other_target, one, two, three, duration=1002 * DT)
    for synapses in (one, two, three):
        assert_same(synapses.w[:], twin([rule], PAIRS, SHARES)[0])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (PairSTDP(pairing="nearest"), r"pair_stdp_x: expected one use .*'x = 1'.*'x \+= 1'"),
        (PairSTDP(ties="post_first"), r"pair_stdp_x: expected one use .*post_first, .* and .*pre_first"),
        (PairSTDP(tau_plus=5 * ms), r"pair_stdp_tau_plus: expected one value .*5\. ms, and 16\.8 ms"),
    ],
    ids=["pairing", "ties", "tau"],
)
def test_two_projections_must_agree_on_a_trace_they_share(other, message):
    source = paired(PairSTDP())[0]
    with pytest.raises(AssemblyError, match=message):
        paired(other, source=source)


def test_traces_stand_where_the_equations_are():
    rule = PairSTDP()
    _, _, both = paired(rule)
    assert {"x", "y"}.isdisjoint(both.variables)
    source, target = generator([pair.pre for pair in PAIRS]), driven([pair.post for pair in PAIRS])
    _, _, none = paired(rule, source=source, target=target)
    assert {"x", "y"} <= set(none.variables)


def test_with_a_delay_neurons_update_pre_traces_when_spikes_arrive():
    rule = PairSTDP()
    source, target, synapses = paired(rule, delay=DELAY * DT * second)
    assert {"x", "y"}.isdisjoint(synapses.variables)
    run(source, target, synapses, duration=1010 * DT)
    assert_same(synapses.w[:], twin([rule], PAIRS, SHARES, delay=DELAY)[0])
    with pytest.raises(AssemblyError, match=r"pair_stdp_x: expected one use .*delay 0\.0 s, and .*delay 0\.0007 s"):
        paired(rule, source=source)


@pytest.mark.parametrize("rule", [PairSTDP(pairing="reduced_nearest"), PairSTDP(ties="mean")], ids=repr)
def test_what_belongs_to_a_pair_stays_on_the_synapses(rule):
    assert rule.cell_equations == rule.afferent_equations == ""
    assert {"x", "y"} <= set(paired(rule)[2].variables)


def test_constants_of_the_lines_for_cells():
    rule = PairSTDP(tau_minus=20 * ms)
    assert rule.cell_constants() == {"pair_stdp_tau_minus": 20 * ms}
    assert rule.cell_constants("pre") == {"pair_stdp_tau_plus": 16.8 * ms}
    assert paired(rule)[1].pair_stdp_tau_minus[:] == 20 * ms


# ---------------------------------------------------------------------- what a rule asks for


class NeedsVoltage(Rule):
    """A pre spike changes the weight by the potential of the target."""

    gain = Param(0.1, "change per volt")
    on_pre = "w = w + gain * (u_post / volt)"
    needs_on_cell = {"u": volt}


def cells(text, n=1):
    return NeuronGroup(n, text, threshold="False", reset="", method="exact", namespace={}, name="targets*")


def test_a_need_that_is_met():
    target, source = cells("u : volt"), generator([np.array([1])])
    target.u = 500 * mV
    synapses = NeedsVoltage().synapses(source, target, transmit="")
    run(source, target, synapses, duration=4 * DT)
    assert_same(synapses.w[0], 0.05)


def test_a_need_that_is_not_met_is_refused_by_name():
    message = r"NeedsVoltage\.u: expected .*u \(V\), got targets\S* without it\. Did you mean uu\? It has: .*uu"
    with pytest.raises(AssemblyError, match=message):
        NeedsVoltage().synapses(generator([np.array([1])]), cells("uu : volt"), transmit="")


def test_a_need_in_another_unit_is_refused():
    with pytest.raises(AssemblyError, match=r"NeedsVoltage\.u: expected u of targets\S* in V, got u in amp"):
        NeedsVoltage().synapses(generator([np.array([1])]), cells("u : amp"), transmit="")


def test_a_sum_names_all_its_terms():
    with pytest.raises(AssemblyError, match=r"NeedsVoltage \+ PairSTDP\.u: "):
        (NeedsVoltage() + PairSTDP()).synapses(generator([np.array([1])]), cells("v : 1"))


def test_transmission_to_an_unknown_variable_is_refused():
    message = r"PairSTDP\.transmit \(g_exc_post \+= w\): .*got g_exc_post\. Did you mean g_ex\?"
    with pytest.raises(AssemblyError, match=message):
        PairSTDP().synapses(generator([np.array([1])]), cells("g_ex : 1"), transmit="g_exc_post += w")


def test_a_name_that_the_cell_has_too_is_refused():
    message = r"PairSTDP\.tau_plus: expected a name that the cells do not have, got tau_plus in targets\S* too"
    with pytest.raises(AssemblyError, match=message):
        PairSTDP().synapses(generator([np.array([1])]), cells("tau_plus : second"), transmit="")


class Late(Rule):
    """Every interval adds a step."""

    step = Param(0.01, "the step")
    interval = Param(1 * ms, "time between steps", structural=True)
    synapse_equations = "n : 1"
    start = {"n": "2 * step"}
    every = "interval"
    regularly = "w = w + step; n = n + 1"


def test_regular_changes_and_first_values():
    outcome = learn([Late()], [Pair(np.array([10]), np.array([30]))], np.array([0.5]), n_steps=35)
    assert_same(outcome.final[0, 0], 0.5 + 4 * 0.01)  # at 0, 1, 2 and 3 ms
    assert_same(outcome.states[0]["n"][0], 0.02 + 4)


def test_an_interval_that_no_time_step_fits_is_refused():
    with pytest.raises(AssemblyError, match=r"Late\.interval: expected a whole number of time steps of 100\. us"):
        learn([Late(interval=0.25 * ms)], [Pair(np.array([10]), np.array([30]))], np.array([0.5]))


def test_an_interval_must_shape_the_program():
    text = {"pause": Param(1 * ms, "time between steps"), "every": "pause", "regularly": "w = w + 1"}
    with pytest.raises(AssemblyError, match=r"Wrong\.pause: expected an interval with structural=True"):
        type("Wrong", (Rule,), text)()


def test_a_trace_starts_at_zero():
    text = {"tau": Param(1 * ms, "decay"), "pre_traces": (Trace("x", "tau", "x = 1"),), "on_post": "w = w + x"}
    with pytest.raises(AssemblyError, match=r"Wrong\.x: expected a state of the synapse or of the cell"):
        type("Wrong", (Rule,), {**text, "start": {"x": "3"}})()


class Slow(Rule):
    """Brings a low-pass of the potential to the cell and reads it at pre spikes."""

    tau_slow = Param(5 * ms, "low-pass")
    first = Param(0.25, "where it starts")
    on_cell = "dslow/dt = (v - slow)/tau_slow : 1"
    start = {"slow": "first"}
    needs_on_cell = {"v": 1}
    on_pre = "w = w + slow"


def test_what_a_rule_brings_to_the_cell():
    rule = Slow()
    source, target = generator([np.array([20])]), cells("v : 1\n" + rule.cell_equations)
    synapses = rule.synapses(source, target, transmit="")
    run(source, target, synapses, duration=25 * DT)
    assert_same(synapses.w[0], 0.25 * np.exp(-21 * DT / 5e-3))  # states are advanced before spikes are handled
    with pytest.raises(AssemblyError, match=r"Slow\.slow: expected a target with the lines of .*without slow_slow"):
        rule.synapses(source, cells("v : 1"), transmit="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"on_pre": "w = w + gian"}, r"Wrong\.on_pre: .*got gian\. Did you mean gain"),
        ({"on_pre": "w = w + 1"}, r"Wrong\.gain: .*used in none of"),
        ({"on_pre": "w = w + gain", "post_traces": (Trace("y", "tua", "y = 1"),)}, r"Wrong\.trace y: .*got tua"),
        ({"on_pre": "w = w + gain", "pre_traces": (Trace("x", "gain", "x = 1; z = 2"),)}, r"Wrong\.trace x: .*got z"),
        ({"on_pre": "w = w + gain * t_post"}, r"Wrong\.on_pre: .*got t_post"),
        ({"on_pre": "w = w + gain", "synapse_equations": "e : 1"}, r"Wrong\.e: .*reserved"),
    ],
)
def test_text_that_does_not_hold_together_is_refused(text, message):
    wrong = type("Wrong", (Rule,), {"gain": Param(1.0, "a number"), **text})
    with pytest.raises(DeclarationError, match=message):
        wrong()


class Calcium(Rule):
    """A state of its own on every synapse, which decays between spikes and is raised by both."""

    tau = Param(20 * ms, "decay", low=1 * ms)
    raised = Param(0.2, "rise at a spike")
    synapse_equations = "dc/dt = -c/tau : 1 (event-driven)"
    on_pre = "c = c + raised"
    on_post = "w = w + c; c = c + raised"


def test_a_state_on_the_synapse_may_decay():
    rule = Calcium()
    assert rule.synapse_states == ("c",)
    got = learn([rule], [Pair(np.array([10]), np.array([30]))], np.array([0.5])).final[0, 0]
    assert_same(got, 0.5 + 0.2 * np.exp(-2 / 20))


# ---------------------------------------------------------------------- sums


class EveryPre(Rule):
    """Every pre spike adds a step."""

    step = Param(0.003, "the step")
    on_pre = "w = clip(w + step, 0, 1)"


class EveryPost(Rule):
    """Every post spike takes a share."""

    share = Param(0.05, "the share", low=0, high=1)
    on_post = "w = w - share * w"


BY_HAND = """
w : 1
dx/dt = -x/(16.8*ms) : 1 (event-driven)
dy/dt = -y/(33.7*ms) : 1 (event-driven)
"""


def test_a_sum_does_what_its_terms_do():
    rule = PairSTDP() + EveryPre() + EveryPost()
    source, target = generator([pair.pre for pair in PAIRS]), generator([pair.post for pair in PAIRS])
    by_hand = Synapses(
        source,
        target,
        BY_HAND,
        on_pre="w = clip(w - 0.0265625*y, 0, 1); w = clip(w + 0.003, 0, 1); x += 1",
        on_post="w = clip(w + 0.03125*x, 0, 1); w = w - 0.05*w; y += 1",
        namespace={},
    )
    by_hand.connect(j="i")
    by_hand.w = SHARES
    run(source, target, by_hand, duration=1002 * DT)
    got = learn([rule, PairSTDP()], PAIRS, SHARES).final
    assert_same(got[0], by_hand.w[:])
    assert np.max(np.abs(got[1] - by_hand.w[:])) > 0.01


def test_the_traces_of_a_sum_may_sit_on_neurons():
    rules = [PairSTDP() + EveryPre() + EveryPost()]
    assert_same(learn(rules, PAIRS, SHARES, on_neurons=True).final, learn(rules, PAIRS, SHARES).final)


def test_the_terms_of_a_sum_keep_their_order():
    rule = EveryPre() + (EveryPost() + PairSTDP())
    assert [type(term) for term in rule.terms] == [EveryPre, EveryPost, PairSTDP]
    assert rule == EveryPre() + EveryPost() + PairSTDP()
    assert rule != EveryPost() + EveryPre() + PairSTDP()
    assert eval(repr(rule), {cls.__name__: cls for cls in (EveryPre, EveryPost, PairSTDP)}) == rule
    assert rule.constants == {"step": 0.003, "share": 0.05, **PairSTDP().constants}


def test_only_rules_are_added():
    with pytest.raises(TypeError):
        PairSTDP() + 1
    with pytest.raises(DeclarationError, match=r"PlasticitySum\.parts"):
        PlasticitySum(parts=())


class AlsoX(Rule):
    """A second rule with a trace x."""

    tau_x = Param(5 * ms, "decay", low=1 * ms)
    pre_traces = (Trace("x", "tau_x", "x = 1"),)
    on_post = "w = w + x"


class OtherStep(Rule):
    """A second rule with a parameter step."""

    step = Param(0.1, "the step")
    on_post = "w = w + step"


class StepInTime(Rule):
    """A third one, in another unit."""

    step = Param(3 * ms, "the step")
    on_post = "w = w + step / second"


class StateCalledStep(Rule):
    """A rule with a state of this name."""

    synapse_equations = "step : 1"
    on_post = "step = step + 1"


@pytest.mark.parametrize(
    ("one", "other", "name", "both"),
    [
        (PairSTDP(), AlsoX(), "x", "PairSTDP and AlsoX"),
        (PairSTDP(), PairSTDP(pairing="nearest"), "x", "PairSTDP and PairSTDP"),
        (PairSTDP(), EveryPre(ties="mean"), "ties", "PairSTDP pre_first, EveryPre mean"),
        (EveryPre(), OtherStep(), "step", "0.003 in EveryPre and 0.1 in OtherStep"),
        (EveryPre(step=0.003), StepInTime(), "step", "0.003 in EveryPre and 3. ms in StepInTime"),
        (EveryPre(), StateCalledStep(), "step", "a state of StateCalledStep and a parameter of EveryPre"),
        (StateCalledStep(), EveryPre(), "step", "a state of StateCalledStep and a parameter of EveryPre"),
    ],
)
def test_terms_that_are_in_each_others_way(one, other, name, both):
    with pytest.raises(AssemblyError, match=rf"\.{name}: expected .*got {both}"):
        one + other


def test_a_parameter_may_be_shared_if_its_value_is():
    rule = EveryPre(step=0.1) + OtherStep()
    got = learn([rule], [Pair(np.array([1]), np.array([5]))], np.array([0.5])).final[0, 0]
    assert_same(got, 0.7)


def test_units_of_amperes_are_refused_where_time_is_wanted():
    with pytest.raises(DeclarationError, match=r"PairSTDP\.tau_plus .*expected a quantity in s"):
        PairSTDP(tau_plus=3 * amp)
