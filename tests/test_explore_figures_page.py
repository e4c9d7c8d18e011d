"""The page of the figures and the board in a headless Chromium: drawing in the background, the queue, screens."""

from __future__ import annotations

import http.client
import random

import numpy as np
import pytest
from _page import WINDOW, Reader, moves, shown_equals_computed

from brian2learn.core.discovery import load
from brian2learn.explore.figure_page import titles
from brian2learn.runs.store import Store

pytestmark = pytest.mark.browser

FIGURE = "coincidence_detector"  # a real one, and soon drawn
DRAW = "Draw at small size"


def shown(reader, query: str) -> None:
    """Go to a figure."""
    reader.go(f"figures{query}", "section h2")


@pytest.fixture
def reader(window, server):
    found = Reader(window, server)
    yield found
    found.close()


def said(reader) -> str:
    """What the page says of a drawing."""
    return " ".join(reader.page.locator("[role=status], [role=alert]").all_inner_texts())


def get(server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_figure_is_drawn_while_others_work(reader, window, server):
    """Claims before, the picture and verdicts after; a second one waits for its turn; sliders move meanwhile."""
    shown(reader, f"?show={FIGURE}")
    claims = load(FIGURE, "figures").claims
    assert reader.page.locator("tbody tr").count() == len(claims)
    assert "Not yet run" in reader.page.locator("section").inner_text()
    reader.button(DRAW).click()
    reader.until(lambda: "Drawing at small size" in said(reader))
    reader.until(lambda: reader.button(DRAW).is_disabled())

    second = Reader(window, server)
    shown(second, "?show=own0")
    second.button(DRAW).click()
    second.until(lambda: "one figure is drawn at a time" in said(second))
    second.page.reload(wait_until="commit")  # another session: it sees what was asked for, and may not stop it
    second.until(lambda: "one figure is drawn at a time" in said(second))
    assert second.button("Stop").count() == 0

    third = Reader(window, server)
    third.open("?show=pair_stdp&view=window")
    seconds = moves(third, "tau_plus", "window", "weight change")
    print(f"\nbeside a drawing: median {np.median(seconds) * 1e3:.0f} ms, longest {max(seconds) * 1e3:.0f} ms")
    shown_equals_computed(third)
    third.close()

    reader.until(lambda: "Drawn at small size" in said(reader), 400)
    assert "nothing is judged" in said(reader)
    reader.until(lambda: reader.page.locator("section img").evaluate("image => image.naturalWidth") > 100)
    text = reader.page.locator("section").inner_text()
    assert "1 seed, small size: nothing is judged" in text
    assert text.count("cannot tell") == len(claims)
    assert "2 records of 2 experiments" in text
    assert len(list(Store(server.results / "store").keys())) == 2
    reader.shot("figure-drawn", full_page=True)

    second.until(lambda: "It could not be drawn" in said(second), 200)
    assert "<b>out of ink</b>" in said(second)  # as text
    second.close()


def test_the_board_is_that_of_the_command_and_links_lead_to_files(reader, server):
    results = server.results
    status, page = get(server, "/board/")
    assert status == 200
    assert page.decode() == (results / "index.html").read_text(encoding="utf-8")  # which the command has left there
    shown(reader, "")
    reader.page.get_by_role("link", name="Board").click()
    reader.page.get_by_role("heading", name="Figures and claims").wait_for()
    drawn = results / "figures" / f"{FIGURE}-small"
    for each in sorted(drawn.iterdir()):
        status, content = get(server, f"/board/figures/{drawn.name}/{each.name}")
        assert (status, content) == (200, each.read_bytes())
    reader.page.goto(f"http://127.0.0.1:{server.port}/board/figures/{drawn.name}/{FIGURE}.svg")
    reader.page.locator("svg").wait_for()  # what it draws with is allowed, or the console would tell


def test_a_drawing_can_be_stopped(reader, server):
    shown(reader, "?show=stdp_window")
    reader.button(DRAW).click()
    reader.until(lambda: "Drawing at small size" in said(reader))
    reader.button("Stop").click()
    reader.until(lambda: "Stopped" in said(reader))
    reader.until(lambda: reader.button(DRAW).is_enabled())
    assert not (server.results / "figures" / "stdp_window-small").exists()


def test_a_bad_figure_is_explained(reader):
    shown(reader, "?show=masquelier2009_fig77")
    assert "Did you mean" in said(reader)
    shown(reader, "?show=<img src=x onerror=alert(1)>")
    assert "<img" in said(reader)


def test_no_path_leads_out_of_the_results(server):
    (server.results / "outside.json").write_text("{}")
    rng = random.Random(0)
    pieces = ["..", "/", "%2e%2e", "%2f", f"{FIGURE}-small", "outside.json", "claims.json", "%00", "?", "figures", "~"]
    found = {f"/board/figures/{FIGURE}-small/claims.json"}
    for _ in range(200):
        path = "/board/figures/" + "".join(rng.choices(pieces, k=rng.randint(1, 6)))
        status, content = get(server, path)
        assert status in (400, 404) or path.partition("?")[0] in found, (path, status)
        assert content != b"{}"
    assert server.process.poll() is None


@pytest.mark.parametrize("ground", ["light", "dark"])
@pytest.mark.parametrize("name", [FIGURE, "zenke2013_stability"])
def test_screens_of_figures(window, server, name, ground):
    reader = Reader(window, server, dark=ground == "dark")
    shown(reader, f"?show={name}&ground={ground}")
    for size in ((WINDOW["width"], WINDOW["height"]), (820, 1180)):
        reader.fits(*size)
        reader.shot(f"figures-{name}-{size[0]}-{ground}")
    assert reader.page.evaluate("() => document.documentElement.dataset.theme") == ground
    reader.close()


def test_the_page_knows_every_figure(reader):
    shown(reader, "")
    options = reader.page.get_by_label("Figure", exact=True).locator("option").all_inner_texts()
    assert {*options} == {*titles(), "Own figure 0"}
    reader.choose("Figure", load("bellec2020_sines", "figures").title)
    reader.until(lambda: "show=bellec2020_sines" in reader.page.url)
    reader.until(lambda: load("bellec2020_sines", "figures").title == reader.page.locator("h2").first.inner_text())
