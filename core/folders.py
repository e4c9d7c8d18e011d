"""Folders that are there whole or not at all, for many writers and for network file systems."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"
OLD = 24 * 3600  # s; what a killed process left behind is removed after a day


@contextmanager
def published(target: Path, within: Path | None = None) -> Iterator[Path]:
    """A new folder to fill, which on leaving becomes `target` in one step.

    If another process was faster, its folder stays. After an error, or if the process is killed, there is no `target`.

    Parameters
    ----------
    target : Path
        The folder that is to be.
    within : Path, optional
        Where it is filled, on the same file system; beside `target` if not given.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    within = within or target.parent
    unfinished = _unfinished(within)
    try:
        unfinished.mkdir(parents=True)
        _sweep(within)
        yield unfinished
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(unfinished, target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a folder in such a way that nobody finds half of it."""
    unfinished = _unfinished(folder.parent)
    try:
        os.rename(folder, unfinished)
    except OSError:  # another process was faster
        return
    shutil.rmtree(unfinished, ignore_errors=True)


def _unfinished(within: Path) -> Path:
    """A name that no other process uses."""
    return within / f"{UNFINISHED}{uuid.uuid4().hex}"


def _sweep(within: Path) -> None:
    """Remove what killed processes left behind long ago."""
    for path in within.glob(f"{UNFINISHED}*"):
        try:
            if time.time() - path.stat().st_mtime > OLD:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # another process was faster
            continue
