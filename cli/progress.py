"""Progress of the runs that a command has to make, with an estimate of what is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from .console import messages


class Run(NamedTuple):
    """One run of one experiment of a figure."""

    figure: str
    experiment: str
    seed: int

    def __str__(self) -> str:
        return f"{self.figure} {self.experiment}, seed {self.seed}"


class Left(ProgressColumn):
    """The time left until the task's estimated end, which is looked at anew whenever something is known."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text(f"in {clock(task.elapsed or 0.0)}", style="cyan", no_wrap=True)
        end = task.fields["end"]
        left = "" if end is None else f"{clock(max(0.0, end - time.monotonic()))} left"
        return Text(left, style="cyan", no_wrap=True)


class RunProgress:
    """Bars on a terminal, for the present run and for all; elsewhere one line for each finished run.

    Parameters
    ----------
    planned : mapping of Run to float or None, s
        The runs to be made, in order, each with its simulated time where that is known beforehand.
    n_workers : int
        With several, runs do not come in order and only their end is reported.
    """

    def __init__(self, planned: Mapping[Run, float | None], n_workers: int) -> None:
        self.waiting = dict(planned)
        self.in_order = n_workers == 1
        self.n = len(planned)
        known = [duration for duration in planned.values() if duration is not None]
        self.usual = sum(known) / len(known) if known else 1.0  # stands for a duration that is not known
        self.whole = sum(self._length(run) for run in planned)
        self.done = 0.0
        self.console = messages()
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[note]}"),
            Left(),
            console=self.console,
            expand=True,
            disable=not self.console.is_terminal,
        )
        self.present = self.bars.add_task("", visible=False, note="", end=None)
        self.all = self.bars.add_task(f"all {self.n} runs", total=self.whole, note=self._count, end=None)

    def __enter__(self) -> RunProgress:
        self.started = time.monotonic()
        # compiling comes before the first run in order has told anything, and once only: no measure of what is left
        self.counted_from = None if self.in_order else self.started
        self.bars.start()
        self._announce()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for run in list(self.waiting):
                self._finish(run)
        self.bars.update(self.present, visible=False)
        self.bars.stop()

    def tell(self, run: Run, reached: float) -> None:
        """Take notice of the simulated time that a run has reached, in s."""
        if run not in self.waiting:
            return
        if not self.in_order:
            self._finish(run)
            return
        while next(iter(self.waiting)) != run:  # runs come in order: those before it are finished
            self._finish(next(iter(self.waiting)))
        duration = self.waiting[run]
        of = "" if duration is None else f"/{duration:g}"
        self.bars.update(self.present, total=duration, completed=reached, note=f"{reached:.4g}{of} s")
        share = 0.0 if duration is None else min(reached / duration, 1.0)
        self._estimate(self.done + share * self._length(run))

    def _length(self, run: Run) -> float:
        """How much of the whole a run is."""
        return self.waiting[run] or self.usual

    @property
    def _count(self) -> str:
        return f"{self.n - len(self.waiting)}/{self.n}"

    def _estimate(self, completed: float) -> float:
        """Show what is completed; the seconds left if all goes on as it went so far."""
        now = time.monotonic()
        if self.counted_from is None:
            self.counted_from = now
        left = (now - self.counted_from) * (self.whole / completed - 1) if completed else 0.0
        end = now + left if left else None
        self.bars.update(self.all, completed=completed, note=self._count, end=end)
        return left

    def _finish(self, run: Run) -> None:
        self.done += self._length(run)
        del self.waiting[run]
        left = self._estimate(self.done)
        if self.bars.disable:
            rest = f", about {clock(left)} left" if self.waiting else f" in {clock(time.monotonic() - self.started)}"
            self.console.print(f"{run}: done ({self._count}{rest})", soft_wrap=True)
        self._announce()

    def _announce(self) -> None:
        """Show the run that comes next."""
        if self.waiting and self.in_order:
            name = str(next(iter(self.waiting)))
            self.bars.reset(self.present, description=name, total=None, visible=True, note="preparing", end=None)
        else:
            self.bars.update(self.present, visible=False)


def clock(seconds: float) -> str:
    """A duration for reading: ``2 h 5 min``, ``3 min 20 s``, ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
