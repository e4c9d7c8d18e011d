"""The command line: what it prints, how it ends, what it imports and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brian2learn import __version__
from brian2learn.cli.main import _complete_explorable, app
from brian2learn.core import references
from brian2learn.core.discovery import FOLDERS, files
from brian2learn.core.errors import DeclarationError, RunError

NAMES = [(folder, name) for folder in FOLDERS for name in files(folder)]

RULE = '''
from brian2learn.core.declaration import Param
from brian2learn.plasticity._rule import Rule, Trace
from brian2 import ms

class SlowDrift(Rule):
    """A post spike lets the weight grow by what the pre trace says."""

    cites = "nobody1900"
    tau = Param(20 * ms, "window", low=1 * ms, high=100 * ms, source="nobody1900, Table 1")
    step = Param(0.01, "step up", low=0, high=1)
    pre_traces = (Trace("x", "tau", "x = 1"),)
    on_post = "w = clip(w + step * x, 0, 1)"
'''

FIGURE = '''
import pandas as pd
from brian2 import ms, second
from matplotlib.figure import Figure as Canvas
from brian2learn.circuits.detector import Detector
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.declaration import Choice
from brian2learn.figures._figure import Figure
from brian2learn.runs.experiment import Experiment
from brian2learn.tasks.hidden_pattern import HiddenPattern

def claim(name, low, high):
    return Claim(name, f"It is {name}.", "nobody1900, Fig 1", "3", (low, high), "A test.", "paper",
                 lambda records: Interval(float(len(records["tiny"])), 1, 3, len(records["tiny"]), "count"), "runs")

class Nobody1900Fig1(Figure):
    """A run too short to learn anything."""

    cites = "nobody1900"
    title = "Nothing"
    size = Choice("short", "how long", {"short": "1.6 s", "long": "3.2 s"})
    claims = (claim("true", 0, 10), claim("false", 20, 30), claim("unsure", 2, float("inf")))

    def experiments(self, *, small=False):
        task = HiddenPattern(n_afferents=20, n_pattern=10, period=(0.4 if small else 0.8) * second,
                             n_repeats=4 if self.size == "long" else 2)
        return {"tiny": Experiment(task, Detector())}

    def data(self, records):
        print("a figure that talks")
        return {"panel": pd.DataFrame({"seed": [record.info["seed"] for record in records["tiny"]]})}

    def draw(self, data):
        canvas = Canvas()
        canvas.subplots().plot(data["panel"]["seed"])
        return canvas
'''


def call(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def command(*arguments, **environment):
    """The command in a process of its own."""
    words = [sys.executable, "-m", "brian2learn.cli", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that writes a file into a folder of one's own declarations."""

    def write(folder: str, name: str, text: str) -> Path:
        path = tmp_path / "own" / folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path / "own"))
    return write


@pytest.fixture
def figure(own):
    own("figures", "nobody1900_fig1", FIGURE)
    return "nobody1900_fig1"


# ---------------------------------------------------------------------- start-up

