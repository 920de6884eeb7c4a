"""OpenAI's Responses API: streamed, nothing kept at the vendor, the conversation sent whole each time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from agents.vendors.http_faults import of_status
from agents.vendors.metering import openai_tokens
from agents.vendors.wire import STREAM_BYTES_MAX, Answer, Stop, Talk, ToolCall, WireError

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 120.0


class OpenAIWire:
    """One model of OpenAI's."""

    def __init__(self, *, model: str, key: str, base_url: str | None = None, cache_key: str = "autarch") -> None:
        """Ask `model` with `key`; `base_url` with /v1, None for the vendor's own."""
        import httpx2  # noqa: PLC0415  what the library speaks HTTP with
        import openai  # noqa: PLC0415  absent where money is

        self._sdk = openai
        self._model = model
        self._cache_key = cache_key
        timeout = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        self._client = openai.OpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=timeout)

    def body(self, talk: Talk, *, output_max: int) -> dict[str, Any]:
        """Return the request; the vendor caches by itself what begins alike, `prompt_cache_key` helps it to."""
        tools = [
            {"type": "function", "name": t.name, "description": t.description, "strict": False, "parameters": t.schema}
            for t in talk.tools
        ]
        items: list[dict[str, Any]] = [{"role": "user", "content": talk.first}]
        for answer, results, word in talk.turns:
            items += answer.echo
            items += [
                {"type": "function_call_output", "call_id": r.id, "output": f"error: {r.text}" if r.failed else r.text}
                for r in results
            ]
            items += [{"role": "user", "content": word}] if word else []
        body: dict[str, Any] = {
            "model": self._model,
            "instructions": talk.system,
            "input": items,
            "max_output_tokens": output_max,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": self._cache_key,
        }
        return {**body, "tools": tools} if tools else body

    def send(self, body: Mapping[str, Any], *, seconds: float) -> Answer:
        """Send one request; see `Wire.send`."""
        import httpx2  # noqa: PLC0415  the library raises its errors unwrapped while a stream is read

        sdk, until = self._sdk, time.monotonic() + seconds
        size, began, request, last = 0, False, "", None

        def cut(told: str) -> WireError:
            return WireError(told, may_retry=True, was_cut=True, text_bytes=size, request=request)

        try:
            with self._client.responses.create(**body, stream=True) as stream:
                began, request = True, stream.response.headers.get("x-request-id", "")
                for event in stream:
                    size += len(getattr(event, "delta", "") or "")
                    if event.type in {"response.completed", "response.incomplete", "response.failed"}:
                        last = event.response.to_dict()
                    elif event.type == "error":
                        raise WireError(f"the vendor broke off: {event.message}", may_retry=True, was_cut=True)
                    if time.monotonic() > until or size > STREAM_BYTES_MAX:
                        raise cut(f"no whole answer within {seconds:.0f} s and {STREAM_BYTES_MAX} bytes")
        except sdk.APIStatusError as error:
            raise cut(f"the stream ended with {error}") if began else of_status(error) from error
        except (sdk.APIError, OSError, ValueError, httpx2.HTTPError, httpx2.StreamError) as error:
            told = f"{type(error).__name__}: {error}"
            raise cut(told) if began else WireError(told, may_retry=True) from error
        if last is None:
            raise cut("the stream ended before the answer did")
        return _answer(last, request)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _answer(response: dict[str, Any], request: str) -> Answer:
    usage = openai_tokens(response.get("usage") or {})
    if response.get("status") == "failed":
        error = response.get("error") or {}
        told = f"the vendor failed: {error.get('code')}: {error.get('message')}"
        raise WireError(told, may_retry=error.get("code") in {"server_error", "rate_limit_exceeded"}, usage=usage)
    output = response.get("output") or []
    calls = tuple(_call(item) for item in output if item.get("type") == "function_call")
    parts = [part for item in output if item.get("type") == "message" for part in item.get("content") or []]
    refusal = [part["refusal"] for part in parts if part.get("type") == "refusal"]
    reason = (response.get("incomplete_details") or {}).get("reason")
    stop: Stop = "tools" if calls else "end"
    if refusal or reason == "content_filter":
        stop = "refused"
    elif response.get("status") == "incomplete":
        stop = "limit"
    return Answer(
        text="".join(refusal or [part.get("text", "") for part in parts]),
        calls=calls,
        stop=stop,
        echo=[_echoed(item) for item in output],
        usage=usage,
        request=request,
    )


def _call(item: Mapping[str, Any]) -> ToolCall:
    raw = str(item.get("arguments") or "")
    try:
        found = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        found = None
    arguments = found if isinstance(found, dict) else None
    return ToolCall(id=str(item["call_id"]), name=str(item["name"]), arguments=arguments, raw=raw)


def _echoed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output item as an input item: `status` is the vendor's to say."""
    return {key: value for key, value in item.items() if key != "status" and value is not None}
