"""The frame of the ordinary Brian2 scripts `plain_*.py`: options, and a run that is timed. No brian2learn in it."""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from brian2 import defaultclock, device, ms, prefs, second, set_device
from brian2.core.variables import DynamicArrayVariable


def begin(description, targets=("standalone",)):
    """Read the command line, start the clock, choose Brian2's target and a time step of 0.1 ms."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("input", type=Path, help="the .npz file with what both programs begin with")
    parser.add_argument("--target", choices=targets, default=targets[0])
    parser.add_argument("--duration", type=float, required=True, help="simulated time in s")
    parser.add_argument("--directory", type=Path, default="output", help="where the standalone project is written")
    parser.add_argument("--save", type=Path, help="an .npz file for spikes and final weights")
    parser.add_argument("--jobs", type=int, default=1, help="compiler processes of the standalone build")
    options = parser.parse_args()
    options.started = time.perf_counter()
    if options.target == "standalone":
        set_device("cpp_standalone", build_on_run=False)
        prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{options.jobs}"]
    else:
        prefs.codegen.target = options.target
    defaultclock.dt = 0.1 * ms
    return options


def run(network, options):
    """Build and run; wall times of the steps in s, of a program also its CPU time in s and largest memory in GB."""
    standalone = options.target == "standalone"
    made = time.perf_counter()
    if standalone:
        network.run(options.duration * second, namespace={})
        device.build(directory=str(options.directory), run=False, with_output=False)
    else:
        network.run(0 * second, namespace={})  # generates and loads the code
    built = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if standalone:
        device.run(with_output=False)
    else:
        network.run(options.duration * second, namespace={})
    finished = time.perf_counter()
    steps = {"make objects": made - options.started, "build": built - made, "run": finished - built}
    found = {"wall_time": {**steps, "all": finished - options.started}}
    if standalone:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found["cpu_time"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        # at small size the compiler needs more memory than the program
        found["peak_memory"] = after.ru_maxrss * 1024 / 1e9 if after.ru_maxrss > before.ru_maxrss else None
    return found


def state(synapses):
    """Bytes of a synapse: the numbers of its two cells and whatever else it holds itself."""
    sizes = {each.name: np.dtype(each.dtype).itemsize for each in synapses.variables.values()
             if isinstance(each, DynamicArrayVariable) and each.owner.name == synapses.name}  # fmt: skip
    return sum(size for name, size in sizes.items() if name not in ("N_incoming", "N_outgoing"))
