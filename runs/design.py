"""How the values of a sweep meet: columns of values, and the number of every point."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brian2learn.core.declaration import Declaration, Param, Size, dimension_of, plain
from brian2learn.core.errors import DeclarationError
from brian2learn.core.identity import Steps, encoded

from .paths import Place

DESIGNS = {
    "grid": "every value with every other",
    "list": "the first values of all together, then the second ones, and so on",
    "random": "independent draws",
    "sobol": "a scrambled Sobol sequence",
    "latin_hypercube": "a Latin hypercube",
}
MOST = 10**8
"""Most values of a parameter, and most points of a sweep."""
SOME = 1000  # values that are looked at to choose a unit


@dataclass(frozen=True)
class Span:
    """Values from `low` to `high`.

    Attributes
    ----------
    low, high : float or Quantity
    n : int, optional
        How many of them, for a grid or a list; a sampled design needs none.
    log : bool
        Whether ratios of neighbours are alike, rather than differences.
    """

    low: Any
    high: Any
    n: int | None = None
    log: bool = False


class Column:
    """The values of one swept parameter."""

    def __init__(self, values: Sequence[Any], *, stored: bool = True) -> None:
        self.values = values
        first = values[0]
        self.unit = ""
        if dimension_of(first) is not None:
            from brian2 import Quantity

            some = [plain(value) for value in values[:SOME]]
            self.scale = Quantity(some, dim=first.dim).get_best_unit()
            self.unit = str(self.scale)
        # numbers that a Param stores differ in their last eight bytes only
        self._prefix = encoded(first)[:-8] if stored and not isinstance(first, int) and _is_number(first) else None

    def __len__(self) -> int:
        return len(self.values)

    def encoded(self, which: np.ndarray) -> list[bytes]:
        """The bytes of some values that an identity is made of."""
        numbers, back = np.unique(which, return_inverse=True)
        if self._prefix is None:
            known = [encoded(self.values[k]) for k in numbers.tolist()]
        else:
            known = [self._prefix + struct.pack("<d", float(self.values[k])) for k in numbers.tolist()]
        return [known[k] for k in back.tolist()]

    @property
    def attributes(self) -> dict[str, str]:
        """The unit, as labelled arrays keep it."""
        return {"units": self.unit} if self.unit else {}

    def shown(self, which: np.ndarray) -> list[Any]:
        """Values for a table: numbers in `unit`, other things by their text."""
        numbers, back = np.unique(which, return_inverse=True)
        known = [self._shown(self.values[k]) for k in numbers.tolist()]
        return [known[k] for k in back.tolist()]

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Declaration):
            return repr(value)
        if not self.unit:
            return value
        number = float(value) / float(self.scale)
        short = round(number, 12)
        return short if short * float(self.scale) == float(value) else number


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or dimension_of(value) is not None


class Layout:
    """Which value of every column, and which seed, a point has.

    Of a grid, points are numbered with the values that shape the input slowest, then the seed, then the others; of
    rows, with the groups of rows that share an input slowest, then the seed, then the row within its group.
    """

    columns: dict[str, Column]
    steps: dict[str, Steps]
    n_settings: int
    shape: tuple[int, ...]  # of the settings as the user gave them

    def __init__(self, columns: dict[str, Column], steps: dict[str, Steps], n_seeds: int) -> None:
        self.columns, self.steps, self.n_seeds = columns, steps, n_seeds

    def indices(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        raise NotImplementedError

    def blocks(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each point, the number of its input and its place among those that share it."""
        raise NotImplementedError

    def first_of(self, setting: int) -> int:
        raise NotImplementedError

    def order_of_all(self) -> np.ndarray:
        """The point at every place of an array of `shape` by seeds."""
        raise NotImplementedError


