"""Settings of all tests: NumPy as Brian2's target, since most tests simulate little and compile often; data."""

import gc
import logging
import os
from pathlib import Path

import brian2
import pytest

SSBM = Path(
    os.environ.setdefault("BRIAN2LEARN_SSBM", str(Path(__file__).resolve().parents[2] / "shared" / "data" / "ssbm"))
)
"""Spikes of the ssbm benchmark: named by the environment, or beside the clone."""

RAT = Path(
    os.environ.setdefault(
        "BRIAN2LEARN_RAT", str(Path(__file__).resolve().parents[2] / "shared" / "data" / "clicks" / "rat_testdata.mat")
    )
)
"""Behaviour of a rat on random clicks, likewise."""


def pytest_collection_modifyitems(items):
    if not SSBM.is_dir():
        absent = pytest.mark.skip(reason=f"the ssbm data are not at {SSBM}; set BRIAN2LEARN_SSBM")
        for item in items:
            if "[ssbm-" in item.name:
                item.add_marker(absent)
    if not RAT.is_file():
        absent = pytest.mark.skip(reason=f"there is no rat at {RAT}; set BRIAN2LEARN_RAT")
        for item in items:
            if "rat" in getattr(item, "fixturenames", ()):
                item.add_marker(absent)


@pytest.fixture(scope="session", autouse=True)
def numpy_target():
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    logging.getLogger("brian2").setLevel(logging.WARNING)  # else a failure prints every object that was made
    gc.collect()
    gc.freeze()  # Brian2 collects garbage at every run, and would walk through all modules and tests each time
    yield
    brian2.prefs.codegen.target = before


@pytest.fixture(autouse=True)
def fixed_seed():
    """What a test does not seed itself is the same in every run, whichever tests come before."""
    brian2.seed(0)


@pytest.fixture(scope="module")
def browser():
    """A Chromium for the tests of the page; playwright keeps an event loop in this thread for as long."""
    from browser import chromium
    from playwright.sync_api import sync_playwright

    program = chromium()
    assert program, "there is no Chromium: `make test-browser` installs one"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The command ``explore`` for all tests of the page, with an empty folder of results and a figure that fails."""
    from _page import Server
    from test_explore_figures import OWN

    own = tmp_path_factory.mktemp("own")
    (own / "figures").mkdir()
    (own / "figures" / "own0.py").write_text(OWN.format(k=0, act="raise ValueError('<b>out of ink</b>')"))
    found = Server(tmp_path_factory.mktemp("results"), own)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def window(browser):
    """A window for readers who look at the page one after the other."""
    from _page import new_window

    found = new_window(browser)
    yield found
    found.close()
