"""Paper figures with their claims, one figure per file."""

from brian2learn.core.discovery import public_names

__getattr__ = public_names("figures")
