"""The page of all figures: what was produced with its verdicts, what was not with its claims."""

from __future__ import annotations

import json
import re
from itertools import cycle
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brian2learn.cli.main import app
from brian2learn.core.claims import Interval, Verdict
from brian2learn.core.discovery import files, load
from brian2learn.figures._board import board, board_of
from brian2learn.figures._produce import Judged
from brian2learn.runs.simulate import provenance

FIGURE = "brunton2013"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One figure as `produce` leaves it, with a verdict of each kind."""
    results = tmp_path_factory.mktemp("results")
    folder = results / "figures" / FIGURE
    folder.mkdir(parents=True)
    figure = load(FIGURE, "figures")
    measured = Interval(0.5, 0.4, float("inf"), 3, "t")
    rows = [Judged(claim, measured, verdict).row for claim, verdict in zip(figure.claims, cycle(Verdict), strict=False)]
    claims = {"figure": FIGURE, "small": False, "size": None, "seeds": [0, 1], "claims": rows}
    origin = {"title": figure.title, "summary": "What is seen.", "experiments": {"one": {}}, "records": {"one": ["a"]}}
    (folder / "claims.json").write_text(json.dumps(claims))
    (folder / "provenance.json").write_text(json.dumps({**origin, **provenance()}))
    (folder / f"{FIGURE}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    board(results)
    return results


def links(page: Path) -> list[str]:
    """What a page shows or leads to, beside itself."""
    return [each for each in re.findall(r'(?:src|href)="([^"#:]+)"', page.read_text(encoding="utf-8"))]


def test_every_figure_is_on_the_page_with_all_its_claims(results):
    page = (results / "index.html").read_text(encoding="utf-8")
    for name in files("figures"):
        assert f'<section id="{name}">' in page
        assert (f"brian2learn run {name}<" in page) == (name != FIGURE)
    sentences = [claim.sentence for name in files("figures") for claim in load(name, "figures").claims]
    rows = re.findall(r"<tr>\n<td>.*?</tr>", page, re.DOTALL)
    assert len(rows) == len(sentences)
    verdicts = re.findall(r'<td class="([\w-]+)">[a-z ]+</td>\n</tr>', page)
    found = json.loads((results / "figures" / FIGURE / "claims.json").read_text())["claims"]
    assert verdicts[: len(found)] == [each["verdict"].replace(" ", "-") for each in found]
    assert set(verdicts[len(found) :]) == {"not-yet-run"}
    assert not {each.value.replace(" ", "-") for each in Verdict} & set(verdicts[len(found) :])


def test_the_page_can_be_taken_elsewhere(results, tmp_path):
    done = CliRunner().invoke(app, ["board", "--results", str(results), "--out", str(tmp_path / "public")])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "public" / "index.html")
    assert "1 produced" in done.stderr
    shown = links(tmp_path / "public" / "index.html")
    assert f"figures/{FIGURE}/{FIGURE}.svg" in shown
    assert all((tmp_path / "public" / each).is_file() for each in shown)


def test_without_results_nothing_is_claimed(tmp_path):
    page = board(tmp_path / "new")
    assert page == tmp_path / "new" / "index.html"
    assert links(page) == []
    assert len(board_of(tmp_path).waiting) == len(files("figures"))


def test_a_folder_that_cannot_be_written_is_refused(results, tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["board", "--results", str(results), "--out", str(tmp_path / "file")])
    assert done.exit_code == 2
    assert "brian2learn.--out: expected a folder that can be written" in " ".join(done.stderr.split())


def test_a_broken_figure_breaks_itself_only(tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path))
    names = [each["name"] for each in board_of(tmp_path).waiting]
    assert "broken" not in names
    assert FIGURE in names
