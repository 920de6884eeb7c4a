"""One socket with its session, its faults, and what waits to be sent on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import WSCloseCode, web

from live.simulator.core.rows import Row
from live.simulator.faults.streams import FaultyStream, Sent
from live.simulator.wire.streams import Session

QUEUE_MAX = 10_000


class Connection:
    """A client that does not read is cut off once `QUEUE_MAX` messages wait for it."""

    def __init__(
        self, session: Session, socket: web.WebSocketResponse, faulty: FaultyStream, abort: Callable[[], None]
    ) -> None:
        """Send nothing yet; `abort` ends the connection without a close."""
        self.session = session
        self.socket = socket
        self._faulty = faulty
        self._abort = abort
        self._waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE_MAX)
        self._closing: set[asyncio.Task[object]] = set()

    def answer(self, raw: str | bytes, *, delay_ms: int, now_ms: int) -> None:
        """Act on the client's message and queue the answers."""
        asked = raw if isinstance(raw, bytes) else raw.encode()
        refused = self._faulty.refuses(asked, now_ms=now_ms)
        answers = [self.session.refusal(asked)] if refused else self.session.feed(raw)
        ping = b'"ping"' in asked
        self._queue(self._faulty.answers(answers, ping=ping, now_ms=now_ms), delay_ms=delay_ms)

    def push(self, rows: Sequence[Row], *, now_ms: int) -> None:
        """Queue what this socket shows of what has happened."""
        self._queue(self._faulty.pushes(self.session.push(rows), now_ms=now_ms), delay_ms=0)

    async def send_all(self) -> None:
        """Send what is queued, each when it is due, in order."""
        while True:
            due, message = await self._waiting.get()
            wait = due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            await self.socket.send_str(message.decode())

    def _queue(self, sent: Sent, *, delay_ms: int) -> None:
        now = asyncio.get_running_loop().time()
        for late_ms, message in sent.messages:
            try:
                self._waiting.put_nowait((now + (delay_ms + late_ms) / 1000, message))
            except asyncio.QueueFull:
                self._end("reset")
        if sent.ends:
            self._end(sent.ends)

    def _end(self, how: str) -> None:
        if how == "close_1001":
            self._closing.add(asyncio.create_task(self.socket.close(code=WSCloseCode.GOING_AWAY)))
        else:
            self._abort()
