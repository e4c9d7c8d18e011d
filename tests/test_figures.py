"""Every figure: it is drawn at small size, judges nothing there, and computes nothing twice; every measure by hand."""

from __future__ import annotations

import json
import math
import re
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import brian2learn.core
from brian2learn.core.claims import EVIDENCE, Claim, Interval, Verdict
from brian2learn.core.declaration import Part
from brian2learn.core.discovery import FOLDERS, files, load
from brian2learn.figures import _masquelier2008 as shared
from brian2learn.figures import _produce, _style, masquelier2008_fig4, masquelier2008_fig5, masquelier2008_fig6
from brian2learn.figures._produce import FORMATS, produce
from brian2learn.runs.record import Record, Spikes, States

FIGURES = list(files("figures"))
DECLARATIONS = [(folder, name) for folder in FOLDERS for name in files(folder)]
SIGNATURES = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}

Small = namedtuple("Small", "name figure folder results result")


def references():
    text = Path(brian2learn.core.__file__).with_name("references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    return {key: dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},$", body, re.MULTILINE)) for key, body in entries}, text


REFERENCES, BIB_TEXT = references()


# ---------------------------------------------------------------- every figure, at small size


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def figures():
    """All figures; the default suite draws those of `make demo`."""
    for name in FIGURES:
        yield pytest.param(name, marks=[] if re.match(r"masquelier2008_fig[456]", name) else pytest.mark.slow)


@pytest.fixture(scope="module", params=figures())
def small(request, results):
    name = request.param
    result = produce(name, [0], results, small=True)
    return Small(name, load(name, "figures")(), result.folder, results, result)


def test_it_leaves_every_file(small):
    for suffix in FORMATS:
        content = (small.folder / f"{small.name}.{suffix}").read_bytes()
        assert content.startswith(SIGNATURES[suffix])
        assert len(content) > 5000
    assert "<text" in (small.folder / f"{small.name}.svg").read_text(encoding="utf-8")  # text stays text
    assert b"/FontType 3" not in (small.folder / f"{small.name}.pdf").read_bytes()
    assert any(len(pd.read_csv(path)) > 1 for path in small.folder.glob("*.csv"))
    claims = json.loads((small.folder / "claims.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in claims["claims"]] == [claim.name for claim in small.figure.claims]
    origin = json.loads((small.folder / "provenance.json").read_text(encoding="utf-8"))
    assert origin["title"] == small.figure.title
    assert origin["summary"]
    assert set(origin["records"]) == set(small.figure.experiments(small=True))
    page = (small.results / "index.html").read_text(encoding="utf-8")
    assert f"{small.name}.svg" in page
    assert all(claim.source in page for claim in small.figure.claims)


def test_nothing_is_judged_at_small_size(small):
    assert small.result.judged
    assert {each.verdict for each in small.result.judged} == {Verdict.CANNOT_TELL}


def test_it_is_as_wide_as_a_column(small):
    text = (small.folder / f"{small.name}.svg").read_text(encoding="utf-8")
    width = float(re.search(r'width="([\d.]+)pt"', text).group(1))
    assert min(abs(width / 72 * 25.4 - column) for column in (85, 174)) < 1


def test_tables_have_units(small):
    for path in small.folder.glob("*.csv"):
        for name, column in pd.read_csv(path).items():
            if column.dtype.kind == "f":
                assert re.fullmatch(r"[\w ]+ \(.+\)", name), f"{path.name}: no unit in {name!r}"


def test_again_computes_nothing_and_gives_the_same_bytes(small):
    def listed(folder):
        return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}

    kept = listed(small.results / "store")
    before = {path.name: path.read_bytes() for path in small.folder.iterdir()}
    produce(small.name, [0], small.results, small=True, compute=False)
    assert listed(small.results / "store") == kept
    assert {path.name: path.read_bytes() for path in small.folder.iterdir()} == before


def test_claims_are_complete(small):
    names = [claim.name for claim in small.figure.claims]
    assert len(names) == len(set(names)) > 0
    for claim in small.figure.claims:
        key, place = claim.source.split(", ", 1)
        assert key in REFERENCES
        assert place
        assert claim.reason.endswith(".")
        assert claim.sentence.endswith(".")
        assert claim.paper_value
        assert claim.evidence in EVIDENCE
        assert claim.evidence != "recalled"


# ---------------------------------------------------------------- references


def keys_of(declaration):
    cites = declaration.cites
    yield from (cites,) if isinstance(cites, str) else cites
    for field in declaration.fields.values():
        if field.source:
            yield re.match(r"\w+", field.source).group()
        if isinstance(field, Part):
            yield from keys_of(type(field.default))


@pytest.mark.parametrize(("folder", "name"), DECLARATIONS)
def test_what_is_cited_is_in_the_references(folder, name):
    assert set(keys_of(load(name, folder))) <= set(REFERENCES)


def test_references_are_complete():
    assert len(REFERENCES) == BIB_TEXT.count("@")
    for entry in REFERENCES.values():
        assert set(entry) >= {"author", "title", "year"}
        assert {"journal", "publisher"} & set(entry)
        assert re.fullmatch(r"(19|20)\d\d", entry["year"])
        assert re.fullmatch(r"10\.\d{4,}/\S+", entry.get("doi", "10.0000/none"))


# ---------------------------------------------------------------- the verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (2, 4, Verdict.REPRODUCED),
        (2.5, 3.5, Verdict.REPRODUCED),
        (1.9, 4, Verdict.CANNOT_TELL),
        (2, 4.1, Verdict.CANNOT_TELL),
        (1, 5, Verdict.CANNOT_TELL),
        (0, 2, Verdict.CANNOT_TELL),
        (0, 1.9, Verdict.NOT_REPRODUCED),
        (4.1, 6, Verdict.NOT_REPRODUCED),
        (-math.inf, math.inf, Verdict.CANNOT_TELL),
    ],
)
def test_verdict(low, high, verdict):
    claim = Claim("c", "S.", "masquelier2008, text", "3", (2, 4), "R.", "paper", lambda records: None)
    assert claim.judge(Interval((low + high) / 2, low, high, 5, "t")) is verdict


