"""Settings of all tests: NumPy as Brian2's target, since most tests simulate little and compile often."""

import gc
import logging

import brian2
import pytest


@pytest.fixture(scope="session", autouse=True)
def numpy_target():
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    logging.getLogger("brian2").setLevel(logging.WARNING)  # else a failure prints every object that was made
    gc.collect()
    gc.freeze()  # Brian2 collects garbage at every run, and would walk through all modules and tests each time
    yield
    brian2.prefs.codegen.target = before
