"""What a faulty socket does to the messages that are due on it. Pure; times are epoch ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live.simulator.faults.plan import FaultPlan
from live.simulator.wire.text import json_bytes

DELAY_MS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Messages with the delay of each in ms, and how the socket ends after them, if it does."""

    messages: tuple[tuple[int, bytes], ...] = ()
    ends: str = ""  # "", "reset" or "close_1001"


@dataclass(slots=True, kw_only=True)
class FaultyStream:
    """The state of one socket's faults.

    Attributes:
        channel: public, private or trade.
        plan: What strikes it.
    """

    channel: str
    plan: FaultPlan
    _mute_until: int = 0
    _silent_until: int = 0

    def refuses(self, raw: bytes, *, now_ms: int) -> bool:
        """Return whether a client's message is a subscription that a fault refuses."""
        return b'"subscribe"' in raw and self.plan.for_subscription(self.channel, now_ms=now_ms) is not None

    def answers(self, messages: Sequence[bytes], *, ping: bool, now_ms: int) -> Sent:
        """Return what is sent of answers to the client's own message."""
        if ping and now_ms < self._silent_until:
            return Sent()
        return Sent(messages=tuple((0, message) for message in messages))

    def pushes(self, messages: Sequence[bytes], *, now_ms: int) -> Sent:
        """Return what is sent of what has happened."""
        if not messages:
            return Sent()
        fault = self.plan.for_stream(self.channel, now_ms=now_ms)
        if fault is not None:
            if fault.kind == "mute":
                self._mute_until = now_ms + max(1, fault.lasts_ms)
            elif fault.kind == "no_pong":
                self._silent_until = now_ms + max(1, fault.lasts_ms)
            elif fault.kind in {"reset", "close_1001"}:
                return Sent(ends=fault.kind)
        if now_ms < self._mute_until:
            return Sent()
        return Sent(messages=tuple(self._bent(fault.kind if fault else "", list(messages))))

    def _bent(self, kind: str, messages: list[bytes]) -> list[tuple[int, bytes]]:
        if kind == "drop":
            return []
        if kind == "duplicate":
            messages = [message for message in messages for _ in range(2)]
        elif kind == "reorder":
            messages.reverse()
        elif kind == "unknown_topic":
            messages = [json_bytes({"topic": "unheard.of", "type": "snapshot", "data": {}}), *messages]
        elif kind == "delta_first":
            delta = {"topic": "tickers.UNSEENUSDT", "type": "delta", "data": {"symbol": "UNSEENUSDT"}}
            messages = [json_bytes(delta), *messages]
        return [(DELAY_MS if kind == "delay" else 0, message) for message in messages]
