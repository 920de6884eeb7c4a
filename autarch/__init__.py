"""Autarch: agents write strategies, CI proves them, a human merges, a signed tag goes live."""

__version__ = "0.1.0"
