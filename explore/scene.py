"""A circuit and the task it is shown, changed one value at a time, written into an address and read from one.

Like a setting of a rule, a scene is nothing but declarations. A value of a part has a path: ``rule.a_plus``,
``task.period``, ``view.seed``; that of the circuit itself only a name. An address holds paths and numbers; it is never
executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Declaration, Field, Param, Part, Parts, Size, plain
from brian2learn.core.discovery import files, load, snake_case
from brian2learn.core.errors import Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.plasticity._rule import PlasticitySum
from brian2learn.runs.experiment import Experiment
from brian2learn.tasks._task import Task

from .activity import Activity
from .fitting import check_size, fitting, kinds, n_cells, n_recorded, other_choices, recorded, smaller, task_for
from .settings import changed, fields_of, fresh, names_of, read_values, values_of, words_of

TASK, VIEW = "task", "view"


class Group(NamedTuple):
    """One declaration of a scene.

    Attributes
    ----------
    path : str
        The beginning of the paths of its values, empty for the circuit.
    role : str
    declaration : Declaration
    options : mapping of str to str
        What may be taken instead, class name and file name; empty if nothing.
    """

    path: str
    role: str
    declaration: Declaration
    options: Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """A circuit, its task, and how both are run and looked at.

    Raises
    ------
    Brian2LearnError
        If they do not go together, or are more than one can watch.
    """

    shown: Circuit
    task: Task
    view: Activity

    def __post_init__(self) -> None:
        check_size(self.shown, self.task, self.view)
        self.experiment  # noqa: B018  it checks itself

    @property
    def experiment(self) -> Experiment:
        """What is run."""
        every = self.view.interval
        record = {} if every is None else dict.fromkeys(recorded(self.shown, self.task), every)
        return Experiment(self.task, self.shown, dt=self.view.step, record=record)

    @property
    def units(self) -> dict[str, str]:
        """SI units of what can be recorded over time."""
        return {name: unit for name, (_, unit) in recorded(self.shown, self.task).items()}

    @property
    def groups(self) -> tuple[Group, ...]:
        """The circuit, its parts, the task and the view, each with its path."""
        return (
            *_groups("", "circuit", self.shown, {}),
            *_groups(f"{TASK}.", TASK, self.task, fitting(self.shown)),
            Group(f"{VIEW}.", "how it is run and looked at", self.view, {}),
        )

    @property
    def form(self) -> Any:
        """What must be equal for the widgets to stay."""
        return [
            (group.path, names_of(group.declaration), tuple(fields_of(group.declaration)),
             [value for value in values_of(group.declaration).values() if isinstance(value, str)])
            for group in self.groups
        ]  # fmt: skip

    def change(self, values: Mapping[str, Any]) -> Scene:
        """Another scene with some values, by path, in SI units or as options; a part by the name of its file."""
        found: dict[str, dict[str, Any]] = {TASK: {}, VIEW: {}, "": {}}
        for path, value in values.items():
            head, _, rest = path.partition(".")
            found[head if head in (TASK, VIEW) else ""][rest if head in (TASK, VIEW) else path] = value
        task = self.task
        if name := found[TASK].pop("", ""):
            task = task_for(str(name), self.shown)
        return replace(
            self, shown=with_values(self.shown, found[""]), task=with_values(task, found[TASK]),
            view=with_values(self.view, found[VIEW]),
        )  # fmt: skip

    @property
    def address(self) -> str:
        """The query of an address that leads here; what is as it was when the circuit was opened is left out."""
        base = opened(snake_case(type(self.shown).__name__))
        words = [("show", names_of(self.shown)[0])]
        for path, name in _part_names(self).items():
            if _part_names(base).get(path) != name:
                words.append((path, name))
                base = base.change({path: name})
        for group, usual in zip(self.groups, base.groups, strict=True):
            before = {name: _text(value) for name, value in values_of(usual.declaration).items()}
            for name, value in values_of(group.declaration).items():
                if before.get(name) != _text(value):
                    words.append((f"{group.path}{name}", _text(value)))
        return urlencode(words, safe=",")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(plain(value))


def _groups(path: str, role: str, shown: Declaration, options: Mapping[str, str]) -> Iterator[Group]:
    yield Group(path, role, shown, options)
    if isinstance(shown, PlasticitySum):
        return
    for name, field in shown.fields.items():
        if isinstance(field, Part):
            yield from _groups(f"{path}{name}.", name, shown.values[name], kinds(field.kind))


def needs_program(group: Group, field: Field) -> bool:
    """Whether another value makes another program, which must be compiled first."""
    if isinstance(group.declaration, Task):
        return isinstance(field, Size) and _shapes(group.declaration, field)
    if isinstance(group.declaration, Activity):
        return field.name in ("dt", "weights")
    return not isinstance(field, Param) or field.structural


def _shapes(task: Task, field: Size) -> bool:
    """Whether a number of a task is one of neurons."""
    for other in (task.values[field.name] + 1, task.values[field.name] - 1):
        try:
            return dict(task.replace(**{field.name: other}).sizes) != dict(task.sizes)
        except Brian2LearnError:
            continue
    return False


# ---------------------------------------------------------------------- what there is


@cache
def watchable() -> dict[str, str]:
    """Class name and file name of every circuit; whether there is something to see of it is known once it is opened."""
    found = {}
    for name in files("circuits"):
        try:
            cls = load(name, "circuits")
            if issubclass(cls, Circuit):
                found[cls.__name__] = name
        except Brian2LearnError:  # a broken file of a user breaks itself only
            continue
    return found


@cache
def opened(name: str) -> Scene:
    """The scene with which a circuit is opened: at most `CELLS` cells, a run of about a second's work.

    Raises
    ------
    Brian2LearnError
        If there is no such circuit, nothing to show of it, or no task that fits.
    """
    circuit = load(name, "circuits")()
    if not isinstance(circuit, Circuit):
        raise DeclarationError("explore", "show", expected="a circuit", got=type(circuit).__name__)
    few = smaller(circuit)
    circuit = few if fitting(few) else circuit
    if not circuit.learned:
        circuit = next((each for each in other_choices(circuit) if each.learned), circuit)
    tasks = fitting(circuit)
    if not tasks:
        raise DeclarationError("explore", name, expected="a task that drives its inputs", got="none that fits")
    scene = Scene(circuit, task_for(next(iter(tasks.values())), circuit), Activity())
    n = n_recorded(circuit, scene.task)
    if not (n or circuit.learned or circuit.outputs):
        raise DeclarationError(
            "explore", name, expected="spikes, learned states or differential equations of cells", got="none of them"
        )
    return replace(scene, view=Activity.suited_to(scene.task.duration, n_cells(circuit), n))


# ---------------------------------------------------------------------- values and addresses


def fresh_part(name: str, options: Mapping[str, str]) -> Declaration:
    """A part by the name of its file, or a sum of mechanisms by theirs.

    Raises
    ------
    Brian2LearnError
    """
    for each in (names := name.split(",")):
        if each not in options.values():
            raise UnknownNameError(
                "explore", "part", expected="a declaration of this kind", got=repr(each[:60]),
                choices=options.values(), typed=each[:60],
            )  # fmt: skip
    if len(names) > 1 or names[0] in files("plasticity"):
        return fresh(names)
    found: Declaration = load(names[0], "circuits")()
    return found


def with_values(shown: Any, values: Mapping[str, Any]) -> Any:
    """A declaration with some values of it and of its parts, by path.

    Raises
    ------
    Brian2LearnError
    """
    if not values:
        return shown
    own: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if isinstance(shown.fields.get(head), Part) and not isinstance(shown, PlasticitySum):
            parts.setdefault(head, {})[rest] = value
        elif isinstance(shown.fields.get(head), Parts) or rest:
            raise UnknownNameError(
                type(shown).__name__, path[:60], expected="one of its parameters", got=repr(path[:60]),
                choices=sorted(fields_of(shown)),
            )  # fmt: skip
        else:
            own[path] = value
    for name, inner in parts.items():
        part = shown.values[name]
        if new := inner.pop("", ""):
            part = fresh_part(str(new), kinds(shown.fields[name].kind))
        own[name] = with_values(part, inner)
    for name in own:
        if name not in shown.fields and name not in fields_of(shown):
            raise UnknownNameError(
                type(shown).__name__, name[:60], expected="one of its parameters", got=repr(name[:60]),
                choices=sorted(fields_of(shown)), typed=name[:60],
            )  # fmt: skip
    return changed(shown, own)


def read_scene(query: str) -> Scene:
    """The scene that an address leads to.

    Raises
    ------
    Brian2LearnError
        If it is too long, holds a path that is not declared, or a value that is not in its bounds.
    """
    words = words_of(query)
    scene = opened(words.pop("show", ""))
    while names := [path for path in _part_names(scene) if path in words]:
        scene = scene.change({names[0]: words.pop(names[0])})
    fields = {
        f"{group.path}{name}": field for group in scene.groups for name, field in fields_of(group.declaration).items()
    }
    values = read_values(type(scene.shown).__name__, fields, words)
    return scene.change(values) if values else scene


def _part_names(scene: Scene) -> dict[str, str]:
    """Path of every part that may be another, and the names of what it is now."""
    return {group.path[:-1]: ",".join(names_of(group.declaration)) for group in scene.groups if group.options}
