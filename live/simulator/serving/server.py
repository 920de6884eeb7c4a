"""Sockets for the simulated venue: HTTP and WebSocket on loopback, one event loop, one clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from autarch.canonical import EpochMs
from live.simulator.core.holding import warm_up
from live.simulator.core.rows import Row
from live.simulator.wire.rest import BODY_MAX, Request, handle
from live.simulator.wire.site import Site
from live.simulator.wire.streams import PrivateSession, PublicSession, Session, TradeSession

LOOPBACK = "127.0.0.1"
QUEUE_MAX = 10_000
_SESSIONS: dict[str, type[Session]] = {
    "/v5/public/linear": PublicSession,
    "/v5/private": PrivateSession,
    "/v5/trade": TradeSession,
}
Clock = Callable[[], EpochMs]
Step = Callable[[EpochMs], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to listen. `ack_delay_ms`: before each stream answer, so that stock clients have registered by then."""

    host: str = LOOPBACK
    port: int = 0
    ack_delay_ms: int = 0
    tick_ms: int = 20


class SimulatorServer:
    """Serves one site until it is closed."""

    def __init__(self, site: Site, clock: Clock, options: ServerOptions) -> None:
        """Bind nothing yet.

        Args:
            site: What is served.
            clock: The venue's time, which the site follows.
            options: How to listen.
        """
        self.site = site
        self._clock = clock
        self._options = options
        self._connections: set[_Connection] = set()
        self._runner: web.AppRunner | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.port = options.port

    @property
    def url(self) -> str:
        """Base URL of REST."""
        return f"http://{self._options.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        """Base URL of the streams, to which /v5/... is added."""
        return f"ws://{self._options.host}:{self.port}"

    async def start(self) -> None:
        """Listen, and let time pass."""
        warm_up(next(iter(self.site.exchange.quotes.values())).contract)
        app = web.Application(client_max_size=BODY_MAX)
        for path in _SESSIONS:
            app.router.add_get(path, self._stream)
        app.router.add_route("*", "/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, self._options.port)
        await site.start()
        addresses = self._runner.addresses
        self.port = addresses[0][1]
        self.site.listeners.append(self._push)
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Close every socket."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        for connection in tuple(self._connections):
            await connection.socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SimulatorServer]:
        """Serve within a block."""
        await self.start()
        try:
            yield self
        finally:
            await self.close()

    async def _tick(self) -> None:
        while True:
            self._follow()
            await asyncio.sleep(self._options.tick_ms / 1000)

    def _follow(self) -> None:
        now = self._clock()
        if now > self.site.now_ms:
            self.site.advance(now)

    async def _rest(self, request: web.Request) -> web.Response:
        self._follow()
        answer = handle(
            self.site,
            Request(
                method=request.method,
                path=request.path,
                query=request.rel_url.raw_query_string,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.read() if request.can_read_body else b"",
                address=request.remote or "",
            ),
        )
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=BODY_MAX, autoping=True)
        await socket.prepare(request)
        connection = _Connection(_SESSIONS[request.path](self.site), socket)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(connection.send_all())
                async for message in socket:
                    if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                        self._answer(connection, message.data)
                sending.cancel()
        except* ConnectionError:
            pass
        finally:
            self._connections.discard(connection)
        return socket

    def _answer(self, connection: _Connection, raw: str | bytes) -> None:
        """Act on a message at once; its answer is sent after the delay, and what happens later after that."""
        self._follow()
        for answer in connection.session.feed(raw):
            connection.put(answer, delay_s=self._options.ack_delay_ms / 1000)
        self.site.publish()

    def _push(self, rows: list[Row]) -> None:
        for connection in self._connections:
            for message in connection.session.push(rows):
                connection.put(message)


class _Connection:
    """One socket with its session and what waits to be sent; a client that does not read is cut off."""

    def __init__(self, session: Session, socket: web.WebSocketResponse) -> None:
        self.session = session
        self.socket = socket
        self._waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE_MAX)
        self._closing: set[asyncio.Task[bool]] = set()

    def put(self, message: bytes, *, delay_s: float = 0.0) -> None:
        try:
            self._waiting.put_nowait((asyncio.get_running_loop().time() + delay_s, message))
        except asyncio.QueueFull:
            self._closing.add(asyncio.create_task(self.socket.close()))

    async def send_all(self) -> None:
        while True:
            due, message = await self._waiting.get()
            wait = due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            await self.socket.send_str(message.decode())


async def serve_until(server: SimulatorServer, stop: Awaitable[object]) -> None:
    """Serve until `stop` is done."""
    async with server.running():
        await stop
