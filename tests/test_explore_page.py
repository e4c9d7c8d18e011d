"""The page in a headless Chromium: every rule, sliders, code, two readers at once, and a thousand bad requests."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from browser import chromium
from test_explore import NAMES, SUM, printed
from tornado.websocket import WebSocketClosedError

from brian2learn.core.declaration import Param, Size
from brian2learn.explore.controls import slider_for
from brian2learn.explore.family import Comparison
from brian2learn.explore.settings import fields_of, fresh, read_address, usual
from brian2learn.explore.views._spikes import SpikeView
from brian2learn.explore.views._view import in_use, views_of

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("BRIAN2LEARN_SCREENS")  # a folder for screenshots, to be looked at
SLOW = 60_000  # ms; how long a busy machine may take
READ = """name => {
  // of figures that have been replaced, models of the same name may still be there: the last one is what is seen
  const number = model => parseInt(model.id.slice(1));
  const found = document => [...document._all_models.values()].filter(model => model.name === name)
    .sort((one, other) => number(one) - number(other)).pop();
  for (const each of Bokeh.documents) { const model = found(each); if (model) {
    const data = model.data_source.data;
    const get = key => Array.from(data instanceof Map ? data.get(key) : data[key]);
    return {x: get("x"), y: get("y")}; } }
  return null; }"""

PRESENT = """name => Bokeh.documents.some(each => [...each._all_models.values()].some(model => model.name === name))"""
FAMILY = """name => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
  if (model.name === name) { const data = model.data_source.data;
    return [...(data instanceof Map ? data.get("y") : data["y"])].map(each => Array.from(each, y => y || 0)); }
  return null; }"""

PLACE = """name => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
  if (model.title && String(model.title).startsWith(name + " (") && "value" in model) return model.value; }"""


class Server:
    """The command, as a reader starts it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "brian2learn.cli", "explore", "--no-browser"], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.said: list[str] = []
        for line in self.process.stderr:
            self.said.append(line)
            if match := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(match.group(1))
                # what it says later must be read, or it waits for somebody to do so
                self.listener = threading.Thread(target=self.said.extend, args=(self.process.stderr,), daemon=True)
                self.listener.start()
                return
        raise AssertionError("".join(self.said))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.listener.join(30)
        self.process.stderr.close()


@pytest.fixture(scope="module")
def server():
    found = Server()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    program = chromium()
    assert program, "there is no Chromium: `make test-browser` installs one"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


class Reader:
    """Somebody with a window of their own."""

    def __init__(self, browser, server, **more):
        settings = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", **more}
        self.context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **settings)
        self.page = self.context.new_page()
        self.page.set_default_timeout(SLOW)
        self.trouble: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.trouble.append(said.text))
        self.page.on("console", lambda said: said.text.endswith("is now open") and setattr(self, "connected", True))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("requestfailed", lambda request: self.trouble.append(f"no {request.url}"))
        self.page.on("request", lambda request: self._outside(request.url, server))
        self.server = server

    def _outside(self, url, server):
        if not url.startswith((f"http://127.0.0.1:{server.port}/", f"ws://127.0.0.1:{server.port}/", "data:", "blob:")):
            self.trouble.append(f"asks {url}")

    def open(self, query: str = "") -> float:
        """Go to an address; how long it took until there was a picture, s."""
        self.connected = False
        start = time.monotonic()
        # a page that goes on to dark ground leaves the first one while it loads
        self.page.goto(f"http://127.0.0.1:{self.server.port}/{query}", wait_until="commit")
        self.page.wait_for_selector(".bk-Figure")
        self.page.wait_for_function("() => typeof Bokeh !== 'undefined' && Bokeh.documents.length > 0")
        seconds = time.monotonic() - start
        self.until(lambda: self.connected)
        return seconds

    def settled(self) -> None:
        """Wait until all is drawn and stands where it stays."""
        self.page.wait_for_function(
            """() => { const seen = [Bokeh.documents.every(each => each.is_idle), document.body.scrollHeight,
            ...[...document.querySelectorAll(".bk-Figure")].map(each => each.getBoundingClientRect().top)].join();
            const same = seen === window.seen && seen.startsWith("true"); window.seen = seen; return same }""",
            polling=200,
        )

    def read(self, picture: str, curve: str):
        """The numbers of a curve, as the browser has them."""
        data = self.page.evaluate(READ, f"{picture}:{curve}")
        return None if data is None else (np.array(data["x"], float), np.array(data["y"], float))

    def setting(self):
        """The setting that the address says."""
        query = self.page.url.partition("?")[2] or "show=pair_stdp"
        return read_address("&".join(word for word in query.split("&") if not word.startswith("ground=")))

    def until(self, holds, seconds: float = SLOW / 1e3) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited in vain; {self.trouble} {self.page.url}"
            self.page.wait_for_timeout(20)

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def slider(self, name: str):
        """The handle of a slider, by the name of its parameter."""
        return self.page.locator(f".bk-input-group:has(.bk-slider-title:text-matches('^{name} ')) .noUi-handle")

    def shot(self, name: str, **more) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", **more)

    def close(self) -> None:
        seen = list(self.trouble)
        self.context.close()
        self.trouble = seen  # what closing itself interrupts is no trouble


