"""Where Autarch keeps what is not in Git: data bytes, compiled code, trees written for a run.

Everything is under one cache root, `$AUTARCH_CACHE` or `~/.cache/autarch`, private to its owner.
Deleting it loses nothing that cannot be rebuilt, except imported data.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from autarch.errors import ConfigError


def cache_root() -> Path:
    """Return the cache root; not created."""
    named = os.environ.get("AUTARCH_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "autarch"


def private_directory(path: Path) -> Path:
    """Create `path` readable by its owner alone and return it.

    Raises:
        ConfigError: it exists and belongs to another user or others may write it: code loaded
            from there (numba unpickles its cache) would run as us. Or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.stat()
    except OSError as error:  # a file, a link to nowhere, a disk that is full or may not be written
        raise ConfigError(f"cannot make the folder {path}: {error.strerror}; remove what is in its place") from error
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(
            f"{path} belongs to uid {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}; "
            f"expected uid {os.getuid()} and no write access for others. Remove it or run: chmod 700 {path}"
        )
    return path
