"""Cells and circuits, one per file."""

from brian2learn.core.discovery import public_names

__getattr__ = public_names("circuits")
