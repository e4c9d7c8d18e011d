"""A Chromium for the tests of the page: where it is, and how to get one (``python tests/browser.py install``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """The program of a Chromium on this machine: named by the environment, on the path, or playwright's own."""
    named = os.environ.get("BRIAN2LEARN_CHROMIUM")
    if named:
        return shutil.which(named)
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            own = playwright.chromium.executable_path
        return own if os.path.exists(own) else None
    except Exception:  # without playwright there is none of its own
        return None


def install() -> None:
    """Install one: the distribution's where that can be done, else playwright's."""
    if chromium():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        asked_nothing = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            done = subprocess.run(command, env=asked_nothing, stdin=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if not chromium():
        raise SystemExit(
            f"The tests of the page need a Chromium. There is none on the path ({', '.join(NAMES)}), and none could be "
            "installed by apt-get (as root) or by playwright. Install one, or name it: BRIAN2LEARN_CHROMIUM=PROGRAM."
        )


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        raise SystemExit(__doc__)
    install()
