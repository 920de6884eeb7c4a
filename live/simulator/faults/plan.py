"""Which fault strikes when: those that somebody has queued, and those that a seed throws."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from live.simulator.faults.menu import (
    MARKET_FAULTS,
    READ_ONLY_FAULTS,
    REQUEST_FAULTS,
    STREAM_FAULTS,
    Fault,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault that has met its occasion."""

    number: int
    fault: Fault
    where: str
    time_ms: int


@dataclass(slots=True, kw_only=True)
class FaultPlan:
    """Faults by queue and by chance.

    Attributes:
        seed: Of the chances.
        chances: By kind of fault: probability that a request, a message or a tick meets it, in [0, 1].
        until_ms: No chance strikes from here on, so that liveness can be asked for.
        struck: Everything that has struck, oldest first.
    """

    seed: int = 0
    chances: Mapping[str, float] = field(default_factory=dict)
    until_ms: int | None = None
    struck: list[Struck] = field(default_factory=list)
    _queue: list[Fault] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Start the sequence of chances.

        Raises:
            ValueError: a chance is no probability or its kind not on the menu.
        """
        for kind, chance in self.chances.items():
            Fault(kind=kind)
            if not 0 <= chance <= 1:
                raise ValueError(f"chance of {kind} is {chance}; expected within [0, 1]")
        self._random = random.Random(self.seed)  # noqa: S311  a reproducible sequence is the point

    def add(self, fault: Fault) -> None:
        """Queue a fault for its next occasions."""
        self._queue.append(fault)

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """Faults that have not struck yet."""
        return tuple(self._queue)

    def for_request(self, path: str, *, reads: bool, now_ms: int) -> Fault | None:
        """Return what strikes a request, if anything."""
        wanted = REQUEST_FAULTS if reads else REQUEST_FAULTS - READ_ONLY_FAULTS
        return self._next(wanted, path, now_ms)

    def for_stream(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return what strikes a stream when a message is due on it, if anything."""
        return self._next(STREAM_FAULTS - {"refuse_handshake", "refuse_subscription"}, channel, now_ms)

    def for_handshake(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return whether a new connection is refused."""
        return self._next(frozenset({"refuse_handshake"}), channel, now_ms)

    def for_subscription(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return whether a subscription is refused."""
        return self._next(frozenset({"refuse_subscription"}), channel, now_ms)

    def for_market(self, *, now_ms: int) -> Fault | None:
        """Return what the exchange does by itself next, if anything."""
        return self._next(MARKET_FAULTS - {"partial_fill", "fill_in_pieces"}, "", now_ms)

    def for_fill(self, symbol: str, *, now_ms: int) -> Fault | None:
        """Return in what way a market order fills, if not whole."""
        return self._next(frozenset({"partial_fill", "fill_in_pieces"}), symbol, now_ms)

    def _next(self, kinds: frozenset[str], where: str, now_ms: int) -> Fault | None:
        for at, fault in enumerate(self._queue):
            if fault.kind in kinds and fault.where in {"", where}:
                if fault.times > 1:
                    self._queue[at] = replace(fault, times=fault.times - 1)
                else:
                    del self._queue[at]
                return self._note(fault, where, now_ms)
        if self.until_ms is not None and now_ms >= self.until_ms:
            return None
        for kind, chance in self.chances.items():
            if kind in kinds and self._random.random() < chance:
                lasts = int(self._random.random() * 30_000)
                return self._note(Fault(kind=kind, where=where, lasts_ms=lasts), where, now_ms)
        return None

    def _note(self, fault: Fault, where: str, now_ms: int) -> Fault:
        self.struck.append(Struck(number=len(self.struck) + 1, fault=fault, where=where, time_ms=now_ms))
        return fault