class Grid(Layout):
    def __init__(self, columns: dict[str, Column], steps: dict[str, Steps], n_seeds: int) -> None:
        super().__init__(columns, steps, n_seeds)
        self.inputs = [path for path in columns if shapes_input(path)]
        self.others = [path for path in columns if not shapes_input(path)]
        sizes = {path: len(column) for path, column in columns.items()}
        self.shape = tuple(sizes.values())
        self.n_settings = math.prod(self.shape)
        self._order = [*self.inputs, None, *self.others]
        self._sizes = [n_seeds if path is None else sizes[path] for path in self._order]
        self._together = math.prod(sizes[path] for path in self.others)

    def indices(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        found = dict(zip(self._order, np.unravel_index(points, self._sizes), strict=True))
        seeds = found.pop(None)
        return found, seeds  # type: ignore[return-value]

    def blocks(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.divmod(points, self._together)

    def first_of(self, setting: int) -> int:
        which = dict(zip(self.columns, np.unravel_index(setting, self.shape), strict=True)) if self.shape else {}
        return int(np.ravel_multi_index([0 if path is None else int(which[path]) for path in self._order], self._sizes))

    def order_of_all(self) -> np.ndarray:
        all_points = np.arange(math.prod(self._sizes)).reshape(self._sizes)
        wanted = [*self.columns, None]
        return all_points.transpose([self._order.index(path) for path in wanted]).ravel()


class Rows(Layout):
    def __init__(self, columns: dict[str, Column], steps: dict[str, Steps], n_seeds: int, distinct: bool) -> None:
        super().__init__(columns, steps, n_seeds)
        self.n_settings = len(next(iter(columns.values())))
        self.shape = (self.n_settings,)
        rows = np.arange(self.n_settings)
        shaping = [column for path, column in columns.items() if shapes_input(path)]
        if not shaping:
            group = np.zeros(self.n_settings, np.int64)
        elif distinct:
            group = rows
        else:
            known: dict[tuple[bytes, ...], int] = {}
            texts = zip(*(column.encoded(rows) for column in shaping), strict=True)
            group = np.array([known.setdefault(text, len(known)) for text in texts])
        self._order = np.argsort(group, kind="stable")
        self._starts = np.searchsorted(group[self._order], np.arange(group.max() + 2))

    def _within(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        group = np.searchsorted(self._starts * self.n_seeds, points, "right") - 1
        start = self._starts[group]
        seed, row = np.divmod(points - start * self.n_seeds, self._starts[group + 1] - start)
        return group, seed, start, row

    def indices(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        _, seed, start, row = self._within(points)
        return dict.fromkeys(self.columns, self._order[start + row]), seed

    def blocks(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        group, seed, _, row = self._within(points)
        return group * self.n_seeds + seed, row

    def first_of(self, setting: int) -> int:
        place = int(np.flatnonzero(self._order == setting)[0])
        group = int(np.searchsorted(self._starts, place, "right")) - 1
        return int(self._starts[group]) * self.n_seeds + place - int(self._starts[group])

    def order_of_all(self) -> np.ndarray:
        points = np.arange(self.n_settings * self.n_seeds)
        _, seed, start, row = self._within(points)
        found = np.empty(points.size, np.int64)
        found[self._order[start + row] * self.n_seeds + seed] = points
        return found


def shapes_input(path: str) -> bool:
    return path == "dt" or path.startswith("task.") or path == "task"


def layout_of(
    design: str, over: Mapping[str, Any], places: Mapping[str, Place], *, n_seeds: int, n: int | None, seed: int
) -> Layout:
    """The points of a design over values (lists or spans), each with some seeds.

    Parameters
    ----------
    n : int or None
        Number of settings of a sampled design.
    seed : int
        For its draws.

    Raises
    ------
    DeclarationError
        If values are missing, of the wrong kind, unit or size, or too many.
    """
    steps = {path: place.steps for path, place in places.items()}
    if design in ("grid", "list"):
        columns = {path: _listed(path, places[path], values, once=design == "grid") for path, values in over.items()}
        if design == "grid":
            return Grid(columns, steps, n_seeds)
        sizes = {path: len(column) for path, column in columns.items()}
        if len({*sizes.values()}) > 1:
            got = ", ".join(f"{size} for {path}" for path, size in sizes.items())
            raise DeclarationError("Sweep", "over", expected="as many values for each, being a list", got=got)
        return Rows(columns, steps, n_seeds, distinct=False)
    shares = _samples(design, n or 1, len(over), seed)
    columns = {
        path: _sampled(path, places[path], values, shares[:, number])
        for number, (path, values) in enumerate(over.items())
    }
    distinct = all(isinstance(over[path], Span) for path in columns if shapes_input(path))
    return Rows(columns, steps, n_seeds, distinct=distinct)


def _samples(design: str, n: int, d: int, seed: int) -> np.ndarray:
    """Points in the unit cube, (n, d)."""
    if n > MOST:
        raise DeclarationError("Sweep", "n", expected=f"at most {MOST}", got=str(n))
    rng = np.random.default_rng(seed)
    if design == "random":
        return rng.random((n, d))
    from scipy.stats import qmc

    if design == "latin_hypercube":
        return np.asarray(qmc.LatinHypercube(d, rng=rng).random(n))
    return np.asarray(qmc.Sobol(d, rng=rng).random_base2(max(0, (n - 1).bit_length())))[:n]


def _listed(path: str, place: Place, values: Any, *, once: bool) -> Column:
    if isinstance(values, Span):
        n = values.n
        if n is None or isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
            raise DeclarationError("Sweep", path, expected=f"a span with n, up to {MOST}", got=f"n={n!r}")
        make = _between(path, place, values)
        return Column([make(k / max(n - 1, 1)) for k in range(n)])
    is_array = getattr(values, "ndim", 0) == 1
    if not is_array and (isinstance(values, (str, bytes)) or not isinstance(values, Sequence)):
        raise DeclarationError("Sweep", path, expected="a sequence of values or a Span", got=repr(values))
    if not 0 < len(values) <= MOST:
        raise DeclarationError("Sweep", path, expected=f"from 1 to {MOST} values", got=str(len(values)))
    column = Column([place.check(_scalar(value)) for value in values], stored=place.field is not None)
    if once and len({*column.encoded(np.arange(len(column)))}) < len(column):
        raise DeclarationError("Sweep", path, expected="each value once", got=str(values))
    return column


def _scalar(value: Any) -> Any:
    """Elements of arrays as Python's own numbers; quantities stay."""
    return value.item() if isinstance(value, np.generic) and not hasattr(value, "dim") else value


def _between(path: str, place: Place, span: Span) -> Callable[[float], Any]:
    """The value at a share of a span, 0 for its low and 1 for its high end."""
    field = place.field
    if field is not None and not isinstance(field, Param):
        raise DeclarationError("Sweep", path, expected="a list of values, for it is no number", got="a span")
    low, high = place.check(span.low), place.check(span.high)
    whole = isinstance(field, Size)
    if not plain(low) < plain(high) or (span.log and not plain(low) > 0):
        expected = "a low end above 0 and below its high end" if span.log else "a low end below its high end"
        raise DeclarationError("Sweep", path, expected=expected, got=f"{span.low} to {span.high}")
    first, last = float(low), float(high)

    def make(share: float) -> Any:
        if whole and not span.log:
            return min(int(first + share * (last - first + 1)), int(last)) if share < 1 else int(last)
        number = first * (last / first) ** share if span.log else first + share * (last - first)
        number = min(max(number, first), last)
        if whole:
            return round(number)
        if dimension_of(low) is None:
            return number
        from brian2 import Quantity

        return Quantity(number, dim=low.dim)

    return make


def _sampled(path: str, place: Place, values: Any, shares: np.ndarray) -> Column:
    if isinstance(values, Span):
        if values.n is not None:
            raise DeclarationError("Sweep", path, expected="a span without n in a sampled design", got=f"n={values.n}")
        make = _between(path, place, values)
        return Column([make(share) for share in shares.tolist()])
    listed = _listed(path, place, values, once=True)
    return Column(
        [listed.values[int(share * len(listed))] for share in shares.tolist()], stored=place.field is not None
    )
