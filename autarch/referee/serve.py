"""The referee's process: `python -m autarch.referee.serve` reads sheets on stdin and answers on stdout.

Both ways a message is its length, eight bytes, and a pickle; both ends are this package.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any, Final

HEADER: Final = struct.Struct("<Q")
ORPHAN_EXIT: Final = 3
LOOK_S: Final = 1.0


def send(stream: IO[bytes], message: object) -> None:
    """Write one message."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(HEADER.pack(len(content)))
    stream.write(content)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Return the next message, None at the end of the stream.

    Raises:
        EOFError: the stream ends inside a message.
    """
    header = stream.read(HEADER.size)
    if not header:
        return None
    content = stream.read(HEADER.unpack(header)[0]) if len(header) == HEADER.size else b""
    if len(header) != HEADER.size or len(content) != HEADER.unpack(header)[0]:
        raise EOFError("the stream ends inside a message")
    return pickle.loads(content)  # noqa: S301  a pipe between two processes of ours, closed to all others


def serve(play: Callable[[Any], object]) -> int:
    """Play each request, a tuple of sheets, and answer a tuple of what came of each, or the text of an error.

    Nobody is left to answer when the process that asked is gone: then this one ends within about a second.
    """
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    from autarch.numerics import is_pinned  # noqa: PLC0415  not before a first request's imports are settled

    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while (sheets := receive(sys.stdin.buffer)) is not None:
        try:
            if not is_pinned():
                raise RuntimeError("the numeric pin is not set")  # noqa: TRY301  told to the asker like any failure
            send(answers, tuple(play(sheet) for sheet in sheets))
        except Exception:  # noqa: BLE001  the asker shows it, and the check is undecided
            send(answers, traceback.format_exc(limit=-2))
    return 0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(ORPHAN_EXIT)


def main() -> int:
    """Serve `Refereed` for each sheet."""
    # backtrader looks for TA-Lib, which brings pandas along; its indicators are not used.
    sys.modules["talib"] = None  # type: ignore[assignment]
    from autarch.referee.replay import play  # noqa: PLC0415  after the line above

    return serve(play)


if __name__ == "__main__":
    raise SystemExit(main())
