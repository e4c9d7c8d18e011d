"""The command ``brian2learn``."""
