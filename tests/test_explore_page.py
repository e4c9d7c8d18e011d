"""The page in a headless Chromium: every rule, sliders, code, two readers at once, and a thousand bad requests."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import re
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from _page import FIND, WINDOW, Reader, moves, new_window, shown_equals_computed
from test_explore import NAMES, SUM, printed
from tornado.websocket import WebSocketClosedError

from brian2learn.core.declaration import Param, Size
from brian2learn.explore.controls import slider_for
from brian2learn.explore.family import Comparison
from brian2learn.explore.settings import fields_of, fresh, read_address, usual
from brian2learn.explore.views._spikes import SpikeView
from brian2learn.explore.views._view import in_use, views_of

pytestmark = pytest.mark.browser

FAMILY = f"""name => {{ const data = {FIND}(name)?.data_source.data;
  return data ? [...(data instanceof Map ? data.get("y") : data["y"])].map(each => Array.from(each, y => y || 0)) : null
}}"""
PLACE = """name => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
  if (model.title && String(model.title).startsWith(name + " (") && "value" in model) return model.value; }"""


@pytest.fixture
def reader(window, server):
    found = Reader(window, server)
    yield found
    found.close()


# ---------------------------------------------------------------------- every rule


def test_the_page_loads(browser, server):
    window = new_window(browser)
    reader = Reader(window, server)
    seconds = [reader.open() for _ in range(3)]
    print(f"\nfrom the address to the picture: {', '.join(f'{each:.2f} s' for each in seconds)}")
    assert reader.setting() == read_address("show=pair_stdp")
    reader.close()
    window.close()


@pytest.fixture(scope="module")
def visitor(window, server):
    """Somebody who looks at one declaration after the other."""
    found = Reader(window, server)
    found.open()
    yield found
    found.close()


def visit(reader, name: str):
    """Go to a declaration, by the list where that leads to another one; the setting at which it is opened."""
    if "," in name or reader.page.get_by_label("Declaration", exact=True).input_value() == name:
        reader.open(f"?show={name}")
    else:
        reader.choose("Declaration", type(fresh([name])).__name__)
    setting = usual(fresh(name.split(",")))
    reader.until(lambda: reader.setting() == setting)
    return setting


@pytest.mark.parametrize("name", [SUM, *NAMES])
def test_the_page_of_every_declaration_shows_what_the_twin_says(visitor, name):
    reader, setting = visitor, visit(visitor, name)
    shown = setting.shown
    title = " + ".join(type(part).__name__ for part in getattr(shown, "terms", ()) or (shown,))
    reader.until(lambda: reader.page.locator("h1").inner_text() == title)
    reader.until(lambda: reader.page.locator("math").count() > 2)
    shown_equals_computed(reader, setting)
    if isinstance(setting.view, SpikeView):
        pairs = setting.view.pairs(shown)
        twin = shown.reference(
            pairs.pre[0], pairs.post[0], setting.view.w_init, t_stop=pairs.t_stop, dt=pairs.dt,
            cell={key: values[:, 0] for key, values in pairs.cell.items()},
        )  # fmt: skip
        assert reader.read("weight", "w")[1][-1] == pytest.approx(twin, rel=1e-9)
    reader.shot(name.partition(",")[0] if "," not in name else "sum", full_page=True)
    assert reader.trouble == []


@pytest.mark.parametrize("name", ["triplet_stdp", "clopath_stdp", "tsodyks_markram"])
def test_every_view_can_be_reached(visitor, name):
    reader = visitor
    for view in [each.title for each in views_of(visit(reader, name).shown)[1:]]:  # the first one is there already
        reader.button(view).click()
        reader.until(lambda view=view: reader.setting().view.title == view)
        shown_equals_computed(reader)
        reader.shot(f"{name}-{type(reader.setting().view).__name__.lower()}")
    assert reader.trouble == []


# ---------------------------------------------------------------------- moving


@pytest.mark.parametrize(
    ("query", "name", "picture", "curve"),
    [
        ("?show=pair_stdp&view=window", "tau_plus", "window", "weight change"),
        ("?show=pair_stdp&view=spikes", "a_plus", "weight", "w"),
        ("?show=triplet_stdp&view=frequency", "a3_plus", "frequency", "pre first, 10 ms"),
        ("?show=clopath_stdp&view=window", "A_LTD", "window", "weight change"),
        ("?show=bcm", "tau", "course", "w"),
        ("?show=tsodyks_markram", "U", "train", "released"),
    ],
)
def test_a_slider_moves_the_picture(reader, query, name, picture, curve):
    reader.open(query)
    seconds = moves(reader, name, picture, curve)
    print(f"\n{query} {name}: median {np.median(seconds) * 1e3:.0f} ms, longest {max(seconds) * 1e3:.0f} ms")
    first = read_address(query).shown
    slider = slider_for(first.fields[name], first.values[name], in_use(first, name))
    start = slider.place(first.values[name])
    reader.slider(name).first.focus()
    for _ in range(8):  # a quick movement: only where it ends must be drawn
        reader.page.keyboard.press("ArrowRight")

    def arrived() -> bool:
        place = reader.page.evaluate(PLACE, name)
        drawn = slider.place(reader.setting().shown.values[name])
        return place > start and abs(drawn - place) <= 0.51 * slider.step

    reader.until(arrived)
    shown_equals_computed(reader)


def test_what_is_typed_is_checked(reader):
    reader.open("?show=pair_stdp&view=window")
    box = reader.page.get_by_placeholder("number").first
    box.fill("25")
    box.press("Enter")
    reader.until(lambda: float(reader.setting().shown.tau_plus) == pytest.approx(0.025))
    for bad in ("1000", "__import__('os')", "nan"):
        box.fill(bad)
        box.press("Enter")
        reader.page.get_by_role("alert").wait_for()
        reader.until(lambda: box.input_value() == "25")
        assert float(reader.setting().shown.tau_plus) == pytest.approx(0.025)


def test_undo_presets_sums_and_comparison(reader):
    reader.open("?show=pair_stdp&view=window")
    reader.choose("Published values", "song2000")
    reader.until(lambda: reader.setting().shown.a_plus == 0.005)
    shown_equals_computed(reader)
    reader.button("Keep as A").click()
    reader.button("Undo").click()
    reader.until(lambda: reader.setting().shown.a_plus == 2**-5)
    reader.until(lambda: reader.shows("window", "A: weight change"))

    def height(curve: str) -> float:
        found = reader.read("window", curve)
        return 0.0 if found is None else np.nanmax(found[1])

    reader.until(lambda: 0 < height("A: weight change") < height("weight change"))
    reader.shot("compared")
    reader.button("Redo").click()
    reader.until(lambda: reader.setting().shown.a_plus == 0.005)
    reader.page.get_by_label("bounds: how a step depends on the weight").select_option(index=1)
    reader.until(lambda: reader.setting().shown.bounds == "soft")
    reader.page.locator(".choices").click()
    reader.page.locator(".choices__item--choice", has_text="Heterosynaptic").click()
    reader.until(lambda: len(getattr(reader.setting().shown, "terms", ())) == 2)
    shown_equals_computed(reader)


def test_what_follows_fast_arrives_in_order(reader):
    """A new picture, then at once new numbers for it: they must not overtake it on the way to the browser."""
    reader.open("?show=pair_stdp&view=window")
    reader.choose("Published values", "song2000")
    reader.until(lambda: reader.setting().shown.a_plus == 0.005)
    for _ in range(3):
        for keep, step, after in (("Keep as A", "Undo", "Forget A"), ("Forget A", "Redo", "Keep as A")):
            reader.button(keep).click()
            reader.button(step).click()
            reader.button(after).wait_for()
    reader.until(lambda: reader.setting().shown.a_plus == 0.005)
    reader.until(lambda: not reader.shows("window", "A: weight change"))
    shown_equals_computed(reader)


@pytest.mark.parametrize(
    ("query", "name", "picture", "curve"),
    [
        ("?show=pair_stdp&view=window", "a_plus", "window", "weight change"),
        ("?show=triplet_stdp&view=frequency", "tau_y", "frequency", "post first, 10 ms"),
    ],
)
def test_twenty_five_settings_stay_responsive(reader, query, name, picture, curve):
    """The present curve does not wait for the 25 others, which follow."""
    reader.open(query)
    alone = np.median(moves(reader, name, picture, curve))
    meaning = read_address(query).shown.fields["tau_minus"].meaning
    reader.choose("Compare over a slider", f"tau_minus: {meaning}")
    reader.until(lambda: reader.setting().over == "tau_minus")
    among = np.median(moves(reader, name, picture, curve))
    print(f"\n{query}: median {alone * 1e3:.0f} ms alone, {among * 1e3:.0f} ms before 25 others")

    wanted: dict[str, list[list[float]]] = {}  # of a setting, by its address

    def followed() -> bool:
        setting = reader.setting()
        if setting.address not in wanted:
            (drawn,) = Comparison(lambda: None, None).behind(setting, setting.view.pictures(setting.shown))
            forms = next(forms for forms in drawn.family.curves if forms[0].name == curve)
            wanted[setting.address] = [np.nan_to_num(each.y).tolist() for each in forms]
        return reader.page.evaluate(FAMILY, f"{picture}:{curve}:family") == wanted[setting.address]

    reader.until(followed)
    reader.settled()
    reader.shot(f"family-{name}")
    reader.choose("Compare over a slider", "nothing")
    reader.until(lambda: not reader.shows(picture, f"{curve}:family"))
    shown_equals_computed(reader)


def test_a_click_adds_a_spike(reader):
    reader.open("?show=pair_stdp&view=spikes")
    reader.settled()
    before = reader.setting().view
    trains = reader.page.locator(".bk-Figure").first
    trains.click(position={"x": 0.9 * trains.bounding_box()["width"], "y": 24})
    reader.until(lambda: len(reader.setting().view.pre) == len(before.pre) + 1)
    assert max(reader.setting().view.pre) > 0.15
    shown_equals_computed(reader)


def copied(reader, button: str) -> str:
    """What a button puts into the clipboard."""
    reader.page.evaluate("() => navigator.clipboard.writeText('')")
    reader.button(button).click()
    reader.until(lambda: reader.page.evaluate("() => navigator.clipboard.readText()"))
    return reader.page.evaluate("() => navigator.clipboard.readText()")


def test_copied_code_prints_what_is_shown(reader):
    reader.open("?show=pair_stdp&view=window&a_plus=0.02&tau_minus=0.03")
    setting = reader.setting()
    (picture,) = setting.view.pictures(setting.shown)
    text = reader.page.locator("pre")
    reader.button("Python").click()
    reader.until(lambda: "brian2learn" in text.inner_text())
    assert printed(copied(reader, "Copy")) == f"{picture.table()}\n"
    reader.button("Brian2 script").click()
    reader.until(lambda: "brian2learn" not in text.inner_text())
    y = picture.curves[0].y
    numbers = [float(word) for word in printed(copied(reader, "Copy")).split()]
    np.testing.assert_allclose(numbers, y[np.isfinite(y)], rtol=1e-9)
    assert read_address(copied(reader, "Copy link").partition("?")[2]) == setting


def test_data_and_picture_can_be_taken_along(reader, tmp_path):
    reader.open("?show=triplet_stdp&view=frequency")
    assert reader.take("Data (CSV)", tmp_path / "data").startswith(b"# show=triplet_stdp")
    assert reader.take("Picture (PDF)", tmp_path / "picture").startswith(b"%PDF")


# ---------------------------------------------------------------------- readers and screens


def test_two_readers_do_not_see_each_other(browser, server):
    windows = [new_window(browser) for _ in range(2)]
    one, other = (Reader(each, server) for each in windows)
    for each in (one, other):
        each.open("?show=pair_stdp&view=window")
    moves(one, "tau_plus", "window", "weight change", n=1)
    one.until(lambda: one.setting() != other.setting())
    assert other.setting() == read_address("show=pair_stdp&view=window")
    for each in (one, other):
        shown_equals_computed(each)
        each.close()
    for each in windows:
        each.close()


@pytest.mark.parametrize("ground", ["light", "dark"])
@pytest.mark.parametrize("name", ["triplets", "bcm", "first"])
def test_screens(window, server, name, ground):
    """On a laptop and on a tablet, on the ground that the reader's system asks for: nothing sticks out."""
    query = {"triplets": "?show=triplet_stdp&view=triplets", "bcm": "?show=bcm", "first": ""}[name]
    reader = Reader(window, server, dark=ground == "dark")
    reader.open(query)
    if ground == "dark":  # the page goes on to the dark one
        reader.until(lambda: "ground=dark" in reader.page.url)
        reader.page.wait_for_selector(".bk-Figure")
    for size in ((WINDOW["width"], WINDOW["height"]), (820, 1180)):
        reader.fits(*size)
        reader.shot(f"{name}-{size[0]}-{ground}")
    assert reader.page.evaluate("() => document.documentElement.dataset.theme") == ground
    reader.close()


