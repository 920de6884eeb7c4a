"""What an executor trades, by which ports it reaches the world, and how patient it is. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from live.lines import Line
from live.portfolio import Limits, MarginMode
from live.ports.alerts import Alerts, Silent
from live.ports.bars import Bars
from live.ports.brain import Brain
from live.ports.clock import Clock
from live.ports.journal import JournalPort
from live.ports.keeping import Keeper, Unkept
from live.ports.observer import Observer, Unobserved
from live.ports.reserve import NoReserve, Reserve
from live.ports.venue import Venue
from live.stopping.latch import Latch, MemoryLatch

SleeveMode = Literal["trade", "drain", "close"]
Action = Literal["start", "adopt", "drain", "flatten", "leave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveTerms:
    """One sleeve of an account, named by a key: its strategy, or strategy@tag for an older one that runs out.

    Attributes:
        strategy: The strategy's slug.
        tag: The release whose strategy decides.
        lines: Its symbols, in the manifest's order.
        capital: USDT that it is sized from.
        mode: trade; drain: decides, but only reduces; close: decides nothing, is closed at once.
        notional_max: USDT of |notional| it may hold, from its tier; None without a cap.
        takes: Symbol -> key of the sleeve whose position and money in it this one takes over; by default its own.
    """

    strategy: str
    tag: str
    lines: tuple[Line, ...]
    capital: float
    mode: SleeveMode = "trade"
    notional_max: Decimal | None = None
    takes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is traded on one account. A symbol is traded by one sleeve; others may hold it until it is flat.

    `opened` is the body of the journal's event that begins a run, beside what the executor adds itself.
    """

    tag: str
    account: str
    sleeves: Mapping[str, SleeveTerms]
    limits: Limits
    capital: Decimal
    opened: Mapping[str, object]
    margin_mode: MarginMode = "isolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside that an executor touches."""

    journal: JournalPort
    venue: Venue
    bars: Bars
    brains: Mapping[str, Brain]
    clock: Clock
    alerts: Alerts = field(default_factory=Silent)
    observer: Observer = field(default_factory=Unobserved)
    latch: Latch = field(default_factory=MemoryLatch)
    reserve: Reserve = field(default_factory=NoReserve)
    keeper: Keeper = field(default_factory=Unkept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the executor waits for what, ms, and how much it writes at once.

    Attributes:
        reconcile_ms: Between two looks at the whole account.
        beat_ms: Between two looks at the latch; 0 looks only before sending.
        read_ms: After which an order that was taken, and is not known to be done, is read.
        retry_ms: Before the first repetition of an exit or a stop; doubles up to `retry_most_ms`.
        retry_most_ms: Longest wait between two repetitions.
        confirm_ms: How long a contradiction between books and venue must last to be believed.
        batch: Events that may wait for a transaction while nothing is sent. 1 or less: every step is durable at once.
    """

    reconcile_ms: int = 45_000
    beat_ms: int = 1_000
    read_ms: int = 1_500
    retry_ms: int = 1_000
    retry_most_ms: int = 30_000
    confirm_ms: int = 20_000
    batch: int = 0


RECORDED = Patience(reconcile_ms=21_600_000, confirm_ms=0, batch=256)
"""A recording does not lag: what contradicts is believed at once, and what is not sent may wait to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """A release that takes over at a bar boundary, with the bars and brains of all its sleeves.

    `actions` says for the journal what becomes of each symbol.
    """

    release: Release
    bars: Bars
    brains: Mapping[str, Brain]
    actions: Mapping[str, Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position at a boundary: the key of the sleeve that holds it, and the signed quantity."""

    key: str
    qty: Decimal


Switch = Callable[[Mapping[str, Held]], Takeover]
"""Called at the boundary with what is held by symbol; returns at once."""
