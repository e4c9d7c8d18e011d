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
