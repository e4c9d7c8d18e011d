"""brian2learn: learning in spiking networks, with Brian2."""

__version__ = "0.1.0"
