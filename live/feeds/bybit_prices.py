"""Bybit's public stream as price events: what moves a paper account with the market that is happening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.engine import rules
from autarch.engine.position import TURNOVER_BARS
from autarch.errors import VenueError
from autarch.market.types import Floats
from live.simulator.core.prices import BarOpened, FundingDue, MarkMoved, PriceEvent, Traded
from live.venue.bybit.parsing import ZERO, amount, stamp, whole

TRADE: Final = "publicTrade"
TICKER: Final = "tickers"
Tape = Callable[[PriceEvent], None]


@dataclass(slots=True)
class _Shown:
    """What the ticker of a symbol showed last."""

    mark: float = 0.0
    rate: float = 0.0
    next_funding_ms: int = 0
    last: float = 0.0


class LivePrices:
    """Turns messages into events for `tape`: trades, marks, funding as it falls due, and how deep a bar is."""

    def __init__(self, tape: Tape) -> None:
        """Know no price yet."""
        self._tape = tape
        self._shown: dict[str, _Shown] = {}

    def heard(self, topic: str, message: Mapping[str, Any]) -> None:
        """Take a ticker or trades; a row that cannot be read moves nothing."""
        kind, _, symbol = topic.partition(".")
        shown = self._shown.setdefault(symbol, _Shown())
        try:
            if kind == TRADE:
                self._trades(symbol, shown, message)
            elif kind == TICKER:
                self._ticker(symbol, shown, message)
        except VenueError:
            return  # a garbled print is no price; the next one comes within the second

    def bar_closed(self, symbol: str, *, close_ms: int, close: float, turnover: Floats) -> None:
        """Say how deep the next bar is: the median turnover of the newest bars, as a backtest sizes its impact."""
        shown = self._shown.setdefault(symbol, _Shown())
        depth = rules.median(turnover[-TURNOVER_BARS:].copy())
        price = shown.last or close
        self._tape(BarOpened(time_ms=EpochMs(close_ms), symbol=symbol, open=price, depth=depth, traded=True))

    def _trades(self, symbol: str, shown: _Shown, message: Mapping[str, Any]) -> None:
        rows = message.get("data")
        for row in rows if isinstance(rows, list) else []:
            if row.get("BT") is True:
                continue  # a block trade is priced between two parties, beside the book
            price = float(amount(row, "p"))
            if price > 0:
                shown.last = price
                self._tape(Traded(time_ms=stamp(row, "T"), symbol=symbol, price=price))

    def _ticker(self, symbol: str, shown: _Shown, message: Mapping[str, Any]) -> None:
        row, time_ms = message.get("data"), whole(message, "ts")
        if not isinstance(row, dict):
            return
        due, rate = whole(row, "nextFundingTime"), float(amount(row, "fundingRate", default=ZERO))
        mark = float(amount(row, "markPrice", default=ZERO))
        if shown.next_funding_ms and due > shown.next_funding_ms:
            # The ticker has rolled over: what it showed last before is what was settled.
            self._tape(
                FundingDue(
                    time_ms=EpochMs(shown.next_funding_ms),
                    symbol=symbol,
                    rate=shown.rate,
                    mark=shown.mark or mark,
                    at_open=False,
                )
            )
        shown.next_funding_ms, shown.rate = due or shown.next_funding_ms, rate
        if mark > 0 and mark != shown.mark:
            shown.mark = mark
            self._tape(MarkMoved(time_ms=EpochMs(time_ms), symbol=symbol, mark=mark))
        last = float(amount(row, "lastPrice", default=ZERO))
        if last > 0 and shown.last == 0.0:
            shown.last = last  # the first price there is; after it, trades tell
            self._tape(Traded(time_ms=EpochMs(time_ms), symbol=symbol, price=last))
