"""The page for its tests: a server, and readers with a window of Chromium each, who wait for what is to be seen."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

from brian2learn.explore.settings import read_address

PICTURES = os.environ.get("BRIAN2LEARN_SCREENS")  # a folder for screenshots, to be looked at
SLOW = 60_000  # ms; how long a busy machine may take
WINDOW = {"width": 1280, "height": 800}
FIND = """(name => {
  // models of figures that have been replaced stay for half a minute: the last figure is the one that is seen
  const number = model => parseInt(model.id.slice(1)), figure = "picture:" + name.split(":")[0];
  const figures = Bokeh.documents.flatMap(each => [...each._all_models.values()]).filter(each => each.name === figure);
  const seen = figures.sort((one, other) => number(one) - number(other)).pop();
  return seen?.renderers.find(each => each.name === name) ?? null; })"""
"""What draws a curve of a picture, by its name ``picture:curve``; null if there is none."""
VALUES = f"""(name => {{ const data = {FIND}(name)?.data_source.data;
  const get = key => Float64Array.from(data instanceof Map ? data.get(key) : data[key]);
  return data ? {{x: get("x"), y: get("y")}} : null; }})"""
"""The numbers of a curve, in the browser."""
READ = f"""async name => {{ const data = {VALUES}(name);
  const bytes = values => new Promise(done => {{ const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1]); reader.readAsDataURL(new Blob([values])); }});
  return data ? [await bytes(data.x), await bytes(data.y)] : null; }}"""
"""Their bytes as text: number by number they would take seconds on their way here."""


class Server:
    """The command, as a reader starts it.

    Attributes
    ----------
    results : Path
        The folder whose figures it shows.
    """

    def __init__(self, results: Path, own: Path) -> None:
        self.results = results
        self.process = subprocess.Popen(
            [sys.executable, "-m", "brian2learn.cli", "explore", "--no-browser", "--results", str(results)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "BRIAN2LEARN_PATH": str(own)},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if match := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(match.group(1))
                # what it says later must be read, or it waits for somebody to do so
                self.listener = threading.Thread(target=self.said.extend, args=(self.process.stdout,), daemon=True)
                self.listener.start()
                return
        raise AssertionError("".join(self.said))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.listener.join(30)
        self.process.stdout.close()


def new_window(browser):
    """A window without a past: nothing of the page is in its cache."""
    found = browser.new_context(
        permissions=["clipboard-read", "clipboard-write"], viewport=WINDOW, color_scheme="light"
    )  # fmt: skip
    found.set_default_timeout(SLOW)
    return found


class Reader:
    """Somebody with a page in a window; whose system asks for dark ground if `dark`."""

    def __init__(self, window, server, *, dark: bool = False):
        self.page, self.server = window.new_page(), server
        if dark:
            self.page.emulate_media(color_scheme="dark")
        self.trouble: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.trouble.append(said.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self._outside(request.url))

    def _failed(self, request) -> None:
        if "ERR_ABORTED" not in str(request.failure):  # given up by the browser, when it leaves a page
            self.trouble.append(f"no {request.url}: {request.failure}")

    def _outside(self, url: str) -> None:
        here = f"//127.0.0.1:{self.server.port}/"
        if not url.startswith((f"http:{here}", f"ws:{here}", "data:", "blob:")):
            self.trouble.append(f"asks {url}")

    def go(self, path: str, sight: str) -> float:
        """Go to an address; how long it took until something was to be seen, s."""
        start = time.monotonic()
        # a page that goes on to dark ground leaves the first one while it loads
        self.page.goto(f"http://127.0.0.1:{self.server.port}/{path}", wait_until="commit")
        self.page.wait_for_selector(sight)
        return time.monotonic() - start

    def open(self, query: str = "") -> float:
        """Go to the page of a rule; how long it took until there was a picture, s."""
        return self.go(query, ".bk-Figure")

    def settled(self) -> None:
        """Wait until all is drawn and stands where it stays."""
        self.page.wait_for_function(
            """() => { const seen = [Bokeh.documents.every(each => each.is_idle), document.body.scrollHeight,
            ...[...document.querySelectorAll(".bk-Figure")].map(each => each.getBoundingClientRect().top)].join();
            const same = seen === window.seen && seen.startsWith("true"); window.seen = seen; return same }""",
            polling=100,
        )

    def read(self, picture: str, curve: str):
        """The numbers of a curve, as the browser has them."""
        found = self.page.evaluate(READ, f"{picture}:{curve}")
        numbers = (memoryview(base64.b64decode(each or "")).cast("d") for each in found or ())
        return None if found is None else tuple(map(np.array, numbers))

    def shows(self, picture: str, curve: str) -> bool:
        """Whether there is such a curve."""
        return self.page.evaluate(f"name => {FIND}(name) !== null", f"{picture}:{curve}")

    @property
    def query(self) -> str:
        """What the address says, without the ground."""
        words = self.page.url.partition("?")[2].split("&")
        return "&".join(word for word in words if not word.startswith("ground="))

    def setting(self):
        """The setting that the address says."""
        return read_address(self.query or "show=pair_stdp")

    def until(self, holds, seconds: float = SLOW / 1e3) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited in vain; {self.trouble} {self.page.url} {self.server.said[-9:]}"
            self.page.wait_for_timeout(20)

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def slider(self, name: str):
        """The handle of a slider, by the name of its parameter."""
        return self.page.locator(f".bk-input-group:has(.bk-slider-title:text-matches('^{name} ')) .noUi-handle")

    def take(self, label: str, path: Path) -> bytes:
        """Take a file along, as soon as it can be had."""
        with self.page.expect_download() as waiting:
            self.button(label).click()
        waiting.value.save_as(path)
        return path.read_bytes()

    def fits(self, width: int, height: int) -> None:
        """Whether nothing sticks out of a window of this size."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.until(lambda: self.page.evaluate("() => innerWidth") == width)
        self.settled()
        assert self.page.evaluate("() => document.documentElement.scrollWidth") <= width

    def shot(self, name: str, **more) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", **more)

    def close(self) -> None:
        """Leave; what has gone wrong until then is an error."""
        seen = list(self.trouble)  # what closing itself interrupts is no trouble
        self.page.close()
        assert seen == []


