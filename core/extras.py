"""Libraries that only some of the commands need."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import RunError


def need(module: str, extra: str, purpose: str) -> Any:
    """Import a library that is not always there.

    Parameters
    ----------
    module : str
        What to import.
    extra : str
        The extra of this package that installs it.
    purpose : str
        What it is needed for.

    Raises
    ------
    RunError
        If it is not there, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        raise RunError(
            "brian2learn", module.partition(".")[0], meaning=purpose, expected="an installed library", got="none",
            hint=f"Install it: pip install 'brian2learn[{extra}]'.",
        ) from problem  # fmt: skip