@pytest.fixture
def reader(browser, server):
    found = Reader(browser, server)
    yield found
    found.close()
    assert found.trouble == []


def shown_equals_computed(reader, setting=None) -> None:
    """Every curve in the browser against what the library computes from a setting, else from the one in the address."""

    def equal() -> bool:
        wanted = setting or reader.setting()
        for picture in wanted.view.pictures(wanted.shown):
            for each in picture.curves:
                found = reader.read(picture.name, each.name)
                if found is None or not all(map(partial(np.array_equal, equal_nan=True), found, (each.x, each.y))):
                    return False
        return True

    reader.until(equal)


# ---------------------------------------------------------------------- every rule


def test_the_page_loads(reader):
    seconds = [reader.open() for _ in range(3)]
    print(f"\nfrom the address to the picture: {', '.join(f'{each:.2f} s' for each in seconds)}")
    assert reader.setting() == read_address("show=pair_stdp")


@pytest.fixture(scope="module")
def visitor(browser, server):
    """Somebody who looks at one declaration after the other."""
    found = Reader(browser, server)
    found.open(f"?show={SUM}")
    yield found
    found.close()


@pytest.mark.parametrize("name", [SUM, *NAMES])
def test_the_page_of_every_declaration_shows_what_the_twin_says(visitor, name):
    reader, shown = visitor, fresh(name.split(","))
    setting = usual(shown)
    if name != SUM:
        reader.choose("Declaration", type(shown).__name__)
    title = " + ".join(type(part).__name__ for part in getattr(shown, "terms", ()) or (shown,))
    reader.until(lambda: reader.page.locator("h1").inner_text() == title)
    reader.until(lambda: reader.setting() == setting)
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
def test_every_view_can_be_reached(reader, name):
    reader.open(f"?show={name}")
    for view in [each.title for each in views_of(fresh([name]))]:
        reader.button(view).click()
        reader.until(lambda view=view: reader.setting().view.title == view)
        shown_equals_computed(reader)
        reader.shot(f"{name}-{type(reader.setting().view).__name__.lower()}")


# ---------------------------------------------------------------------- moving


def moves(reader, name: str, picture: str, curve: str, n: int = 12) -> list[float]:
    """Time from a key on a slider to a new curve, s."""
    handle = reader.slider(name).first
    handle.focus()
    seconds = []
    for k in range(n):
        reader.page.evaluate(
            """([name, read]) => { const f = eval(read); const before = JSON.stringify(f(name));
            window.moved = null; const start = performance.now();
            const look = () => { if (JSON.stringify(f(name)) !== before) window.moved = performance.now() - start;
            else requestAnimationFrame(look) }; look() }""",
            [f"{picture}:{curve}", READ],
        )
        reader.page.keyboard.press("ArrowRight" if k % 2 == 0 else "ArrowLeft")
        reader.page.wait_for_function("() => window.moved !== null")
        seconds.append(reader.page.evaluate("() => window.moved") / 1e3)
    return seconds


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
    reader.until(lambda: reader.read("window", "A: weight change") is not None)

    def height(curve: str) -> float:
        return np.nanmax(reader.read("window", curve)[1])

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
    for _ in range(8):
        for keep, step, after in (("Keep as A", "Undo", "Forget A"), ("Forget A", "Redo", "Keep as A")):
            reader.button(keep).click()
            reader.button(step).click()
            reader.button(after).wait_for()
    reader.until(lambda: reader.setting().shown.a_plus == 0.005)
    reader.until(lambda: not reader.page.evaluate(PRESENT, "window:A: weight change"))
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

    def followed() -> bool:
        setting = reader.setting()
        (wanted,) = Comparison(lambda: None, None).behind(setting, setting.view.pictures(setting.shown))
        found = reader.page.evaluate(FAMILY, f"{picture}:{curve}:family")
        forms = next(forms for forms in wanted.family.curves if forms[0].name == curve)
        return found is not None and [list(each) for each in found] == [list(np.nan_to_num(each.y)) for each in forms]

    reader.until(followed)
    reader.settled()
    reader.shot(f"family-{name}")
    reader.choose("Compare over a slider", "nothing")
    reader.until(lambda: not reader.page.evaluate(PRESENT, f"{picture}:{curve}:family"))
    shown_equals_computed(reader)


