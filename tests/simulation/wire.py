"""The way between a client and the simulated venue, in process: latency, loss, repetition, silence.

`InProcessTransport` and `InProcessStreams` are the two ports below the Bybit venue. What has left a client arrives
whether or not the client lives on; what it does after its death never leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

import msgspec

from autarch.canonical import EpochMs
from live.simulator.core.requests import Refused
from live.simulator.faults.streams import FaultyStream
from live.simulator.wire.keys import ApiKey, check_time
from live.simulator.wire.private import PRIVATE_READS, PRIVATE_WRITES
from live.simulator.wire.public import PUBLIC
from live.simulator.wire.site import Site
from live.simulator.wire.streams import PrivateSession, PublicSession
from live.venue.bybit.ports import Answer, NotSent, RetCode, StreamDown, StreamMessage, Unanswered

from .faults import Menace, is_served
from .loop import Process

_UNREADABLE: Final[dict[str, tuple[str, int | None]]] = {
    "accept_then_drop": ("connection ended", None),
    "accept_then_truncate": ("not JSON", 200),
    "accept_then_html": ("not JSON", 200),
    "accept_then_503": ("bad gateway", 503),
    "http_403": ("turned away", 403),
    "http_429": ("turned away", 429),
    "http_503": ("unavailable", 503),
}
_CODES: Final[dict[str, tuple[int, int | None]]] = {
    "accept_then_10000": (10000, None),
    "refuse_10002": (10002, None),
    "refuse_10016": (10016, None),
    "refuse_10006": (10006, 300),
    "refuse_10006_past": (10006, -50),
    "refuse_10006_bare": (10006, None),
}
DEADLINE_S = 10.0
PONG_S = 20.0
RECV_WINDOW_MS = 5000
STALE_MS = 15_000
CREATE = "/v5/order/create"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One request as it left a client, and what became of it."""

    number: int
    process: str
    path: str
    params: Mapping[str, Any]
    sent_ms: int
    fault: str = ""
    arrived_ms: int | None = None
    code: int | None = None
    open: bool = True


@dataclass(slots=True, kw_only=True)
class House:
    """The venue with everything between it and its clients.

    Attributes:
        site: The simulated venue.
        key: Whose account this is.
        rng: Latencies.
        menace: What goes wrong.
        start_ms: The venue's time at loop time 0.
        log: Every request that left a client.
        noticed: Called after anything happened at the venue.
        dark_until_s: Loop time until which nothing is answered and no stream can be had.
    """

    site: Site
    key: ApiKey
    rng: Random
    menace: Menace
    start_ms: int
    log: list[Sent] = field(default_factory=list)
    noticed: Callable[[], None] = lambda: None
    dark_until_s: float = 0.0
    _connections: list[InProcessConnection] = field(default_factory=list)
    _outside: contextvars.Context = field(default_factory=contextvars.copy_context)

    def __post_init__(self) -> None:
        """Hear what happens at the venue."""
        self.site.listeners.append(self._push)

    def now_ms(self) -> EpochMs:
        """Return the venue's time by the running loop."""
        return EpochMs(self.start_ms + int(asyncio.get_running_loop().time() * 1000))

    def follow(self) -> None:
        """Let the market happen up to now."""
        now = self.now_ms()
        if now > self.site.now_ms:
            self.site.advance(now)
        self.menace.look(now)

    def later(self, delay_s: float, callback: Callable[..., None], *args: Any) -> None:
        """Call back whatever dies meanwhile."""
        asyncio.get_running_loop().call_later(delay_s, callback, *args, context=self._outside)

    def latency_s(self) -> float:
        """Return how long the next message travels: mostly some ten ms, seldom a second."""
        draw = self.rng.random()
        return 0.005 + 0.05 * draw if draw < 0.97 else 0.2 + self.rng.random()

    @property
    def is_dark(self) -> bool:
        """Whether the line is down."""
        return asyncio.get_running_loop().time() < self.dark_until_s

    def go_dark(self, seconds: float) -> None:
        """Answer nothing and end every stream for a while."""
        self.dark_until_s = asyncio.get_running_loop().time() + seconds
        for connection in tuple(self._connections):
            connection.end("connection reset")

    def lag(self, behind_s: float, seconds: float) -> None:
        """Let every read show the state of `behind_s` ago, for so many seconds."""
        self.site.lag_ms = int(behind_s * 1000)
        self.later(seconds, self.catch_up)

    def catch_up(self) -> None:
        """Let reads show what is so now."""
        self.site.lag_ms = 0

    def serve(self, sent: Sent) -> Answer:
        """Act on a request that has arrived.

        Raises:
            RetCode: refused.
        """
        self.follow()
        site, path = self.site, sent.path
        sent.arrived_ms = site.now_ms
        try:
            if path in PUBLIC:
                return self._answer(PUBLIC[path](site, sent.params))
            check_time(str(sent.sent_ms), str(RECV_WINDOW_MS), now_ms=site.now_ms)
            writes = path in PRIVATE_WRITES
            site.limit(self.key.uid, path, reads=not writes).take(site.now_ms)
            table = PRIVATE_WRITES if writes else PRIVATE_READS
            return self._answer(table[path](site, self.key, sent.params))
        except Refused as refused:
            sent.code = refused.code
            raise RetCode(refused.code, refused.text, time_ms=site.now_ms) from refused
        finally:
            site.publish()
            self.noticed()

    def _answer(self, result: Any) -> Answer:
        return Answer(result=result, time_ms=self.site.now_ms)

    def join(self, connection: InProcessConnection) -> None:
        """Let a connection hear what happens."""
        self._connections.append(connection)

    def leave(self, connection: InProcessConnection) -> None:
        """Forget a connection."""
        if connection in self._connections:
            self._connections.remove(connection)

    def is_heard(self, process: Process | None) -> bool:
        """Return whether a process has an open private stream."""
        return any(one.process is process and one.channel == "private" for one in self._connections)

    def _push(self, rows: list[Any]) -> None:
        for connection in tuple(self._connections):
            connection.push(rows)
        self.noticed()


