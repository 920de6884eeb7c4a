"""One symbol of one sleeve as venue and executor see it: bars, filters, and the crossing between money types.

Quantities and prices are `Decimal` at the port and whole steps or floats in the engine's functions;
they cross here and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from autarch.engine.costs import CostModel
from autarch.engine.terms import QTY_SCALE, QTY_UNIT, terms_of, tiers_of
from autarch.errors import DataError
from autarch.manifest import Manifest
from autarch.market.types import Floats, Instrument, Market, SymbolSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One symbol as one sleeve trades it; `terms` and `tiers` as the engine's functions take them.

    `leverage` is the venue's setting for it: of an isolated position, or of what a shared margin asks for an order.
    """

    strategy: str
    symbol: str
    interval_ms: int
    series: SymbolSeries
    instrument: Instrument
    terms: Floats
    tiers: Floats
    leverage: Decimal

    def steps(self, qty: Decimal) -> float:
        """Return `qty` coins as a whole number of steps.

        Raises:
            ValueError: it is not on a step.
        """
        count = qty / self.instrument.qty_step
        if count != count.to_integral_value():
            raise ValueError(f"{self.symbol}: {qty} is not a multiple of qty_step {self.instrument.qty_step}")
        return float(count)

    def qty(self, steps: float) -> Decimal:
        """Return a whole number of steps as coins, exactly."""
        return int(steps) * self.instrument.qty_step

    def coins(self, steps: float) -> float:
        """Return a whole number of steps as the float nearest to the coins."""
        return float(steps * self.terms[QTY_UNIT] / self.terms[QTY_SCALE])


def to_decimal(value: float) -> Decimal:
    """Return the shortest decimal that reads back as `value`; for a price on a tick that is the exact price."""
    return Decimal(repr(float(value)))


def lines_of(market: Market, manifest: Manifest, costs: CostModel) -> tuple[Line, ...]:
    """Return the manifest's symbols, in its order, on `market`.

    Raises:
        DataError: the market lacks one.
        ConfigError: an instrument that cannot be traded.
    """
    fraction = 1.0 if manifest.mode == "panel" else 1.0 / len(manifest.symbols)
    return tuple(_line(market, manifest, costs, symbol, fraction) for symbol in manifest.symbols)


def _line(market: Market, manifest: Manifest, costs: CostModel, symbol: str, fraction: float) -> Line:
    if symbol not in market.symbols:
        raise DataError(f"data set {market.dataset} has no {symbol}, which {manifest.name} trades")
    at = market.symbols.index(symbol)
    instrument = market.instruments[at]
    return Line(
        strategy=manifest.name,
        symbol=symbol,
        interval_ms=market.interval_ms,
        series=market.series[at],
        instrument=instrument,
        terms=terms_of(instrument, costs, max_leverage=manifest.max_leverage, fraction=fraction),
        tiers=tiers_of(instrument),
        leverage=Decimal(math.ceil(manifest.max_leverage) + 1),
    )
