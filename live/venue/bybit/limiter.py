"""Keep below the venue's limits before it has to say so. Windows roll on the event loop's time."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

IP_REQUESTS: Final = 500
IP_SPAN_S: Final = 5.0
"""The venue bans an address for ten minutes beyond 600 in 5 s; a sixth is left to whoever shares it."""
ORDER_SPAN_S: Final = 1.05
"""Of a second: requests that we space by one may arrive a little closer."""
SLEEP_S_MIN: Final = 0.001
"""A wait that rounding makes shorter than time can move would be tried again for ever."""
ORDER_PATHS: Final = frozenset(
    {"/v5/order/create", "/v5/order/cancel", "/v5/order/cancel-all", "/v5/order/amend", "/v5/position/trading-stop",
     "/v5/position/set-leverage"}
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Window:
    """At most `limit` passes within any `span_s` seconds."""

    limit: int
    span_s: float
    _passed: deque[float] = field(default_factory=deque)

    async def take(self) -> None:
        """Wait until one more may pass, and let it."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while self._passed and self._passed[0] + self.span_s <= now:
                self._passed.popleft()
            if len(self._passed) < self.limit:
                self._passed.append(now)
                return
            await asyncio.sleep(max(SLEEP_S_MIN, self._passed[0] + self.span_s - now))


class Limiter:
    """One account's windows: each order endpoint, each private read, and the address."""

    def __init__(self, *, orders_a_second: int, reads_a_second: int) -> None:
        """Begin with every window empty."""
        self._orders_a_second = orders_a_second
        self._reads_a_second = reads_a_second
        self._address = Window(limit=IP_REQUESTS, span_s=IP_SPAN_S)
        self._paths: dict[str, Window] = {}

    async def take(self, path: str, *, signed: bool) -> None:
        """Wait until a request to `path` may be sent."""
        if signed:
            await self._window(path).take()
        await self._address.take()

    def _window(self, path: str) -> Window:
        if path not in self._paths:
            limit = self._orders_a_second if path in ORDER_PATHS else self._reads_a_second
            self._paths[path] = Window(limit=limit, span_s=ORDER_SPAN_S)
        return self._paths[path]