# ---------------------------------------------------------------- the measures of masquelier2008, by hand

EVERY = 0.2  # s between presentations: a quarter of the time, as in the paper
N_EARLY = 625  # discharges until the last false alarm of a run that finds the pattern


def record_of(spikes, *, duration=450.0, weights=None, onsets=None):
    """A record with these discharges, of a run of 5 afferents of which 2 show the pattern."""
    t = np.sort(np.asarray(spikes, float))
    samples = np.arange(0, duration, 0.5e-3)
    cell = {"k_spike": 2.0, "theta": 500.0}
    return Record(
        key="0" * 64,
        info={"duration": duration, "experiment": {"circuit": {"cell": cell}}},
        spikes={"cells": Spikes(t, np.zeros(t.size, np.int32))},
        states={"cells.u": States(samples, np.full((samples.size, 1), 400, np.float32))},
        final={"plastic.w": np.array([1.0, 0.9, 0.0, 0.05, 0.0] if weights is None else weights)},
        truth={
            "onset": np.arange(round(duration / EVERY)) * EVERY if onsets is None else np.asarray(onsets, float),
            "in_pattern": np.array([True, True, False, False, False]),
            "pattern_index": np.array([0, 1, 1], np.int32),
            "pattern_time": np.array([0.0005, 0.0035, 0.0205]),
            "pattern_length": np.array(0.05),
        },
    )


EARLY = np.append(np.arange(N_EARLY - 1) * 0.016 + 0.008, 9.99)  # 62.5 Hz; the last one is a false alarm
SHOWN = np.arange(50, 2250) * EVERY  # presentations from 10 s on


def latency(t):
    """From 24.5 ms at 10 s back to 4.5 ms at 110 s; 4 ms from 300 s on."""
    return np.where(t < 110, 24.5 - 0.2 * (t - 10), np.where(t < 299.9, 4.5, 4.0)) * 1e-3