class InProcessTransport:
    """Sends each request once, over the house's line."""

    def __init__(self, house: House, process: Process, wall_ms: Callable[[], int]) -> None:
        """Belong to `process`, whose wall clock stamps what it sends."""
        self._house = house
        self._process = process
        self._wall_ms = wall_ms

    async def request(self, method: str, path: str, params: Mapping[str, Any], *, signed: bool = True) -> Answer:
        """See `live.venue.bybit.ports.Transport`."""
        del signed
        self._process.must_live()
        house = self._house
        asked = {k: str(v) for k, v in params.items()} if method == "GET" else dict(params)
        sent = Sent(
            number=len(house.log) + 1, process=self._process.name, path=path, params=asked, sent_ms=self._wall_ms()
        )
        house.log.append(sent)
        fills = path == CREATE
        reads = path not in PRIVATE_WRITES
        sent.fault = house.menace.for_request(path, reads=reads, now_ms=house.now_ms(), fills=fills)
        house.noticed()
        self._process.must_live()
        try:
            if sent.fault == "not_sent":
                raise NotSent("no route")
            return await self._travel(sent)
        finally:
            sent.open = False
            if self._process.alive:
                house.noticed()

    async def close(self) -> None:
        """Do nothing: nothing is held open."""

    async def _travel(self, sent: Sent) -> Answer:
        house, future = self._house, asyncio.get_running_loop().create_future()
        out_s = house.latency_s() + (house.rng.uniform(0.5, 9.0) if sent.fault == "slow_request" else 0.0)
        if not (house.is_dark or sent.fault == "lose_request"):
            house.later(out_s, self._arrive, sent, future)
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await future
        except TimeoutError as error:
            raise Unanswered(f"no answer within {DEADLINE_S:g} s") from error
        if isinstance(found, Answer):
            return found
        raise found

    def _arrive(self, sent: Sent, future: asyncio.Future[Any]) -> None:
        house, fault = self._house, sent.fault
        if fault == "twice":
            house.later(house.latency_s(), self._again, sent)
        lag, stale = house.site.lag_ms, fault == "stale_read"
        found: Answer | Exception
        if is_served(fault) or fault == "slow_request":
            house.site.lag_ms = max(STALE_MS, lag) if stale else lag
            try:
                found = house.serve(sent)
            except RetCode as refused:
                found = refused
            finally:
                if stale:
                    house.site.lag_ms = lag
        else:
            found = Unanswered("never")
        shown = self._shown(sent, found)
        if shown is not None and not house.is_dark:
            slow_s = house.rng.uniform(0.5, 12.0) if fault == "slow_answer" else 0.0
            house.later(house.latency_s() + slow_s, _tell, future, shown)

    def _again(self, sent: Sent) -> None:
        with contextlib.suppress(RetCode):
            self._house.serve(replace(sent))

    def _shown(self, sent: Sent, found: Answer | Exception) -> Answer | Exception | None:
        """Return what the client is told, None for nothing ever."""
        fault, now = sent.fault, self._house.site.now_ms
        if fault in {"accept_then_timeout", "lose_request"}:
            return None
        if fault in _UNREADABLE:
            return Unanswered(*_UNREADABLE[fault])
        if fault in _CODES:
            code, reset_ms = _CODES[fault]
            headers = {} if reset_ms is None else {"x-bapi-limit-reset-timestamp": str(now + reset_ms)}
            return RetCode(code, "struck by a fault", headers, time_ms=now)
        return found


