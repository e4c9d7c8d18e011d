"""From the text of a cell and of a pathway to the equations of eligibility, by symbolic differentiation.

Every weight moves the state of its target; how far, per unit of weight, is its eligibility eps = dX/dw. Between spikes
of its source it follows the linearised cell, d eps/dt = J eps, and each of these spikes adds the injection b. Read
through the derivative psi of the spike condition it says how the weight moves the target's own spikes.

The same is derived twice: from the differential equations (to be read), and from the one-step map into which Brian2's
integration method turns them (to be computed; exact for what is simulated, whatever the method).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from brian2 import Equations
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.variables import Constant, Variable
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException

from brian2learn.core.equations import statements
from brian2learn.core.errors import DeclarationError

_STATEMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*([-+*/]?)=(?!=)\s*(.+)$")
_COMPARISON = re.compile(r"^(.+?)(>=|>)(.+)$")


def symbol(name: str) -> sympy.Symbol:
    """The symbol that Brian2's own parser makes of a name."""
    return str_to_sympy(name)


def parsed(text: str) -> Any:
    """An expression of Brian2 as sympy has it."""
    return str_to_sympy(text)


def written(expression: Any) -> str:
    """What sympy has as an expression of Brian2."""
    return str(sympy_to_str(sympy.sympify(expression)))


@dataclass(frozen=True)
class Eligibility:
    """How a weight moves its target, derived from text.

    Attributes
    ----------
    states : tuple of str
        The active states: those that the injection reaches and that feed the spike condition.
    jacobian, step : mapping of (str, str) to sympy.Expr
        Non-zero derivatives, by active states: of dx/dt by y, and of x after one time step by y before it.
    injection : mapping of str to sympy.Expr
        What a presynaptic spike adds to each eligibility, for a unit of released weight.
    condition : sympy.Expr
        What must be above zero for a spike.
    observation : mapping of str to sympy.Expr
        Derivatives of the condition.
    kept : mapping of str to tuple
        For states whose reset is kept: derivatives of the reset by active states (dict), and the jump at a spike.
    pre_only : frozenset of str
        States whose eligibility is the same at all synapses of one presynaptic neuron.
    varying : frozenset of str
        Names that differ between target neurons or change in time.
    method : str
        How Brian2 integrates the cell.
    """

    states: tuple[str, ...]
    jacobian: Mapping[tuple[str, str], Any]
    step: Mapping[tuple[str, str], Any]
    injection: Mapping[str, Any]
    condition: Any
    observation: Mapping[str, Any]
    kept: Mapping[str, tuple[Mapping[str, Any], Any]]
    pre_only: frozenset[str]
    varying: frozenset[str]
    method: str

    @property
    def is_pre_only(self) -> bool:
        """Whether all eligibilities are presynaptic quantities: no synapse needs a state of its own for them."""
        return self.pre_only == {*self.states}

    def is_varying(self, expression: Any) -> bool:
        """Whether an expression differs between target neurons or changes in time."""
        return bool({str(each) for each in sympy.sympify(expression).free_symbols} & self.varying)

    @property
    def equations(self) -> str:
        """The eligibility of a synapse in continuous time, as differential equations."""
        lines = [f"deps_{x}/dt = {self._row(x)}" for x in self.states]
        jumps = [f"eps_{x} += {written(self.injection[x])}" for x in self.states if x in self.injection]
        lines.append(f"a presynaptic spike: {'; '.join(jumps)}")
        for x, (derivatives, jump) in self.kept.items():
            terms = " + ".join(f"({written(value)})*eps_{y}" for y, value in derivatives.items()) or "0"
            lines.append(f"a postsynaptic spike: eps_{x} = {terms}")
            lines.append(f"always: eps_{x} += ({written(jump)})*elig")
        seen = " + ".join(f"({written(value)})*eps_{x}" for x, value in self.observation.items())
        return "\n".join([*lines, f"elig = psi*({seen})"])

    def _row(self, x: str) -> str:
        terms = [f"({written(self.jacobian[x, y])})*eps_{y}" for y in self.states if (x, y) in self.jacobian]
        return " + ".join(terms) or "0"

    @property
    def adjoint_equations(self) -> str:
        """The same gradient per postsynaptic neuron, backwards in time from the end of a stretch.

        ``A`` is the error, filtered backwards; the gradient of a synapse is the sum of what its
        presynaptic spikes read.
        """
        lines = []
        for y in self.states:
            terms = [f"({written(self.jacobian[x, y])})*q_{x}" for x in self.states if (x, y) in self.jacobian]
            if y in self.observation:
                inside = "".join(f" + ({written(jump)})*q_{x}" for x, (_, jump) in self.kept.items())
                terms.append(f"({written(self.observation[y])})*psi*(A{inside})")
            lines.append(f"-dq_{y}/dt = {' + '.join(terms) or '0'}")
        for x, (derivatives, _) in self.kept.items():
            back = "; ".join(f"q_{y} += ({written(value)})*q_{x}" for y, value in derivatives.items() if y != x)
            own = written(derivatives.get(x, 0))
            lines.append(f"a postsynaptic spike: {back + '; ' if back else ''}q_{x} = ({own})*q_{x}")
        read = " + ".join(f"({written(value)})*q_{x}" for x, value in self.injection.items())
        return "\n".join([*lines, f"a presynaptic spike reads: {read}"])


