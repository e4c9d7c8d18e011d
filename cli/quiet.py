"""Import Brian2 without what it does for scripts: debug files, a copy of the script, a hook for uncaught errors."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import chdir, suppress
from pathlib import Path

from brian2learn.runs.children import PREFERENCES


def quiet_brian2() -> None:
    """Import Brian2 with our `PREFERENCES`; what the user's own ``brian_preferences`` says comes after them and wins.

    Brian2 opens its log while it is being imported and takes preferences before that only from a file in the current
    directory; so it is imported from a directory that holds one. Does nothing once Brian2 is there.
    """
    if "brian2" in sys.modules:
        return
    os.environ.setdefault("MPLBACKEND", "agg")  # pictures go to files; a display may be missing
    own = ""
    with suppress(OSError):
        own = Path("brian_preferences").read_text(encoding="utf-8")
    hook = sys.excepthook
    with tempfile.TemporaryDirectory(prefix="brian2learn-") as folder:
        Path(folder, "brian_preferences").write_text(f"{PREFERENCES}{own}\n", encoding="utf-8")
        import matplotlib  # noqa: F401  reads the user's matplotlibrc from the directory we are about to leave

        with chdir(folder):
            import brian2  # noqa: F401
    sys.excepthook = hook
