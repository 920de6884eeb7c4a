"""Files that a command is asked to write: whole, or the one before stays."""

from __future__ import annotations

import tempfile
from pathlib import Path

from autarch.errors import ConfigError


def put(path: Path, content: str | bytes, *, otherwise: str) -> None:
    """Write `content`, text as UTF-8, to `path`, so that a disk that fills leaves what was there before.

    What is no file, such as a pipe or /dev/stdout, is written to as it is; a link's file is written, not the link.

    Args:
        path: In a folder that exists.
        content: All of it.
        otherwise: What to do next where it cannot be written, for the error.

    Raises:
        ConfigError: it cannot be written.
    """
    encoded = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_bytes(encoded)
            return
        whole = path.resolve()
        if whole.exists():
            with whole.open("ab"):  # one that may not be written is not replaced either
                pass
        with tempfile.TemporaryDirectory(dir=whole.parent, prefix=".autarch-") as beside:
            draft = Path(beside) / whole.name
            draft.write_bytes(encoded)
            if whole.exists():
                draft.chmod(whole.stat().st_mode & 0o777)
            draft.replace(whole)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; {otherwise}") from error