def test_the_keyboard_reaches_every_slider(reader):
    reader.open("?show=pair_stdp&view=window")
    names = {name for name, field in fields_of(read_address("show=pair_stdp").shown).items()
             if isinstance(field, Param) and not isinstance(field, Size)}  # fmt: skip
    reached = set()
    for _ in range(80):
        reader.page.keyboard.press("Tab")
        title = reader.page.evaluate(
            """() => { let at = document.activeElement; while (at && at.shadowRoot && at.shadowRoot.activeElement)
            at = at.shadowRoot.activeElement; const group = at && at.closest('.bk-input-group');
            const title = group && group.querySelector('.bk-slider-title'); return title ? title.textContent : '' }"""
        )
        reached.add(title.split(" ")[0])
    assert names <= reached


# ---------------------------------------------------------------------- safety


def test_it_listens_to_this_machine_alone(server):
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    mine = [row.split()[1] for row in listening if row.split()[3] == "0A" and int(row.split()[1].split(":")[1], 16) ==
            server.port]  # fmt: skip
    assert mine == [f"0100007F:{server.port:04X}"]


def test_a_bad_address_is_explained(reader):
    reader.open("?show=pair_stdp&tau_plus=7")
    text = reader.page.get_by_role("alert").inner_text()
    assert text.startswith("PairSTDP.tau_plus (potentiation window): expected a value from")
    reader.open("?show=<img src=x onerror=alert(1)>")
    assert "<img" in reader.page.get_by_role("alert").inner_text()


