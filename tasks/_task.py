"""What a task is: it draws a stimulus and says what is true of it; it scores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeVar

import numpy as np

from brian2learn.core.declaration import Declaration

Item = TypeVar("Item")


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of one population in continuous time, sorted by time.

    Attributes
    ----------
    indices : (k,) int32
        The neuron of each spike, from 0 to ``n - 1``.
    times : (k,) float, s
        When it fired, from 0 to the period of the stimulus.
    n : int
        Number of neurons in the population.
    """

    indices: np.ndarray
    times: np.ndarray
    n: int

    def blocks(self) -> Iterator[SpikeTrains]:
        """The same spikes in pieces that follow each other in time."""
        yield self


class SpikeBlocks(SpikeTrains):
    """Spikes that are made in blocks whenever they are read, so that they never have to be in memory at once.

    `indices` and `times` join the blocks when they are first asked for.

    Parameters
    ----------
    make : callable
        Yields one block or more in the order of time, the same ones at every call.
    n : int
        Number of neurons in the population.
    """

    def __init__(self, make: Callable[[], Iterator[SpikeTrains]], n: int) -> None:
        vars(self).update(make=make, n=n)  # the base class is frozen

    def blocks(self) -> Iterator[SpikeTrains]:
        return iter(vars(self)["make"]())

    @cached_property
    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        indices, times = zip(*((block.indices, block.times) for block in self.blocks()), strict=True)
        return np.concatenate(indices), np.concatenate(times)

    @property
    def indices(self) -> np.ndarray:
        return self._whole[0]

    @property
    def times(self) -> np.ndarray:
        return self._whole[1]


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, none of them None; the next one is made in another thread while one is used."""
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = other.submit(next, items, None)
            yield item


@dataclass(frozen=True)
class Stimulus:
    """What is shown to the circuit in one run, and the truth about it.

    Attributes
    ----------
    spikes : mapping of str to SpikeTrains
        Spikes of every driven population within one period.
    period : float, s
        After this time the same spikes come again.
    duration : float, s
        Length of the whole run; a whole number of periods, or less than one.
    truth : mapping of str to ndarray
        What the analysis needs to know, over the whole duration (for example the onsets of a pattern, in s).
    """

    spikes: Mapping[str, SpikeTrains]
    period: float
    duration: float
    truth: Mapping[str, np.ndarray]


class Task(Declaration):
    """Stimulus and truth for a circuit. A subclass names the populations it drives and draws."""

    drives: ClassVar[tuple[str, ...]] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Number of neurons of every driven population."""
        raise NotImplementedError

    @property
    def duration(self) -> float:
        """Length of a run, s; that of every stimulus drawn."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator) -> Stimulus:
        """Draw one stimulus; the same generator state gives the same stimulus.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        """
        raise NotImplementedError
