"""Anthropic's Messages API: streamed, with the stable part of a conversation marked for the cache.

Events are put together here and not by the library's helpers, which give up an answer whose tool arguments are no JSON;
we tell the model instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from agents.vendors.http_faults import of_status
from agents.vendors.metering import anthropic_tokens, flat_usage
from agents.vendors.wire import STREAM_BYTES_MAX, Answer, Stop, Talk, Tokens, ToolCall, WireError

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 120.0
_STOPS: Mapping[str, Stop] = {
    "tool_use": "tools",
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "limit",
    "model_context_window_exceeded": "limit",
    "refusal": "refused",
}
_CACHED = {"cache_control": {"type": "ephemeral"}}


class AnthropicWire:
    """One model of Anthropic's."""

    def __init__(self, *, model: str, key: str, base_url: str | None = None) -> None:
        """Ask `model` with `key`; `base_url` without /v1, None for the vendor's own."""
        import anthropic  # noqa: PLC0415  a second of imports, and absent where money is
        import httpx2  # noqa: PLC0415  what the library speaks HTTP with

        self._sdk = anthropic
        self._model = model
        timeout = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        self._client = anthropic.Anthropic(
            auth_token=None, api_key=key, base_url=base_url, max_retries=0, timeout=timeout
        )

    def body(self, talk: Talk, *, output_max: int) -> dict[str, Any]:
        """Return the request; the system text, the tools and the newest word are where the cache is cut."""
        tools = [{"name": t.name, "description": t.description, "input_schema": dict(t.schema)} for t in talk.tools]
        messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": talk.first}]}]
        for answer, results, word in talk.turns:
            messages.append({"role": "assistant", "content": answer.echo})
            content: list[dict[str, Any]] = [
                {"type": "tool_result", "tool_use_id": r.id, "content": r.text, "is_error": r.failed} for r in results
            ]
            content += [{"type": "text", "text": word}] if word else []
            messages.append({"role": "user", "content": content})
        messages[-1]["content"][-1] |= _CACHED
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": output_max,
            "system": [{"type": "text", "text": talk.system, **_CACHED}],
            "messages": messages,
        }
        return {**body, "tools": tools} if tools else body

    def send(self, body: Mapping[str, Any], *, seconds: float) -> Answer:
        """Send one request; see `Wire.send`."""
        sdk, until = self._sdk, time.monotonic() + seconds
        gathered = _Gathered()
        try:
            with self._client.messages.create(**body, stream=True) as stream:
                gathered.began, gathered.request = True, stream.response.headers.get("request-id", "")
                for event in stream:
                    gathered.add(event)
                    if time.monotonic() > until or gathered.size > STREAM_BYTES_MAX:
                        raise gathered.cut(f"no whole answer within {seconds:.0f} s and {STREAM_BYTES_MAX} bytes")
        except sdk.APIStatusError as error:
            raise gathered.cut(f"the stream ended with {error}") if gathered.began else of_status(error) from error
        except (sdk.APIError, OSError, ValueError) as error:
            told = f"{type(error).__name__}: {error}"
            raise gathered.cut(told) if gathered.began else WireError(told, may_retry=True) from error
        except self._cut_errors() as error:
            raise gathered.cut(f"{type(error).__name__}: {error}") from error
        if gathered.stop is None:
            raise gathered.cut("the stream ended before the answer did")
        return gathered.answer()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    @staticmethod
    def _cut_errors() -> tuple[type[Exception], ...]:
        import httpx2  # noqa: PLC0415  the library raises its errors unwrapped while a stream is read

        return (httpx2.HTTPError, httpx2.StreamError)


class _Gathered:
    """An answer while it comes in."""

    def __init__(self) -> None:
        self.blocks: dict[int, dict[str, Any]] = {}
        self.pieces: dict[int, dict[str, list[str]]] = {}
        self.usage: dict[str, int] = {}
        self.stop: str | None = None
        self.request = ""
        self.size = 0
        self.began = False  # the vendor has taken the request: whatever comes now may cost

    def add(self, event: Any) -> None:
        if event.type == "message_start":
            self._use(event.message.usage)
        elif event.type == "content_block_start":
            self.blocks[event.index] = dict(event.content_block.to_dict())
            self.pieces[event.index] = {}
        elif event.type == "content_block_delta":
            self._extend(event.index, event.delta)
        elif event.type == "message_delta":
            self.stop = event.delta.stop_reason
            self._use(event.usage)

    def answer(self) -> Answer:
        blocks = [self._joined(index) for index in sorted(self.blocks)]
        echo, calls = [], []
        for block in blocks:
            raw = block.pop("_json")
            if block["type"] == "tool_use":
                arguments = _object(raw) if raw else dict(block.get("input") or {})
                block["input"] = arguments if arguments is not None else {}
                calls.append(ToolCall(id=block["id"], name=block["name"], arguments=arguments, raw=raw))
            if not (block["type"] == "text" and not block["text"].strip()):  # the API refuses empty text
                echo.append(block)
        stop = _STOPS.get(self.stop or "", "end")
        return Answer(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            calls=tuple(calls),
            stop="tools" if calls and stop == "end" else stop,
            echo=echo,
            usage=self.counts(),
            request=self.request,
        )

    def cut(self, told: str) -> WireError:
        return WireError(
            told, may_retry=True, was_cut=True, usage=self.counts(), text_bytes=self.size, request=self.request
        )

    def counts(self) -> Tokens:
        return anthropic_tokens(self.usage)

    def _use(self, usage: Any) -> None:
        self.usage |= flat_usage(usage.to_dict())

    def _extend(self, index: int, delta: Any) -> None:
        told = delta.to_dict()
        for name, of in (("text", "text"), ("partial_json", "_json"), ("thinking", "thinking")):
            if isinstance(told.get(name), str):
                self.pieces[index].setdefault(of, []).append(told[name])  # joined once: an answer may have megabytes
                self.size += len(told[name])
        if told.get("type") == "signature_delta":
            self.blocks[index]["signature"] = told["signature"]

    def _joined(self, index: int) -> dict[str, Any]:
        block = {**self.blocks[index], "_json": ""}
        return block | {of: block.get(of, "") + "".join(pieces) for of, pieces in self.pieces[index].items()}


def _object(raw: str) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