def derive(
    equations: str | Equations,
    *,
    threshold: str,
    on_pre: str | Sequence[str],
    reset: str = "",
    method: str = "exponential_euler",
    keep: Sequence[str] = (),
    where: str = "derive",
) -> Eligibility:
    """The eligibility of the weights of a pathway.

    Parameters
    ----------
    equations : str or brian2.Equations
        The target's equations. Refractoriness is not differentiated (``unless refractory`` counts for nothing).
    threshold : str
        Its spike condition, one comparison: ``v > V_t``.
    on_pre : str or sequence of str
        What a spike of weight ``w`` does to the target; of several pathways the union is derived.
    reset : str
        Statements after a spike; only those on states named in `keep` are differentiated.
    method : str
        Brian2's integration method for the target.
    keep : sequence of str
        States through whose reset a weight acts on later spikes (an adapting threshold). For all others the reset is
        dropped, as SuperSpike and e-prop do.
    where : str
        For errors.

    Raises
    ------
    DeclarationError
        With the state and the line that cannot be treated.
    """
    cell = _Cell(equations, where)
    pathways = [on_pre] if isinstance(on_pre, str) else list(on_pre)
    injection: dict[str, Any] = {}
    for text in pathways:
        for name, b in _injection(cell, text).items():
            if injection.setdefault(name, b) != b:
                got = f"{written(injection[name])} and {written(b)} for {name}"
                raise DeclarationError(where, "on_pre", expected="pathways that inject alike into one state", got=got)
    condition = _condition(cell, threshold)
    kept = _kept(cell, reset, keep)
    observed = [x for x in cell.states if cell.derivative(condition, x, f"threshold {threshold!r}") != 0]
    if not observed:
        got = f"{threshold!r}, which reads no state"
        raise DeclarationError(where, "threshold", expected="a condition on a state of the cell", got=got)

    feeds = {x: {y for y in cell.states if symbol(y) in cell.slopes[x].free_symbols} for x in cell.states}
    for x in kept:
        feeds[x] |= {*observed, *(y for y in cell.states if symbol(y) in kept[x].free_symbols)}
    reached = _closure(injection, {y: {x for x in cell.states if y in feeds[x]} for y in cell.states})
    active = tuple(x for x in cell.states if x in reached & _closure(observed, feeds))
    if not active:
        got = f"{', '.join(injection)}, from which none of {', '.join(observed)} follows"
        raise DeclarationError(where, "on_pre", expected="a pathway to the spike condition", got=got)

    jacobian = {
        (x, y): found
        for x in active
        for y in active
        if (found := cell.derivative(cell.slopes[x], y, cell.line(x))) != 0
    }
    maps = cell.one_step(method)
    step = {(x, y): found for x in active for y in active if (found := cell.derivative(maps[x], y, cell.line(x))) != 0}
    resets = {}
    for x in (each for each in active if each in kept):
        derivatives = {y: d for y in active if (d := cell.derivative(kept[x], y, f"reset of {x}")) != 0}
        resets[x] = (derivatives, sympy.simplify(kept[x] - symbol(x)))
    return Eligibility(
        states=active,
        jacobian=jacobian,
        step=step,
        injection={x: b for x, b in injection.items() if x in active},
        condition=condition,
        observation={x: d for x in active if (d := cell.derivative(condition, x, "threshold")) != 0},
        kept=resets,
        pre_only=_pre_only(active, step, injection, resets, cell.varying),
        varying=frozenset(cell.varying),
        method=method,
    )


