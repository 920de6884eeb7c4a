"""One symbol's market as it stands: prices, the bar that is being made, and the funding that comes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autarch.canonical import EpochMs
from live.lines import to_decimal
from live.simulator.core.contract import Contract
from live.simulator.core.prices import BarClosed, BarOpened, BarSwept
from live.simulator.core.rows import KlineRow, Side, TickerRow

ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Quote:
    """`at_open`: the price is still the bar's open. `traded`: orders can fill. `depth`: for impact, USDT a bar."""

    contract: Contract
    last: float = 0.0
    mark: float = 0.0
    depth: float = 0.0
    at_open: bool = False
    traded: bool = False
    marked: bool = False  # a mark price of its own has been seen; until then it follows the last price
    funding_rate: float = 0.0
    bar: KlineRow | None = None

    def move(self, last: float) -> None:
        """Take a new last price."""
        self.last = last
        if not self.marked:
            self.mark = last

    def mark_at(self, mark: float) -> None:
        """Take a mark price of its own."""
        self.mark, self.marked = mark, True

    def opened(self, event: BarOpened, interval_ms: int) -> KlineRow:
        """Begin a bar."""
        price = to_decimal(event.open)
        self.bar = KlineRow(
            symbol=event.symbol,
            interval_ms=interval_ms,
            start_ms=event.time_ms,
            open=price,
            high=price,
            low=price,
            close=price,
            volume=ZERO,
            turnover=ZERO,
            confirm=False,
            time_ms=event.time_ms,
        )
        return self.bar

    def swept(self, event: BarSwept) -> KlineRow | None:
        """Widen the bar to its extremes."""
        if self.bar is None:
            return None
        self.bar = KlineRow(
            symbol=event.symbol,
            interval_ms=self.bar.interval_ms,
            start_ms=self.bar.start_ms,
            open=self.bar.open,
            high=to_decimal(event.high),
            low=to_decimal(event.low),
            close=to_decimal(event.close),
            volume=ZERO,
            turnover=ZERO,
            confirm=False,
            time_ms=event.time_ms,
        )
        return self.bar

    def ticker(self, *, seq: int, now_ms: EpochMs) -> TickerRow:
        """Return the newest prices."""
        return TickerRow(
            seq=seq,
            symbol=self.contract.symbol,
            last_price=to_decimal(self.last),
            mark_price=to_decimal(self.mark),
            funding_rate=to_decimal(self.funding_rate),
            next_funding_ms=EpochMs(self.contract.next_funding_ms(now_ms)),
            time_ms=now_ms,
        )


def closed_bar(event: BarClosed) -> KlineRow:
    """Return a bar that is final."""
    return KlineRow(
        symbol=event.symbol,
        interval_ms=event.interval_ms,
        start_ms=event.start_ms,
        open=to_decimal(event.open),
        high=to_decimal(event.high),
        low=to_decimal(event.low),
        close=to_decimal(event.close),
        volume=to_decimal(event.volume),
        turnover=to_decimal(event.turnover),
        confirm=True,
        time_ms=event.time_ms,
    )


def band(quote: Quote, side: Side) -> Decimal:
    """Return a market order's inner limit: the mark moved by the contract's price limit, to the tick inside it."""
    contract = quote.contract
    away = contract.price_limit_frac if side == "Buy" else -contract.price_limit_frac
    return contract.to_tick(to_decimal(quote.mark) * (1 + away), up=side == "Sell")
