"""Look at the forge for ever: whatever goes wrong in one look is told, and the next one comes all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable

from autarch.errors import AutarchError
from live.watching.watcher import Look, Watcher


def keep_looking(
    watcher: Watcher, ended: threading.Event, *, every_s: float, told: Callable[[Look], None] = lambda _: None
) -> None:
    """Look every `every_s` seconds until `ended` is set; `told` gets each look that changed something.

    Only what no look could cure, a fault of this program, ends it by raising.
    """
    before: Look | None = None
    while not ended.is_set():
        try:
            look = watcher.look()
        except AutarchError as error:
            watcher.alerts.tell("critical", "watch", f"this look failed, the next one comes: {error}")
        else:
            if look != before:
                told(look)
            before = look
        ended.wait(every_s)
