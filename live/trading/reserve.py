"""A file that only takes up space, so that a full disk leaves enough to end in order."""

from __future__ import annotations

import os
from pathlib import Path

RESERVE_BYTES = 16_000_000


class ReserveFile:
    """Space put by in a file beside the journal."""

    def __init__(self, path: Path, *, size: int = RESERVE_BYTES) -> None:
        """Put `size` bytes by, unless they are already; a disk without room for them has no reserve."""
        self._path = path
        try:
            with path.open("ab") as file:
                if file.tell() < size:
                    os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            path.unlink(missing_ok=True)

    def free(self) -> bool:
        """Give the space back and return whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
