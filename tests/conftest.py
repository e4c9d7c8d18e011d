"""Settings of all tests: NumPy as Brian2's target, since most tests simulate little and compile often."""

import logging

import brian2
import pytest


@pytest.fixture(scope="session", autouse=True)
def numpy_target():
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    logging.getLogger("brian2").setLevel(logging.WARNING)  # else a failure prints every object that was made
    yield
    brian2.prefs.codegen.target = before
