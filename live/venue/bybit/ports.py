"""The two seams under the Bybit venue: requests that end in one of four ways, and connections that end once.

Whoever implements them adds nothing: no retries, no reconnects, no waiting beyond the deadline. All of that is the
venue's, where a simulation can see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from autarch.canonical import EpochMs

Method = Literal["GET", "POST"]
Channel = Literal["public", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with retCode 0: its `result`, the envelope's time and the headers in lower case."""

    result: Mapping[str, Any]
    time_ms: EpochMs
    headers: Mapping[str, str] = field(default_factory=dict)


class RetCode(Exception):  # noqa: N818  the venue's answer, of which refusal is only one class
    """An answer whose retCode is not 0. What the code means is in `outcomes`."""

    def __init__(self, code: int, text: str, headers: Mapping[str, str] | None = None, *, time_ms: int = 0) -> None:
        """Carry the answer: header names in lower case, and the envelope's time, 0 where there is none."""
        super().__init__(code, text, headers)
        self.code = code
        self.text = text
        self.headers = dict(headers or {})
        self.time_ms = time_ms

    def __str__(self) -> str:
        """Return code and text, as the venue's documentation lists them."""
        return f"retCode {self.code}: {self.text}"


class NotSent(Exception):  # noqa: N818  an outcome
    """The request never left: nothing can have happened."""


class Unanswered(Exception):  # noqa: N818  an outcome
    """The request may have arrived, and no answer that can be read came back; `status` is HTTP's, if any."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        """Say what was seen instead of an answer."""
        super().__init__(reason, status)
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


class Transport(Protocol):
    """Sends a request once and says how it ended."""

    async def request(self, method: Method, path: str, params: Mapping[str, Any], *, signed: bool = True) -> Answer:
        """Send one request, exactly once, and return its answer with retCode 0.

        Args:
            method: As the venue documents the path.
            path: Such as /v5/order/create.
            params: Query of a GET, JSON object of a POST; numbers are plain decimal strings already.
            signed: With the account's key; public endpoints need none.

        Raises:
            RetCode: the venue answered with another code.
            NotSent: the request never left.
            Unanswered: it may have arrived; within the transport's deadline nothing readable came back.
        """
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMessage:
    """One message. `topic` is empty for pongs, which only show that the connection lives."""

    topic: str
    message: Mapping[str, Any]


class StreamDown(Exception):  # noqa: N818  an event
    """A connection could not be made or has ended. `fatal`: no retry will cure it, as with a refused key."""

    def __init__(self, reason: str, *, fatal: bool = False) -> None:
        """Say what was seen."""
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


class Connection(Protocol):
    """One connection: authenticated where private, all topics acknowledged. It never comes back once it has ended."""

    async def receive(self) -> StreamMessage:
        """Wait for the next message, pongs included.

        Raises:
            StreamDown: the connection has ended; every later call raises again.
        """
        ...

    async def close(self) -> None:
        """End it; without effect on one that has ended."""
        ...


class Streams(Protocol):
    """Makes connections, each a new one."""

    async def connect(self, channel: Channel, topics: tuple[str, ...]) -> Connection:
        """Connect, authenticate where private, subscribe, and wait for every acknowledgement.

        The caller sets the deadline (`asyncio.timeout`); a call that is cancelled leaves no connection behind.

        Raises:
            StreamDown: refused or ended before all topics were acknowledged.
        """
        ...
