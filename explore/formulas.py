"""Equations for people: the text of a declaration as LaTeX, and as MathML, which browsers draw without any library."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from brian2learn.core.declaration import Declaration, dimension_of
from brian2learn.core.equations import statements
from brian2learn.core.quantities import unit_for

_GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi",
          "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Delta", "Gamma", "Theta", "Sigma", "Phi", "Psi",
          "Omega"}  # fmt: skip
_SIGNS = {"plus": "+", "minus": "-"}
_RANK = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.FloorDiv: 2, ast.Mod: 2, ast.Pow: 4}
_COMPARED = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}
_NAMED = {"exp", "log", "sin", "cos", "tan", "tanh", "min", "max"}
_LINE = re.compile(
    r"^(?:d(?P<of>\w+)/dt|(?P<name>\w+))\s*(?P<sign>[-+*/]?=)?(?P<right>[^:=].*?)?(?::\s*(?P<unit>.+))?$"
)


def symbol(name: str) -> str:
    """A name as a symbol: ``tau_plus`` is a tau with the index +, ``w_max`` a w with the index max."""
    head, *rest = name.removesuffix("_post").split("_")
    stem, digits = re.fullmatch(r"(.*?)(\d*)", head).groups()  # type: ignore[union-attr]
    if stem in _GREEK:
        first = rf"\{stem}"
    elif stem == "dt":
        first = r"\Delta t"
    else:
        first = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
    index = [digits] if digits else []
    power = ""
    for word in rest:
        if word in _SIGNS and index:
            power = f"^{{{_SIGNS[word]}}}"
        elif word in _SIGNS:
            index.append(_SIGNS[word])
        elif word in _GREEK:
            index.append(rf"\{word}")
        else:
            index.append(word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}")
    separator = r",\,"
    return f"{first}_{{{separator.join(index)}}}{power}" if index else first


def plain(name: str) -> str:
    """A name for a legend: one Greek letter if it is one."""
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}") if name in _GREEK else name
    except KeyError:
        return name


def number(value: Any, digits: int = 4) -> str:
    """A value with its unit."""
    unit, factor = unit_for(value)
    text = _plain_number(float(value) / factor, digits)
    return rf"{text}\,\mathrm{{{unit}}}" if unit else text


def _plain_number(value: float, digits: int = 6) -> str:
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"
    return text


class _Writer:
    """An expression as LaTeX, in the order in which it is written."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def write(self, node: ast.AST, rank: int = 0) -> str:
        text, own = self._written(node)
        return rf"\left({text}\right)" if own < rank else text

    def _written(self, node: Any) -> tuple[str, int]:
        if isinstance(node, ast.Constant):
            return _plain_number(node.value) if isinstance(node.value, (int, float)) else str(node.value), 5
        if isinstance(node, ast.Name):
            return (number(self.values[node.id]), 3) if node.id in self.values else (symbol(node.id), 5)
        if isinstance(node, ast.UnaryOp):
            sign = {ast.USub: "-", ast.UAdd: "+", ast.Not: r"\lnot "}[type(node.op)]
            return f"{sign}{self.write(node.operand, 2)}", 1
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.Compare):
            parts = [self.write(node.left, 1)]
            for operator, right in zip(node.ops, node.comparators, strict=True):
                parts += [_COMPARED[type(operator)], self.write(right, 1)]
            return " ".join(parts), 0
        if isinstance(node, ast.BoolOp):
            word = r" \land " if isinstance(node.op, ast.And) else r" \lor "
            return word.join(self.write(each, 1) for each in node.values), 0
        if isinstance(node, ast.Call):
            return self._call(node)
        return rf"\mathrm{{{ast.unparse(node)}}}", 5

    def _operation(self, node: ast.BinOp) -> tuple[str, int]:
        kind = type(node.op)
        rank = _RANK[kind]
        if kind is ast.Div and isinstance(node.left, ast.UnaryOp) and isinstance(node.left.op, ast.USub):
            return rf"-\frac{{{self.write(node.left.operand)}}}{{{self.write(node.right)}}}", 1
        if kind is ast.Div:
            return rf"\frac{{{self.write(node.left)}}}{{{self.write(node.right)}}}", 5
        if kind is ast.Pow:
            return f"{{{self.write(node.left, 5)}}}^{{{self.write(node.right)}}}", 4
        left = self.write(node.left, rank)
        right = self.write(node.right, rank + (kind in (ast.Sub, ast.Mod, ast.FloorDiv)))
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mod: r"\bmod", ast.FloorDiv: r"\div"}.get(kind)
        if sign is None:
            sign = r"\cdot" if right[:1].isdigit() or left[-1:].isdigit() and right[:1] == "{" else r"\,"
        return f"{left} {sign} {right}", rank

    def _call(self, node: ast.Call) -> tuple[str, int]:
        name = ast.unparse(node.func)
        arguments = [self.write(each) for each in node.args]
        if name == "clip" and len(arguments) == 3:  # bounds as an index, as papers write them
            return rf"\left[{arguments[0]}\right]_{{{arguments[1]}}}^{{{arguments[2]}}}", 5
        if name == "int":
            return rf"\left[{', '.join(arguments)}\right]", 5
        if name == "sqrt":
            return rf"\sqrt{{{arguments[0]}}}", 5
        if name == "abs":
            return rf"\left|{arguments[0]}\right|", 5
        if name == "exp":
            return rf"{{e}}^{{{arguments[0]}}}", 4
        function = rf"\{name}" if name in _NAMED else rf"\mathrm{{{name}}}"
        return rf"{function}\left({', '.join(arguments)}\right)", 5


