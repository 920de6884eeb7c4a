"""The port to whoever watches: told of what is durable already, and how the executor is. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from autarch.canonical import EpochMs
from live.journal import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How an executor is at one moment, as far as its journal does not say it.

    Attributes:
        time_ms: The clock's time.
        seq: Number of the newest durable journal event.
        state: The account's.
        reason: Why it is not ACTIVE; empty when it is.
        halted: Symbols that are halted by themselves, with the reason.
        tag: The release that trades; empty while the account is flat and none does.
        next_tag: A verified newer one that will take over, or None.
        last_close_ms: Close of the newest bar decided on, or None.
        exposed: Whether a position is held or an order is open: what a dead-man process must not leave alone.
        stale_ms: Age of the newest message by source, such as "kline BTCUSDT" or "private".
        clock_offset_ms: The venue's clock less ours, or None where there is none.
        generation: Of the private connection.
    """

    time_ms: EpochMs
    seq: int
    state: Literal["ACTIVE", "REDUCING", "HALTED"] = "ACTIVE"
    reason: str = ""
    halted: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    next_tag: str | None = None
    last_close_ms: EpochMs | None = None
    exposed: bool = False
    stale_ms: Mapping[str, int] = field(default_factory=dict)
    clock_offset_ms: float | None = None
    generation: int = 0


class Observer(Protocol):
    """Watches without ever holding up or failing the executor: both methods return at once and never raise."""

    def observe(self, events: Sequence[Event]) -> None:
        """Take the events of one durable journal transaction, in order."""
        ...

    def beat(self, pulse: Pulse) -> None:
        """Take a sign of life; given by the executor's own loop once a second, so that silence means it hangs."""
        ...


class Unobserved:
    """Nobody watches."""

    def observe(self, events: Sequence[Event]) -> None:
        """Do nothing."""

    def beat(self, pulse: Pulse) -> None:
        """Do nothing."""
