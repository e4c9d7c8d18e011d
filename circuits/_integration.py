"""Integration of a group's equations beside the methods of Brian2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brian2 import Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str


def euler_but_decays(equations: Equations, variables: Mapping[str, Any], method_options: Any = None) -> str:
    """Euler's method, except that what decays by itself, dx/dt = -x/tau with a constant tau, does so exactly.

    For `brian2.NeuronGroup` as its ``method``: the traces of a rule keep their declared time constants, as they do on
    synapses, whatever the cell is integrated with.
    """
    updates = {}
    for name, slope in equations.get_substituted_expressions(variables):
        growth = (str_to_sympy(slope.code, variables) / str_to_sympy(name, variables)).simplify()
        if all(getattr(variables.get(each.name), "constant", False) for each in growth.free_symbols):
            updates[name] = f"{name}*exp(dt*({sympy_to_str(growth)}))"
        else:
            updates[name] = f"{name} + dt*({slope.code})"
    first = [f"_{name} = {update}" for name, update in updates.items()]
    return "\n".join([*first, *(f"{name} = _{name}" for name in updates)])
