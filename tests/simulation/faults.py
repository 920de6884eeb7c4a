"""What goes wrong in a simulated life, when, and which pairs of the executor's state and a fault have met.

A seed aims one fault at one state, and throws a few more at any time; from `calm_ms` on nothing new goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from live.simulator.faults.menu import ACCEPTING_FAULTS, MARKET_FAULTS, REQUEST_FAULTS, STREAM_FAULTS, Fault

NET_FAULTS: Final = (
    "slow_request",  # arrives late, perhaps after its receive window
    "slow_answer",  # done at once, told late
    "twice",  # a proxy sends it again
    "not_sent",  # never leaves
    "accept_then_503",  # done, and the edge gives up
)
PROCESS_FAULTS: Final = (
    "crash",  # SIGKILL, and a new process after a while
    "crash_long",  # the new process comes bars later
    "stop_fires",  # the market jumps over the stop, now
    "take_fires",  # and over the take-profit
    "liquidate",  # and over everything
    "disk_full",  # the journal takes nothing until the reserve is freed
    "disk_dead",  # nor after that
    "clock_step",  # the wall clock jumps
    "suspend",  # nothing of the process runs for a while
    "late_bar",  # the next bar is confirmed late
    "outage",  # no request is answered, every stream ends
    "reads_lag",  # every read shows the state of some seconds ago, for a while
    "hand_closes",  # somebody closes the position by hand
    "foreign_order",  # somebody leaves an order in the book
    "leverage",  # somebody changes it
    "margin_mode",  # the account's
    "delist",  # the venue ends the symbol
    "switch",  # another release takes over
)
REQUESTS: Final = (*sorted(REQUEST_FAULTS), *NET_FAULTS)
STREAM: Final = tuple(sorted(STREAM_FAULTS - {"delta_first"}))
MARKET: Final = tuple(sorted(MARKET_FAULTS))
ALL: Final = (*REQUESTS, *STREAM, *MARKET, *PROCESS_FAULTS)
FILLS: Final = frozenset({"partial_fill", "fill_in_pieces"})
STATES: Final = (
    "starting", "flat", "held", "deciding", "entering", "closing", "flipping", "protecting", "settling", "reading",
    "reducing", "halted",
)  # fmt: skip
WRITING: Final = ("entering", "closing", "flipping", "protecting")
ASKING: Final = (*WRITING, "settling", "reading", "starting")
STRANGE: Final = frozenset(
    {"stranger_order", "hedge_mode", "change_filters", "halt_symbol", "resume_symbol", "ban_trading", "delist",
     "hand_closes", "foreign_order", "leverage", "margin_mode", "disk_dead", "disk_full", "clock_step", "http_403",
     "liquidate", "deleverage", "outage", "suspend", "lose_stop", "withdraw"}
)  # fmt: skip
"""After these an executor may well stop trading, and say so; after the others it must go on."""


HELD: Final = frozenset({"stop_fires", "take_fires", "liquidate", "deleverage", "lose_stop", "hand_closes"})
"""These want a position."""
PRICED: Final = HELD | {"stranger_order", "foreign_order"}
"""These want a price, which no symbol has before its first bar: a start that they are to meet is a restart."""


def possible(state: str, kind: str) -> bool:
    """Return whether a fault can meet a state at all."""
    if state == "flat" and kind in HELD:
        return False
    if kind == "stale_read":
        return state in {"settling", "reading", "starting"}
    if kind in REQUESTS:
        return state in ASKING
    if kind in FILLS:
        return state in {"entering", "closing", "flipping"}
    return True


def _pairs() -> tuple[tuple[str, str], ...]:
    """Return every pair that can meet, mixed, so that any run of seeds has some of everything."""
    pairs = [(state, kind) for kind in ALL for state in STATES if possible(state, kind)]
    Random(1).shuffle(pairs)  # noqa: S311  the same mixture each time is the point
    return tuple(pairs)


PAIRS: Final = _pairs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A fault that waits for a state. `after_ms`: not before; `skip`: so many occasions go by first."""

    state: str
    kind: str
    after_ms: int = 0
    skip: int = 0


