"""What all parts of an executor share: the books, the ports, and the one way to write something down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from live.journal import BarClaim, Draft
from live.orders import State
from live.ports.alerts import Severity
from live.stopping.latch import Halted
from live.trading.books import Books
from live.trading.release import Patience, Release, World
from live.trading.sleeves import NEVER


class JournalLost(ConfigError):  # noqa: N818  an outcome, like the venue's
    """Nothing can be written down any more, so nothing may be sent; stops stay on the exchange."""


@dataclass(slots=True, kw_only=True)
class Core:
    """The executor's memory and hands.

    Attributes:
        now_ms: The venue's time when the present step began.
        blind: Why the private stream tells nothing, empty when it does.
        tradable: By symbol, whether the present bar trades; a symbol that is not here has no bar to plan for.
        doubts: By symbol, why books and venue seem to differ; nothing is entered meanwhile.
        look: Symbols whose open orders are to be read.
        reconcile_ms: When to look at the whole account next.
        wake_ms: The earliest time at which something is to be tried again.
        in_hand: A bar has come and is not decided on yet.
    """

    release: Release
    world: World
    patience: Patience
    books: Books
    now_ms: EpochMs = NEVER
    blind: str = ""
    tradable: dict[str, bool] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    look: set[str] = field(default_factory=set)
    reconcile_ms: EpochMs = NEVER
    wake_ms: EpochMs | None = None
    lost: bool = False
    in_hand: bool = False
    _drafts: list[Draft] = field(default_factory=list)
    _claims: list[BarClaim] = field(default_factory=list)

    @property
    def behind(self) -> bool:
        """Whether another bar has closed and is decided on first; until then nothing is planned."""
        return self.in_hand or self.world.bars.behind()

    def draft(self, kind: str, body: Mapping[str, object], ref: str = "", *, time_ms: EpochMs | None = None) -> None:
        """Let something be so from now on, and write it with the next transaction."""
        time_ms = self.now_ms if time_ms is None else time_ms
        self.books.apply(kind, time_ms, body)
        self._drafts.append(Draft(time_ms=time_ms, kind=kind, body=body, ref=ref))

    def claim(self, claim: BarClaim) -> None:
        """Claim a bar with the next transaction."""
        self._claims.append(claim)

    def commit(self, *, at_once: bool = True) -> None:
        """Make durable what was drafted; `at_once` False lets it wait for more where the patience allows.

        Raises:
            JournalLost: the disk did not take it, and no reserve helped.
            RefusedError: another release has traded one of the bars.
        """
        if not self._drafts or (not at_once and len(self._drafts) < self.patience.batch):
            return
        drafts, claims = self._drafts, self._claims
        try:
            self._append(drafts, claims)
        except ConfigError as error:
            self._reduce(drafts, claims, error)
        self._drafts, self._claims = [], []

    def state(
        self, state: State, reason: str, *, symbol: str = "", by: str = "executor", flatten: bool = False
    ) -> None:
        """Take a state, of a symbol or the account, and say so; HALTED is latched as well."""
        present = self.books.states.get(symbol, ("ACTIVE", ""))[0] if symbol else self.books.gate.state
        if present in {state, "HALTED"} and state != "ACTIVE":
            return  # as strict already, for a reason that was given
        body = {"state": state, "reason": reason, "by": by, "symbol": symbol, "flatten": flatten}
        self.draft("state", body)
        self.tell("critical" if state != "ACTIVE" else "info", f"{state} {symbol}".rstrip(), reason)
        if state == "HALTED" and by == "executor":
            halted = Halted(by="executor", who=self.release.account, why=reason, at_ms=self.now_ms, symbol=symbol)
            try:
                self.world.latch.halt(halted)
            except ConfigError as error:  # the journal says it too
                self.tell("warning", "latch", str(error))

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """Alert somebody."""
        self.world.alerts.tell(severity, subject, f"{self.release.account}: {text}")

    def again_at(self, time_ms: int) -> None:
        """Make sure that the executor looks again at that time."""
        if self.wake_ms is None or time_ms < self.wake_ms:
            self.wake_ms = EpochMs(time_ms)

    def refusal(self, symbol: str) -> str | None:
        """Return why nothing may be sent for `symbol`, by the latch or by our state, or None."""
        blocked = self.world.latch.read().blocks(symbol)
        if blocked is not None:
            return blocked
        state, reason = self.books.state_of(symbol)
        return f"halted: {reason}" if state == "HALTED" else None

    async def look_at_clock(self) -> None:
        """Take the venue's time; it never goes back here."""
        self.now_ms = max(self.now_ms, await self.world.venue.now_ms())

    def expected(self, symbol: str, held_back: Decimal) -> Decimal:
        """Return the position that the venue should show: our books and what is not booked yet."""
        return self.books.position(symbol) + held_back

    def _append(self, drafts: list[Draft], claims: list[BarClaim]) -> None:
        self.world.observer.observe(self.world.journal.append(drafts, claims=claims))

    def _reduce(self, drafts: list[Draft], claims: list[BarClaim], error: ConfigError) -> None:
        """Free the reserve and only reduce from here on; without it, stop."""
        freed = self.world.reserve.free()
        try:
            if not freed:
                raise error
            self._append(drafts, claims)
            self._drafts, self._claims = [], []
            self.state("REDUCING", f"the journal could be written only with the reserve: {error}")
            self._append(self._drafts, [])
        except ConfigError as again:
            self.lost = True
            text = f"nothing is sent any more; stops stay on the exchange: {again}"
            self.tell("critical", "journal", text)
            raise JournalLost(text) from again