class InProcessStreams:
    """Makes connections to the house."""

    def __init__(self, house: House, process: Process) -> None:
        """Belong to `process`."""
        self._house = house
        self._process = process

    async def connect(self, channel: str, topics: tuple[str, ...]) -> InProcessConnection:
        """See `live.venue.bybit.ports.Streams`."""
        self._process.must_live()
        house = self._house
        await asyncio.sleep(house.latency_s())
        if house.is_dark or house.menace.for_handshake(channel, now_ms=house.now_ms()) is not None:
            raise StreamDown("handshake refused")
        session = PrivateSession(house.site) if channel == "private" else PublicSession(house.site)
        session.key = house.key
        unknown = [topic for topic in topics if not session.knows(topic)]
        if unknown or house.menace.for_subscription(channel, now_ms=house.now_ms()) is not None:
            raise StreamDown(f"subscription refused: {', '.join(unknown) or 'not now'}")
        session.topics = dict.fromkeys(topics)
        connection = InProcessConnection(house, session, channel, self._process)
        house.join(connection)
        await asyncio.sleep(house.latency_s())
        self._process.must_live()
        return connection


class InProcessConnection:
    """One stream. Messages keep their order on the way, as on a socket."""

    def __init__(self, house: House, session: PrivateSession | PublicSession, channel: str, process: Process) -> None:
        """Be open."""
        self.process, self.channel = process, channel
        self._house = house
        self._session = session
        self._faulty = FaultyStream(channel=channel, plan=house.menace)  # it asks for stream faults only
        self._queue: asyncio.Queue[StreamMessage | StreamDown] = asyncio.Queue()
        self._down: StreamDown | None = None
        self._free_s = 0.0
        house.later(PONG_S, self._pong)

    async def receive(self) -> StreamMessage:
        """See `live.venue.bybit.ports.Connection`."""
        if self._down is not None and self._queue.empty():
            raise self._down
        found = await self._queue.get()
        if isinstance(found, StreamDown):
            raise found
        return found

    async def close(self) -> None:
        """See `live.venue.bybit.ports.Connection`."""
        self.end("closed")

    def end(self, reason: str) -> None:
        """End, as either side may."""
        if self._down is None:
            self._down = StreamDown(reason)
            self._house.leave(self)
            self._queue.put_nowait(self._down)

    def push(self, rows: list[Any]) -> None:
        """Send what this stream shows of what has happened."""
        messages = self._session.push(rows)
        if not messages:
            return
        sent = self._faulty.pushes(messages, now_ms=self._house.site.now_ms)
        for late_ms, message in sent.messages:
            self._send(message, late_ms / 1000)
        if sent.ends:
            self.end(sent.ends)

    def _send(self, message: bytes, late_s: float) -> None:
        now = asyncio.get_running_loop().time()
        self._free_s = max(self._free_s, now + self._house.latency_s() + late_s)
        shown = msgspec.json.decode(message)
        arriving = StreamMessage(topic=str(shown.get("topic", "")), message=shown)
        self._house.later(self._free_s - now, self._arrive, arriving)

    def _arrive(self, message: StreamMessage) -> None:
        if self._down is None:
            self._queue.put_nowait(message)

    def _pong(self) -> None:
        if self._down is not None:
            return
        answered = self._faulty.answers([b"{}"], ping=True, now_ms=self._house.site.now_ms)
        if answered.messages and not self._house.is_dark:
            self._arrive(StreamMessage(topic="", message={"op": "pong"}))
        self._house.later(PONG_S, self._pong)


def _tell(future: asyncio.Future[Any], found: Answer | Exception) -> None:
    if not future.done():
        future.set_result(found)