def learned(*, missed=0, extra=(), later=0.0, **more):
    """A run that finds the pattern at 9.99 s, misses the last presentations, and has extra discharges."""
    answers = (SHOWN + latency(SHOWN) + later)[: SHOWN.size - missed]
    return record_of(np.concatenate((EARLY, answers, extra)), **more)


SILENT = record_of(EARLY[:300], weights=[0.0, 0.0, 1.0, 1.0, 1.0])  # a failure: the weights must not count either


def measured(figure, name, *records):
    (claim,) = (claim for claim in figure.claims if claim.name == name)
    return claim.measure({"standard": records, "weak": records})


def unknown(interval):
    return interval.low == -math.inf and interval.high == math.inf


FIG4, FIG5, FIG6 = (
    masquelier2008_fig4.Masquelier2008Fig4,
    masquelier2008_fig5.Masquelier2008Fig5,
    masquelier2008_fig6.Masquelier2008Fig6,
)


@pytest.mark.parametrize("name", ["initial_rate", "initial_rate_weak"])
def test_initial_rate(name):
    uneven = record_of([0.01, 0.02, 0.04, 0.07, 1.5])  # 3 intervals in the first second: 10, 20, 30 ms
    one = measured(FIG4, name, uneven)
    assert (one.value, one.n) == (pytest.approx(50), 3)
    half = 4.302653 * 10 / math.sqrt(3)  # ms, t with 2 degrees of freedom
    assert one.low == pytest.approx(1e3 / (20 + half))
    assert one.high == math.inf  # the interval of the period reaches below 0
    two = measured(FIG4, name, learned(), uneven)
    assert (two.value, two.n) == (pytest.approx(1e3 / 18), 2)  # mean of 16 and 20 ms
    assert math.isnan(measured(FIG4, name, record_of([0.5])).value)


def test_only_one_of_two_experiments_is_measured():
    slow, fast = record_of(np.arange(30) * 0.025), record_of(np.arange(60) * 0.016)
    records = {"standard": [fast], "weak": [slow]}
    rates = {claim.name: claim.measure(records).value for claim in FIG4.claims if claim.name.startswith("initial")}
    assert rates == {"initial_rate": pytest.approx(62.5), "initial_rate_weak": pytest.approx(40)}


def test_emergence():
    one = measured(FIG4, "emergence_time", learned())
    assert one.value == pytest.approx(9.99)
    assert unknown(one)  # nothing is known of the spread between seeds
    late = learned(extra=[13.99, 200.1])  # the false alarm at 200 s is too late to move it
    two = measured(FIG4, "emergence_time", learned(), late, SILENT)
    assert (two.value, two.n) == (pytest.approx(11.99), 2)
    shown = measured(FIG4, "emergence_presentations", learned(), late, SILENT)
    assert (shown.value, shown.n) == (pytest.approx(60), 2)  # 50 until 9.99 s, 70 until 13.99 s


def test_hit_rate():
    one = measured(FIG4, "hit_rate", learned(missed=3))
    assert (one.value, one.n, one.method) == (pytest.approx(99.6), 750, "Wilson")
    two = measured(FIG4, "hit_rate", learned(missed=3), learned(missed=9), SILENT)
    assert (two.value, two.n) == (pytest.approx(99.2), 2)
    assert two.high <= 100
    assert unknown(measured(FIG4, "hit_rate", SILENT))


def test_false_alarms():
    extra = [250.1, 320.1, 330.1]  # two of them in the last 150 s
    one = measured(FIG4, "false_alarms", learned(extra=extra))
    assert (one.value, one.n) == (pytest.approx(100 * 2 / 752), 752)
    two = measured(FIG4, "false_alarms", learned(extra=extra), learned(), SILENT)
    assert (two.value, two.n) == (pytest.approx(100 * 2 / 1502), 1502)
    assert measured(FIG4, "false_alarms", record_of(np.arange(440.1, 450, 1.0))).value == 100  # never found, but counts


def test_one_run_can_show_that_there_are_no_false_alarms_and_one_alarm_is_one_too_many():
    (claim,) = (claim for claim in FIG4.claims if claim.name == "false_alarms")
    assert claim.judge(measured(FIG4, "false_alarms", learned())) is Verdict.REPRODUCED
    assert claim.judge(measured(FIG4, "false_alarms", learned(extra=[320.1]))) is Verdict.CANNOT_TELL


