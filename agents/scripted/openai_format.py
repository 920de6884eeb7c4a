"""OpenAI's wire format of the Responses API, from the server's side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.scripted.talking import Asked, Counted, Heard, Said

_PIECE, _PIECES_MAX = 24, 400
Event = tuple[str, dict[str, Any]]


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a request to /v1/responses asks."""
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    turns: list[tuple[Heard, ...]] = []
    called: dict[str, Mapping[str, Any]] = {}
    was_model = False
    for item in items[1:]:
        is_model = item.get("type") in {"function_call", "reasoning", "message"} and item.get("role") != "user"
        if is_model and not was_model:
            turns.append(())
        if item.get("type") == "function_call":
            called[item["call_id"]] = item
        elif item.get("type") == "function_call_output":
            turns[-1] += (_heard(called, item),)
        was_model = is_model
    form = (body.get("text") or {}).get("format") or {}
    return Asked(
        model=str(body["model"]),
        system=str(body.get("instructions") or ""),
        first=_text(items[0]["content"]),
        turns=tuple(turns),
        tools={tool["name"]: tool["parameters"] for tool in body.get("tools", []) if tool["type"] == "function"},
        is_stream=bool(body.get("stream")),
        schema=form.get("schema"),
        body=body,
        text=json.dumps([body.get("instructions"), body.get("tools", []), items]),
    )


def whole(said: Said, counted: Counted, *, model: str, name: str) -> dict[str, Any]:
    """Return the response of an answer that is not streamed."""
    status = "incomplete" if said.stop == "limit" else "completed"
    return {
        **_shell(model=model, name=name, status=status),
        "output": _items(said, name),
        "incomplete_details": {"reason": "max_output_tokens"} if said.stop == "limit" else None,
        "usage": {
            "input_tokens": counted.fresh + counted.read + counted.written,
            "input_tokens_details": {"cached_tokens": counted.read, "cache_write_tokens": counted.written},
            "output_tokens": counted.out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counted.fresh + counted.read + counted.written + counted.out,
        },
    }


def events(said: Said, counted: Counted, *, model: str, name: str) -> Iterator[Event]:
    """Yield the events of a streamed answer."""
    numbered = enumerate(_events(said, counted, model=model, name=name))
    for number, (kind, body) in numbered:
        yield kind, {"type": kind, "sequence_number": number, **body}


def error(kind: str, message: str) -> dict[str, Any]:
    """Return the body of an HTTP error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def _events(said: Said, counted: Counted, *, model: str, name: str) -> Iterator[Event]:
    done = whole(said, counted, model=model, name=name)
    begun = {**_shell(model=model, name=name, status="in_progress"), "output": [], "usage": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(done["output"]):
        if item["type"] == "function_call":
            empty = {**item, "arguments": "", "status": "in_progress"}
            yield "response.output_item.added", {"output_index": index, "item": empty}
            where = {"item_id": item["id"], "output_index": index}
            for piece in _parts(item["arguments"]):
                yield "response.function_call_arguments.delta", {**where, "delta": piece}
            told = {**where, "arguments": item["arguments"], "name": item["name"]}
            yield "response.function_call_arguments.done", told
        else:
            empty = {**item, "content": [], "status": "in_progress"}
            yield "response.output_item.added", {"output_index": index, "item": empty}
            where = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield from _message_events(item, where)
        yield "response.output_item.done", {"output_index": index, "item": item}
    last = "response.incomplete" if done["status"] == "incomplete" else "response.completed"
    yield last, {"response": done}


def _message_events(item: Mapping[str, Any], where: Mapping[str, Any]) -> Iterator[Event]:
    part = item["content"][0]
    name = "refusal" if part["type"] == "refusal" else "text"
    kind = "response.refusal" if name == "refusal" else "response.output_text"
    more: dict[str, Any] = {} if name == "refusal" else {"logprobs": []}
    yield "response.content_part.added", {**where, "part": {**part, name: ""}}
    for piece in _parts(part[name]):
        yield f"{kind}.delta", {**where, "delta": piece, **more}
    yield f"{kind}.done", {**where, name: part[name], **more}
    yield "response.content_part.done", {**where, "part": part}


def _items(said: Said, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.text:
        part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if said.stop == "refused":
            part = {"type": "refusal", "refusal": said.text}
        message = {"id": f"msg_{name}", "type": "message", "role": "assistant", "status": "completed"}
        items.append({**message, "content": [part]})
    for number, call in enumerate(said.calls):
        arguments = json.dumps(dict(call.arguments)) if call.raw is None else call.raw
        called = {"id": f"fc_{name}_{number}", "call_id": f"call_{name}_{number}", "type": "function_call"}
        items.append({**called, "name": call.name, "arguments": arguments, "status": "completed"})
    return items


def _shell(*, model: str, name: str, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{name}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _heard(called: Mapping[str, Mapping[str, Any]], item: Mapping[str, Any]) -> Heard:
    call = called[item["call_id"]]
    text = str(item["output"])
    try:
        arguments = json.loads(call["arguments"])
    except ValueError:
        arguments = {}
    failed = text.startswith("error: ")
    return Heard(name=call["name"], arguments=arguments, text=text.removeprefix("error: "), failed=failed)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)


def _parts(text: str) -> list[str]:
    size = max(_PIECE, len(text) // _PIECES_MAX)
    return [text[start : start + size] for start in range(0, len(text), size)]
