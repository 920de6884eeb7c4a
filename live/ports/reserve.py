"""The port to space put by for the day the disk is full."""

from __future__ import annotations

from typing import Protocol


class Reserve(Protocol):
    """Space that can be given back to the journal once."""

    def free(self) -> bool:
        """Give it back and return whether there was any."""
        ...


class NoReserve:
    """Nothing was put by."""

    def free(self) -> bool:
        """Return False."""
        return False