def test_last_false_alarm():
    late = learned(extra=[13.99, 200.1])
    two = measured(FIG5, "last_false_alarm", learned(), late, SILENT)
    # until 200.1 s: the early ones, the answers from 10 to 200 s, the two false alarms
    assert two.value == pytest.approx((N_EARLY + (N_EARLY + 951 + 2)) / 2)
    assert unknown(measured(FIG5, "last_false_alarm", learned()))


def test_random_phase():
    one = measured(FIG5, "random_phase", learned())
    assert (one.value, one.n) == (pytest.approx(28), 300)  # 0, 8, .. 48 ms of 0, 8, .. 192 ms; the onset counts
    assert measured(FIG5, "random_phase", learned(), SILENT).n == 600
    assert measured(FIG5, "random_phase", record_of([])).n == 0


def test_tracking_back():
    one = measured(FIG5, "tracking_back", learned(), learned())
    assert one.value == pytest.approx(24.5 - 0.2 * 1.9 - 4)  # 20 presentations from 10.0 to 13.8 s
    assert unknown(measured(FIG5, "tracking_back", SILENT))


def test_convergence():
    one = measured(FIG5, "convergence", learned(), learned(), SILENT)
    # windows of 10 s from 9.99 s on; the tenth has a mean of 5.52 ms, the eleventh, until 119.99 s, one of 4.5 ms
    assert (one.value, one.n) == (pytest.approx(N_EARLY + 550), 2)
    restless = record_of(np.concatenate((EARLY, SHOWN + np.where(SHOWN < 299.9, 0.03, 0.01))))
    assert measured(FIG5, "convergence", restless, restless).value == pytest.approx(N_EARLY + 50 * 30)


def test_final_latency():
    one = measured(FIG5, "final_latency", learned())
    assert (one.value, one.n) == (pytest.approx(4), 750)
    two = measured(FIG5, "final_latency", learned(), learned(later=1e-3), SILENT)
    assert (two.value, two.n) == (pytest.approx(4.5), 2)


def test_plateau():
    two = measured(FIG5, "plateau", learned(), learned(), SILENT)
    assert (two.value, two.n) == (pytest.approx(-0.5), 2)


def test_final_rate():
    one = measured(FIG5, "final_rate", learned(missed=5))
    assert (one.value, one.n) == (pytest.approx(745 / 150), 150)
    two = measured(FIG5, "final_rate", learned(), learned(extra=SHOWN[-750:] + 0.02), SILENT)
    assert (two.value, two.n) == (pytest.approx(7.5), 2)


def test_success():
    few_hits, slow, alarmed = learned(missed=16), learned(later=7e-3), learned(extra=[320.1])
    runs = [learned(), learned(missed=3), few_hits, slow, alarmed, SILENT]
    one = measured(FIG5, "success", *runs)
    assert (one.value, one.n, one.method) == (pytest.approx(100 * 2 / 6), 6, "Wilson")


def test_potentiated():
    two = measured(FIG6, "n_potentiated", learned(), learned(weights=[1.0, 0.89, 0.95, 1.0, 0.0]), SILENT)
    assert (two.value, two.n) == (pytest.approx(2.5), 2)
    assert unknown(measured(FIG6, "n_potentiated", learned()))
    outside = measured(FIG6, "none_outside", learned(), learned(weights=[1.0, 0.2, 0.95, 0.1, 0.0]), SILENT)
    assert (outside.value, outside.n) == (pytest.approx(100 / 6), 6)


def test_every_measure_stands_runs_without_a_discharge():
    for figure in (FIG4, FIG5, FIG6):
        for claim in figure.claims:
            for nothing in (record_of([]), record_of([449.9])):
                verdict = claim.judge(claim.measure({"standard": [nothing], "weak": [nothing]}))
                assert verdict is not Verdict.REPRODUCED, claim.name


def test_every_claim_has_a_test_by_hand():
    text = Path(__file__).read_text(encoding="utf-8")
    for figure in (FIG4, FIG5, FIG6):
        assert all(text.count(f'"{claim.name}"') > 0 for claim in figure.claims)


