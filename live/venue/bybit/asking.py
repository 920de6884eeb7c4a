"""Ask the venue: limits kept, reads tried again, orders sent exactly once, pages joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from autarch.errors import VenueError
from live.venue.bybit.limiter import Limiter
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.outcomes import (
    BANNED_STATUS,
    RATE_LIMITED,
    Ended,
    is_transient,
    meaning_of,
    reset_wait_s,
)
from live.venue.bybit.ports import Answer, NotSent, RetCode, Transport, Unanswered

READ_TRIES: Final = 4
READ_WAIT_S: Final = 0.25
RATE_WAIT_S: Final = 2.0
RATE_WAIT_S_MAX: Final = 10.0
BAN_S: Final = 610.0
"""An address that asked too often is let in again after ten minutes of silence."""
PAGES_MAX: Final = 200

Told = Callable[[str, bool], None]
"""Hears (reason, fatal) of what concerns more than the one request."""


class Asker:
    """All requests of one account pass here."""

    def __init__(self, transport: Transport, options: BybitOptions, *, told: Told) -> None:
        """Begin with nothing sent."""
        self._transport = transport
        self._limiter = Limiter(orders_a_second=options.orders_a_second, reads_a_second=options.reads_a_second)
        self._told = told
        self._banned_until = 0.0

    async def once(self, path: str, body: Mapping[str, Any]) -> Answer:
        """POST a request once, whatever becomes of it.

        Raises:
            RetCode, NotSent, Unanswered: how it ended, if not with retCode 0.
        """
        await self._limiter.take(path, signed=True)
        self._check_ban()
        try:
            return await self._transport.request("POST", path, body, signed=True)
        except (RetCode, Unanswered) as ended:
            self._note(ended)
            raise

    async def settled(self, path: str, body: Mapping[str, Any], *, fine: frozenset[int]) -> None:
        """POST what may be repeated without harm until it is so; codes in `fine` say that it is.

        Raises:
            VenueError: refused, or unanswered at every try.
        """
        ended = await self._tried("POST", path, body, signed=True)
        if isinstance(ended, RetCode) and ended.code in fine:
            return
        if not isinstance(ended, Answer):
            raise VenueError(f"{path}: {ended}") from ended

    async def read(self, path: str, query: Mapping[str, Any], *, signed: bool = True) -> Answer:
        """GET an answer, with a few tries where another may help.

        Raises:
            VenueError: none came; its cause is how the last try ended.
        """
        ended = await self._tried("GET", path, query, signed=signed)
        if isinstance(ended, Answer):
            return ended
        raise VenueError(f"{path}: {ended}") from ended

    async def pages(self, path: str, query: Mapping[str, Any], *, signed: bool = True) -> list[Mapping[str, Any]]:
        """GET every row of a paged list, in the venue's order.

        Raises:
            VenueError: a page did not come, is none, or there is no end of them.
        """
        rows: list[Mapping[str, Any]] = []
        cursor, seen = "", set()
        for _ in range(PAGES_MAX):
            page = (await self.read(path, {**query, "cursor": cursor} if cursor else query, signed=signed)).result
            rows += rows_of(page, path)
            cursor = str(page.get("nextPageCursor") or "")
            if not cursor:
                return rows
            if cursor in seen:
                raise VenueError(f"{path}: the cursor {cursor!r} came twice; the list has no end")
            seen.add(cursor)
        raise VenueError(f"{path}: more than {PAGES_MAX} pages; ask for a shorter span")

    async def _tried(self, method: str, path: str, sent: Mapping[str, Any], *, signed: bool) -> Answer | Ended:
        last: Ended = NotSent("no try was made")
        for attempt in range(READ_TRIES):
            try:
                await self._limiter.take(path, signed=signed)
                self._check_ban()
                return await self._transport.request("POST" if method == "POST" else "GET", path, sent, signed=signed)
            except (RetCode, NotSent, Unanswered) as ended:
                last = ended
                self._note(ended)
            if not is_transient(last) or self.silent_s or attempt + 1 == READ_TRIES:
                break
            await asyncio.sleep(self._wait_s(last, attempt))
        return last

    def _wait_s(self, ended: Ended, attempt: int) -> float:
        if isinstance(ended, RetCode) and ended.code == RATE_LIMITED:
            return reset_wait_s(ended, default_s=RATE_WAIT_S, most_s=RATE_WAIT_S_MAX)
        return READ_WAIT_S * 2.0**attempt

    def _note(self, ended: Ended) -> None:
        if isinstance(ended, Unanswered) and ended.status == BANNED_STATUS:
            self._banned_until = asyncio.get_running_loop().time() + BAN_S
            self._told(f"the venue turned this address away ({ended}); nothing is sent for ten minutes", False)
        elif isinstance(ended, RetCode) and meaning_of(ended.code) == "key":
            self._told(f"the key is refused: {ended}", True)

    @property
    def silent_s(self) -> float:
        """Seconds for which nothing is asked, since the venue has turned this address away; 0 when it has not."""
        return max(0.0, self._banned_until - asyncio.get_running_loop().time())

    def _check_ban(self) -> None:
        if self.silent_s:
            raise NotSent(f"this address was turned away by the venue; silent for {self.silent_s:.0f} s more")


def rows_of(result: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """Return the rows of a list answer.

    Raises:
        VenueError: it holds none.
    """
    found = result.get("list")
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise VenueError(f"{path}: an answer without a list of rows")
    return found
