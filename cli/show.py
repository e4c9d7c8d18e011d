"""Show one declaration: what it does, its text, its parameters and choices, its claims, its sources."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from brian2learn.core.declaration import Choice, Declaration, Field, Param, Part, plain, unit_of
from brian2learn.core.discovery import find, heading, load
from brian2learn.core.equations import identifiers, rename
from brian2learn.core.errors import Brian2LearnError
from brian2learn.core.quantities import span, written
from brian2learn.core.references import cite

from .catalog import kind_of
from .console import output, print_json
from .quiet import quiet_brian2


def needs(declaration: Declaration) -> list[str]:
    """What a declaration cannot do without on the groups it meets, in words."""
    from brian2learn.circuits._circuit import Cell
    from brian2learn.plasticity._rate_rule import RateRule
    from brian2learn.plasticity._rule import Rule
    from brian2learn.plasticity._transmission import Transmission

    if isinstance(declaration, Rule):
        return [f"{name} ({unit_of(unit)}) of the target" for name, unit in declaration.needs.items()]
    if isinstance(declaration, RateRule):
        return ["rate x of the source", "rate y of the target"]
    if isinstance(declaration, Transmission):
        reads_v = "v" in identifiers(f"{declaration.drive}\n{declaration.on_spike.replace('_post', '')}")
        found = {"input current of the target": declaration.drive, "v (volt) of the target": reads_v}
        return [what for what, wanted in found.items() if wanted]
    if isinstance(declaration, Cell) and declaration.drive:
        return [f"a transmission, or the current {declaration.drive}_ext"]
    return []


def _traces(holder: Any) -> list[str]:
    return [
        f"{trace.name}: one number per {side} neuron; decays with {trace.tau}; at a {side} spike {trace.at_spike}"
        for side in ("pre", "post")
        for trace in getattr(holder, f"{side}_traces")
    ]


def _derived(found: Any) -> dict[str, str]:
    """What was derived of a weight's eligibility."""
    return {
        "Eligibility of a weight": found.equations,
        "The same at all synapses of a presynaptic neuron": ", ".join(
            f"eps_{each}" for each in found.states if each in found.pre_only
        ),
        "Adjoint, per postsynaptic neuron": found.adjoint_equations,
    }


def _eligibility(cell: Any) -> dict[str, str]:
    """The same for a cell by itself, with an exponential current where it needs one.

    What is shown does not depend on the method of integration, and Euler's is the fastest to derive.
    """
    from brian2learn.plasticity._derive import derive
    from brian2learn.plasticity.exponential_current import ExponentialCurrent

    current = [ExponentialCurrent()] if cell.drive else []
    try:
        return _derived(
            derive(
                cell.model + cell.input_equations(current), threshold=cell.threshold, reset=cell.reset,
                on_pre=current[0].transmit if current else cell.receive, method="euler", where=type(cell).__name__,
            )
        )  # fmt: skip
    except Brian2LearnError as problem:
        return {"Eligibility of a weight": f"cannot be derived: {problem}"}