class _Cell:
    """The equations of a cell as sympy has them."""

    def __init__(self, equations: str | Equations, where: str) -> None:
        self.where = where
        try:
            self.equations = equations if isinstance(equations, Equations) else Equations(equations)
        except Exception as problem:  # Brian2 has several
            raise DeclarationError(where, "equations", expected="equations of Brian2", got=str(problem)) from problem
        if self.equations.stochastic_type == "multiplicative":
            line = next(self.line(name) for name in self.equations.diff_eq_names if "xi" in self.line(name))
            expected = "noise that does not depend on a state"
            raise DeclarationError(where, "equations", expected=expected, got=line)
        self.slopes = {
            name: parsed(expression.code) for name, expression in self.equations.get_substituted_expressions()
        }
        self.states = tuple(self.slopes)
        self.subexpressions = {
            symbol(name): parsed(expression.code)
            for name, expression in self.equations.get_substituted_expressions(include_subexpressions=True)
            if name not in self.states
        }
        own = {name for name, each in self.equations.items() if each.type == PARAMETER and "shared" not in each.flags}
        self.varying = {*self.states, *own, "i", "t", "not_refractory", "lastspike"}

    def line(self, name: str) -> str:
        """The line that defines a state."""
        return f"d{name}/dt = {self.equations[name].expr.code}"

    def parse(self, text: str) -> Any:
        return parsed(text).subs(self.subexpressions)

    def derivative(self, expression: Any, name: str, line: str) -> Any:
        found = sympy.diff(expression, symbol(name))
        if found.has(sympy.Derivative, sympy.Subs):
            raise DeclarationError(
                self.where, name, meaning=line, expected="a right-hand side with a known derivative", got=str(found)
            )
        return sympy.simplify(found) if found.count_ops() < 40 else found

    def one_step(self, method: str) -> dict[str, Any]:
        """Every state after a time step, in the states before it, by Brian2's own method."""
        variables: dict[str, Any] = dict(DEFAULT_FUNCTIONS)
        for name, each in self.equations.items():
            constant = each.type == PARAMETER and "constant" in each.flags
            if each.type in (PARAMETER, DIFFERENTIAL_EQUATION):
                variables[name] = Variable(name, dimensions=each.dim, constant=constant, scalar="shared" in each.flags)
        for name in self.equations.identifiers - {*variables, "t", "dt", "xi"} - {*map(str, self.subexpressions)}:
            variables[name] = Constant(name, value=1.0)
        try:
            code = StateUpdateMethod.apply_stateupdater(self.equations, variables, method)
        except UnsupportedEquationsException as problem:
            hint = "Name another method, for example exponential_euler, rk2 or euler."
            raise DeclarationError(
                self.where, "method", expected="an integration method that fits the equations",
                got=f"{method}: {problem}", hint=hint,
            ) from problem  # fmt: skip
        values: dict[Any, Any] = {}
        for line in statements(code):
            name, _, right = line.partition("=")
            values[symbol(name.strip())] = parsed(right.strip()).xreplace(values)
        return {name: values.get(symbol(name), symbol(name)) for name in self.states}


