"""Circuits on the page, in a headless Chromium: what is shown is what the library computes, while sliders are moved."""

from __future__ import annotations

import numpy as np
import pytest
from _page import FIND, VALUES, Reader

from brian2learn.explore.pictures import RASTER
from brian2learn.explore.scene import opened, read_scene
from brian2learn.runs.simulate import simulate

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

RUN = 180.0  # s; how long a busy machine may take to compile and run
FEW = "show=detector&task.period=2"
MANY = "show=ei_network"  # 1000 cells for 1 s, over 100,000 spikes
FRAMES = """() => { window.frames_seen = []; let last = performance.now(); window.watching = true;
  const look = () => { const now = performance.now(); window.frames_seen.push(now - last); last = now;
    if (window.watching) requestAnimationFrame(look) }; requestAnimationFrame(look); }"""
PAINTED = f"name => {FIND}(name).data_source.n_painted || 0"
SPAN = """() => { for (const each of Bokeh.documents) for (const model of each._all_models.values())
  if (model.name === "picture:raster_excitatory") return model.x_range.end - model.x_range.start; }"""


class CircuitReader(Reader):
    """Somebody who looks at circuits."""

    def scene(self):
        return read_scene(self.query)

    def status(self) -> str:
        return self.page.locator("[role=status]").first.inner_text()

    def open_circuit(self, query: str) -> None:
        self.go(f"?{query}", "[role=status]")
        self.wait_for_run()

    def wait_for_run(self, of=lambda scene: True) -> None:
        """Wait until a whole run is shown, of a scene of which something holds: then it can be taken along."""
        whole = self.button("Data (CSV)")
        self.until(lambda: whole.is_enabled() and of(self.scene()) and whole.is_enabled(), RUN)

    def shows_what_is_computed(self) -> int:
        """Wait until all curves in the browser are those of the scene in the address; how many spikes there are."""
        known = {}

        def record_of(scene):
            if scene.address not in known:
                known[scene.address] = simulate(scene.experiment, seed=int(scene.view.seed))
            return known[scene.address]

        def equal(scene) -> bool:
            for picture in scene.view.pictures(record_of(scene)):
                for curve in picture.curves:
                    found = self.read(picture.name, curve.name)
                    if found is None or found[0].shape != curve.x.shape:
                        return False
                    closely = 0.0 if curve.kind == RASTER else 1e-6  # recorded values have single precision
                    for numbers, wanted in zip(found, (curve.x, curve.y), strict=True):
                        if not np.allclose(numbers, wanted, rtol=closely, atol=0, equal_nan=True):
                            return False
            return True

        self.wait_for_run(equal)
        return sum(spikes.t.size for spikes in record_of(self.scene()).spikes.values())


@pytest.fixture
def circuits(window, server):
    found = CircuitReader(window, server)
    yield found
    found.close()


def test_spikes_in_the_page_are_those_of_simulate(circuits):
    circuits.open_circuit(f"{FEW}&view.seed=1")
    assert circuits.shows_what_is_computed() > 10
    circuits.shot("circuit-detector", full_page=True)


def test_a_slider_runs_the_circuit_again(circuits):
    """1000 cells for 1 s, one parameter moved: from the key to the new picture."""
    circuits.open_circuit(MANY)
    handle = circuits.slider("w_ii").first
    handle.focus()
    seconds, scene = [], circuits.scene()
    for k in range(8):
        before = circuits.read("raster_inhibitory", "spikes")[0]
        circuits.page.evaluate(
            """([name, values]) => { const f = eval(values), length = () => f(name)?.x.length; const before = length();
            window.moved = null; const start = performance.now();
            const look = () => { if (length() !== before) window.moved = performance.now() - start;
            else requestAnimationFrame(look) }; look() }""",
            ["raster_inhibitory:spikes", VALUES],
        )
        circuits.page.keyboard.press("ArrowRight" if k % 2 == 0 else "ArrowLeft")
        circuits.page.wait_for_function("() => window.moved !== null")
        seconds.append(circuits.page.evaluate("() => window.moved") / 1e3)
        circuits.wait_for_run(lambda scene, last=scene: scene != last)
        scene = circuits.scene()
        assert not np.array_equal(before, circuits.read("raster_inhibitory", "spikes")[0])
    print(f"\n1000 cells, 1 s: median {np.median(seconds):.2f} s, longest {max(seconds):.2f} s; {circuits.status()}")
    for _ in range(6):  # a quick movement: only where it ends must be shown
        circuits.page.keyboard.press("ArrowRight")
    circuits.wait_for_run(lambda scene: scene.shown.w_ii > 3.0)
    circuits.shows_what_is_computed()
    circuits.button("Undo").click()
    circuits.wait_for_run(lambda scene: scene.shown.w_ii == pytest.approx(3.0, rel=0.1))
    circuits.shows_what_is_computed()


