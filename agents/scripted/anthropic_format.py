"""Anthropic's wire format, from the server's side: requests read, answers written whole or as events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.scripted.talking import Asked, Counted, Heard, Said

_STOPS = {"end": "end_turn", "limit": "max_tokens", "refused": "refusal"}
_PIECE, _PIECES_MAX = 24, 400
Event = tuple[str, dict[str, Any]]


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a request to /v1/messages asks."""
    messages = body["messages"]
    turns: list[tuple[Heard, ...]] = []
    called: dict[str, Mapping[str, Any]] = {}
    for message in messages[1:]:
        blocks = _blocks(message["content"])
        if message["role"] == "assistant":
            called = {block["id"]: block for block in blocks if block["type"] == "tool_use"}
        else:
            turns.append(tuple(_heard(called, block) for block in blocks if block["type"] == "tool_result"))
    system = body.get("system", "")
    output = body.get("output_config") or {}
    return Asked(
        model=str(body["model"]),
        system=system if isinstance(system, str) else _text(system),
        first=_text(_blocks(messages[0]["content"])),
        turns=tuple(turns),
        tools={tool["name"]: tool["input_schema"] for tool in body.get("tools", [])},
        is_stream=bool(body.get("stream")),
        schema=(output.get("format") or {}).get("schema"),
        body=body,
        text=json.dumps([system, body.get("tools", []), messages]),
    )


def whole(said: Said, counted: Counted, *, model: str, name: str) -> dict[str, Any]:
    """Return the message of an answer that is not streamed."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    blocks += [
        {"type": "tool_use", "id": f"toolu_{name}_{n}", "name": call.name, "input": dict(call.arguments)}
        for n, call in enumerate(said.calls)
    ]
    return {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": "tool_use" if said.calls and said.stop == "end" else _STOPS[said.stop],
        "stop_sequence": None,
        "usage": {**_usage(counted), "output_tokens": counted.out},
    }


def events(said: Said, counted: Counted, *, model: str, name: str) -> Iterator[Event]:
    """Yield the events of a streamed answer."""
    message = whole(said, counted, model=model, name=name)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**_usage(counted), "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": begun}
    yield "ping", {"type": "ping"}
    raws = [call.raw for call in said.calls]
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, pieces = {**block, "text": ""}, [("text_delta", "text", p) for p in _parts(block["text"])]
        else:
            raw = raws[index - (len(message["content"]) - len(raws))]
            text = json.dumps(block["input"]) if raw is None else raw
            empty, pieces = {**block, "input": {}}, [("input_json_delta", "partial_json", p) for p in _parts(text)]
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}
        for kind, field, piece in pieces:
            delta = {"type": kind, field: piece}
            yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": stop, "usage": {"output_tokens": counted.out}}
    yield "message_stop", {"type": "message_stop"}


def error(kind: str, message: str) -> dict[str, Any]:
    """Return the body of an HTTP error."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def _usage(counted: Counted) -> dict[str, Any]:
    split = {"ephemeral_5m_input_tokens": counted.written, "ephemeral_1h_input_tokens": 0}
    return {
        "input_tokens": counted.fresh,
        "cache_read_input_tokens": counted.read,
        "cache_creation_input_tokens": counted.written,
        "cache_creation": split,
        "service_tier": "standard",
    }


def _heard(called: Mapping[str, Mapping[str, Any]], block: Mapping[str, Any]) -> Heard:
    call = called[block["tool_use_id"]]
    content = block.get("content") or ""
    text = content if isinstance(content, str) else _text(content)
    return Heard(name=call["name"], arguments=call["input"], text=text, failed=bool(block.get("is_error")))


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _text(blocks: Any) -> str:
    return "\n".join(block["text"] for block in blocks if block["type"] == "text")


def _parts(text: str) -> list[str]:
    size = max(_PIECE, len(text) // _PIECES_MAX)
    return [text[start : start + size] for start in range(0, len(text), size)]