def shown_equals_computed(reader, setting=None) -> None:
    """Every curve in the browser against what the library computes from a setting, else from the one in the address."""

    known = {}  # pictures of a setting, by its address

    def equal() -> bool:
        wanted = setting or reader.setting()
        if wanted.address not in known:
            known[wanted.address] = wanted.view.pictures(wanted.shown)
        for picture in known[wanted.address]:
            for each in picture.curves:
                found = reader.read(picture.name, each.name)
                if found is None or not all(map(partial(np.array_equal, equal_nan=True), found, (each.x, each.y))):
                    return False
        return True

    reader.until(equal)


def moves(reader, name: str, picture: str, curve: str, n: int = 9) -> list[float]:
    """Time from a key on a slider to a new curve, s."""
    handle = reader.slider(name).first
    handle.focus()
    seconds = []
    for k in range(n):
        reader.page.evaluate(
            """([name, values]) => { const f = eval(values), seen = () => f(name)?.y.join(); const before = seen();
            window.moved = null; const start = performance.now();
            const look = () => { if (seen() !== before) window.moved = performance.now() - start;
            else requestAnimationFrame(look) }; look() }""",
            [f"{picture}:{curve}", VALUES],
        )
        reader.page.keyboard.press("ArrowRight" if k % 2 == 0 else "ArrowLeft")
        reader.page.wait_for_function("() => window.moved !== null")
        seconds.append(reader.page.evaluate("() => window.moved") / 1e3)
    return seconds