WORDS = ["show=", "pair_stdp", "tau_plus=", "../", "%2e%2e/", "ws", "static/", "autoload.js", "&#9731;", "1e999"]
WORDS += ["__import__", "&", "?", "<script>", "%00", "a" * 300, "view.pre=", "0,1,2", "component-resources/"]
STRANGER = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": "http://evil.example",
}  # fmt: skip
JUNK = ["__import__('os').abort()", "", None, True, -1, 1e308, -1e308, [], [1e308], {}, {"type": "map"}, "x" * 5000]


def ask(port: int, rng: random.Random, k: int) -> int:
    """Send garbage in path, query, method and body; the status of the answer, 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    text = "".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))
    strange = k % 3 == 0
    path = "/ws" if strange else f"/{'?' * (k % 100 == 1)}{text}"
    try:
        connection.request(rng.choice(["GET", "GET", "POST", "PUT", "DELETE"]), path, body=None if k % 5 else
                           rng.randbytes(50), headers=STRANGER if strange else {})  # fmt: skip
        return connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return 0
    finally:
        connection.close()


def message(rng: random.Random) -> list[str | bytes]:
    """The three parts of a message to a session: not one of them as it should be, or values that nobody declared."""
    if rng.random() < 0.3:
        return [rng.choice(["", "{}", "[]", "null", "\x00", "{" * 900, rng.randbytes(40)]) for _ in range(3)]
    kinds = ["ModelChanged", "ModelChanged", "ModelChanged", "MessageSent", "ColumnDataChanged", "RootAdded", "Title"]
    model = {"id": f"p{rng.randint(1001, 1500)}"}
    event = {
        "kind": rng.choice(kinds),
        "model": model,
        "attr": rng.choice(["value", "value", "active", "options", "x"]),
    }
    event |= {"new": rng.choice(JUNK), "msg_type": "bokeh_event", "msg_data": {"event_name": "button_click",
              "event_values": {"model": rng.choice([model, None, 3])}}}  # fmt: skip
    header = {"msgid": str(rng.random()), "msgtype": rng.choice(["PATCH-DOC"] * 8 + ["PULL-DOC-REQ", "PUSH-DOC", "X"])}
    return [json.dumps(header), "{}", json.dumps({"events": [event] * rng.randint(1, 3)})]


async def whisper(port: int, rng: random.Random, n: int) -> int:
    """Talk nonsense to sessions that were rightly opened; in how many of them."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    n_sessions = 0
    while n > 0:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
        connection.close()
        (token,) = {*re.findall(r'"token":"([^"]+)"', page)}
        headers = {"Origin": f"http://127.0.0.1:{port}"}
        socket = await websocket_connect(
            HTTPRequest(f"ws://127.0.0.1:{port}/ws", headers=headers), subprotocols=["bokeh", token]
        )
        n_sessions += 1
        assert await socket.read_message()  # it was let in
        for _ in range(125):
            try:
                for part in message(rng):
                    await socket.write_message(part, binary=isinstance(part, bytes))
            except WebSocketClosedError:
                break
            n -= 1
        socket.close()
    return n_sessions


