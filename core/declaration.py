"""What a declaration is: named parameters with unit, bounds, meaning and source, frozen once made.

Nothing here imports Brian2; a quantity is recognised by its ``dim`` attribute, so that the analysis and the command
line can read declarations without loading a simulator.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from .errors import DeclarationError, UnknownNameError

Self = TypeVar("Self", bound="Declaration")


def dimension_of(value: Any) -> tuple[float, ...] | None:
    """SI exponents of a quantity (length, mass, time, current, temperature, substance, light), None for a number."""
    dim = getattr(value, "dim", None)
    if dim is None or dim.is_dimensionless:
        return None
    return tuple(float(exponent) for exponent in dim._dims)


def unit_of(value: Any) -> str:
    """Name of the unit's dimension as Brian2 writes it in equations, ``1`` for a number."""
    if dimension_of(value) is None:
        return "1"
    from brian2 import get_unit

    name = repr(get_unit(value.dim))
    return name if name.isalpha() else repr(value.dim)  # equations do not take metre2


def number_lines(numbers: Mapping[str, Any]) -> list[str]:
    """A line of equations for every number: one value for a whole group, set from outside."""
    return [f"{name} : {unit_of(value)} (shared, constant)" for name, value in numbers.items()]


def plain(value: Any) -> float | int:
    """The value in SI units, without its unit."""
    return value if isinstance(value, int) else float(value)


class Field:
    """A named value of a declaration; read on an instance, itself on the class, never set after creation."""

    name: str = ""
    owner: str = ""

    def __init__(self, default: Any, meaning: str, *, source: str | None = None) -> None:
        self.default, self.meaning, self.source = default, meaning, source

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.owner = name, owner.__name__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        raise DeclarationError(
            type(instance).__name__,
            self.name,
            meaning=self.meaning,
            expected="no change after creation",
            got=f"the new value {value!r}",
            hint=f"Make a changed copy: replace({self.name}=...).",
        )

    def check(self, value: Any, where: str) -> Any:
        """Return the value as stored, or raise a DeclarationError that names `where`."""
        raise NotImplementedError

    def settle(self) -> None:
        """Check the default and what belongs to it, once the class is made."""
        self.default = self.check(self.default, self.owner)

    def refuse(self, where: str, expected: str, got: str, **more: Any) -> DeclarationError:
        """The error for a value of this field."""
        return DeclarationError(where, self.name, meaning=self.meaning, expected=expected, got=got, **more)


class Param(Field):
    """A number with unit, bounds, meaning and source.

    Parameters
    ----------
    default : float or Quantity
        Value when the user gives none; its unit is the unit of the parameter.
    meaning : str
        What it stands for, in a few words.
    low, high : float or Quantity, optional
        Bounds, themselves allowed.
    source : str, optional
        Where the value comes from, beginning with a key of ``references.bib``.
    structural : bool
        Whether another value makes another program (the interval of a regular change).
    """

    def __init__(
        self,
        default: Any,
        meaning: str,
        *,
        low: Any = None,
        high: Any = None,
        source: str | None = None,
        structural: bool = False,
    ) -> None:
        super().__init__(default, meaning, source=source)
        self.low, self.high, self.structural = low, high, structural

    @property
    def unit(self) -> str:
        """Unit as written in Brian2 equations."""
        return unit_of(self.default)

    def settle(self) -> None:
        for bound_name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None and plain(bound) != 0 and dimension_of(bound) != dimension_of(self.default):
                raise self.refuse(self.owner, f"{bound_name} bound in {self.unit}", repr(bound))
        super().settle()

    def check(self, value: Any, where: str) -> Any:
        value = self._number(value, where)
        if (self.low is not None and plain(value) < plain(self.low)) or (
            self.high is not None and plain(value) > plain(self.high)
        ):
            raise self.refuse(where, f"a value {self.bounds}", str(value))
        return value

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        if self.low is None and self.high is None:
            return "of any size"
        if self.high is None:
            return f"of at least {self.low}"
        if self.low is None:
            return f"of at most {self.high}"
        return f"from {self.low} to {self.high}"

    def _number(self, value: Any, where: str) -> Any:
        expected = "a number without unit" if self.unit == "1" else f"a quantity in {self.unit}"
        # NumPy has scalars of text, truth values and complex numbers, which float() would take
        is_number = getattr(value, "shape", None) == () and value.dtype.kind in "iuf"
        if isinstance(value, bool) or not (is_number or isinstance(value, (int, float))):
            raise self.refuse(where, expected, repr(value))
        try:
            number = float(value)
        except OverflowError:
            raise self.refuse(where, "a finite value", "an integer beyond the largest float") from None
        if dimension_of(value) != dimension_of(self.default):
            hint = f"Write for example {self.default!r}." if self.unit != "1" else None
            raise self.refuse(where, expected, repr(value), hint=hint)
        if not math.isfinite(number):
            raise self.refuse(where, "a finite value", repr(value))
        number += 0.0  # -0.0 becomes 0.0
        if self.unit == "1":
            return number
        from brian2 import Quantity

        return Quantity(number, dim=value.dim)  # also for a bare unit: `second` is 1 second


class Size(Param):
    """A whole number that shapes the program (a count of cells); another value makes another program."""

    def __init__(
        self, default: int, meaning: str, *, low: int | None = None, high: int | None = None, source: str | None = None
    ) -> None:
        super().__init__(default, meaning, low=low, high=high, source=source, structural=True)

    def _number(self, value: Any, where: str) -> int:
        try:
            if isinstance(value, bool):
                raise TypeError
            return operator.index(value)
        except TypeError:
            raise self.refuse(where, "a whole number", repr(value)) from None