@dataclass(slots=True, kw_only=True)
class Menace:
    """Hands out faults as they become due; the duck of `FaultPlan` that the simulator's streams ask.

    Attributes:
        rng: Of durations.
        calm_ms: From this venue time on nothing new strikes.
        state: Says what the executor is doing.
        strike: Lets a fault of the market or of the process happen now.
        met: Pairs that have met.
        struck: (time, state, kind), in order.
    """

    rng: Random
    calm_ms: int
    state: Callable[[], str]
    strike: Callable[[str], bool]
    aims: list[Aim] = field(default_factory=list)
    met: set[tuple[str, str]] = field(default_factory=set)
    struck: list[tuple[int, str, str]] = field(default_factory=list)
    _due: list[tuple[int, str]] = field(default_factory=list)
    _queue: list[str] = field(default_factory=list)

    def at(self, time_ms: int, kind: str) -> None:
        """Let a fault become due at a time, in whatever state."""
        self._due.append((time_ms, kind))
        self._due.sort()

    def look(self, now_ms: int) -> None:
        """Strike what is due and needs no occasion of its own."""
        while self._due and self._due[0][0] <= now_ms:
            kind = self._due.pop(0)[1]
            if now_ms < self.calm_ms:
                self._now(kind, self.state(), now_ms)
        if not self.aims or now_ms >= self.calm_ms:
            return
        state = self.state()
        for aim in self._aimed(state, now_ms):
            if aim.kind in REQUESTS or aim.kind in FILLS:
                continue  # these wait for the request itself
            self.aims.remove(aim)  # first, since what strikes may look again
            if not self._now(aim.kind, state, now_ms):
                self.aims.append(aim)

    def for_request(self, path: str, *, reads: bool, now_ms: int, fills: bool = False) -> str:
        """Return what strikes a request that is being sent, "" for nothing."""
        if now_ms >= self.calm_ms:
            return ""
        state = self.state()
        for aim in self._aimed(state, now_ms):
            if aim.kind in FILLS and fills:
                self.aims.remove(aim)
                self._note(aim.kind, state, now_ms)
                self._queue.append(aim.kind)
            elif aim.kind in REQUESTS and (reads or aim.kind != "stale_read"):
                self.aims.remove(aim)
                self._note(aim.kind, state, now_ms)
                return aim.kind
        for kind in self._queue:
            if kind in REQUESTS and (reads or kind != "stale_read"):
                self._queue.remove(kind)
                self._note(kind, state, now_ms)
                return kind
        del path
        return ""

    def for_stream(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return what strikes messages that are due on a stream."""
        return self._queued(STREAM_FAULTS - {"refuse_handshake", "refuse_subscription"}, channel, now_ms)

    def for_handshake(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return whether a connection is refused."""
        return self._queued(frozenset({"refuse_handshake"}), channel, now_ms)

    def for_subscription(self, channel: str, *, now_ms: int) -> Fault | None:
        """Return whether a subscription is refused."""
        return self._queued(frozenset({"refuse_subscription"}), channel, now_ms)

    def for_fill(self, symbol: str, *, now_ms: int) -> Fault | None:
        """Return in what way a market order fills, if not whole."""
        return self._queued(FILLS, symbol, now_ms)

    def _queued(self, kinds: frozenset[str], where: str, now_ms: int) -> Fault | None:
        if now_ms >= self.calm_ms:
            return None
        for kind in self._queue:
            if kind in kinds:
                self._queue.remove(kind)
                return Fault(kind=kind, where=where, lasts_ms=int(self.rng.uniform(1_000, 90_000)), amount="0.5")
        return None

    def _aimed(self, state: str, now_ms: int) -> list[Aim]:
        """Return the aims whose occasion this is, counting down those that let it go by."""
        found = []
        for at, aim in enumerate(self.aims):
            if aim.state != state or now_ms < aim.after_ms:
                continue
            if aim.skip > 0:
                self.aims[at] = Aim(state=aim.state, kind=aim.kind, after_ms=aim.after_ms, skip=aim.skip - 1)
            else:
                found.append(aim)
        return found

    def _now(self, kind: str, state: str, now_ms: int) -> bool:
        """Strike now, or wait for the next message; False where there is no occasion."""
        if kind in MARKET_FAULTS - FILLS or kind in PROCESS_FAULTS:
            if not self.strike(kind):
                return False
            self._note(kind, state, now_ms)
            return True
        self._queue.append(kind)
        if kind in STREAM_FAULTS:
            self._note(kind, state, now_ms)
        return True

    def _note(self, kind: str, state: str, now_ms: int) -> None:
        self.met.add((state, kind))
        self.struck.append((now_ms, state, kind))


def is_served(kind: str) -> bool:
    """Return whether a request that a fault struck is acted on by the venue all the same."""
    return kind in ACCEPTING_FAULTS or kind in {"", "slow_answer", "twice", "accept_then_503", "stale_read"}
