"""What a command-line agent prints as JSON, read for turns and tokens: Claude Code's and Codex CLI's event lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.vendors.metering import anthropic_tokens, flat_usage
from agents.vendors.wire import Tokens

LINE_MAX = 1 << 20
TEXT_MAX = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What an agent said of its own run. `is_whole`: it told its usage; `problem` is empty when all went well."""

    turns: int
    tokens: Tokens
    text: str
    session: str
    problem: str
    is_whole: bool


def read_output(output: bytes, kind: Literal["claude", "codex"]) -> Reported:
    """Return what the lines report; lines that are no JSON are left out, and none of it is believed beyond counting."""
    events = list(_events(output))
    return _claude(events) if kind == "claude" else _codex(events)


def _claude(events: list[dict[str, Any]]) -> Reported:
    last = next((event for event in reversed(events) if event.get("type") == "result"), None)
    said = [event for event in events if event.get("type") == "assistant"]
    if last is None:
        problem = "it ended without a result"
        return Reported(turns=len(said), tokens=Tokens(), text="", session="", problem=problem, is_whole=False)
    failed = bool(last.get("is_error")) or str(last.get("subtype", "success")) != "success"
    usage = last.get("usage")
    return Reported(
        turns=_count(last, "num_turns", len(said)),
        tokens=anthropic_tokens(flat_usage(usage if isinstance(usage, Mapping) else {})),
        text=str(last.get("result") or "")[:TEXT_MAX],
        session=str(last.get("session_id") or "")[:100],
        problem=str(last.get("subtype") or "error")[:200] if failed else "",
        is_whole=True,
    )


def _codex(events: list[dict[str, Any]]) -> Reported:
    done = [event for event in events if event.get("type") == "turn.completed"]
    failed = [event for event in events if event.get("type") in {"turn.failed", "error"}]
    items = [event.get("item") for event in events if event.get("type") == "item.completed"]
    texts = [str(i.get("text") or "") for i in items if isinstance(i, Mapping) and i.get("type") == "agent_message"]
    begun = next((event for event in events if event.get("type") == "thread.started"), {})
    into, cached, out = (
        sum(_count(event.get("usage") or {}, name) for event in done)
        for name in ("input_tokens", "cached_input_tokens", "output_tokens")
    )
    problem = "" if done and not failed else "a turn failed" if failed else "it ended without a completed turn"
    return Reported(
        turns=len(done),
        tokens=Tokens(input_tokens=max(0, into - cached), cache_read=min(cached, into), output_tokens=out),
        text=(texts[-1] if texts else "")[:TEXT_MAX],
        session=str(begun.get("thread_id") or "")[:100],
        problem=problem,
        is_whole=bool(done),
    )


def _count(told: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = told.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else default


def _events(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if not line.startswith(b"{") or len(line) > LINE_MAX:
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found
