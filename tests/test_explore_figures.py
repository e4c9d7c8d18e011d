"""Figures drawn for the page, and the board of a results folder, without a browser."""

from __future__ import annotations

import asyncio
import json
import os
import random
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from brian2learn.cli.main import app
from brian2learn.core.claims import Interval, Verdict
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import UnknownNameError
from brian2learn.explore.board import output
from brian2learn.explore.drawing import DONE, FAILED, RUNNING, WAITING, Desk
from brian2learn.explore.figure_page import titles
from brian2learn.explore.serve import Malformed
from brian2learn.figures._board import board, board_of, page_of, section
from brian2learn.figures._produce import Judged
from brian2learn.runs.simulate import provenance

FIGURE = "brunton2013"
OWN = '''
from time import sleep

from brian2learn.figures import _style
from brian2learn.figures._figure import Figure


class Own{k}(Figure):
    """A figure of a user, without any run."""

    title = "Own figure {k}"

    def experiments(self, *, small=False):
        return {{}}

    def data(self, records):
        {act}
        return {{}}

    def draw(self, data):
        return _style.canvas(40, 30)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Three figures of a user: one that can be drawn, one that fails, one that takes its time."""
    folder = tmp_path / "own" / "figures"
    folder.mkdir(parents=True)
    for k, act in enumerate(("pass", "raise ValueError('<b>out of ink</b>')", "sleep(600)")):
        (folder / f"own{k}.py").write_text(OWN.format(k=k, act=act))
    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path / "own"))
    return ["own0", "own1", "own2"]


@pytest.fixture
def results(tmp_path):
    """One figure as `produce` leaves it."""
    results = tmp_path / "results"
    folder = results / "figures" / FIGURE
    folder.mkdir(parents=True)
    figure = load(FIGURE, "figures")
    rows = [Judged(each, Interval(0.5, 0.4, 0.6, 3, "t"), Verdict.REPRODUCED).row for each in figure.claims]
    claims = {"figure": FIGURE, "small": True, "size": None, "seeds": [0], "claims": rows}
    origin = {"title": figure.title, "summary": "What is seen.", "experiments": {"one": {}}, "records": {"one": ["a"]}}
    (folder / "claims.json").write_text(json.dumps(claims))
    (folder / "provenance.json").write_text(json.dumps({**origin, **provenance()}))
    (folder / f"{FIGURE}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "secret.key").write_text("no picture")
    (folder / "away.svg").symlink_to("/etc/passwd")
    (results / "figures" / "undeclared").mkdir()
    (results / "figures" / "undeclared" / "x.svg").write_text("<svg/>")
    (results / "outside.json").write_text("{}")
    return results


@pytest.mark.slow
def test_one_figure_is_drawn_at_a_time_and_what_became_of_it_is_told(own, tmp_path):
    desk = Desk(tmp_path / "results")

    async def act():
        one, other, again, slow = desk.ask("own0"), desk.ask("own1"), desk.ask("own0"), desk.ask("own2")
        assert again is one
        states = [[each.state for each in (one, other, slow)]]
        assert [desk.before(each) for each in (one, other, slow)] == [0, 1, 2]
        while slow.state == WAITING or not slow.said:
            now = [each.state for each in (one, other, slow)]
            assert now.count(RUNNING) <= 1
            if now != states[-1]:
                states.append(now)
            await asyncio.sleep(0.05)
        desk.stop(slow)
        pid = desk.process.pid
        while not slow.ended:
            await asyncio.sleep(0.05)
        return one, other, slow, states, pid

    one, other, slow, states, pid = asyncio.run(asyncio.wait_for(act(), 300))
    assert states[-1] == [DONE, FAILED, RUNNING]
    assert (slow.state, slow.stopped, other.stopped) == (FAILED, True, False)
    assert "out of ink" in other.said
    assert not desk.drawings
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    (found,) = board_of(tmp_path / "results").produced
    assert (found["figure"], found["small"], found["seeds"]) == ("own0", True, [0])


def test_only_declared_figures_are_drawn(tmp_path):
    desk = Desk(tmp_path)
    for bad in ("", "nope", "../../etc", "masquelier2008", "pair_stdp", "--seeds", "stdp_window --results /"):
        with pytest.raises(UnknownNameError, match="explore.figure: expected a declared one"):
            desk.ask(bad)
    assert desk.worker is None
    assert {*titles().values()} == {*files("figures")}


def test_the_board_on_the_page_is_that_of_the_command(results):
    before = sorted(each.name for each in results.iterdir())
    page = page_of(board_of(results))
    assert sorted(each.name for each in results.iterdir()) == before  # reading writes nothing
    done = CliRunner().invoke(app, ["board", "--results", str(results)])
    assert done.exit_code == 0
    assert (results / "index.html").read_text(encoding="utf-8") == page
    assert board(results).read_text(encoding="utf-8") == page


def test_the_section_of_a_figure_holds_its_claims_and_leads_to_the_board(results):
    found = board_of(results)
    mine = section(found._replace(waiting=[]), "board/")
    assert f'src="board/figures/{FIGURE}/{FIGURE}.svg"' in mine
    assert "small size: nothing is judged" in mine
    assert mine.count("<tr>\n<td>") == len(load(FIGURE, "figures").claims)
    not_run = section(found._replace(produced=[], waiting=found.waiting[:1]), "board/")
    assert "<details open>" in not_run
    assert not_run.count("<tr>\n<td>") == len(found.waiting[0]["claims"])


def test_no_name_but_that_of_a_declared_figure_reaches_the_file_system(results):
    assert output(results, FIGURE, f"{FIGURE}.svg") is not None
    for folder, name in (
        (FIGURE, "secret.key"), (FIGURE, "away.svg"), (FIGURE, "nothing.svg"), (FIGURE, ""), ("undeclared", "x.svg"),
        (f"{FIGURE}-small", "claims.json"), (f"{FIGURE}-../..", "outside.json"), ("..", "outside.json"),
        (f"{FIGURE}/../..", "outside.json"), ("", "outside.json"), (FIGURE, "../../outside.json"),
    ):  # fmt: skip
        assert output(results, folder, name) is None, (folder, name)
    rng = random.Random(0)
    pieces = [FIGURE, "..", "/", "\\", ".", "-small", "claims.json", "\x00", "%2e", "outside.json", "~", "a" * 400]
    for _ in range(300):
        folder, name = ("".join(rng.choices(pieces, k=rng.randint(0, 4))) for _ in range(2))
        found = output(results, folder, name)
        assert found is None or found.parent == results / "figures" / FIGURE


@pytest.mark.parametrize("uri", ["/?<script>?", "/?a#b#c", "/figures#x", "/static/x%00y", "/a?b?c"])
def test_what_panel_stumbles_over_is_refused(uri):
    assert Malformed().match(SimpleNamespace(uri=uri)) is not None


@pytest.mark.parametrize("uri", ["/", "/?show=bcm", "/?show=%00", "/figures?show=x&ground=dark", "/static/js/a.js?v=1"])
def test_what_is_well_formed_goes_on(uri):
    assert Malformed().match(SimpleNamespace(uri=uri)) is None


def test_results_that_cannot_be_are_refused_before_anything_is_served(tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["explore", "--no-browser", "--results", str(tmp_path / "file")])
    assert done.exit_code == 2
    assert "brian2learn.--results: expected a folder that can be written" in " ".join(done.stderr.split())
