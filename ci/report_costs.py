"""What trading cost over time: fees, funding and slippage, added up, in per cent of the capital."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.engine import Backtest
from autarch.engine.result import Table
from autarch.market.types import Floats, Market
from ci.report_lines import POINTS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Sums up to each `time_s` (UTC seconds of closes); funding received lowers its sum."""

    time_s: list[int]
    fees: list[float]
    funding: list[float]
    slippage: list[float]


def cost_lines(result: Backtest, market: Market, *, first_row: int) -> Costs:
    """Return the sums at up to `POINTS_MAX` bars; empty for no bars."""
    rows = np.arange(first_row, market.n_bars)
    if rows.size == 0:
        return Costs(time_s=[], fees=[], funding=[], slippage=[])
    lasts = rows[:: -(-rows.size // POINTS_MAX)]
    lasts = np.append(lasts[lasts != rows[-1]], rows[-1])

    def summed(table: Table, column: str) -> list[float]:
        by_row: Floats = np.bincount(table["row"], weights=table[column], minlength=market.n_bars).astype(np.float64)
        return [float(f"{value:.5g}") for value in 100.0 / result.capital * np.cumsum(by_row)[lasts]]

    return Costs(
        time_s=[int(t) for t in (market.ts[lasts] + market.interval_ms) // 1000],
        fees=summed(result.fills, "fee"),
        funding=summed(result.funding, "payment"),
        slippage=summed(result.fills, "slippage"),
    )