def test_a_raster_of_100_000_spikes_pans_and_zooms(circuits):
    circuits.open_circuit(MANY)
    name = "raster_excitatory:spikes"
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
    # it was painted anew on the way; a browser handles a wheel some time after it was turned
    circuits.until(lambda: circuits.page.evaluate(PAINTED, name) > painted + 10)
    circuits.until(lambda: circuits.page.evaluate(SPAN) < 1.0)
    circuits.shot("circuit-zoomed")


def test_another_structure_is_compiled_and_another_task_is_not(circuits):
    circuits.open_circuit(FEW)
    circuits.page.get_by_label("arrival: when in a time step the afferents' spikes act").select_option(index=1)
    circuits.wait_for_run(lambda scene: scene.shown.arrival == "before_thresholds")
    circuits.shows_what_is_computed()
    circuits.choose("task", "HiddenPatterns")  # as many afferents
    circuits.wait_for_run(lambda scene: type(scene.task).__name__ == "HiddenPatterns")
    circuits.shows_what_is_computed()


def test_a_circuit_is_chosen_in_the_list(circuits):
    circuits.open("?show=pair_stdp")
    circuits.choose("Declaration", "Detector")
    circuits.until(lambda: "show=detector" in circuits.page.url)
    circuits.page.wait_for_selector("[role=status]")
    circuits.shows_what_is_computed()
    assert circuits.shows("course_plastic.w", "mean")
    circuits.choose("Declaration", "BCM")
    circuits.page.wait_for_selector("h1:text('BCM')")


def test_a_circuit_without_spikes_shows_its_states(circuits):
    circuits.open_circuit("show=rate_populations")
    assert circuits.shows_what_is_computed() == 0
    assert circuits.read("course_populations.nubar", "populations.nubar")[0].size == 100
    circuits.shot("circuit-states", full_page=True)


def test_too_much_is_refused_and_said(circuits):
    circuits.go("?show=detector&n_cells=1000000000", "[role=alert]")
    circuits.open_circuit(FEW)
    box = circuits.page.get_by_placeholder("number").first
    first = box.input_value()
    for bad in ("1e9", "nan", "__import__('os')"):
        box.fill(bad)
        box.press("Enter")
        circuits.page.get_by_role("alert").wait_for()
        circuits.until(lambda: box.input_value() == first)
    circuits.shows_what_is_computed()


def test_two_readers_have_runs_of_their_own(circuits, window, server):
    other = CircuitReader(window, server, dark=True)
    circuits.open_circuit(FEW)
    other.open_circuit(f"{FEW}&w_init=0.4&ground=dark")
    assert circuits.scene() != other.scene()
    circuits.shows_what_is_computed()
    other.shows_what_is_computed()
    other.fits(820, 1180)
    other.shot("circuit-dark-tablet", full_page=True)
    other.close()


def test_keep_code_and_data(circuits, tmp_path):
    circuits.open_circuit(FEW)
    circuits.button("Keep as A").click()
    circuits.slider("w_init").first.focus()
    circuits.page.keyboard.press("ArrowRight")
    circuits.until(lambda: circuits.shows("rates", "A: cells"))
    circuits.button("Python").click()
    circuits.page.locator("pre").wait_for()
    assert "simulate(experiment, seed=0)" in circuits.page.locator("pre").inner_text()
    assert circuits.take("Data (CSV)", tmp_path / "data").startswith(b"# show=detector")
    assert circuits.take("Picture (PDF)", tmp_path / "picture").startswith(b"%PDF")
    circuits.shot("circuit-compared", full_page=True)


def test_a_scene_opens_with_its_address(circuits):
    circuits.open_circuit(f"{FEW}&w_init=0.4&view.seed=2")
    scene = circuits.scene()
    assert (scene.shown.w_init, scene.view.seed) == (0.4, 2)
    assert opened("detector") != scene
    circuits.shows_what_is_computed()
