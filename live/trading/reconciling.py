"""Does the venue show what our books say? What cannot be explained is halted, never adopted or closed silently."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.errors import VenueError
from live.lines import Line
from live.ports.venue import Listing, OrderState, Snapshot
from live.stopping.alone import other_executor
from live.trading.core import Core
from live.trading.guarding import Guarding
from live.trading.hearing import Hearing

READS_MIN = 3
"""Reads in a row that must show a contradiction before it is believed, where reads may lag at all."""


@dataclass(slots=True, kw_only=True)
class Reconciling:
    """Compares account and books; a contradiction must last before it is believed, since reads lag behind streams."""

    core: Core
    hearing: Hearing
    guarding: Guarding
    _since: dict[str, tuple[EpochMs, int]] = field(default_factory=dict)
    _failed: int = 0

    async def reconcile(self) -> None:
        """Read the account and the missing executions, and act on what does not fit."""
        core = self.core
        symbols = core.books.symbols
        core.reconcile_ms = EpochMs(core.now_ms + core.patience.reconcile_ms)
        try:
            listings = await core.world.venue.listings(symbols)
            snapshot = await core.world.venue.snapshot(symbols)
            await self.hearing.read()
        except VenueError as error:
            core.blind = core.blind or f"the account cannot be read: {error}"
            if self._failed == 0:
                core.tell("warning", "reconcile", str(error))
            wait = min(core.patience.retry_most_ms, core.patience.retry_ms * 2**self._failed)
            core.reconcile_ms, self._failed = EpochMs(core.now_ms + wait), min(self._failed + 1, 16)
            return
        core.blind, self._failed = "", 0
        self.hearing.hear()
        self._believe(self._found(snapshot, listings))
        for symbol, position in snapshot.positions.items():
            if symbol in symbols and symbol not in core.doubts:
                self.guarding.found(position)

    def _found(self, snapshot: Snapshot, listings: dict[str, Listing]) -> dict[str, tuple[str, str]]:
        """Return contradictions by a stable name: symbol (empty: the account) and a sentence."""
        core = self.core
        found = self._of_account(snapshot)
        for symbol in core.books.symbols:
            line = core.books.line(symbol)
            for name, text in (
                ("position", self._position(symbol, snapshot)),
                ("leverage", self._leverage(symbol, line, snapshot)),
                ("listing", _drift(line, listings.get(symbol))),
            ):
                if text is not None:
                    found[f"{name} {symbol}"] = (symbol, text)
        for symbol, position in snapshot.positions.items():
            if symbol not in core.books.symbols and position.size != 0:
                text = f"a position of {position.size} {symbol}, which no sleeve of this account trades"
                found[f"foreign {symbol}"] = (symbol, text)
        for order in snapshot.orders:
            text_of = self._stranger(order)
            if text_of is not None:
                found[f"order {order.order_id}"] = (order.symbol, text_of)
        return found

    def _of_account(self, snapshot: Snapshot) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        ours = self.core.release.margin_mode
        if snapshot.hedge_mode:
            found["mode"] = ("", "the account is in hedge mode; switch it to one-way mode")
        if self.hearing.past:
            text = (
                f"the venue does not know execution {self.hearing.past} of our journal: it is another account, or has "
                "lost orders. Compare the account with the journal and start a new one"
            )
            found["past"] = ("", text)
        another = other_executor(
            snapshot.orders,
            (),
            is_known=lambda link: bool(self.core.world.journal.about(link)),
            since_ms=self.core.now_ms,
        )
        if another is not None:
            found["another"] = ("", another)
        if snapshot.margin_mode != ours:
            found["margin"] = ("", f"the account's margin mode is {snapshot.margin_mode}; expected {ours}")
        return found

    def _position(self, symbol: str, snapshot: Snapshot) -> str | None:
        core = self.core
        if any(core.books.unfinished(symbol)):
            return None  # not comparable before the order has ended
        shown = snapshot.positions.get(symbol)
        theirs = Decimal(0) if shown is None else shown.size
        ours = core.expected(symbol, self.hearing.held_back(symbol))
        if ours == theirs:
            return None
        return f"{symbol}: our fills add up to {ours}, the venue holds {theirs}; find the difference by hand"

    def _leverage(self, symbol: str, line: Line, snapshot: Snapshot) -> str | None:
        shown = snapshot.positions.get(symbol)
        if shown is None or shown.leverage is None or shown.leverage == line.leverage:
            return None
        return f"{symbol}: the venue's leverage is {shown.leverage}, ours is {line.leverage}; somebody changed it"

    def _stranger(self, order: OrderState) -> str | None:
        books = self.core.books
        if order.trigger in {"StopLoss", "TakeProfit"} or order.order_link_id in books.orders:
            return None
        return (
            f"an open order of {order.qty} {order.symbol} ({order.order_link_id or order.order_id}) that is not ours; "
            "cancel it or use another account"
        )

    def _believe(self, found: dict[str, tuple[str, str]]) -> None:
        """Doubt at first sight; halt what has lasted."""
        core = self.core
        self._since = {name: self._since.get(name, (core.now_ms, 0)) for name in found}
        core.doubts = {symbol: text for symbol, text in found.values() if symbol}
        for name, (symbol, text) in found.items():
            since, reads = self._since[name]
            self._since[name] = (since, reads + 1)
            patience = core.patience.confirm_ms
            if patience == 0 or (core.now_ms - since >= patience and reads + 1 >= READS_MIN):
                core.state("HALTED", text, symbol=symbol)
            else:
                core.reconcile_ms = min(core.reconcile_ms, EpochMs(core.now_ms + core.patience.retry_ms * 2))


def _drift(line: Line, listing: Listing | None) -> str | None:
    symbol, instrument = line.symbol, line.instrument
    if listing is None:
        return f"the venue does not list {symbol}"
    if not listing.trading:
        return f"{symbol} is not traded at the venue now"
    pairs = (
        ("tick_size", instrument.tick_size, listing.tick_size),
        ("qty_step", instrument.qty_step, listing.qty_step),
        ("min_order_qty", instrument.min_order_qty, listing.min_qty),
        ("max_market_qty", instrument.max_market_qty, listing.max_market_qty),
        ("min_notional", instrument.min_notional, listing.min_notional),
    )
    changed = [f"{name} {ours} -> {theirs}" for name, ours, theirs in pairs if ours != theirs]
    return f"{symbol}: filters have changed ({', '.join(changed)}); release with a newer data set" if changed else None
