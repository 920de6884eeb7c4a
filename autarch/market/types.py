"""Market data in memory: one split of one data set, dense in bars, all symbols on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autarch.canonical import Sha256

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Split = Literal["train", "holdout", "forward"]
Source = Literal["exchange", "inferred", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTier:
    """One bracket of the venue's risk limits. Maintenance = notional * rate - deduction."""

    notional_max: Decimal
    maintenance_margin_rate: Decimal
    initial_margin_rate: Decimal
    mm_deduction: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Filters, fees and risk tiers of one perpetual. `sources` names where each value is from."""

    symbol: str
    tick_size: Decimal
    qty_step: Decimal
    min_order_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    taker_fee: Decimal
    maker_fee: Decimal
    risk_tiers: tuple[RiskTier, ...]
    sources: tuple[tuple[str, Source], ...]
    listed_ms: int | None = None
    delisted_ms: int | None = None

    @property
    def assumed(self) -> tuple[str, ...]:
        """Names of the values nobody measured; a report repeats them."""
        return tuple(name for name, source in self.sources if source == "assumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSchedule:
    """From `from_ms` on, funding settles at every multiple of `interval_min` minutes since the epoch."""

    from_ms: int
    interval_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSeries:
    """One symbol on the market's grid: every array but the funding and mark ones has shape (n_bars,).

    Rows outside a declared gap, the listing and the delisting are real (`traded`). Elsewhere
    open = high = low = close = the last real close (before the first: the first real open), volume
    is zero, nothing trades and a position is carried. `first_row` is the first real row.
    `turnover` = volume * (high + low + close) / 3, whatever the source claimed.
    """

    symbol: str
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    turnover: Floats
    traded: Bools
    first_row: int
    funding_ms: Ints  # (k,) settlement stamps, ascending
    funding_rate: Floats  # (k,)
    mark_ms: Ints  # (m,) stamp at which each mark close was known (the mark bar's close), ascending
    mark_close: Floats  # (m,)
    funding_schedule: tuple[FundingSchedule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One split of one data set at one interval: what an evaluation and a backtest read.

    `ts` (n_bars,) are bar opens in epoch ms, each a multiple of `interval_ms`, without holes, so
    the bar number of row i is ts[i] // interval_ms. `series` is in the order asked for.
    """

    dataset: str
    dataset_digest: Sha256
    split: Split
    interval: str
    interval_ms: int
    ts: Ints
    series: tuple[SymbolSeries, ...]
    instruments: tuple[Instrument, ...]  # parallel to `series`

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols in the order of `series`."""
        return tuple(s.symbol for s in self.series)

    @property
    def n_bars(self) -> int:
        """Rows of the grid."""
        return int(self.ts.size)

    def of(self, symbol: str) -> SymbolSeries:
        """Return the series of `symbol`; KeyError when the market lacks it."""
        for series in self.series:
            if series.symbol == symbol:
                return series
        raise KeyError(symbol)
