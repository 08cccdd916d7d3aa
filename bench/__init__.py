"""bench: how fast a model runs on a device, where the time goes, and whether a change made it slower."""

__version__ = "0.1.0"
