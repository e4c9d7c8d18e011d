"""Circuits on the page, in a headless Chromium: what is shown is what the library computes, while sliders are moved."""

from __future__ import annotations

import numpy as np
import pytest
from test_explore_page import READ, SLOW, Reader, browser, server  # noqa: F401  two of them are fixtures

from brian2learn.explore.scene import opened, read_scene
from brian2learn.runs.simulate import simulate

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

RUN = 180.0  # s; how long a busy machine may take to compile and run
FEW = "show=ei_network&n_excitatory=80&n_inhibitory=20&p=0.5&task.length=0.5"
MANY = "show=ei_network"  # 1000 cells for 1 s, over 100,000 spikes
FRAMES = """() => { window.frames_seen = []; let last = performance.now(); window.watching = true;
  const look = () => { const now = performance.now(); window.frames_seen.push(now - last); last = now;
    if (window.watching) requestAnimationFrame(look) }; requestAnimationFrame(look); }"""
PAINTED = """name => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
  if (model.name === name) return model.data_source.n_painted || 0; }"""


class CircuitReader(Reader):
    """Somebody who looks at circuits."""

    def scene(self):
        query = self.page.url.partition("?")[2]
        return read_scene("&".join(word for word in query.split("&") if not word.startswith("ground=")))

    def status(self) -> str:
        found = self.page.locator("[role=status]")
        return found.first.inner_text() if found.count() else ""

    def open_circuit(self, query: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.server.port}/?{query}")
        self.wait_for_run()

    def wait_for_run(self) -> None:
        self.until(lambda: "shown after" in self.status(), RUN)

    def shows_what_is_computed(self) -> int:
        """Wait until the spikes in the browser are those of the scene in the address; how many there are."""
        known = {}

        def computed():
            scene = self.scene()
            if scene.address not in known:
                known[scene.address] = simulate(scene.experiment, seed=int(scene.view.seed))
            return scene, known[scene.address]

        def equal() -> bool:
            for name, spikes in computed()[1].spikes.items():
                found = self.read(f"raster_{name}", "spikes")
                if found is None or not (np.array_equal(found[0], spikes.t) and np.array_equal(found[1], spikes.i)):
                    return False
            return "shown after" in self.status()

        self.until(equal, RUN)
        scene, record = computed()
        for picture in scene.view.pictures(record):
            for curve in picture.curves:
                x, y = self.read(picture.name, curve.name)
                np.testing.assert_allclose(x, curve.x, rtol=1e-12)
                np.testing.assert_allclose(y, curve.y, rtol=1e-6)  # recorded weights have single precision
        return sum(spikes.t.size for spikes in record.spikes.values())


@pytest.fixture
def circuits(browser, server):  # noqa: F811
    found = CircuitReader(browser, server)
    yield found
    found.close()
    assert found.trouble == []


def test_spikes_in_the_page_are_those_of_simulate(circuits):
    circuits.open_circuit(FEW)
    assert circuits.shows_what_is_computed() > 1000
    circuits.shot("circuit-few", full_page=True)
    # another task and seed, by what a reader does; nothing of it needs another program
    circuits.open_circuit("show=detector&view.seed=1&task.period=2")
    assert circuits.shows_what_is_computed() > 10
    circuits.shot("circuit-detector", full_page=True)


def test_a_slider_runs_the_circuit_again(circuits):
    """1000 cells for 1 s, one parameter moved: from the key to the new picture."""
    circuits.open_circuit(MANY)
    circuits.until(lambda: circuits.read("raster_inhibitory", "spikes") is not None)
    handle = circuits.slider("w_ii").first
    handle.focus()
    seconds = []
    for k in range(8):
        before = circuits.read("raster_inhibitory", "spikes")[0]
        circuits.page.evaluate(
            """([name, read]) => { const f = eval(read); const length = () => f(name).x.length; const before = length();
            window.moved = null; const start = performance.now();
            const look = () => { if (length() !== before) window.moved = performance.now() - start;
            else requestAnimationFrame(look) }; look() }""",
            ["raster_inhibitory:spikes", READ],
        )
        circuits.page.keyboard.press("ArrowRight" if k % 2 == 0 else "ArrowLeft")
        circuits.page.wait_for_function("() => window.moved !== null", timeout=SLOW)
        seconds.append(circuits.page.evaluate("() => window.moved") / 1e3)
        circuits.until(lambda: "shown after" in circuits.status())
        assert not np.array_equal(before, circuits.read("raster_inhibitory", "spikes")[0])
    print(f"\n1000 cells, 1 s: median {np.median(seconds):.2f} s, longest {max(seconds):.2f} s; {circuits.status()}")
    for _ in range(6):  # a quick movement: only where it ends must be shown
        circuits.page.keyboard.press("ArrowRight")
    circuits.until(lambda: circuits.scene().shown.w_ii > 3.0)
    circuits.shows_what_is_computed()
    circuits.button("Undo").click()
    circuits.until(lambda: circuits.scene().shown.w_ii == pytest.approx(3.0, rel=0.1))
    circuits.shows_what_is_computed()