def test_a_flood_of_bad_requests(window, server):
    """A thousand requests and five hundred messages of garbage, while somebody works: nothing is seen of it."""
    reader = Reader(window, server)
    reader.open("?show=pair_stdp&view=window")
    answers: Counter[int] = Counter()
    sessions: list[int] = []

    def flood() -> None:
        rng = random.Random(0)
        for k in range(1000):
            answers[ask(server.port, rng, k)] += 1
        sessions.append(asyncio.run(whisper(server.port, rng, 500)))

    other = threading.Thread(target=flood)
    other.start()
    n_moves = 0
    while other.is_alive() and n_moves < 50:
        moves(reader, "tau_plus", "window", "weight change", n=2)
        n_moves += 2
    other.join(300)
    print(f"\nanswers by status: {dict(answers)}; {sessions} sessions of nonsense; {n_moves} moves meanwhile")
    assert answers.total() == 1000
    assert not answers[101]  # no stranger is let in
    assert not [status for status in answers if status >= 500 or not status]
    assert sessions
    assert server.process.poll() is None
    moves(reader, "tau_plus", "window", "weight change", n=1)
    shown_equals_computed(reader)
    reader.close()
    new = Reader(window, server)
    new.open("?show=bcm")
    shown_equals_computed(new)
    new.close()


def test_values_that_no_widget_would_send(window, server):
    """Whatever a browser says that a slider, a box or a list holds, the setting is one of declared names and bounds."""
    reader = Reader(window, server)
    reader.open("?show=pair_stdp&view=spikes")
    box = reader.page.get_by_placeholder("number").first
    junk = (1e308, -1e308, 0.5, "1e400", "nan", "__import__('os').abort()", "0,1,x", ["Adam"], [], None)
    for k, each in enumerate(junk):
        reader.page.evaluate(
            """junk => { for (const each of Bokeh.documents) for (const model of [...each._all_models.values()])
            if ("value" in model && "title" in model) { try { model.value = junk } catch (refused) {} } }""",
            each,
        )

        def typed(wanted: int = 20 + k) -> bool:  # what a reader does next; its answer comes after all that
            box.fill(str(wanted))
            box.press("Enter")
            return float(reader.setting().shown.tau_plus) == pytest.approx(wanted * 1e-3)

        reader.until(typed)
        setting = reader.setting()  # reads nothing that is out of bounds
        assert setting.view.pictures(setting.shown)
    assert server.process.poll() is None
    reader.page.close()  # what the browser says of such values does not count
