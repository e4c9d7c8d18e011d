"""Where the command line writes and how it ends: messages, errors and exit codes in one place."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from brian2learn.core.errors import Brian2LearnError, RecordError, RunError

if TYPE_CHECKING:
    from rich.console import Console

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def output() -> Console:
    """Where answers go."""
    from rich.console import Console

    return Console(highlight=False)


def messages() -> Console:
    """Where progress, warnings and errors go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(label: str, style: str, text: str) -> None:
    """Write one message to stderr: a coloured label and plain text, left unbroken for searching."""
    from rich.text import Text

    messages().print(Text.assemble((f"{label}: ", f"bold {style}"), text), soft_wrap=True)


def print_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


class Commands(TyperGroup):
    """The commands, with one way to end for each kind of trouble."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with _warnings_as_messages():
                return super().invoke(ctx)
        except Brian2LearnError as problem:
            say("error", "red", str(problem))
            raise typer.Exit(FAILED if isinstance(problem, (RunError, RecordError)) else BAD_INPUT) from None
        except KeyboardInterrupt:
            kept = (
                " Finished runs are kept; the same command goes on from there."
                if ctx.invoked_subcommand in ("run", "sweep")
                else ""
            )
            say("stopped", "yellow", f"by the keyboard.{kept}")
            raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        say("warning", "yellow", str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
