"""What is said of an error nobody foresaw: where it is, that nothing may be concluded, where the whole account lies."""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path

from autarch.errors import AutarchError
from autarch.paths import cache_root, private_directory

FAULT_EXIT = 3
_CODE = Path(__file__).resolve().parent.parent.parent


def fault_text(error: Exception) -> str:
    """Return one paragraph on an unforeseen `error`; its traceback goes into a file of the cache.

    An operating system's refusal (a full disk, a folder that may not be written) is named by its file.
    """
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"the system refused: {name}{error.strerror}; check disk space, owner and mode, then run it again"
    said = " ".join(str(error).split())[:300]
    return (
        f"a fault of autarch's own, so nothing may be concluded: {type(error).__name__} at {_place(error)}: {said}; "
        f"{_kept(error)}"
    )


def _place(error: Exception) -> str:
    """Return the innermost line of ours that the error passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_CODE) and ".venv" not in frame.filename]
    last = (ours or frames)[-1:]
    return f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "an unknown line"


def _kept(error: Exception) -> str:
    """Write the traceback to a file and return where; a disk that takes none costs the account, not the sentence."""
    try:
        folder = private_directory(cache_root() / "faults")
        handle, name = tempfile.mkstemp(dir=folder, prefix="fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except (OSError, AutarchError):
        return "its account could not be written; run it again with room on the disk, then report it"
    return f"report it with {name}"
