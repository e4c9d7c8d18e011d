"""How things appear in a notebook: drawn by the explorer, which is found by its place and loaded only then.

Declarations are given this from outside their class, for the code of that class is part of what records are called by,
and how a thing looks must not rename any.
"""

from __future__ import annotations

import importlib
from typing import Any

from .declaration import Declaration
from .extras import need

_DRAWER = f"{__name__.rsplit('.', 2)[0]}.explore.notebook"


def html(shown: Any) -> str | None:
    """A declaration, a record, a claim or a verdict as HTML; None without the libraries of the explorer."""
    try:
        drawer = importlib.import_module(_DRAWER)
    except ModuleNotFoundError:
        return None  # then the notebook prints it
    return str(drawer.html(shown))


def explore(shown: Any, *, dark: bool = False) -> Any:
    """Sliders and pictures of a declaration for a notebook, as on the page of ``brian2learn explore``.

    Parameters
    ----------
    shown : Declaration
        A rule, a sum of mechanisms, a transmission or a release.
    dark : bool
        Whether the ground of the notebook is dark.

    Raises
    ------
    DeclarationError
        If there is no picture of it.
    RunError
        If Panel is not installed.
    """
    need("panel", "explore", "sliders in a notebook")
    return importlib.import_module(_DRAWER).explore(shown, dark=dark)


for _name, _do in (("_repr_html_", html), ("explore", explore)):
    setattr(Declaration, _name, _do)
