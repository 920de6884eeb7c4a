"""The one file of an unpacked artifact, opened as a stranger's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from autarch.errors import AutarchError


def read_only_file(folder: Path, name: str, *, bytes_max: int, refused: type[AutarchError]) -> bytes:
    """Return the bytes of `name`, which `folder` must hold and nothing beside it.

    Raises:
        AutarchError: of class `refused`: it holds anything else, or the file is a link, no regular one, or too long.
    """
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    if names != [name]:
        told = ", ".join(names[:5]) or "nothing"
        raise refused(f"the artifact holds {told[:200]!r}; expected {name} alone")
    try:
        # NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise refused(f"{name} cannot be opened as a regular file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refused(f"{name} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise refused(f"{name} has more than {bytes_max} bytes")
    return content
