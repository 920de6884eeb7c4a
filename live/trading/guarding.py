"""Stops: every open position has the triggers the contract gives it, or is brought to an end."""

from __future__ import annotations

from dataclasses import dataclass, field

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.errors import VenueError, VenueRejected
from live.ports.venue import Position
from live.trading.books import Triggers
from live.trading.core import Core

TRIES_MAX = 5


@dataclass(slots=True, kw_only=True)
class Guarding:
    """Keeps the venue's triggers at the contract's prices."""

    core: Core
    _failed: dict[str, tuple[int, EpochMs]] = field(default_factory=dict)

    async def protect(self) -> bool:
        """Move every trigger that is not where it belongs; return whether anything else may be due now."""
        acted = False
        for symbol in self.core.books.symbols:
            wanted = self._missing(symbol)
            if wanted is not None:
                acted |= await self._set(symbol, wanted)
        return acted

    def found(self, position: Position) -> None:
        """Take what the venue shows; what is not as it should be is put right by the next `protect`."""
        books = self.core.books
        symbol, shown = position.symbol, (position.stop_loss, position.take_profit)
        if position.size == 0 or self._is_opening(symbol) or books.stops.get(symbol) == shown:
            return
        if shown != books.triggers(symbol):
            self.core.tell("warning", f"stop {symbol}", f"the venue holds {_said(shown)}; put right")
        self.core.draft("stops", _body(symbol, shown))

    def _missing(self, symbol: str) -> Triggers | None:
        """Return the triggers that the venue should hold and, as far as we know, does not."""
        core = self.core
        if core.books.owner(symbol).states[symbol][at.POSITION] == 0.0:
            self._failed.pop(symbol, None)
            return None
        wanted = core.books.triggers(symbol)
        if core.books.stops.get(symbol, (None, None)) == wanted or self._is_opening(symbol):
            return None
        if core.refusal(symbol) is not None:
            return None
        _, again = self._failed.get(symbol, (0, EpochMs(0)))
        if core.now_ms < again:
            core.again_at(again)
            return None
        return wanted

    def _is_opening(self, symbol: str) -> bool:
        """Return whether an entry is still filling: its own triggers hold until the last fill."""
        return any(order.is_entry for order in self.core.books.unfinished(symbol))

    async def _set(self, symbol: str, wanted: Triggers) -> bool:
        core = self.core
        core.commit()
        stop, take = wanted
        try:
            await core.world.venue.set_stops(symbol, stop_loss=stop, take_profit=take)
        except VenueError as error:
            return await self._refused(symbol, wanted, error)
        self._failed.pop(symbol, None)
        core.draft("stops", _body(symbol, wanted))
        return False

    async def _refused(self, symbol: str, wanted: Triggers, error: VenueError) -> bool:
        """Close what can no longer be protected: the price is beyond the stop, or the venue will not take it."""
        core = self.core
        count, _ = self._failed.get(symbol, (0, EpochMs(0)))
        if isinstance(error, VenueRejected) and await self._is_beyond(symbol, wanted):
            core.draft("stopped", {"symbol": symbol, **_body(symbol, wanted), "reason": str(error)})
            return True
        wait = min(core.patience.retry_most_ms, core.patience.retry_ms * 2 ** min(count, TRIES_MAX))
        self._failed[symbol] = (count + 1, EpochMs(core.now_ms + wait))
        core.again_at(core.now_ms + wait)
        if count + 1 >= TRIES_MAX:
            before = core.books.states.get(symbol)
            core.state("REDUCING", f"the stop of {symbol} cannot be placed: {error}", symbol=symbol, flatten=True)
            return core.books.states.get(symbol) != before  # who reduces already has nothing new to do
        core.tell("critical", f"stop {symbol}", f"not placed, tried again: {error}")
        return False

    async def _is_beyond(self, symbol: str, wanted: Triggers) -> bool:
        """Return whether the price has reached a trigger already."""
        try:
            last = await self.core.world.venue.last_price(symbol)
        except VenueError:
            return False
        side = 1 if self.core.books.position(symbol) > 0 else -1
        stop, take = wanted
        return (stop is not None and side * (last - stop) <= 0) or (take is not None and side * (last - take) >= 0)


def _body(symbol: str, triggers: Triggers) -> dict[str, object]:
    stop, take = triggers
    return {
        "symbol": symbol,
        "stop_loss": None if stop is None else format(stop, "f"),
        "take_profit": None if take is None else format(take, "f"),
    }


def _said(triggers: Triggers) -> str:
    stop, take = triggers
    return f"stop {stop or 'none'}, take-profit {take or 'none'}"
