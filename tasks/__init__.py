"""Tasks: a stimulus and the truth about it, one task per file."""

from brian2learn.core.discovery import public_names

__getattr__ = public_names("tasks")
