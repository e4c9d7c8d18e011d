"""What a task is: it draws a stimulus and says what is true of it; it scores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brian2learn.core.declaration import Declaration


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

    def draw(self, rng: np.random.Generator) -> Stimulus:
        """Draw one stimulus; the same generator state gives the same stimulus.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        """
        raise NotImplementedError
