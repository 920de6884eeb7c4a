"""What a command says while it works: a line each on stderr, with the time left where a line counts towards an end."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

_COUNT = re.compile(r"(?<![\w./-])(\d+)(?:/| of )(\d+) ?([a-z]*)")
_SHOWN_AFTER_S = 1.0
_MINUTE_S, _HOUR_S = 60, 3600


class Narration:
    """Adds to lines such as `3 of 12 pages` how long the rest will take, at the pace since the first of their kind.

    Two lines are of a kind when they count the same things towards the same end, after the same words.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take `clock`, monotonic seconds."""
        self._clock = clock
        self._first: dict[tuple[str, str, str], tuple[int, float]] = {}

    def line(self, text: str) -> str:
        """Return `text`, and the time left where it can be told."""
        found = _COUNT.search(text)
        if found is None or text.endswith(" left"):  # another process of ours has said it already
            return text
        done, of, now = int(found[1]), int(found[2]), self._clock()
        before = re.sub(r"\d+", "", text[: found.start()])
        if done <= 1:
            self._first.pop((before, found[2], found[3]), None)  # counted anew
        first, began = self._first.setdefault((before, found[2], found[3]), (done, now))
        if not first < done < of or now - began < _SHOWN_AFTER_S:
            return text
        return f"{text}, {span((of - done) * (now - began) / (done - first))} left"


def span(seconds: float) -> str:
    """Return a length of time as one would say it."""
    if seconds < _MINUTE_S:
        return f"about {max(seconds, 1):.0f} s"
    if seconds < _HOUR_S:
        return f"about {seconds / _MINUTE_S:.0f} min"
    return f"about {seconds / _HOUR_S:.1f} h"


_narration = Narration(time.monotonic)


def narrated(line: str) -> str:
    """Return a line of narration, with the time left where it counts towards an end."""
    return _narration.line(line)


def tell(line: str) -> None:
    """Write one line of narration to stderr."""
    sys.stderr.write(f"autarch: {narrated(line)}\n")
    sys.stderr.flush()
