"""Keep one channel connected: a new connection for each that ends, ever later, and none trusted that falls silent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from live.venue.bybit.options import BybitOptions
from live.venue.bybit.ports import Channel, Connection, StreamDown, StreamMessage, Streams

LASTING_S: Final = 60.0
"""A connection that held for so long makes the next attempt a first one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """The channel is connected for the `generation`-th time, every topic acknowledged."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """The channel is not connected. `fatal`: it never was and will not be."""

    reason: str
    fatal: bool = False


@dataclass(slots=True, kw_only=True)
class _Heard:
    """When, in loop time, a connection was last heard: of anything, and of each topic that must speak."""

    any_s: float
    topics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is subscribed on every connection. `silence_s`: longest silence of each topic that never rests."""

    channel: Channel
    topics: tuple[str, ...]
    silence_s: Mapping[str, float] = field(default_factory=dict)


class Listener(Protocol):
    """Who hears a channel; neither method may wait."""

    def heard(self, generation: int, message: StreamMessage) -> None:
        """Take a message of the `generation`-th connection."""
        ...

    def told(self, change: Up | Down) -> None:
        """Take a change of the channel's state."""
        ...


class Supervisor:
    """One channel with its topics."""

    def __init__(
        self, streams: Streams, wanted: Wanted, listener: Listener, *, options: BybitOptions, rng: random.Random
    ) -> None:
        """Connect nothing yet; `rng` is the jitter's."""
        self.generation = 0
        self.connected = False
        self.heard_s: float | None = None  # loop time of the newest sign of life, a pong included
        self._streams, self._channel, self._topics = streams, wanted.channel, wanted.topics
        self._silence_s = wanted.silence_s
        self._listener = listener
        self._options, self._rng = options, rng
        self._connection: Connection | None = None
        self._spoke_s = 0.0
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Stay connected until cancelled, or until a fatal refusal of the very first connection."""
        loop = asyncio.get_running_loop()
        failures = 0
        try:
            while True:
                try:
                    self._connection = await self._connect()
                except StreamDown as down:
                    fatal = down.fatal and self.generation == 0
                    self._listener.told(Down(reason=down.reason, fatal=fatal))
                    if fatal:
                        return
                    failures += 1
                else:
                    since = loop.time()
                    await self._listen(self._connection)
                    failures = 1 if loop.time() - since >= LASTING_S else failures + 1
                await asyncio.sleep(self._backoff_s(failures))
        finally:
            self.connected = False
            if self._connection is not None:
                await self._connection.close()

    def expect(self, within_s: float, *, since_s: float) -> None:
        """Demand that some topic speaks within so many seconds from now, or has since `since_s` in loop time.

        Else the connection is given up.
        """
        connection = self._connection

        def check() -> None:
            if connection is not None and connection is self._connection and self._spoke_s < since_s:
                task = asyncio.get_running_loop().create_task(connection.close())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

        asyncio.get_running_loop().call_later(within_s, check)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._options.connect_s):
                return await self._streams.connect(self._channel, self._topics)
        except TimeoutError as error:
            raise StreamDown(f"no {self._channel} stream within {self._options.connect_s:g} s") from error

    async def _listen(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        self.generation += 1
        self.connected = True
        self.heard_s = now
        heard = _Heard(any_s=now, topics=dict.fromkeys(self._silence_s, now))
        self._listener.told(Up(generation=self.generation))
        try:
            while True:
                await self._next(connection, heard)
        except StreamDown as down:
            self.connected = False
            await connection.close()
            self._listener.told(Down(reason=down.reason))

    async def _next(self, connection: Connection, heard: _Heard) -> None:
        until_s, silent = self._deadline(heard)
        try:
            async with asyncio.timeout_at(until_s):
                message = await connection.receive()
        except TimeoutError as error:
            raise StreamDown(f"{self._channel} stream: {silent} fell silent") from error
        now = asyncio.get_running_loop().time()
        heard.any_s = self.heard_s = now
        if message.topic:
            self._spoke_s = now
            if message.topic in heard.topics:
                heard.topics[message.topic] = now
            self._listener.heard(self.generation, message)

    def _deadline(self, heard: _Heard) -> tuple[float, str]:
        """Return until when something must be heard, and what is silent if it is not."""
        limits = [(heard.any_s + self._options.silent_s, "the connection")]
        limits += [(at_s + self._silence_s[topic], topic) for topic, at_s in heard.topics.items()]
        return min(limits)

    def _backoff_s(self, failures: int) -> float:
        """Return the wait before the next attempt: doubling, bounded, with a jitter of half to one and a half."""
        doubled = self._options.backoff_s * 2.0 ** min(failures - 1, 20)
        return min(self._options.backoff_s_max, doubled) * (0.5 + self._rng.random())
