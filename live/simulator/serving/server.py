"""Sockets for the simulated venue: HTTP and WebSocket on loopback, one event loop, one clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import WSMsgType, web

from autarch.canonical import EpochMs
from live.simulator.core.holding import warm_up
from live.simulator.core.rows import Row
from live.simulator.faults.market import fill_by_plan, strike
from live.simulator.faults.menu import Fault
from live.simulator.faults.plan import FaultPlan
from live.simulator.faults.requests import Reply, answer
from live.simulator.faults.streams import FaultyStream
from live.simulator.serving.connection import Connection
from live.simulator.wire.rest import BODY_MAX, Request
from live.simulator.wire.site import Site
from live.simulator.wire.streams import PrivateSession, PublicSession, Session, TradeSession

LOOPBACK = "127.0.0.1"
REQUESTS_KEPT = 10_000
UNANSWERED_S = 60.0
SHOWN_EVERY_S = 20.0
"""The venue shows a bar that is being made every few seconds, also while nothing moves."""
_SESSIONS: dict[str, type[Session]] = {
    "/v5/public/linear": PublicSession,
    "/v5/private": PrivateSession,
    "/v5/trade": TradeSession,
}
_CHANNELS = {"/v5/public/linear": "public", "/v5/private": "private", "/v5/trade": "trade"}
Clock = Callable[[], EpochMs]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to listen. `ack_delay_ms`: before each stream answer, so that stock clients have registered by then."""

    host: str = LOOPBACK
    port: int = 0
    ack_delay_ms: int = 0
    tick_ms: int = 20


class SimulatorServer:
    """Serves one site until it is closed."""

    def __init__(self, site: Site, clock: Clock, options: ServerOptions, plan: FaultPlan | None = None) -> None:
        """Bind nothing yet.

        Args:
            site: What is served.
            clock: The venue's time, which the site follows.
            options: How to listen.
            plan: What goes wrong; nothing by default, until a fault is queued.
        """
        self.site = site
        self.plan = FaultPlan() if plan is None else plan
        self.requests: deque[dict[str, object]] = deque(maxlen=REQUESTS_KEPT)
        self.connections = 0
        fill_by_plan(site.exchange, self.plan)
        self._clock = clock
        self._options = options
        self._connections: set[Connection] = set()
        self._runner: web.ServerRunner | None = None
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
        # Without aiohttp's application and router, which would cost as much as a match does.
        server = web.Server(self._dispatch, handler_cancellation=True)
        self._runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.5)
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
        shown_s = 0.0
        while True:
            self._follow()
            self._strike()
            now_s = asyncio.get_running_loop().time()
            if now_s - shown_s >= SHOWN_EVERY_S:
                shown_s = now_s
                self._push([bars.open_bar for bars in self.site.bars.values() if bars.open_bar is not None])
            await asyncio.sleep(self._options.tick_ms / 1000)

    def _strike(self) -> None:
        """Let the exchange do by itself what the plan says, to the account that was opened first."""
        fault = self.plan.for_market(now_ms=self.site.now_ms)
        uid = next(iter(self.site.exchange.accounts), None)
        if fault is not None and uid is not None:
            strike(self.site.exchange, fault, uid=uid)
            self.site.publish()

    def _follow(self) -> None:
        now = self._clock()
        if now > self.site.now_ms:
            self.site.advance(now)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.method, request.path:
            case "GET", path if path in _SESSIONS:
                return await self._stream(request)
            case "POST", "/simulator/faults":
                return await self._queue_fault(request)
            case "GET", "/simulator/log":
                return await self._show_log(request)
            case _:
                return await self._rest(request)

    async def _rest(self, request: web.BaseRequest) -> web.StreamResponse:
        self._follow()
        body = await request.read() if request.can_read_body else b""
        asked = Request(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            address=request.remote or "",
        )
        reply = answer(self.site, self.plan, asked)
        self._log(asked, reply)
        response = reply.response
        if response is None or reply.sent is not None:
            return await self._broken(request, reply)
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    async def _broken(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Send part of an answer, or none, and end the connection; an answer that never comes is waited for."""
        if reply.response is None and not reply.cut:
            await asyncio.sleep(UNANSWERED_S)
        stream = web.StreamResponse(headers={"Content-Length": str(len(reply.response.body) if reply.response else 1)})
        if reply.response is not None and reply.sent is not None:
            await stream.prepare(request)
            await stream.write(reply.response.body[: reply.sent])
        _abort(request)
        return stream

    async def _queue_fault(self, request: web.BaseRequest) -> web.Response:
        """POST /simulator/faults: one fault of the menu as JSON."""
        try:
            self.plan.add(msgspec.convert(msgspec.json.decode(await request.read()), Fault))
        except (msgspec.MsgspecError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"waiting": len(self.plan.waiting)})

    async def _show_log(self, _request: web.BaseRequest) -> web.Response:
        """GET /simulator/log: the newest requests as they arrived, and what struck them."""
        struck = [{"kind": s.fault.kind, "where": s.where, "time_ms": s.time_ms} for s in self.plan.struck]
        return web.json_response({"requests": list(self.requests), "faults": struck, "connections": self.connections})

    def _log(self, asked: Request, reply: Reply) -> None:
        status = 0 if reply.response is None else reply.response.status
        entry = {"time_ms": self.site.now_ms, "method": asked.method, "path": asked.path, "status": status}
        self.requests.append({**entry, "body": asked.body.decode("utf-8", "replace")})

    async def _stream(self, request: web.BaseRequest) -> web.WebSocketResponse | web.Response:
        self.connections += 1
        channel = _CHANNELS[request.path]
        if self.plan.for_handshake(channel, now_ms=self.site.now_ms) is not None:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=BODY_MAX, autoping=True)
        await socket.prepare(request)
        faulty = FaultyStream(channel=channel, plan=self.plan)
        connection = Connection(_SESSIONS[request.path](self.site), socket, faulty, lambda: _abort(request))
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

    def _answer(self, connection: Connection, raw: str | bytes) -> None:
        """Act on a message at once; its answer is sent after the delay, and what happens later after that."""
        self._follow()
        connection.answer(raw, delay_ms=self._options.ack_delay_ms, now_ms=self.site.now_ms)
        self.site.publish()

    def _push(self, rows: list[Row]) -> None:
        for connection in tuple(self._connections):
            connection.push(rows, now_ms=self.site.now_ms)


def _abort(request: web.BaseRequest) -> None:
    """End a connection without a word."""
    if request.transport is not None:
        request.transport.abort()