class Choice(Field):
    """One of a few named options, each with its meaning; another choice makes another program.

    Parameters
    ----------
    default : str
        The option taken when the user gives none.
    meaning : str
        What is chosen.
    options : mapping of str to str
        Every option with what it means.
    """

    def __init__(self, default: str, meaning: str, options: Mapping[str, str], *, source: str | None = None) -> None:
        super().__init__(default, meaning, source=source)
        self.options = MappingProxyType(dict(options))

    def check(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise self.refuse(where, "one of its options", repr(value), choices=self.options, typed=str(value))
        return str(value)


class Part(Field):
    """Another declaration that this one is made of.

    Parameters
    ----------
    default : Declaration
        The part taken when the user gives none.
    meaning : str
        Its role.
    kind : type
        The class of declarations that fit.
    """

    def __init__(self, default: Declaration, meaning: str, kind: type, *, source: str | None = None) -> None:
        super().__init__(default, meaning, source=source)
        self.kind = kind

    def check(self, value: Any, where: str) -> Any:
        if not isinstance(value, self.kind):
            hint = f"Make one: {value.__name__}()." if isinstance(value, type) else None
            raise self.refuse(where, f"a {self.kind.__name__}", repr(value), hint=hint)
        return value


@dataclass(frozen=True)
class Preset:
    """A published set of values.

    Attributes
    ----------
    values : mapping of str to Any
        The values that differ from the defaults, by parameter.
    source : str
        Where they come from, beginning with a key of ``references.bib``.
    note : str
        What to know before using them.
    """

    values: Mapping[str, Any]
    source: str
    note: str = ""


class Declaration:
    """A named thing with checked, frozen fields; equal when class and values are equal.

    Subclasses list their fields as class attributes (`Param`, `Size`, `Choice`, `Part`). Results are told apart by the
    files that define a declaration and its bases, and by those beside them that match a pattern of their `engine`.
    """

    engine: ClassVar[tuple[str, ...]] = ()

    cites: ClassVar[str | tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({})
    fields: ClassVar[Mapping[str, Field]] = MappingProxyType({})

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        found: dict[str, Field] = {}
        for base in reversed(cls.__mro__):
            found.update({name: value for name, value in vars(base).items() if isinstance(value, Field)})
        cls.fields = MappingProxyType(found)
        for value in vars(cls).values():
            if isinstance(value, Field):
                value.settle()

    def __init__(self, **values: Any) -> None:
        where = type(self).__name__
        for name, value in values.items():
            if name not in self.fields:
                raise DeclarationError(
                    where, name, expected="one of its parameters", got=f"{name}={value!r}", choices=self.fields
                )
        for name, field in self.fields.items():
            self.__dict__[name] = field.check(values[name], where) if name in values else field.default
        self.check()

    def check(self) -> None:
        """Raise a DeclarationError if the values do not go together."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.fields:
            self.fields[name].__set__(self, value)
        raise DeclarationError(
            type(self).__name__, name, expected="no new attributes", got=f"{name} = {value!r}", choices=self.fields
        )

    def replace(self: Self, **changes: Any) -> Self:
        """A copy with some values changed, checked like a new one."""
        return type(self)(**{**self.values, **changes})

    @property
    def values(self) -> Mapping[str, Any]:
        """Name and value of every field."""
        return MappingProxyType({name: self.__dict__[name] for name in self.fields})

    @property
    def numbers(self) -> dict[str, Any]:
        """Name and value of every `Param`."""
        return {name: value for name, value in self.values.items() if isinstance(self.fields[name], Param)}

    @classmethod
    def preset(cls: type[Self], name: str, **changes: Any) -> Self:
        """The declaration with a published set of values.

        Parameters
        ----------
        name : str
            One of `presets`.
        **changes
            Values that differ from the published ones.

        Raises
        ------
        UnknownNameError
            With the nearest name.
        """
        if name not in cls.presets:
            raise UnknownNameError(
                cls.__name__, "preset", expected="a published set of values", got=repr(name), choices=cls.presets,
                typed=str(name),
            )  # fmt: skip
        return cls(**{**cls.presets[name].values, **changes})

    @classmethod
    def examples(cls: type[Self]) -> Iterator[Self]:
        """Settings that the generic tests use, extremes included."""
        yield cls()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            _same(value, other.__dict__[name]) for name, value in self.values.items()
        )

    def __hash__(self) -> int:
        return hash((type(self), tuple(str(value) for value in self.values.values())))

    def __repr__(self) -> str:
        changed = [
            f"{name}={_written(value)}"
            for name, value in self.values.items()
            if not _same(value, self.fields[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def _same(one: Any, other: Any) -> bool:
    return dimension_of(one) == dimension_of(other) and bool(one == other)


def _written(value: Any) -> str:
    """Python code that gives the value to the last digit; a quantity in its best unit where that loses nothing."""
    if dimension_of(value) is None:
        return repr(value)
    from brian2 import get_unit

    number = float(value)
    best = value.get_best_unit()
    for factor in (round(number / float(best), 12), number / float(best)):
        if factor * float(best) == number:
            return f"{factor!r}*{best!r}"
    return f"{number!r}*{get_unit(value.dim)!r}"


class Parts(Field):
    """Several declarations of one kind, in order."""

    def __init__(self, meaning: str, kind: type) -> None:
        super().__init__((), meaning)
        self.kind = kind

    def check(self, value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)) or not all(isinstance(part, self.kind) for part in value):
            raise self.refuse(where, f"a sequence of {self.kind.__name__}", repr(value))
        return tuple(value)
