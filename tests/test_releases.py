"""What every form of short-term plasticity must do, found by discovery; how it joins rules and transmissions."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from _helpers import DT, driven, generator, loadable, rest_slow, run
from brian2 import NetworkOperation, NeuronGroup, ms, mV, second

from brian2learn.analysis.short_term import ShortTerm
from brian2learn.core import equations
from brian2learn.core.declaration import Choice, unit_of
from brian2learn.core.errors import DeclarationError
from brian2learn.plasticity._release import Release
from brian2learn.plasticity._rule import Rule
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.plasticity.relative_tsodyks_markram import RelativeTsodyksMarkram
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram

EXACT = 1e-12
RELEASES = loadable("plasticity", kind=Release)
RULES = loadable("plasticity", kind=Rule)
TRANSMISSIONS = loadable("plasticity", kind=Transmission)
N_STEPS = 1000


@cache
def examples(stem):
    return tuple(RELEASES[stem].examples())


every_release = pytest.mark.parametrize("stem", RELEASES)
every_example = pytest.mark.parametrize(
    ("stem", "k"), [pytest.param(stem, k, id=f"{stem}-{k}") for stem in RELEASES for k, _ in enumerate(examples(stem))]
)


def make_trains(n=30, seed=0):
    """Random trains from 20 to 800 Hz; none, one spike, one in every step, a pause."""
    rng = np.random.default_rng(seed)
    trains = [np.flatnonzero(rng.random(N_STEPS) < rate * DT) for rate in np.linspace(20, 800, n)]
    return [*trains, np.array([], int), np.array([7]), np.arange(50), np.array([0, 1, 2, 900, 901])]


TRAINS = make_trains()


def received(releases, trains, *, rule=None, w=1.0, on_neurons=False, delay=None):
    """Sum of what the spikes of every train transmit, after each step: an array (n_steps, n_trains) per release."""
    rule = rule or Fixed()
    objects, targets = set(), []
    for release in releases:
        text = release.afferent_equations if on_neurons else ""
        source = driven(trains, text) if on_neurons else generator(trains)
        target = NeuronGroup(len(trains), "v : 1", threshold="False", reset="", namespace={}, name="targets*")
        synapses = rule.synapses(
            source, target, transmit="v_post += w", release=release, connect={"j": "i"},
            delay=None if delay is None else delay * DT * second,
        )  # fmt: skip
        synapses.w = w
        targets.append(target)
        objects |= {source, target, synapses}
    seen = []
    record = NetworkOperation(lambda: seen.append([np.array(target.v) for target in targets]), when="end")
    run(*objects, record, duration=(N_STEPS + (delay or 0) + 2) * DT)
    return np.array(seen).transpose(1, 0, 2)


def transmitted(release, trains, *, w=1.0, delay=0):
    """What `received` must give, from the slow reference."""
    total = np.zeros((N_STEPS + delay + 2, len(trains)))
    for k, train in enumerate(trains):
        np.add.at(total[:, k], train + delay, w * release.reference(train * DT))
    return np.cumsum(total, axis=0)


def assert_same(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=EXACT, atol=EXACT)


# ---------------------------------------------------------------------- every release: its text


@every_example
def test_names_are_declared_and_params_used(stem, k):
    release = examples(stem)[k]
    release.check()
    used = equations.identifiers(release.amount).union(
        *(equations.identifiers(f"{trace.at_spike}\n{trace.tau}") for trace in release.pre_traces)
    )
    assert used == {*release.numbers, *release.trace_names}
    assert release.post_traces == ()


@every_release
def test_its_examples_take_every_option_and_every_preset(stem):
    for name, field in RELEASES[stem].fields.items():
        if isinstance(field, Choice):
            assert {getattr(release, name) for release in examples(stem)} == set(field.options), name
    assert all(RELEASES[stem].preset(name) in examples(stem) for name in RELEASES[stem].presets)


@every_release
def test_every_number_changes_what_is_released(stem):
    release = examples(stem)[-1]
    base = release.reference(TRAINS[10] * DT)
    for name, value in release.numbers.items():
        field = release.fields[name]
        other = release.replace(**{name: value * 2 if field.high is None or value * 2 <= field.high else value / 2})
        assert np.max(np.abs(other.reference(TRAINS[10] * DT) - base)) > 1e-9 or value == field.low, name


# ---------------------------------------------------------------------- every release: its numbers


@every_release
def test_brian2_equals_the_twin(stem):
    for release, got in zip(examples(stem), received(examples(stem), TRAINS), strict=True):
        assert_same(got, transmitted(release, TRAINS))


@every_release
def test_on_neurons_it_is_the_same(stem):
    for release, got in zip(examples(stem), received(examples(stem), TRAINS, on_neurons=True), strict=True):
        assert_same(got, transmitted(release, TRAINS))


@every_release
@pytest.mark.parametrize("on_neurons", [False, True], ids=["on synapses", "neurons could hold it"])
def test_with_a_delay_a_spike_carries_what_it_released_when_it_left(stem, on_neurons):
    """Later spikes of the same neuron are on their way when it arrives; they must not count."""
    arrived = received(examples(stem), TRAINS, on_neurons=on_neurons, delay=83)
    for release, got in zip(examples(stem), arrived, strict=True):
        assert_same(got, transmitted(release, TRAINS, delay=83))


@every_example
def test_the_weight_scales_what_is_released_and_does_not_change(stem, k):
    (got,) = received([examples(stem)[k]], TRAINS[:3], w=2.5)
    assert_same(got, transmitted(examples(stem)[k], TRAINS[:3], w=2.5))


@every_example
def test_no_more_is_released_than_there_is(stem, k):
    release = examples(stem)[k]
    released = np.concatenate([release.reference(train * DT) for train in TRAINS])
    assert released.min() >= 0
    assert released.max() <= release.most


@every_release
def test_the_twin_can_fail(stem):
    release = examples(stem)[0]

    class Early(type(release)):
        """Releases what is left after the spike."""

        amount = property(lambda self: f"0.5*({release.amount})")

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(received([Early(**release.values)], TRAINS)[0], transmitted(release, TRAINS))


# ---------------------------------------------------------------------- any rule, any transmission


def a_target(rule, transmission, text, n):
    """Cells with all that the rule, its needs and the transmission ask for; some spikes of their own."""
    needs = "".join(f"{name} : {unit_of(unit)}\n" for name, unit in rule.needs.items())
    potential = "" if "v" in rule.needs else "v : volt\n"
    target = driven([np.array([3 * k + 2]) for k in range(n)], text + needs + potential + transmission.cell_equations,
                    method="exponential_euler")  # fmt: skip
    for name, value in transmission.cell_constants.items():
        setattr(target, name, value)
    return target


FIRST = next(iter(TRANSMISSIONS))
JOINED = sorted(
    itertools.product(["fixed", *RULES], TRANSMISSIONS), key=lambda pair: pair[0] != "fixed" and pair[1] != FIRST
)


@every_release
@pytest.mark.parametrize(
    ("rule", "transmission"),
    rest_slow([pytest.param(*pair) for pair in JOINED], n_default=len(RULES) + len(TRANSMISSIONS)),
)
def test_it_joins_every_rule_and_every_transmission(stem, rule, transmission):
    rule = Fixed() if rule == "fixed" else RULES[rule]()
    release, transmission = examples(stem)[0], TRANSMISSIONS[transmission]()
    trains = [np.array([1, 4, 9]), np.array([2, 5])]
    source, target = generator(trains), a_target(rule, transmission, rule.cell_equations, 2)
    synapses = rule.synapses(source, target, transmit=transmission, release=release)
    synapses.w = 0.5
    before = {name: np.array(target.variables[name].get_value()) for name in target.variables if "_" not in name[:1]}
    run(source, target, synapses, duration=15 * DT)
    states = [transmission.on_neuron(name) for name in transmission.states] or ["v"]
    assert any(not np.array_equal(target.variables[name].get_value(), before[name]) for name in states)
    assert np.isfinite(synapses.w[:]).all()


@every_release
def test_a_plastic_weight_is_released_before_its_own_change(stem):
    release, rule = examples(stem)[0], PairSTDP()
    pre, post = np.array([5, 20, 40]), np.array([10, 30])
    for on_neurons in (False, True):
        source = driven([pre], release.afferent_equations + rule.afferent_equations) if on_neurons else generator([pre])
        target = driven([post], rule.cell_equations + "v : 1\n")
        synapses = rule.synapses(source, target, transmit="v_post += w", release=release)
        synapses.w = 0.5
        run(source, target, synapses, duration=45 * DT)
        weights = [rule.reference(pre[:n] * DT, post[post < pre[n]] * DT, 0.5) for n in range(3)]
        assert_same(target.v[0], np.dot(weights, release.reference(pre * DT)))
        assert_same(synapses.w[0], rule.reference(pre * DT, post * DT, 0.5))


@pytest.mark.parametrize("ties", ["pre_first", "post_first", "mean"])
def test_the_order_of_ties_does_not_matter_to_what_is_released(ties):
    release, rule, row = TsodyksMarkram(U=0.5), PairSTDP(ties=ties, a_plus=0.0, a_minus=0.0), np.arange(0, 40, 3)
    for on_neurons in (False, True):
        source = driven([row], release.afferent_equations) if on_neurons else generator([row])
        target = driven([row], "v : 1\n")
        synapses = rule.synapses(source, target, transmit="v_post += w", release=release)
        synapses.w = 1
        run(source, target, synapses, duration=45 * DT)
        assert_same(target.v[0], release.reference(row * DT).sum())


# ---------------------------------------------------------------------- synapses without plasticity


def test_fixed_synapses_transmit_and_keep_their_weight():
    source, target = generator(TRAINS), NeuronGroup(len(TRAINS), "v : volt", threshold="False", reset="", namespace={})
    synapses = Fixed().synapses(source, target, transmit="v_post += w * mV", connect={"j": "i"})
    synapses.w = np.arange(len(TRAINS))
    run(source, target, synapses, duration=(N_STEPS + 2) * DT)
    assert_same(target.v[:] / mV, np.arange(len(TRAINS)) * [train.size for train in TRAINS])
    assert_same(synapses.w[:], np.arange(len(TRAINS)))
    assert not hasattr(synapses, "post")


def test_fixed_plasticity_has_nothing_to_set_and_its_twin_keeps_the_weight():
    assert (Fixed().constants, Fixed().synapse_starts, Fixed().needs, Fixed().cell_equations) == ({}, {}, {}, "")
    assert Fixed().reference(TRAINS[3] * DT, TRAINS[4] * DT, 0.3) == 0.3
    assert Fixed() == Fixed() != PairSTDP()


# ---------------------------------------------------------------------- Tsodyks-Markram

FORMS = tuple(TsodyksMarkram.form.options)


def closed(release):
    """The closed form; a facilitation of 1 us is none."""
    none = release.tau_fac <= TsodyksMarkram.tau_fac.low
    return ShortTerm(release.U, float(release.tau_rec), 0.0 if none else float(release.tau_fac))


@pytest.mark.parametrize("name", TsodyksMarkram.presets)
@pytest.mark.parametrize("form", FORMS)
def test_it_equals_the_closed_form(name, form):
    release = TsodyksMarkram.preset(name, form=form)
    rates = (5, 20, 70)
    regular = [np.rint(np.arange(40) / rate / DT).astype(int) for rate in rates]
    trains = [train[train < N_STEPS] for train in regular] + TRAINS[:10]
    (got,) = received([release], trains)
    for k, train in enumerate(trains):
        assert_same(np.diff(got[:, k], prepend=0)[train], closed(release).release(train * DT, form=form))
    train = np.arange(400) / 23.0
    assert_same(release.reference(train), closed(release).release(train, form=form))
    assert release.reference(train)[-1] == pytest.approx(closed(release).steady_release(23.0), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_the_first_release_is_U(form):
    release = TsodyksMarkram(form=form, U=0.3)
    (got,) = received([release], [np.array([4])])
    assert got[-1, 0] == pytest.approx(0.3, rel=EXACT)
    assert got[-1, 0] != pytest.approx(0.3 * (2 - 0.3))


def test_both_forms_release_the_same_from_rest():
    one, other = (received([TsodyksMarkram(form=form, U=0.2)], TRAINS)[0] for form in FORMS)
    assert_same(one, other)


def test_u_of_one_form_follows_from_u_of_the_other():
    """R = U + (1 - U) u at all times, with R of the form that releases first (here just after a spike)."""
    u = {}
    for form in FORMS:
        release = TsodyksMarkram(form=form, U=0.2)
        source = driven([TRAINS[12]], release.afferent_equations)
        target = NeuronGroup(1, "v : 1", threshold="False", reset="", namespace={})
        synapses = Fixed().synapses(source, target, transmit="v_post += w", release=release)
        run(source, target, synapses, duration=(TRAINS[12][-1] + 1) * DT)
        u[form] = float(source.tsodyks_markram_f[0])
    assert 0.2 + u["release_first"] == pytest.approx(0.2 + 0.8 * u["facilitate_first"], rel=EXACT)


def test_relative_amounts_begin_at_2_less_U_and_are_raised_before_release():
    """u of the relative form is U + (1 - U) times that of the form that decays to 0; without facilitation it is U."""
    release = RelativeTsodyksMarkram(U=0.3, tau_rec=0.1 * ms)  # nothing is depleted
    (got,) = received([release], [np.array([4, 104])])
    first, second_ = np.diff(got[[3, 50, -1], 0])
    assert first == pytest.approx(2 - 0.3, rel=EXACT)
    left = 0.7 * np.exp(-100 * DT / 0.53) * 0.3  # of u - U after the first
    assert second_ == pytest.approx((0.3 + left + 0.3 * (0.7 - left)) / 0.3, rel=1e-9)
    train = TRAINS[12]
    x, wanted = 1.0, []
    for gap in np.diff(train, prepend=train[0]):
        x = 1 - (1 - x) * np.exp(-gap * DT / 0.02)
        wanted.append(x * 1.5)
        x *= 1 - 0.75
    found = RelativeTsodyksMarkram(U=0.5, tau_rec=20 * ms, tau_fac=1e-3 * ms).reference(train * DT)
    assert_same(found, wanted)


def test_depression_only_leaves_u_at_U():
    release = TsodyksMarkram.preset("tsodyks1998_depressing")
    train = np.arange(6) * 50e-3
    x = 1.0
    for released in release.reference(train):
        assert released == pytest.approx(0.5 * x, rel=EXACT)
        x = 1 - (1 - 0.5 * x) * np.exp(-50 / 800)


def test_the_published_rates():
    depressing = closed(TsodyksMarkram.preset("tsodyks1998_depressing"))
    facilitating = closed(TsodyksMarkram.preset("tsodyks1998_facilitating"))
    assert depressing.limiting_rate == pytest.approx(2.5)
    assert round(facilitating.peak_rate_formula, 1) == 24.4
    assert (round(facilitating.peak[0]), round(facilitating.peak[1], 4)) == (21, 0.1656)
    assert round(facilitating.peak[1] / facilitating.U, 1) == 5.5


@pytest.mark.parametrize(
    ("tau_rec", "wanted"), [(200, [0.235, 0.368, 0.317, 0.207, 0.115]), (150, [0.236, 0.401, 0.375, 0.260, 0.150])]
)
def test_steady_states_of_zenke2015(tau_rec, wanted):
    release = TsodyksMarkram.preset("zenke2015", tau_rec=tau_rec * ms)
    rates = [1, 5, 10, 20, 40]
    assert [round(release.reference(np.arange(200) / rate)[-1], 3) for rate in rates] == wanted


@pytest.mark.parametrize("wrong", [{"U": 0}, {"U": 1.1}, {"tau_rec": 0 * ms}, {"tau_fac": 0 * ms}, {"form": "both"}])
def test_nonsense_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(DeclarationError, match=rf"TsodyksMarkram\.{name} "):
        TsodyksMarkram(**wrong)