def test_a_click_adds_a_spike(reader):
    reader.open("?show=pair_stdp&view=spikes")
    reader.settled()
    before = reader.setting().view
    box = reader.page.locator(".bk-Figure").first.bounding_box()
    reader.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 24)
    reader.until(lambda: len(reader.setting().view.pre) == len(before.pre) + 1)
    assert max(reader.setting().view.pre) > 0.15
    shown_equals_computed(reader)


def copied(reader, button: str) -> str:
    """What a button puts into the clipboard."""
    reader.page.evaluate("() => navigator.clipboard.writeText('')")
    reader.button(button).click()
    reader.until(lambda: reader.page.evaluate("() => navigator.clipboard.readText()"))
    return reader.page.evaluate("() => navigator.clipboard.readText()")


@pytest.mark.parametrize("kind", ["Python", "Brian2 script"])
def test_copied_code_prints_what_is_shown(reader, kind):
    reader.open("?show=pair_stdp&view=window&a_plus=0.02&tau_minus=0.03")
    reader.button(kind).click()
    reader.page.locator("pre").wait_for()
    out = printed(copied(reader, "Copy"))
    setting = reader.setting()
    (picture,) = setting.view.pictures(setting.shown)
    if kind == "Python":
        assert out == f"{picture.table()}\n"
    else:
        y = picture.curves[0].y
        np.testing.assert_allclose([float(word) for word in out.split()], y[np.isfinite(y)], rtol=1e-9)
    link = copied(reader, "Copy link")
    assert read_address(link.partition("?")[2]) == setting


def test_data_and_picture_can_be_taken_along(reader, tmp_path):
    reader.open("?show=triplet_stdp&view=frequency")
    for label, start in (("Data (CSV)", b"# show=triplet_stdp"), ("Picture (PDF)", b"%PDF")):
        with reader.page.expect_download() as waiting:
            reader.page.get_by_text(label).click()
        waiting.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes().startswith(start)


# ---------------------------------------------------------------------- readers and screens


def test_two_readers_do_not_see_each_other(browser, server):
    one, other = Reader(browser, server), Reader(browser, server)
    for each in (one, other):
        each.open("?show=pair_stdp&view=window")
    moves(one, "tau_plus", "window", "weight change", n=1)
    one.until(lambda: one.setting() != other.setting())
    assert other.setting() == read_address("show=pair_stdp&view=window")
    shown_equals_computed(one)
    shown_equals_computed(other)
    one.close()
    other.close()
    assert one.trouble + other.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (820, 1180)])
def test_screens(browser, server, scheme, width, height):
    """On a laptop and on a tablet, on light and on dark ground: nothing sticks out."""
    reader = Reader(browser, server, viewport={"width": width, "height": height}, color_scheme=scheme)
    for query, name in (("?show=triplet_stdp&view=triplets", "triplets"), ("?show=bcm", "bcm"), ("", "first")):
        reader.open(query)
        if scheme == "dark":
            reader.until(lambda: "ground=dark" in reader.page.url)
        reader.settled()
        assert reader.page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert reader.page.evaluate("() => document.documentElement.dataset.theme") == scheme
        reader.shot(f"{name}-{width}-{scheme}")
    reader.close()
    # the first page is left for the dark one before it has loaded
    assert [each for each in reader.trouble if scheme == "light" or not each.startswith("no ")] == []


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
        for _ in range(50):
            try:
                for part in message(rng):
                    await socket.write_message(part, binary=isinstance(part, bytes))
            except WebSocketClosedError:
                break
            n -= 1
        socket.close()
    return n_sessions


def test_a_flood_of_bad_requests(browser, server):
    """A thousand requests and five hundred messages of garbage, while somebody works: nothing is seen of it."""
    reader = Reader(browser, server)
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
    new = Reader(browser, server)
    new.open("?show=bcm")
    shown_equals_computed(new)
    new.close()
    assert reader.trouble + new.trouble == []


def test_values_that_no_widget_would_send(browser, server):
    """Whatever a browser says that a slider, a box or a list holds, the setting is one of declared names and bounds."""
    reader = Reader(browser, server)
    reader.open("?show=pair_stdp&view=spikes")
    for junk in (1e308, -1e308, 0.5, "1e400", "nan", "__import__('os').abort()", "0,1,x", ["Adam"], [], None):
        reader.page.evaluate(
            """junk => { for (const each of Bokeh.documents) for (const model of [...each._all_models.values()])
            if ("value" in model && "title" in model) { try { model.value = junk } catch (refused) {} } }""",
            junk,
        )
        reader.page.wait_for_timeout(300)
        setting = reader.setting()  # reads nothing that is out of bounds
        assert setting.view.pictures(setting.shown)
    assert server.process.poll() is None
    reader.close()