def texts(declaration: Declaration) -> dict[str, str]:
    """The equations of a rule or a cell, what a circuit, task or figure is made of; each with what it is."""
    from brian2learn.circuits._circuit import Cell, Circuit
    from brian2learn.plasticity._optimiser import Optimiser
    from brian2learn.plasticity._rate_rule import RateRule
    from brian2learn.plasticity._release import Release
    from brian2learn.plasticity._rule import Rule
    from brian2learn.plasticity._surrogate import Surrogate
    from brian2learn.plasticity._three_factor import ThreeFactor
    from brian2learn.plasticity._transmission import Transmission
    from brian2learn.tasks._task import Task

    found: Mapping[str, Any] = {}
    if isinstance(declaration, Rule):
        on_cell = {name: f"{declaration.on_neuron(name)}_post" for name in declaration.cell_states}
        found = {
            "Synapse": declaration.model([]),
            "A pre spike": declaration.code("pre", []),
            "A post spike": declaration.code("post", []),
            f"Every {declaration.every or 'time step'}": rename(declaration.regularly, on_cell),
            "Traces": _traces(declaration),
            "Brings to the target cell": declaration.brought_equations,
            "The target cell in every time step": rename(declaration.on_cell_step, declaration.neuron_names),
            "Starts": [f"{name} = {text}" for name, text in declaration.start.items()],
        }
    elif isinstance(declaration, RateRule):
        found = {
            "Weight": f"dw/dt = {declaration.change}",
            "Bounds of the weight": " to ".join(declaration.bounds or ()),
            "Brings to the target unit": declaration.on_cell,
            "Starts": [f"{name} = {text}" for name, text in declaration.start.items()],
        }
    elif isinstance(declaration, Transmission):
        found = {
            "Target": declaration.equations,
            "A spike of weight w": declaration.on_spike.replace("; ", "\n"),
            "Adds the input current": declaration.drive,
        }
    elif isinstance(declaration, Release):
        found = {"A spike releases the share": declaration.amount, "Traces": _traces(declaration)}
    elif isinstance(declaration, Cell):
        found = {
            "Cell": declaration.equations,
            "Threshold": declaration.threshold,
            "Reset": declaration.reset.replace("; ", "\n"),
            "An incoming spike of weight w": declaration.receive.replace("; ", "\n"),
            "Input current": declaration.drive and f"{declaration.drive} = {declaration.drive}_ext + transmissions",
            "Refractory for": declaration.refractory,
            "Integrated by": declaration.method,
            "Derived": [f"{name} = {written(value)}" for name, value in declaration.derived.items()],
            **_eligibility(declaration),
        }
    elif isinstance(declaration, ThreeFactor):
        found = {
            "Filters of the eligibility, every time step": declaration.filters,
            "Factors": [f"{name} = {text}" for name, text in declaration.coefficients.items()],
            "The filtered eligibility meets err in": declaration.readout,
            "Brings to the cell": declaration.on_cell,
            "The cell in every time step": declaration.on_cell_step,
            "The cell after a chunk": declaration.on_chunk,
            "Bounds of the weight": " to ".join(declaration.bounds or ()),
        }
    elif isinstance(declaration, Surrogate):
        found = {"In place of the derivative of a spike": f"psi = {declaration.psi}"}
    elif isinstance(declaration, Optimiser):
        found = {"Synapse": declaration.equations, "Learning rate": declaration.rate, "Update": declaration.update}
    elif isinstance(declaration, Circuit):
        found = {"Inputs": declaration.inputs, "Records spikes of": declaration.outputs, "Learns": declaration.learned}
        learning = getattr(declaration, "learning", None)
        if learning is not None:
            found |= _derived(learning.eligibility)
            found |= {"One time step at a synapse": "\n".join(learning.step)}
    elif isinstance(declaration, Task):
        found = {"Drives": [f"{name}: {n} neurons" for name, n in declaration.sizes.items()]}
    found = {**found, "Needs": needs(declaration)}
    as_text = {name: text if isinstance(text, str) else "\n".join(text) for name, text in found.items()}
    return {name: inspect.cleandoc(text) for name, text in as_text.items() if text.strip()}


def described(name: str) -> dict[str, Any]:
    """Everything there is to show of one declaration, as plain JSON.

    Raises
    ------
    UnknownNameError, DeclarationError
    """
    folder, stem = find(name)
    quiet_brian2()
    cls = load(stem, folder)
    declaration = cls()
    summary, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    fields: dict[str, Field] = dict(cls.fields)
    cites = (cls.cites,) if isinstance(cls.cites, str) else cls.cites
    document: dict[str, Any] = {
        "kind": kind_of(heading(folder, stem)),
        "name": stem,
        "class": cls.__name__,
        "file": inspect.getfile(cls),
        "summary": " ".join(summary.split()),
        "description": rest,
        "texts": texts(declaration),
        "parts": [
            {"name": key, "default": repr(field.default), "kind": field.kind.__name__, "meaning": field.meaning}
            for key, field in fields.items()
            if isinstance(field, Part)
        ],
        "parameters": [_parameter(key, field) for key, field in fields.items() if isinstance(field, Param)],
        "choices": [
            {"name": key, "default": field.default, "meaning": field.meaning, "source": field.source,
             "options": dict(field.options)}
            for key, field in fields.items()
            if isinstance(field, Choice)
        ],
        "presets": [
            {"name": key, "values": {each: written(value) for each, value in preset.values.items()},
             "source": preset.source, "note": preset.note}
            for key, preset in cls.presets.items()
        ],
        "cites": {key: cite(key) for key in cites},
    }  # fmt: skip
    if document["kind"] == "figure":
        document["title"] = cls.title
        document["claims"] = [claim.row for claim in cls.claims]
    return document


def _parameter(name: str, field: Param) -> dict[str, Any]:
    return {
        "name": name,
        "default": written(field.default),
        "si": plain(field.default),
        "unit": field.unit,
        "low": None if field.low is None else plain(field.low),
        "high": None if field.high is None else plain(field.high),
        "bounds": span(field.low, field.high, field.default),
        "structural": field.structural,
        "meaning": field.meaning,
        "source": field.source,
    }


