"""What an answer cost, read from the vendor's own words: by our wires, and by the gateway while it passes bytes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.models import Vendor
from agents.vendors.wire import Tokens

LINE_BYTES_MAX = 4 << 20


def flat_usage(told: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of one of Anthropic's usage objects; later ones of a stream replace earlier ones."""
    flat = {**told, **(told.get("cache_creation") or {})}
    return {name: value for name, value in flat.items() if isinstance(value, int) and not isinstance(value, bool)}


def anthropic_tokens(usage: Mapping[str, int]) -> Tokens:
    """Return the tokens by price; `input_tokens` excludes those of the cache here."""
    written = usage.get("cache_creation_input_tokens", 0)
    longer = usage.get("ephemeral_1h_input_tokens", 0)
    return Tokens(
        input_tokens=usage.get("input_tokens", 0),
        cache_read=usage.get("cache_read_input_tokens", 0),
        cache_write=max(0, written - longer),
        cache_write_long=longer,
        output_tokens=usage.get("output_tokens", 0),
    )


def openai_tokens(usage: Mapping[str, Any]) -> Tokens:
    """Return the tokens by price; `input_tokens` includes those of the cache here."""
    details = usage.get("input_tokens_details") or {}
    read = int(details.get("cached_tokens") or 0)
    written = int(details.get("cache_write_tokens") or 0)
    longer = int((details.get("cache_write_tokens_details") or {}).get("ttl_12h_tokens") or 0)
    return Tokens(
        input_tokens=max(0, int(usage.get("input_tokens") or 0) - read - written),
        cache_read=read,
        cache_write=max(0, written - longer),
        cache_write_long=longer,
        output_tokens=int(usage.get("output_tokens") or 0),
    )


class Meter:
    """Reads the usage out of an answer's bytes as they pass, streamed or whole. `is_whole` once the end was told."""

    def __init__(self, vendor: Vendor, *, is_stream: bool) -> None:
        """Meter one answer."""
        self._vendor, self._is_stream = vendor, is_stream
        self._rest = b""
        self._usage: dict[str, Any] = {}
        self.is_whole = False
        self.size = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        self._rest += piece
        if self._is_stream:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    self._read(line[5:])
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""

    def end(self) -> Tokens:
        """Return what was told."""
        if not self._is_stream:
            self._read(self._rest)
        if self._vendor == "anthropic":
            return anthropic_tokens(self._usage)
        return openai_tokens(self._usage)

    def _read(self, text: bytes) -> None:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(found, dict):
            return
        inner = found.get("message") or found.get("response") or {}
        usage = found.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
        if isinstance(usage, dict):
            self._usage |= flat_usage(usage) if self._vendor == "anthropic" else usage
        ends = {"message_stop", "response.completed", "response.incomplete", "message"}
        self.is_whole |= found.get("type") in ends or found.get("object") == "response"
