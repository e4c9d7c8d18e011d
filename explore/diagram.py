"""A circuit as a picture of its populations and projections, drawn from what it builds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.quantities import unit_for
from brian2learn.figures._style import BLUE

WIDTH, HEIGHT = 152, 46  # of a box
ACROSS, DOWN = 300, 116  # from box to box
MARGIN = 64
ANY = 10  # neurons of an input that may have any number
_SETS_W = re.compile(r"\bw\s*[-+*/]?=(?!=)")


@dataclass(frozen=True)
class Population:
    """A box: some neurons.

    Attributes
    ----------
    name : str
    n : int, optional
        How many; None if that is the task's to say.
    given : bool
        Whether a task drives it.
    """

    name: str
    n: int | None
    given: bool


@dataclass(frozen=True)
class Projection:
    """An arrow: synapses from one population to another, or to itself; and whether their weights change."""

    name: str
    source: str
    target: str
    plastic: bool


def parts(circuit: Circuit) -> tuple[list[Population], list[Projection]]:
    """The populations and projections of a circuit."""
    from brian2 import NeuronGroup, Synapses

    sizes = {name: circuit.input_sizes.get(name) for name in circuit.inputs}
    with _built(circuit, {name: n or ANY * circuit.multiples.get(name, 1) for name, n in sizes.items()}) as built:
        populations = [Population(name, n, True) for name, n in sizes.items()]
        populations += [
            Population(name, int(each.N), False) for name, each in built.items() if isinstance(each, NeuronGroup)
        ]
        projections = [
            Projection(name, _whole(each.source), _whole(each.target), _is_plastic(name, each, circuit))
            for name, each in built.items()
            if isinstance(each, Synapses)
        ]
    return populations, projections


def moved(circuit: Circuit, sizes: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """The states that differential equations of cells move, as ``object.name``: how many of each, and its SI unit."""
    from brian2 import NeuronGroup, Quantity

    with _built(circuit, sizes) as built:
        return {
            f"{name}.{state}": (int(group.N), unit_for(Quantity(1.0, dim=group.equations[state].dim))[0] or "1")
            for name, group in built.items()
            if isinstance(group, NeuronGroup)
            for state in sorted(group.equations.diff_eq_names)
        }


@contextmanager
def _built(circuit: Circuit, sizes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """What a circuit builds around inputs of some sizes.

    It is built as for a standalone program, so that no synapse is made, however many there would be.
    """
    from brian2 import SpikeGeneratorGroup, second

    with _nothing_is_run():
        sources = {name: SpikeGeneratorGroup(n, [], [] * second, name=name) for name, n in sizes.items()}
        found = circuit.build(sources)
        for each in _with_contained([*sources.values(), *found.values()]):
            each._network = "drawn"  # or Brian2 warns that it has never been run
        yield found


@contextmanager
def _nothing_is_run() -> Iterator[None]:
    """Brian2 as if for a program of its own, and afterwards as it was."""
    from brian2 import set_device
    from brian2.devices.device import get_device, reset_device

    set_device("cpp_standalone", build_on_run=False)
    try:
        yield
    finally:
        get_device().reinit()
        reset_device()


def _with_contained(objects: Iterable[Any]) -> Iterator[Any]:
    for each in objects:
        yield each
        yield from _with_contained(each.contained_objects)


def _whole(group: Any) -> str:
    """Name of a group; of a part of one, that of the whole."""
    return str(getattr(group, "source", group).name)


def _is_plastic(name: str, synapses: Any, circuit: Circuit) -> bool:
    written = any(_SETS_W.search(str(pathway.code)) for pathway in synapses._pathways)
    return written or f"{name}.w" in circuit.learned


def svg(circuit: Circuit) -> str:
    """The picture as a piece of HTML, in the colours of the page around it."""
    populations, projections = parts(circuit)
    places = layout(populations, projections)
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN
    together: dict[tuple[str, str], list[Projection]] = {}
    for each in projections:
        together.setdefault((each.source, each.target), []).append(each)
    drawn = [_arrow(places[a], places[b], found, (b, a) in together) for (a, b), found in together.items()]
    drawn += [_box(each, places[each.name]) for each in populations]
    words = "; ".join(f"{each.name} from {each.source} to {each.target}" for each in projections)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' role='img' "
        f"aria-label='{escape(words, quote=True)}' style='max-width:100%;height:auto;font:13px system-ui,sans-serif'>"
        "<defs>" + "".join(_head(name, colour) for name, colour in HEADS.items()) + "</defs>"
        f"{''.join(drawn)}</svg>"
    )


def layout(populations: list[Population], projections: list[Projection]) -> dict[str, tuple[float, float]]:
    """Upper left corner of every box: from left to right as spikes spread from what is given."""
    column = {each.name: 0 for each in populations if each.given} or {populations[0].name: 0}
    waiting = list(column)
    for name in waiting:
        for target in (each.target for each in projections if each.source == name):
            if target not in column:
                column[target] = column[name] + 1
                waiting.append(target)
    for each in populations:
        column.setdefault(each.name, 0)
    rows: dict[int, int] = {}
    found: dict[str, tuple[float, float]] = {}
    for each in populations:
        across = column[each.name]
        found[each.name] = (MARGIN + across * ACROSS, MARGIN + rows.get(across, 0) * DOWN)
        rows[across] = rows.get(across, 0) + 1
    return found


HEADS = {"fixed": "currentColor", "plastic": BLUE}


def _head(name: str, colour: str) -> str:
    return (
        f"<marker id='b2l-{name}' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='9' markerHeight='9' "
        f"markerUnits='userSpaceOnUse' orient='auto-start-reverse'><path d='M0 0L10 5L0 10z' fill='{colour}'/></marker>"
    )


def _box(each: Population, place: tuple[float, float]) -> str:
    x, y = place
    size = "any number" if each.n is None else f"{each.n:,}".replace(",", " ")
    radius = HEIGHT / 2 if each.given else 6
    return (
        f"<g><rect x='{x}' y='{y}' width='{WIDTH}' height='{HEIGHT}' rx='{radius}' fill='none' stroke='currentColor' "
        f"stroke-width='1.5'/><text x='{x + WIDTH / 2}' y='{y + 19}' text-anchor='middle' fill='currentColor' "
        f"font-weight='600'>{escape(each.name)}</text><text x='{x + WIDTH / 2}' y='{y + 36}' text-anchor='middle' "
        f"fill='currentColor' opacity='.75'>{size}</text></g>"
    )


def _arrow(start: tuple[float, float], end: tuple[float, float], found: list[Projection], both: bool) -> str:
    """Projections from one box to another as one arrow with all their names; blue if a weight changes."""
    kind = "plastic" if any(each.plastic for each in found) else "fixed"
    (x0, y0), (x1, y1) = start, end
    middle = WIDTH / 2
    if start == end:  # a loop above the box
        x, y = x0 + middle, y0
        path = f"M{x - 18} {y}C{x - 40} {y - 44} {x + 40} {y - 44} {x + 18} {y}"
        label = (x, y - 40)
    elif x0 == x1:  # in one column, each way on a side of its own
        down = 1 if y1 > y0 else -1
        x = x0 + middle + (22 * down if both else 0)
        path = f"M{x} {y0 + HEIGHT * (down > 0)}L{x} {y1 + HEIGHT * (down < 0)}"
        label = (x + 8 * down, (y0 + y1 + HEIGHT) / 2)
    else:
        forth = x1 > x0
        shift = (9 if forth else -9) * both
        a, b = (x0 + WIDTH, x1) if forth else (x0, x1 + WIDTH)
        ya, yb = y0 + HEIGHT / 2 - shift, y1 + HEIGHT / 2 - shift
        path = f"M{a} {ya}C{(a + b) / 2} {ya} {(a + b) / 2} {yb} {b} {yb}"
        x, y = ((a + b) / 2, ya) if y0 == y1 else (max(x0, x1) - 58, yb if forth else ya)  # where it runs level
        label = (x, y + (-7 if forth else 17))
    anchor = {True: "middle", False: "start" if y1 > y0 else "end"}[start == end or x0 != x1]
    lines = [f"{each.name}" for each in found]
    first = label[1] - 15 * (len(lines) - 1) * (1 if start == end or x1 >= x0 else 0)
    words = "".join(
        f"<text x='{label[0]}' y='{first + 15 * k}' text-anchor='{anchor}' fill='{HEADS[kind]}'>{escape(line)}</text>"
        for k, line in enumerate(lines)
    )
    return (
        f"<g><path d='{path}' fill='none' stroke='{HEADS[kind]}' stroke-width='{2.5 if kind == 'plastic' else 1.5}' "
        f"marker-end='url(#b2l-{kind})'/>{words}</g>"
    )