def show_declaration(name: str, as_json: bool) -> None:
    """Print one declaration."""
    document = described(name)
    if as_json:
        return print_json(document)
    console = output()

    def section(title: str, *content: Any) -> None:
        console.print(f"\n[bold]{title}[/]")
        for each in content:
            console.print(Padding(each, (0, 0, 0, 2), expand=False))

    head = Text.assemble((document["class"], "bold cyan"), f"  {document['kind']} ", (document["name"], "cyan"))
    console.print(head)
    console.print(_prose(document["summary"]))
    for indent, line in paragraphs(document["description"]):
        if not line:
            console.print()
        elif line.startswith("* "):
            item = Table.grid(padding=(0, 1))
            item.add_row("•", _prose(line[2:]))
            console.print(Padding(item, (0, 0, 0, indent), expand=False))
        else:
            console.print(Padding(_prose(line), (0, 0, 0, indent), expand=False))
    for title, text in document["texts"].items():
        section(title, Text(text, style="green", no_wrap=False))
    rows: list[tuple[Any, ...]]
    if document["parts"]:
        rows = [(part["name"], part["default"], part["meaning"]) for part in document["parts"]]
        section("Parts", _table(("name", "default", "what it is"), rows))
    if document["parameters"]:
        rows = [
            (each["name"], each["default"], each["bounds"], each["meaning"], each["source"] or "")
            for each in document["parameters"]
        ]
        section("Parameters", _table(("name", "default", "bounds", "meaning", "source"), rows, unbroken=2))
    if document["choices"]:
        console.print("\n[bold]Choices[/]")
    for choice in document["choices"]:
        source = f" ({choice['source']})" if choice["source"] else ""
        console.print(Text.assemble(("  " + choice["name"], "cyan"), f": {choice['meaning']}{source}"))
        rows = [
            (f"{option} (default)" if option == choice["default"] else option, meaning)
            for option, meaning in choice["options"].items()
        ]
        console.print(Padding(_table((), rows), (0, 0, 0, 4), expand=False))
    if document["presets"]:
        rows = [
            (
                preset["name"],
                ", ".join(f"{key} = {value}" for key, value in preset["values"].items()) or "the defaults",
                preset["source"],
                preset["note"],
            )
            for preset in document["presets"]
        ]
        section("Presets", _table(("name", "values", "source", "note"), rows))
    if document.get("claims"):
        grid = Table.grid(padding=(0, 0, 1, 0), collapse_padding=False)
        for claim in document["claims"]:
            accepted = f"{span(*claim['accept'])} {claim['unit']}".strip()
            numbers = (("paper ", "dim"), claim["paper_value"], ("  accepted ", "dim"), accepted)
            why = (f"\n{claim['reason']} {claim['source']} [{claim['evidence']}].", "dim")
            grid.add_row(Text.assemble((claim["sentence"], "bold"), "\n", *numbers, why))
        section("Claims", grid)
    if document["cites"]:
        section("Sources", _table((), list(document["cites"].items())))
    console.print(Text(f"\n{document['file']}", style="dim"), soft_wrap=True)
    return None


def _table(columns: Sequence[str], rows: Iterable[Iterable[Any]], unbroken: int = 1) -> Table:
    """Rows under dim headings, the first column coloured, the first few without line breaks; text is never markup."""
    cells = [tuple(Text(each) if isinstance(each, str) else each for each in row) for row in rows]
    table = Table(box=None, show_header=bool(columns), padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for k in range(len(columns or cells[0])):
        table.add_column(columns[k] if columns else "", style="cyan" if k == 0 else "", no_wrap=k < unbroken)
    for row in cells:
        table.add_row(*row)
    return table


def _prose(text: str) -> Text:
    """Docstring text with its code coloured and the marks taken off."""
    pieces = re.split(r"``(.+?)``|`(.+?)`", text)
    parts = [(piece, "" if k % 3 == 0 else "cyan") for k, piece in enumerate(pieces) if piece]
    return Text.assemble(*parts)


def paragraphs(text: str) -> Iterable[tuple[int, str]]:
    """Indentation and text of every paragraph, list item and definition, lines joined; "" is a blank line."""
    block: list[str] = []
    indent = hanging = 0
    for line in ["", *text.splitlines()] if text else []:
        words, left = line.split(), len(line) - len(line.lstrip())
        starts = not words or words[0] in ("*", "-") or left != hanging
        if starts and block:
            yield indent, " ".join(block)
            block = []
        if not words:
            yield 0, ""
            hanging = -1
            continue
        if starts:
            indent, hanging = left, left + 2 * (words[0] in ("*", "-"))
        block += words
    if block:
        yield indent, " ".join(block)
