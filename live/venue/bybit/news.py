"""What the private stream says, as news for the executor, in the order in which it was noticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Any

from autarch.errors import VenueError
from live.ports.venue import Changed, Connected, Disturbed, Executed, News
from live.venue.bybit.parsing import CATEGORY, execution_of
from live.venue.bybit.ports import StreamMessage
from live.venue.bybit.sizes import Sizes
from live.venue.bybit.supervising import Down, Up


class NewsDesk:
    """Queues news. `trouble` is the newest disturbance, "" before any."""

    def __init__(self, sizes: Sizes) -> None:
        """Begin with nothing; executions are counted in `sizes` as they are heard."""
        self.trouble = ""
        self._sizes = sizes
        self._news: deque[News] = deque()
        self._arrived = asyncio.Event()

    async def next(self) -> News:
        """Wait for the next news."""
        while not self._news:
            self._arrived.clear()
            await self._arrived.wait()
        return self._news.popleft()

    def drained(self) -> tuple[News, ...]:
        """Return what waits, without waiting."""
        found = tuple(self._news)
        self._news.clear()
        return found

    def heard(self, _generation: int, message: StreamMessage) -> None:
        """Take a message of the stream."""
        rows = message.message.get("data")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("category", CATEGORY) == CATEGORY:
                self._row(message.topic, row)

    def told(self, change: Up | Down) -> None:
        """Take a change of the stream's state."""
        if isinstance(change, Up):
            self._tell(Connected(generation=change.generation))
        else:
            self.disturbed(f"private stream: {change.reason}", change.fatal)

    def disturbed(self, reason: str, fatal: bool) -> None:  # noqa: FBT001  a callback's two facts
        """Say that something is wrong beyond one request."""
        self.trouble = reason
        self._tell(Disturbed(reason=reason, fatal=fatal))

    def changed(self, symbol: str) -> None:
        """Say that a symbol is to be read again."""
        self._tell(Changed(symbol=symbol))

    def _row(self, topic: str, row: Mapping[str, Any]) -> None:
        execution = None
        if topic.startswith("execution"):
            # A row that cannot be read, or of an unknown kind, is a change all the same: reads will show it.
            with contextlib.suppress(VenueError):
                execution = execution_of(row)
        if execution is not None:
            self._sizes.executed(execution)
            self._tell(Executed(execution=execution))
        elif isinstance(symbol := row.get("symbol"), str) and symbol:
            self.changed(symbol)

    def _tell(self, news: News) -> None:
        """Queue news; what says the same as the newest that waits adds nothing."""
        if isinstance(news, Executed) or not self._news or self._news[-1] != news:
            self._news.append(news)
        self._arrived.set()