def _closure(start: Any, feeds: Mapping[str, set[str]]) -> set[str]:
    found, waiting = set(), [*start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += feeds[name]
    return found


def _after(cell: _Cell, text: str, argument: str, meaning: str) -> dict[str, Any]:
    """What statements make of the target's states, in the states before them."""
    values: dict[Any, Any] = {}
    for line in statements(text):
        match = _STATEMENT.match(line)
        if match is None:
            raise DeclarationError(cell.where, argument, meaning=meaning, expected="assignments", got=line)
        name, sign, right = match.groups()
        name = name.removesuffix("_post")
        if name not in cell.equations:
            continue  # a state of the synapse
        old = values.get(symbol(name), symbol(name))
        names = {str(each): each for each in parsed(right).free_symbols}
        bare = {each: symbol(key.removesuffix("_post")) for key, each in names.items()}
        new = parsed(right).xreplace(bare).subs(cell.subexpressions).subs(values)
        values[symbol(name)] = {
            "": new, "+": old + new, "-": old - new, "*": old * new, "/": old / new,
        }[sign]  # fmt: skip
    return {str(name): value for name, value in values.items()}


def _injection(cell: _Cell, text: str) -> dict[str, Any]:
    w, found = symbol("w"), {}
    for name, value in _after(cell, text, "on_pre", "what a presynaptic spike does").items():
        b = sympy.simplify(sympy.diff(value, w))
        if b == 0:
            continue
        if name not in cell.states:
            got = f"{name}, which is none: {text.strip()}"
            raise DeclarationError(
                cell.where,
                "on_pre",
                expected="a spike that moves a state with an equation",
                got=got,
                choices=cell.states,
            )
        reads = sorted(str(each) for each in b.free_symbols if str(each) in {*cell.states, "w"})
        if reads:
            expected = "a step that is linear in w and reads no state of the target"
            got = f"{text.strip()}, whose derivative by w reads {', '.join(reads)}"
            raise DeclarationError(cell.where, name, meaning="on_pre", expected=expected, got=got)
        found[name] = b
    if not found:
        got = f"{text.strip()!r}"
        raise DeclarationError(cell.where, "on_pre", expected="a spike of weight w that moves the target", got=got)
    return found


def _condition(cell: _Cell, threshold: str) -> Any:
    match = _COMPARISON.match(threshold.strip())
    if match is None or re.search(r"\b(and|or|not)\b|[<=>]", match.group(1) + match.group(3)):
        raise DeclarationError(
            cell.where, "threshold", expected="one comparison with > or >=, for example v > V_t", got=repr(threshold)
        )
    return cell.parse(match.group(1).strip()) - cell.parse(match.group(3).strip())


def _kept(cell: _Cell, reset: str, keep: Sequence[str]) -> dict[str, Any]:
    after = _after(cell, reset, "reset", "what a postsynaptic spike does")
    for name in keep:
        if name not in after:
            got = f"{name}, which the reset leaves alone"
            raise DeclarationError(cell.where, "keep", expected="states that a spike sets", got=got, choices=after)
    return {name: after[name] for name in keep}


def _pre_only(
    active: Sequence[str],
    step: Mapping[tuple[str, str], Any],
    injection: Mapping[str, Any],
    kept: Mapping[str, Any],
    varying: set[str],
) -> frozenset[str]:
    def reads(expression: Any) -> bool:
        return bool({str(each) for each in sympy.sympify(expression).free_symbols} & varying)

    own = {x for x in active if x in kept or reads(injection.get(x, 0))}
    own |= {x for (x, y), value in step.items() if reads(value)}
    while more := {x for (x, y) in step if y in own} - own:
        own |= more
    return frozenset({*active} - own)