def test_a_raster_of_100_000_spikes_pans_and_zooms(circuits):
    circuits.open_circuit(MANY)
    name = "raster_excitatory:spikes"
    circuits.until(lambda: circuits.read("raster_excitatory", "spikes") is not None)
    n = circuits.read("raster_excitatory", "spikes")[0].size
    assert n > 100_000
    box = circuits.page.locator(".bk-Figure").first.bounding_box()
    x, y = box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"]
    painted = circuits.page.evaluate(PAINTED, name)
    for what in ("pan", "zoom"):
        if what == "zoom":
            circuits.page.locator(".bk-tool-icon-wheel-zoom").first.click()
            circuits.page.mouse.move(x, y)
        circuits.page.evaluate(FRAMES)
        if what == "pan":
            circuits.page.mouse.move(x, y)
            circuits.page.mouse.down()
            for k in range(60):
                circuits.page.mouse.move(x - 3 * k, y)
            circuits.page.mouse.up()
        else:
            for _ in range(20):
                circuits.page.mouse.wheel(0, -80)
        circuits.page.evaluate("() => { window.watching = false }")
        frames = np.array(circuits.page.evaluate("() => window.frames_seen"))
        print(
            f"\n{what} {n} spikes: {frames.size} frames, median {np.median(frames):.0f} ms, "
            f"90 % within {np.quantile(frames, 0.9):.0f} ms, longest {frames.max():.0f} ms"
        )
        assert np.median(frames) < 1000
    now = circuits.page.evaluate(PAINTED, name)
    assert now > painted + 10  # it was painted anew on the way
    circuits.shot("circuit-zoomed")
    (start, end) = circuits.page.evaluate(
        """() => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
        if (model.name === "picture:raster_excitatory") return [model.x_range.start, model.x_range.end] }"""
    )
    assert end - start < 1.0


def test_another_structure_is_compiled_once(circuits):
    circuits.open_circuit("show=detector&task=rate_steps&task.hold=0.2&n_cells=3")
    circuits.page.get_by_label("arrival: when in a time step the afferents' spikes act").select_option(index=1)
    circuits.until(lambda: circuits.scene().shown.arrival == "before_thresholds")
    circuits.shows_what_is_computed()
    circuits.page.get_by_label("task", exact=True).select_option(label="PeriodicPatterns")
    circuits.until(lambda: type(circuits.scene().task).__name__ == "PeriodicPatterns")
    circuits.wait_for_run()


def test_a_circuit_is_chosen_in_the_list(circuits):
    circuits.open("?show=pair_stdp")
    circuits.page.get_by_label("Declaration", exact=True).select_option(label="Paired")
    circuits.until(lambda: "show=paired" in circuits.page.url and circuits.status() != "", RUN)
    circuits.wait_for_run()
    assert circuits.read("course_plastic.w", "mean") is not None
    circuits.page.get_by_label("Declaration", exact=True).select_option(label="BCM")
    circuits.page.wait_for_selector("h1:text('BCM')")


def test_too_much_is_refused_and_said(circuits):
    circuits.page.goto(f"http://127.0.0.1:{circuits.server.port}/?show=detector&n_cells=1000000000")
    circuits.page.get_by_role("alert").wait_for()
    circuits.open_circuit(FEW)
    box = circuits.page.get_by_placeholder("number").first
    for bad in ("1e9", "nan", "__import__('os')"):
        box.fill(bad)
        box.press("Enter")
        circuits.page.get_by_role("alert").wait_for()
        circuits.until(lambda: box.input_value() == "80")
    circuits.shows_what_is_computed()


def test_two_readers_have_runs_of_their_own(circuits, browser, server):  # noqa: F811
    other = CircuitReader(browser, server, color_scheme="dark", viewport={"width": 820, "height": 1180})
    circuits.open_circuit(FEW)
    other.open_circuit(f"{FEW}&w_ee=0.1")
    assert circuits.scene() != other.scene()
    circuits.shows_what_is_computed()
    other.shows_what_is_computed()
    other.shot("circuit-dark-tablet", full_page=True)
    other.close()
    assert other.trouble == []


def test_keep_code_and_data(circuits, tmp_path):
    circuits.open_circuit(FEW)
    circuits.button("Keep as A").click()
    circuits.slider("w_ee").first.focus()
    circuits.page.keyboard.press("ArrowRight")
    circuits.until(lambda: circuits.read("rates", "A: excitatory") is not None)
    circuits.button("Python").click()
    circuits.page.locator("pre").wait_for()
    assert "simulate(experiment, seed=0)" in circuits.page.locator("pre").inner_text()
    for label, start in (("Data (CSV)", b"# show=ei_network"), ("Picture (PDF)", b"%PDF")):
        with circuits.page.expect_download() as waiting:
            circuits.page.get_by_text(label).click()
        waiting.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes().startswith(start)
    circuits.shot("circuit-compared", full_page=True)


def test_a_scene_opens_with_its_address(circuits):
    circuits.open_circuit(f"{FEW}&w_ee=0.2&view.seed=2")
    scene = circuits.scene()
    assert (scene.shown.w_ee, scene.view.seed) == (0.2, 2)
    assert opened("ei_network") != scene
    circuits.shows_what_is_computed()