def test_shares_stay_between_0_and_100():
    assert shared.in_percent(Interval(0.99, 0.9, 1, 3, "t")) == Interval(99, 90, 100, 3, "t")
    hits = measured(FIG4, "hit_rate", learned(), learned(missed=60))
    assert hits.low < hits.value < hits.high == 100
    assert unknown(shared.in_percent(Interval(0.99, -math.inf, math.inf, 1, "t")))


# ---------------------------------------------------------------- what is drawn


def test_tables_of_figure_4():
    record = learned()
    data = FIG4().data({"standard": [record], "weak": []})
    assert [table["time (s)"].iloc[0] for table in (data["a"], data["b"], data["c"])] == pytest.approx([0, 9.49, 449])
    assert all(len(data[panel]) == 2000 + sum(data["discharges"]["panel"] == panel) for panel in "abc")
    peaks = data["a"]["time (s)"][data["a"]["potential (EPSP peaks)"] == 1000]
    assert list(peaks) == list(EARLY[EARLY < 1])
    assert set(data["a"]["threshold (EPSP peaks)"]) == {500}
    fired = data["discharges"]
    assert fired["time (s)"][(fired["panel"] == "b") & fired["false alarm"]].max() == 9.99
    assert not fired["false alarm"][fired["panel"] == "c"].any()
    shown = data["presentations"]
    assert list(shown["onset (s)"][shown["panel"] == "a"]) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert (shown["end (s)"] - shown["onset (s)"]).to_numpy() == pytest.approx(np.full(len(shown), 0.05))


def test_tables_of_figure_5():
    data = FIG5().data({"standard": [learned()]})
    every = data["discharges"]
    assert every["false alarm"][N_EARLY - 1]
    assert not every["false alarm"][N_EARLY:].any()
    assert every["latency (ms)"].iloc[-1] == pytest.approx(4)
    assert list(data["found"]["discharge"]) == [N_EARLY]
    assert list(data["mean"].iloc[0]) == pytest.approx([N_EARLY, N_EARLY + 50, 14.99, 24.5 - 0.2 * 4.9])


def test_tables_of_figure_6():
    data = FIG6().data({"standard": [learned(weights=[1.0, 0.5, 0.0, 0.05, 0.0])]})
    assert data["a"].to_numpy() == pytest.approx(np.array([[0, 0.5, 1], [1, 3.5, 0.5], [1, 20.5, 0.5]]))
    shares = data["b"]["potentiated (%)"]
    assert (shares[0], shares[3], shares.notna().sum()) == (100, 0, 3)
    assert data["latency"].to_numpy() == pytest.approx(4)
    assert list(data["c"]["in pattern"]) == [True, True, False, False, False]


@pytest.mark.parametrize("figure", [FIG4, FIG5, FIG6])
@pytest.mark.parametrize("record", [learned(), SILENT, record_of([])], ids=["learned", "silent", "never fired"])
def test_it_is_drawn_whatever_the_cell_did(figure, record, tmp_path):
    import matplotlib as mpl

    with mpl.rc_context(fname=Path(_produce.__file__).with_name("paper.mplstyle")):
        figure().draw(figure().data({"standard": [record], "weak": []})).savefig(tmp_path / "picture.pdf")
    assert (tmp_path / "picture.pdf").stat().st_size > 3000


def test_the_layout_is_the_same_whenever_it_is_found():
    """To the bit: the solver's last digits differ from one figure to the next, and so would the SVG's."""
    found = []
    for _ in range(10):
        canvas = _style.canvas(_style.TWO_COLUMNS, 150)
        panels = canvas.subplot_mosaic("aab;ccc;def;ghi", height_ratios=(1.3, 1, 1, 1))
        for k, axes in enumerate(panels.values()):
            axes.plot([0, 10], [0, 10.0**k])
            axes.set_ylabel("Rate (Hz)")
        _style.settle(canvas)
        found.append([axes.get_position().bounds for axes in canvas.axes])
    assert all(each == found[0] for each in found)
