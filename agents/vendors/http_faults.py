"""What a vendor's refusal means, by its status: both libraries name their errors alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.vendors.wire import WireError

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Source: both vendors' error pages; 529 is Anthropic's word for being overloaded."""
AFTER_MAX_S = 120.0
SHOWN_MAX = 400
_NO_QUOTA = ("insufficient_quota", "billing", "credit balance")


def of_status(error: Any) -> WireError:
    """Return what an APIStatusError of either library says."""
    response = error.response
    said = _said(error.body, response)
    retried = response.status_code in RETRIED and not any(word in said for word in _NO_QUOTA)
    return WireError(
        f"HTTP {response.status_code}: {said}{_cure(response.status_code)}",
        may_retry=retried,
        status=response.status_code,
        after_s=retry_after(response.headers),
        request=response.headers.get("request-id") or response.headers.get("x-request-id") or "",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a vendor asks to be left alone, bounded; None when it does not say, or says nonsense."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if seconds >= 0:
            return min(seconds, AFTER_MAX_S)
    return None


def _said(body: object, response: Any) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message") if isinstance(inner, dict) else None
    kind = (inner.get("type") or inner.get("code")) if isinstance(inner, dict) else None
    text = message if isinstance(message, str) else json.dumps(body, default=str) if body else response.reason_phrase
    return " ".join(f"{kind}: {text}".split())[:SHOWN_MAX] if kind else " ".join(str(text).split())[:SHOWN_MAX]


def _cure(status: int) -> str:
    if status in {401, 403}:
        return ". The vendor does not take this key: check the variable it is read from"
    return ". Check the model's name in agents/models.toml and the vendor's list" if status == 404 else ""
