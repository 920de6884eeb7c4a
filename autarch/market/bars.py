"""What a strategy may see of one symbol, row by row: no timestamps, nothing later than the row's close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.market.schedule import minutes_to_settlement
from autarch.market.types import Floats, Ints, Market

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BarColumns:
    """The columns of `Bars` for one symbol, each float64 of shape (n_bars,), owning its memory.

    `funding` is the newest rate settled strictly before the bar's close, NaN before the first.
    `minutes_to_funding` counts from the close to the next settlement; at a settlement instant the
    one being settled is gone and the next counts as a full interval (own choice: that is what the
    venue's ticker shows once it has rolled over), so it is never zero. `hour` (0 to 23) and
    `weekday` (Monday 0) are those of the close, UTC.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    turnover: Floats
    funding: Floats
    minutes_to_funding: Floats
    hour: Floats
    weekday: Floats


def bar_columns(market: Market, symbol: str) -> BarColumns:
    """Return the columns of every row of `market` for `symbol`; KeyError when the market lacks it."""
    series = market.of(symbol)
    closes_ms = market.ts + market.interval_ms
    return BarColumns(
        open=series.open.copy(),
        high=series.high.copy(),
        low=series.low.copy(),
        close=series.close.copy(),
        volume=series.volume.copy(),
        turnover=series.turnover.copy(),
        funding=_newest_before(closes_ms, series.funding_ms, series.funding_rate),
        minutes_to_funding=minutes_to_settlement(series.funding_schedule, closes_ms),
        hour=(closes_ms // HOUR_MS % 24).astype(np.float64),
        weekday=((closes_ms // DAY_MS + 3) % 7).astype(np.float64),  # 1970-01-01 was a Thursday
    )


def _newest_before(closes_ms: Ints, stamps: Ints, rates: Floats) -> Floats:
    """Return for each close the last rate whose stamp is below it, NaN where there is none."""
    position = np.searchsorted(stamps, closes_ms, side="left") - 1
    padded = np.concatenate(([np.nan], rates))
    found: Floats = padded[position + 1]
    return found
