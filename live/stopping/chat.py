"""Two chat services as a place to hear `halt` and `status`: ntfy and Telegram, or whatever speaks like them.

Both are polled, so that no port of this host is open. A message is handed out once, over restarts too, and again when
whoever took it failed before saying so. What was written before this host first listened is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
import msgspec

from autarch.errors import UndecidedError
from live.host import write_whole
from live.ports.clock import Clock

WAIT_S = 10.0
BYTES_MAX = 1 << 20
MESSAGES_MAX = 100
TEXT_LENGTH_MAX = 200
REPLY_LENGTH_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of an allowed sender; `place` is where an answer goes."""

    sender: str
    text: str
    place: str


class Channel(Protocol):
    """One chat."""

    @property
    def name(self) -> str:
        """What to call it in a latch or a log."""
        ...

    async def receive(self) -> tuple[Message, ...]:
        """Return what allowed senders wrote since the last `done`, oldest first.

        Raises:
            UndecidedError: the service cannot be reached or refuses us; the text holds no token.
        """
        ...

    def done(self) -> None:
        """Remember that everything received was acted on.

        Raises:
            ConfigError: it cannot be written down; then it is received again.
        """
        ...

    async def reply(self, place: str, text: str) -> None:
        """Answer.

        Raises:
            UndecidedError: as `receive`.
        """
        ...


class _Cursor(msgspec.Struct, frozen=True, kw_only=True):
    since_s: int
    newest: str = ""


@dataclass(slots=True, kw_only=True)
class Cursor:
    """How far a chat has been read; `path` None keeps it in memory."""

    path: Path | None
    clock: Clock
    pending: str = ""
    _kept: _Cursor | None = None

    def read(self) -> _Cursor:
        """Return it; the first time, now."""
        if self._kept is None:
            self._kept = self._stored() or _Cursor(since_s=self.clock.now_ms() // 1000)
        return self._kept

    def write(self) -> None:
        """Move it to what was received.

        Raises:
            ConfigError: the folder cannot be written.
        """
        kept = self.read()
        if self.pending in {"", kept.newest} and self._stored() is not None:
            return
        self._kept = _Cursor(since_s=kept.since_s, newest=self.pending or kept.newest)
        if self.path is not None:
            write_whole(self.path, msgspec.json.encode(self._kept) + b"\n")

    def _stored(self) -> _Cursor | None:
        if self.path is None:
            return self._kept
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Cursor, strict=True)
        except (OSError, msgspec.MsgspecError):
            return None


@dataclass(slots=True, kw_only=True)
class Telegram:
    """Telegram's bot API: getUpdates and sendMessage (core.telegram.org/bots/api). `senders` are user ids."""

    http: httpx.AsyncClient
    base_url: str
    token: str = field(repr=False)
    senders: frozenset[str]
    cursor: Cursor
    name: str = "telegram"

    async def receive(self) -> tuple[Message, ...]:
        """Return new messages."""
        kept = self.cursor.read()
        query = {"timeout": "0", "limit": str(MESSAGES_MAX), "allowed_updates": '["message"]'}
        if kept.newest:
            query["offset"] = str(int(kept.newest) + 1)
        updates = _parsed(await self._call("getUpdates", query), _Updates, who=self.name).result
        self.cursor.pending = str(max((update.update_id for update in updates), default=kept.newest))
        found = [update.message for update in updates if update.message is not None]
        return tuple(
            Message(sender=str(said.sender.id), text=said.text[:TEXT_LENGTH_MAX], place=str(said.chat.id))
            for said in found
            if said.sender is not None and str(said.sender.id) in self.senders and said.date >= kept.since_s
        )

    def done(self) -> None:
        """Remember how far it was read; the next call tells the service."""
        self.cursor.write()

    async def reply(self, place: str, text: str) -> None:
        """Answer in that chat."""
        await self._call("sendMessage", {"chat_id": place, "text": text[:REPLY_LENGTH_MAX]})

    async def _call(self, method: str, query: dict[str, str]) -> bytes:
        url = f"{self.base_url}/bot{self.token}/{method}"
        return await _content(self.http, url, _Body(form=query), who=self.name)


@dataclass(slots=True, kw_only=True)
class Ntfy:
    """An ntfy topic (docs.ntfy.sh). Who may write to it is the service's to say: topic or token must be secret."""

    http: httpx.AsyncClient
    base_url: str
    topic: str = field(repr=False)
    token: str = field(default="", repr=False)
    cursor: Cursor
    name: str = "ntfy"

    async def receive(self) -> tuple[Message, ...]:
        """Return new messages."""
        kept = self.cursor.read()
        url = f"{self.base_url}/{self.topic}/json?poll=1&since={kept.newest or kept.since_s}"
        body = _Body(token=self.token)
        lines = (await _content(self.http, url, body, who=self.name, method="GET")).splitlines()
        told = [_parsed(line, _Line, who=self.name) for line in lines[:MESSAGES_MAX]]
        found = [line for line in told if line.event == "message"]
        self.cursor.pending = found[-1].id if found else kept.newest
        return tuple(
            Message(sender="the topic", text=said.message[:TEXT_LENGTH_MAX], place=self.topic) for said in found
        )

    def done(self) -> None:
        """Remember how far it was read."""
        self.cursor.write()

    async def reply(self, place: str, text: str) -> None:
        """Answer in the topic."""
        body = _Body(text=text[:REPLY_LENGTH_MAX], token=self.token)
        await _content(self.http, f"{self.base_url}/{place}", body, who=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    form: dict[str, str] | None = None
    text: str | None = None
    token: str = field(default="", repr=False)


async def _content(http: httpx.AsyncClient, url: str, body: _Body, *, who: str, method: str = "POST") -> bytes:
    """Return a bounded answer. The URL may hold a token and is in no error's text."""
    headers = {"Authorization": f"Bearer {body.token}"} if body.token else {}
    content = None if body.text is None else body.text.encode()
    try:
        async with http.stream(method, url, headers=headers, data=body.form, content=content, timeout=WAIT_S) as answer:
            if answer.status_code != httpx.codes.OK:
                raise UndecidedError(f"{who} answered {answer.status_code}; check its address, token and topic")
            found = b""
            async for part in answer.aiter_bytes():
                found += part
                if len(found) > BYTES_MAX:
                    raise UndecidedError(f"{who} answered more than {BYTES_MAX} bytes")
            return found
    except httpx.HTTPError as error:
        raise UndecidedError(f"{who} cannot be reached: {type(error).__name__}") from None


class _Id(msgspec.Struct, frozen=True):
    id: int


class _Said(msgspec.Struct, frozen=True):
    date: int
    chat: _Id
    sender: _Id | None = msgspec.field(default=None, name="from")
    text: str = ""


class _Update(msgspec.Struct, frozen=True):
    update_id: int
    message: _Said | None = None


class _Updates(msgspec.Struct, frozen=True):
    result: list[_Update]


class _Line(msgspec.Struct, frozen=True):
    id: str
    event: str
    message: str = ""


_Shape = TypeVar("_Shape")


def _parsed(content: bytes, shape: type[_Shape], *, who: str) -> _Shape:
    try:
        return msgspec.json.decode(content, type=shape, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecidedError(f"{who} answered what its API does not ({error}); check the address") from error
