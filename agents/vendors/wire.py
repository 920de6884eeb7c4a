"""What the loop knows of a vendor: a conversation goes out, an answer or a reason comes back. Nobody retries here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from agents.ports import Usage

Stop = Literal["tools", "end", "limit", "refused"]
"""`limit`: the answer was cut at the tokens it may have; `refused`: the model declined."""

STREAM_BYTES_MAX = 8 << 20
"""Of one answer's text and arguments together (own choice: hundreds of times what a strategy takes)."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool a model asks for. `arguments` is None where they are no JSON object; `raw` is what it wrote."""

    id: str
    name: str
    arguments: dict[str, Any] | None
    raw: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by price, as in `agents.ports.Usage`."""

    input_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    output_tokens: int = 0

    def used(self, *, is_estimate: bool = False) -> Usage:
        """Return them as one turn's usage, without dollars."""
        return Usage(
            input_tokens=self.input_tokens,
            cache_read=self.cache_read,
            cache_write=self.cache_write,
            cache_write_long=self.cache_write_long,
            output_tokens=self.output_tokens,
            turns=1,
            is_estimate=is_estimate,
        )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a model.

    `echo` is what the vendor wants to see of it in the next request, as plain JSON.
    """

    text: str
    calls: tuple[ToolCall, ...]
    stop: Stop
    echo: list[dict[str, Any]]
    usage: Tokens
    request: str = ""

    def pack(self) -> bytes:
        """Return the bytes that `unpack` reads back."""
        return msgspec.json.encode(self)


def unpack(content: bytes) -> Answer:
    """Return an answer that was stored."""
    return msgspec.json.decode(content, type=Answer)


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool answered. `failed` tells the model that it was told why not."""

    id: str
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as it is offered; `schema` is the JSON schema of its arguments, an object without other keys."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Talk:
    """A conversation: what the model is, what it is asked, and what was said since.

    `turns` holds, in order, an answer's echo and the results of its calls; or an answer and a plain word of ours.
    """

    system: str
    first: str
    tools: tuple[Tool, ...]
    turns: list[tuple[Answer, tuple[ToolResult, ...], str]] = field(default_factory=list)


class WireError(Exception):
    """A call that gave no answer.

    Attributes:
        may_retry: The vendor was busy or out of reach; what was asked is not at fault.
        after_s: Seconds the vendor asked to be left alone, None when it did not say.
        status: HTTP status, None when there was none.
        was_cut: The answer had begun: it costs, and nobody told how much.
        usage: What was told of it before it was cut.
        text_bytes: Bytes of the answer that had come.
    """

    def __init__(  # noqa: PLR0913  facts of one failure
        self,
        text: str,
        *,
        may_retry: bool,
        status: int | None = None,
        after_s: float | None = None,
        was_cut: bool = False,
        usage: Tokens | None = None,
        text_bytes: int = 0,
        request: str = "",
    ) -> None:
        """Say `text`: what the vendor answered, without our request."""
        super().__init__(text)
        self.may_retry = may_retry
        self.status = status
        self.after_s = after_s
        self.was_cut = was_cut
        self.usage = usage or Tokens()
        self.text_bytes = text_bytes
        self.request = request


class Wire(Protocol):
    """One vendor's API for one model."""

    def body(self, talk: Talk, *, output_max: int) -> dict[str, Any]:
        """Return the request for the next answer, as the vendor's library takes it."""

    def send(self, body: Mapping[str, Any], *, seconds: float) -> Answer:
        """Send a request once and return the answer.

        Raises:
            WireError: no answer, or none within `seconds`.
        """

    def close(self) -> None:
        """Let go of connections."""
