"""``python -m brian2learn.cli`` is the command ``brian2learn``."""

from .main import run

if __name__ == "__main__":
    run()
