"""The settings of one reader: the present one, those to go back to, and one that is kept for comparison."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .settings import Setting

ONE_MOVE = 1.0  # s; changes of one value that follow each other faster are undone together
LONGEST = 200


@dataclass
class History:
    """Where a reader is and was.

    Attributes
    ----------
    now : Setting
    kept : Setting, optional
        For comparison.
    """

    now: Setting
    kept: Setting | None = None
    past: list[Setting] = field(default_factory=list)
    future: list[Setting] = field(default_factory=list)
    _moved: tuple[str, float] = ("", 0.0)

    def go(self, setting: Setting, what: str = "") -> None:
        """Go to another setting; `what` names the value that was moved, if it is one."""
        moment = time.monotonic()
        if not (what and self._moved[0] == what and moment - self._moved[1] < ONE_MOVE):
            self.past = [*self.past[1 - LONGEST :], self.now]
        self._moved = (what, moment)
        self.future = []
        self.now = setting

    def undo(self) -> bool:
        """Go back; whether there was something to go back to."""
        return self._step(self.past, self.future)

    def redo(self) -> bool:
        """Take the last `undo` back."""
        return self._step(self.future, self.past)

    def _step(self, source: list[Setting], target: list[Setting]) -> bool:
        self._moved = ("", 0.0)
        if not source:
            return False
        target.append(self.now)
        self.now = source.pop()
        return True