MODULES = """
import sys
from brian2learn.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    code = end.code
heavy = {"brian2", "numpy", "scipy", "pandas", "matplotlib", "sympy"} & {*sys.modules}
sys.exit(f"imported {sorted(heavy)}" if heavy else code)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["list"], ["list", "--json"], ["run", "--help"]], ids=" ".join
)
def test_answers_without_importing_a_library(arguments):
    done = subprocess.run([sys.executable, "-c", MODULES, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_version():
    assert call("--version").stdout == f"brian2learn {__version__}\n"


@pytest.mark.parametrize("name", ["list", "show", "run", "draw", "check", "doctor"])
def test_every_command_has_help_with_examples(name):
    help_text = call(name, "--help")
    assert help_text.exit_code == 0
    assert f"brian2learn {name}" in help_text.stdout.split("Examples")[1]


def test_unknown_command_is_bad_input():
    assert call("lsit").exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("show pair_s", "pair_stdp"),
        ("list ru", "rules"),
        ("list rat", "rate-rules"),
        ("run masquelier2008_fig", None),
        ("check nobody", "nobody1900"),
        ("explore detec", "detector"),
    ],
)
def test_completion_knows_the_names(words, expected, figure):
    words = f"brian2learn {words}"
    done = command(_BRIAN2LEARN_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    offered = done.stdout.split()
    assert expected in offered if expected else {*offered} <= {*files("figures")}


def test_what_can_be_explored_is_offered():
    """Mechanisms and sums of them, and circuits; no cells, and nothing added to a circuit."""
    assert {"pair_stdp", "paired"} <= {*_complete_explorable("pai")}
    assert "ad_ex" not in _complete_explorable("ad_")
    assert _complete_explorable("pair_stdp+hetero") == ["pair_stdp+heterosynaptic"]
    assert _complete_explorable("pair_stdp+detec") == []


# ---------------------------------------------------------------------- list


def test_list_has_every_declaration():
    rows = json.loads(call("list", "--json").stdout)
    assert {row["name"] for row in rows} == {name for _, name in NAMES}
    assert all(row["summary"] and row["readable"] for row in rows)
    lines = call("list").stdout.splitlines()  # not a terminal: one line each
    assert [line.split("\t")[1] for line in lines] == [row["name"] for row in rows]


def listed(*words):
    """Kind of every name that `list` gives."""
    return {row["name"]: row["kind"] for row in json.loads(call("list", *words, "--json").stdout)}


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["rule"], {"rule"}),
        (["Rules"], {"rule"}),
        (["rate-rules"], {"rate rule"}),
        (["rate rule"], {"rate rule"}),
        (["transmissions"], {"transmission"}),
        (["release"], {"release"}),
        (
            ["plasticity"],
            {"rule", "rate rule", "transmission", "release", "three-factor rule", "surrogate", "optimiser"},
        ),
        (["cells", "rules", "cells"], {"cell", "rule"}),
    ],
)
def test_list_takes_the_words_for_kinds(words, kinds):
    found = listed(*words)
    assert {*found.values()} == kinds
    assert found == {name: kind for name, kind in listed().items() if kind in kinds}


def test_every_kind_is_what_its_class_derives_from():
    from brian2learn.circuits._circuit import Cell, Circuit
    from brian2learn.core.discovery import load
    from brian2learn.plasticity._optimiser import Optimiser
    from brian2learn.plasticity._rate_rule import RateRule
    from brian2learn.plasticity._release import Release
    from brian2learn.plasticity._rule import Plasticity
    from brian2learn.plasticity._surrogate import Surrogate
    from brian2learn.plasticity._three_factor import ThreeFactor
    from brian2learn.plasticity._transmission import Transmission

    bases = {"rule": Plasticity, "rate rule": RateRule, "transmission": Transmission, "release": Release, "cell": Cell,
             "circuit": Circuit, "three-factor rule": ThreeFactor, "surrogate": Surrogate,
             "optimiser": Optimiser}  # fmt: skip
    found = listed("plasticity", "cells", "circuits")
    assert {*found.values()} == {*bases}
    for name, kind in found.items():
        assert issubclass(load(name, "plasticity", "circuits"), bases[kind]), name


def test_a_class_derived_from_another_declaration_is_of_its_kind(own):
    def derive(folder, stem, name, base):
        own(folder, stem, f"class {name}({base}):\n    'Mine.'\n")

    derive("circuits", "my_lif", "MyLIF", "lif.LIF")
    derive("plasticity", "my_bcm", "MyBCM", "BCM")
    derive("plasticity", "my_other_bcm", "MyOtherBCM", "MyBCM")
    derive("plasticity", "slow_ampa", "SlowAMPA", "AMPA")
    derive("plasticity", "circle", "Circle", "Square")  # derives from what derives from it
    derive("plasticity", "square", "Square", "Circle")
    found = listed()
    mine = {name: found[name] for name in ("my_lif", "my_bcm", "my_other_bcm", "slow_ampa", "circle")}
    assert mine == {"my_lif": "cell", "my_bcm": "rate rule", "my_other_bcm": "rate rule", "slow_ampa": "transmission",
                    "circle": "rule"}  # fmt: skip
    assert (found["lif"], found["detector"]) == ("cell", "circuit")


PAGE = ("list", "plasticity", "cells", "--markdown")


def test_the_page_of_rules_is_what_the_command_writes(monkeypatch):
    monkeypatch.delenv("BRIAN2LEARN_PATH", raising=False)
    page = (Path(__file__).parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == call(*PAGE).stdout, f"write it again: brian2learn {' '.join(PAGE)} > docs/rules.md"


@pytest.mark.parametrize("name", ["pair_stdp", "current_lif", "detector", "rate_steps", "zenke2018_fig2"])
def test_a_page_of_one_declaration_tells_all_of_it(name):
    shown = json.loads(call("show", name, "--json").stdout)
    page = call("show", name, "--markdown").stdout
    assert page.startswith(f"# {shown['class']}\n")
    assert page.count("```") % 2 == 0
    for text in shown["texts"].values():
        assert f"```text\n{text}\n```" in page
    told = [*shown["parameters"], *shown["choices"], *shown["presets"], *shown["parts"]]
    assert all(f"`{each['name']}`" in page for each in told)
    assert all(" ".join(each["sentence"].split()) in page for each in shown.get("claims", ()))
    assert all(key in page for key in shown["cites"])
    tables = [line.replace("\\|", "") for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {3, 4, 5, 6}
    assert told == [] or tables


def test_a_new_file_has_a_page(own):
    own("plasticity", "slow_drift", RULE.replace("the weight grow", "w < x | grow"))
    assert "w &lt; x | grow" in call("show", "slow_drift", "--markdown").stdout


def test_the_page_survives_a_broken_file_and_text_with_bars(own):
    own("plasticity", "broken", "import nothing_of_this_name\nclass Broken:\n    'It | is.'\n")
    own("plasticity", "slow_drift", RULE.replace("the weight grow", "w | x grow"))
    rows = [line for line in call(*PAGE).stdout.splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}
    (broken,) = (row for row in rows if row.startswith("| `broken` |"))
    assert "nothing_of_this_name" in broken
    assert "| `SlowDrift` | A post spike lets w \\| x grow by what the pre trace says. |  | nobody1900 |" in rows


def test_unknown_kind_offers_the_nearest():
    done = call("list", "rulez")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Did you mean rules?" in done.stderr
    assert "rate-rules" in done.stderr


# ---------------------------------------------------------------------- show


@pytest.mark.parametrize(("folder", "name"), NAMES)
def test_show_tells_everything(folder, name):
    document = json.loads(call("show", name, "--json").stdout)
    assert document["name"] == name
    assert document["summary"]
    printed = call("show", document["class"])
    assert printed.exit_code == 0
    flat = " ".join(printed.stdout.split())
    for parameter in document["parameters"]:
        assert parameter["meaning"]
        assert parameter["default"] in flat
    for choice in document["choices"]:
        assert choice["default"] in choice["options"]
        assert all(f"{option}" in flat for option in choice["options"])
    for text in document["texts"].values():
        assert " ".join(text.split()) in flat
    for preset in document["presets"]:
        assert preset["source"]
        assert preset["name"] in flat
    assert set(document["cites"]) <= set(flat.split())
    if folder == "figures":
        assert document["claims"]
        assert all(claim["reason"] and claim["source"] for claim in document["claims"])
        assert document["claims"][0]["paper_value"] in flat


def test_show_a_rule_in_detail():
    document = json.loads(call("show", "PairSTDP", "--json").stdout)
    assert {"Synapse", "A pre spike", "A post spike", "Traces"} <= {*document["texts"]}
    (tau,) = (each for each in document["parameters"] if each["name"] == "tau_plus")
    assert (tau["default"], tau["bounds"], tau["unit"]) == ("16.8 ms", "0.1 to 200 ms", "second")
    assert tau["si"] == pytest.approx(0.0168)


TOLD = {
    "consolidation": {"Every dt_cons": "w_ref = w_ref + ", "Starts": "w_ref = w_ref_start"},
    "clopath_stdp": {
        "Every time step": "v_post", "Brings to the target cell": "clopath_stdp_d_minus : volt",
        "The target cell in every time step": "clopath_stdp_d_minus = ", "Needs": "v (volt) of the target",
    },
    "bcm": {
        "Weight": "dw/dt = eta*x*y*(y - theta)", "Bounds of the weight": "0 to inf", "Starts": "theta = kappa",
        "Brings to the target unit": "dtheta/dt = ", "Needs": "rate x of the source\nrate y of the target",
    },
    "ampa": {"Target": "dg/dt = ", "A spike of weight w": "g_post += ", "Adds the input current": "(E_rev - v)",
             "Needs": "input current of the target\nv (volt) of the target"},
    "tsodyks_markram": {"A spike releases the share": "(1 - d)", "Traces": "f: one number per pre neuron"},
    "mat": {"Input current": "I = I_ext + transmissions", "Integrated by": "exact",
            "Needs": "a transmission, or the current I_ext"},
    "lif": {"An incoming spike of weight w": "current_post += gain_post * w"},
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_show_tells_what_each_kind_has(name):
    texts = json.loads(call("show", name, "--json").stdout)["texts"]
    for title, text in TOLD[name].items():
        assert text in texts[title], title


def test_show_a_preset_in_detail():
    document = json.loads(call("show", "MAT", "--json").stdout)
    (preset,) = (each for each in document["presets"] if each["name"] == "IB")
    assert preset["values"] == {"omega": "-46 mV", "alpha_1": "7.5 mV", "alpha_2": "1.5 mV"}
    assert preset["source"].startswith("kobayashi2009")
    flat = " ".join(call("show", "mat").stdout.split())
    assert "Presets" in flat
    assert json.loads(call("show", "lif", "--json").stdout)["presets"] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("120*msiemens/cmetre**2", "1200 S/m^2"), ("1*ufarad/cmetre**2", "0.01 F/m^2"), ("0.14e-3/mV", "0.14 1/V"),
        ("8e-5/mV**2", "80 1/V^2"), ("60*mV**2", "60 mV^2"), ("2*pA/mV", "2 nS"), ("3*volt/second", "3 V/s"),
        ("20*Hz", "20 Hz"), ("1.2*second", "1.2 s"),
    ],
)  # fmt: skip
def test_quantities_are_written_in_readable_units(value, text):
    import brian2

    from brian2learn.core.quantities import written

    assert written(eval(value, vars(brian2))) == text


def test_show_unknown_offers_the_nearest():
    done = call("show", "pair_stpd")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Did you mean pair_stdp?" in done.stderr


def test_a_new_file_is_all_it_takes(own):
    path = own("plasticity", "slow_drift", RULE)
    (row,) = (row for row in json.loads(call("list", "rules", "--json").stdout) if row["name"] == "slow_drift")
    assert (row["kind"], row["class"], row["file"]) == ("rule", "SlowDrift", str(path))
    document = json.loads(call("show", "slow_drift", "--json").stdout)
    assert [each["name"] for each in document["parameters"]] == ["tau", "step"]
    assert document["texts"]["A post spike"] == "w = clip(w + step * x, 0, 1)"
    assert document["cites"] == {"nobody1900": "not in references.bib"}


@pytest.mark.parametrize("text", ["class Broken(", "import nothing_of_this_name", "x = 1"])
def test_a_broken_file_breaks_only_itself(own, text):
    own("plasticity", "broken", text)
    listed = {row["name"]: row for row in json.loads(call("list", "--json").stdout)}
    assert {name for _, name in NAMES} < {*listed}
    assert not listed["broken"]["readable"]
    done = call("show", "broken")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "broken.py" in done.stderr
    assert "expected" in done.stderr
    assert "Traceback" not in done.stderr
    assert call("show", "pair_stdp").exit_code == 0


BIBLIOGRAPHY = r"""
@article{one2001, author = {M{\"u}ller, Anna and van Rossum, Mark C. W. and O'Brien, C. and Last, D},
  title = {{STDP} in {C}ells}, journal = "J. Neurosci.", volume = {12}, pages = {1--9}, year = 2001,
  doi = {10.1/xy}}
@misc{two2002,
  author = {Bo Nu{\~n}ez and Lee, Kim},
  year = {2002},
  title = {Code},
  url = {https://example.org}
}
"""


def test_references_are_read(tmp_path, monkeypatch):
    path = tmp_path / "references.bib"
    path.write_text(BIBLIOGRAPHY, encoding="utf-8")
    entries = references.bibliography(path)
    monkeypatch.setattr(references, "bibliography", lambda: entries)
    assert references.cite("one2001") == "Müller et al. (2001). STDP in Cells. J. Neurosci. 12:1–9. doi:10.1/xy"
    assert references.cite("two2002") == "Nuñez & Lee (2002). Code. https://example.org"
    assert references.cite("three") == "not in references.bib"


# ---------------------------------------------------------------------- run, draw, check


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), ("0:4", [0, 1, 2, 3]), ("0,1,5", [0, 1, 5]), ("7, 0:2", [7, 0, 1])]
)
def test_seeds(text, seeds):
    from brian2learn.cli.produce import parse_seeds

    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "1:", ":3", "3:3", "5:2", "-1", "1.5", "0:1:2", "1,1", "0:3,2", "0:999999999999"]
)
def test_bad_seeds_are_refused(text, tmp_path):
    done = call("run", "whatever", f"--seeds={text}", "--results", tmp_path / "results")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--seeds" in done.stderr
    assert "expected whole numbers" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", ["run", "draw", "check"])
def test_unknown_figure_offers_the_nearest(name, figure, tmp_path):
    done = call(name, "nobody1900_fig2", "--results", tmp_path / "results", "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"Did you mean {figure}?" in done.stderr


def test_bad_workers_and_bad_results(figure, tmp_path):
    assert call("run", figure, "--workers", "0").exit_code == 2
    (tmp_path / "file").touch()
    for name in ("run", "draw", "check"):
        done = call(name, figure, "--results", tmp_path / "file")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--results" in done.stderr


@pytest.mark.parametrize("name", ["draw", "check"])
def test_without_records_says_what_to_do(name, figure, tmp_path):
    done = call(name, figure, "--results", tmp_path / "results")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "brian2learn run" in done.stderr


def test_small_run_from_end_to_end_then_from_the_store(figure, tmp_path, monkeypatch):
    from brian2learn.runs.program import Program

    arguments = ("run", "nobody1900", "--small", "--seeds", "0:2", "--results", tmp_path, "--workers", 1, "--json")
    first = call(*arguments)
    assert first.exit_code == 0, first.stderr
    document = json.loads(first.stdout)
    (found,) = document["figures"]
    assert (found["name"], found["seeds"]) == (figure, [0, 1])
    assert {f"{figure}.{suffix}" for suffix in ("pdf", "png", "svg")} <= {*found["files"]}
    assert {claim["verdict"] for claim in found["claims"]} == {"cannot tell"}
    assert Path(document["page"]).is_file()
    assert f"{figure} tiny, seed 1: done (2/2" in first.stderr
    assert "a figure that talks" in first.stderr

    def refuse(*_, **__):
        raise AssertionError("ran again")

    monkeypatch.setattr(Program, "run", refuse)
    second = call(*arguments)
    assert json.loads(second.stdout) == document
    assert "nothing has to be run" in second.stderr
    assert call("check", figure, "--small", "--results", tmp_path).exit_code == 0  # nothing is judged


def test_a_figure_is_run_drawn_and_judged_at_a_size_that_it_declares(figure, tmp_path):
    """Its output lies beside that of the size without a name, and only its records answer for it."""
    arguments = (figure, "--results", tmp_path, "--json")
    assert call("run", *arguments, "--workers", 1).exit_code == 0
    assert call("check", *arguments, "--size", "long").exit_code == 1  # there are no such records yet
    long = call("run", *arguments, "--size", "long", "--seeds", "0:2", "--workers", 1)
    assert long.exit_code == 0, long.stderr
    (found,) = json.loads(long.stdout)["figures"]
    assert Path(found["folder"]) == tmp_path / "figures" / f"{figure}-long"
    assert json.loads((tmp_path / "figures" / f"{figure}-long" / "claims.json").read_text())["size"] == "long"
    durations = {
        size: json.loads((tmp_path / "figures" / folder / "provenance.json").read_text())["experiments"]["tiny"]["task"]
        for size, folder in (("short", figure), ("long", f"{figure}-long"))
    }
    assert (durations["short"]["n_repeats"], durations["long"]["n_repeats"]) == (2, 4)
    judged = call("check", *arguments, "--size", "long")  # with the seeds of its last run
    assert json.loads(judged.stdout)["figures"][0]["seeds"] == [0, 1]
    drawn = call("draw", *arguments, "--size", "short")
    assert Path(json.loads(drawn.stdout)["figures"][0]["folder"]) == tmp_path / "figures" / figure


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nobody1900_fig1", ("--size", "longer"), "Did you mean long?"),
        ("nobody1900_fig1", ("--size", "long", "--small"), "either --small or --size"),
        ("masquelier2008_fig4", ("--size", "full"), "a figure that declares several sizes"),
    ],
)
def test_a_size_that_there_is_not(figure, name, options, message, tmp_path):
    done = call("run", name, *options, "--results", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())


def test_verdicts(figure, tmp_path):
    done = call("run", figure, "--seeds", "4:6", "--results", tmp_path, "--workers", 1)
    assert done.exit_code == 0, done.stderr  # the board is the answer of run; check is for the exit code
    for word in ("reproduced", "not reproduced", "cannot tell", "20 to 30 runs", "2 runs [1, 3]", "index.html"):
        assert word in " ".join(done.stdout.split())
    checked = call("check", figure, "--results", tmp_path, "--json")  # the seeds of the last run
    assert checked.exit_code == 1
    (found,) = json.loads(checked.stdout)["figures"]
    assert found["seeds"] == [4, 5]
    assert {claim["name"]: claim["verdict"] for claim in found["claims"]} == {
        "true": "reproduced",
        "false": "not reproduced",
        "unsure": "cannot tell",
    }
    drawn = call("draw", figure, "--results", tmp_path, "--json")
    assert drawn.exit_code == 0
    assert json.loads(drawn.stdout)["figures"][0]["seeds"] == [4, 5]
    assert call("check", figure, "--results", tmp_path, "--seeds", "6").exit_code == 1  # no record


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on from there"),
        (RunError("Program", "run", expected="an end", got="none"), 1, "expected an end"),
        (DeclarationError("Figure", "x", expected="this", got="that"), 2, "expected this"),
    ],
)
def test_how_it_ends(trouble, code, said, figure, tmp_path, monkeypatch):
    import brian2learn.figures._produce as produce

    def fail(*_, **__):
        raise trouble

    monkeypatch.setattr(produce, "produce", fail)
    done = call("run", figure, "--results", tmp_path, "--json")
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


def test_progress_finishes_runs_in_order(capsys):
    from brian2learn.cli.progress import Run, RunProgress, clock

    first, second, third = (Run("figure", "a", seed) for seed in range(3))
    with RunProgress({first: 10.0, second: 10.0, third: None}, 1) as progress:
        progress.tell(first, 5.0)
        progress.tell(second, 1.0)
        assert {*progress.waiting} == {second, third}
        progress.tell(first, 9.0)  # late news of a finished run
    assert not progress.waiting
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(first), str(second), str(third)]
    with RunProgress({first: 10.0, second: 10.0}, 2) as progress:
        progress.tell(second, 10.0)
        assert {*progress.waiting} == {first}
    assert [clock(12), clock(200), clock(7500)] == ["12 s", "3 min 20 s", "2 h 5 min"]


@pytest.mark.slow
def test_leaves_no_debug_files(figure, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = command(
        "run", figure, "--small", "--seeds", "0:2", "--workers", 2, "--json", TMPDIR=str(temporary),
        BRIAN2LEARN_RESULTS=str(tmp_path / "results"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["figures"][0]["claims"]) == 3
    assert list(temporary.iterdir()) == []
    assert command("show", "pair_stdp", TMPDIR=str(temporary)).returncode == 0
    assert list(temporary.iterdir()) == []


# ---------------------------------------------------------------------- doctor


def test_doctor_finds_a_broken_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/nonexistent")
    done = call("doctor", "--json", "--results", tmp_path)
    assert done.exit_code == 1
    (compiler,) = (each for each in json.loads(done.stdout) if each["check"] == "compiler")
    assert compiler["status"] == "problem"
    assert "/nonexistent" in compiler["found"]
    assert "CXX" in compiler["advice"]


def test_doctor_looks_at_everything(tmp_path):
    done = call("doctor", "--results", tmp_path / "results")
    for name in ("Python", "packages", "compiler", "cache", "results", "temporary files", "declarations", "code"):
        assert f" {name}: " in done.stdout
    assert not (tmp_path / "results").exists()
    problems = [line for line in done.stdout.splitlines() if line.startswith("problem")]
    assert done.exit_code == bool(problems)


def test_doctor_works_where_brian2_does_not(tmp_path):
    (tmp_path / "brian2.py").write_text("raise AttributeError(\"type object 'numpy.ndarray' has no attribute 'ptp'\")")
    done = command("doctor", "--json", "--results", tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert found["packages"]["status"] == "problem"
    assert "ptp" in found["packages"]["found"]
    assert found["packages"]["advice"]
    assert found["compiler"]["status"] == found["results"]["status"] == "ok"
