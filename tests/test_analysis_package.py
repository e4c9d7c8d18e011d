"""The analysis works on a machine without a simulator or a plotting library, and its examples are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import brian2learn.analysis

MODULES = [f"brian2learn.analysis.{module.name}" for module in pkgutil.iter_modules(brian2learn.analysis.__path__)]

WITHOUT = """
import importlib, sys
for absent in ("brian2", "matplotlib"):
    sys.modules[absent] = None  # from here on its import fails
for name in sys.argv[1:]:
    importlib.import_module(name)
from brian2learn.analysis import detection, intervals, spike_response, weights
found = detection.score([0.01, 0.2], [0.0, 1.0], 0.05, t_start=0.0, t_stop=2.0)
assert (found.n_hits, found.n_false_alarms) == (1, 1)
assert intervals.share(found.n_hits, found.n_presentations).value == 0.5
assert weights.potentiated([1.0], [True]).n_inside == 1
assert 0.015 < spike_response.SpikeResponse().mean_field_period(0.475) < 0.016
try:
    import brian2
except ImportError:
    print("done without")
"""


def test_works_without_brian2_and_matplotlib():
    done = subprocess.run([sys.executable, "-c", WITHOUT, *MODULES], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done without\n"), done.stderr


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