def expression(text: str, values: Mapping[str, Any] | None = None) -> str:
    """An expression as LaTeX; a name in `values` is replaced by its value."""
    return _Writer(values or {}).write(ast.parse(text.strip(), mode="eval").body)


def line(text: str, values: Mapping[str, Any] | None = None) -> str:
    """An equation or a statement as LaTeX: ``w = w + x`` sets w, ``dx/dt = -x/tau : 1`` is an equation.

    Parameters
    ----------
    text : str
    values : mapping of str to float or Quantity, optional
        Numbers to write in place of names on the right.
    """
    match = _LINE.match(text.strip())
    if match is None:
        return expression(text, values)
    of, name, sign, right = match["of"], match["name"], match["sign"], (match["right"] or "").strip()
    if of:
        return rf"\frac{{d{symbol(of)}}}{{dt}} = {expression(right, values)}"
    if not sign:
        return expression(text, values) if right else symbol(name)
    if sign == "=":
        return rf"{symbol(name)} \leftarrow {expression(right, values)}"
    return rf"{symbol(name)} \leftarrow {expression(f'{name} {sign[0]} ({right})', values)}"


def lines(text: str, values: Mapping[str, Any] | None = None) -> list[str]:
    """Every equation or statement of a text as LaTeX, without lines that only say that a number is there."""
    kept = [each for each in statements(text) if "(shared, constant)" not in each and ("=" in each or ":" not in each)]
    return [line(each, values) for each in kept]


@lru_cache(maxsize=2000)
def mathml(latex: str) -> str:
    """LaTeX as MathML, in block form."""
    from latex2mathml.converter import convert

    return convert(latex, display="block")


def values_in(declaration: Declaration) -> dict[str, Any]:
    """The numbers of a declaration, for the place of their names."""
    return {name: value for name, value in declaration.numbers.items() if isinstance(value, (int, float))
            or dimension_of(value) is not None}  # fmt: skip


def equations_of(declaration: Any, *, with_values: bool = False) -> list[tuple[str, list[str]]]:
    """The equations of a rule, transmission, release, surrogate, cell or the like: what each is, and its LaTeX.

    Texts are taken by the names under which `Mechanism` and its kinds declare them, so that a new kind shows what it
    has of them.
    """
    found: list[tuple[str, list[str]]] = []
    for part in getattr(declaration, "terms", ()) or (declaration,):
        values = values_in(part) if with_values else {}
        title = f"{type(part).__name__}: " if len(getattr(declaration, "terms", ())) > 1 else ""
        for name, text in _texts(part):
            if formulas := lines(str(text), values):
                found.append((title + name if title else name[:1].upper() + name[1:], formulas))
    return found


def _texts(part: Any) -> list[tuple[str, str]]:
    get = lambda name: getattr(part, name, "") or ""  # noqa: E731
    every = getattr(part, "every", None)
    interval = f"every {number_text(getattr(part, every))}" if every else "in every time step"
    found: list[tuple[str, str]] = []
    for side in ("pre", "post"):
        traces = getattr(part, f"{side}_traces", ())
        text = [get(f"on_{side}"), *(trace.at_spike for trace in traces)]
        found.append((f"at a {side} spike", "\n".join(filter(None, text))))
    decays = [f"d{trace.name}/dt = -{trace.name}/{trace.tau} : 1" for trace in getattr(part, "all_traces", ())]
    found.append(("between spikes", "\n".join(decays)))
    found.append((interval, get("regularly")))
    if change := get("change"):
        found.append(("the weight", f"dw/dt = {change} : 1"))
    found += [("the target brings", get("on_cell")), ("the target, in every time step", get("on_cell_step"))]
    cell = bool(get("threshold"))
    found += [("the cell" if cell else "the target", get("equations")), ("it fires when", get("threshold"))]
    found += [("after a spike", get("reset").replace("; ", "\n"))]
    found += [("at a spike of weight w", get(name).replace("; ", "\n")) for name in ("on_spike", "receive")]
    if drive := get("drive"):
        found.append(("its input current" if cell else "adds to the current", drive))
    if amount := get("amount"):
        found.append(("a spike releases", f"released = {amount}"))
    if psi := get("psi"):
        found.append(("instead of the derivative of a spike", f"psi = {psi}"))
    return found


def number_text(value: Any) -> str:
    """A value with its unit, as plain text."""
    unit, factor = unit_for(value)
    return f"{float(value) / factor:.6g} {unit}".strip()


def html_of(declaration: Any, *, with_values: bool = False) -> str:
    """The equations as HTML with MathML."""
    rows = []
    for title, formulas in equations_of(declaration, with_values=with_values):
        rows.append(f"<dt>{title}</dt><dd>{''.join(map(mathml, formulas))}</dd>")
    return f"<dl class='equations'>{''.join(rows)}</dl>"
