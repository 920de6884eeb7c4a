"""How much capital a strategy could carry, reckoned from what its fills met. Estimates, not promises.

Both ends assume that a sleeve of another size decides alike and fills at the same bars, so that every fill
grows in proportion to capital: no rounding to steps, no skipped order, no liquidation that size brings about.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine import Backtest

PARTICIPATION_MAX: Final = 0.10
"""Share of a bar's turnover beyond which nobody should believe a backtest's fills (own choice)."""

_BPS = 10_000.0


def capacity_by_participation(
    capital: float, participation: float | None, *, limit: float = PARTICIPATION_MAX
) -> float | None:
    """Return the capital, in quote, at which the largest participation reaches `limit`: capital * limit / it.

    Participation is linear in capital when fills are. The low end of capacity: one thin bar decides it.

    Args:
        capital: Quote the sleeve started with.
        participation: Its `max_participation`; None and 0.0 (nothing was filled) have no capacity to tell.
        limit: A fraction of a bar's turnover.
    """
    if participation is None or not participation > 0.0:
        return None
    return capital * limit / participation


def impact_paid(result: Backtest, *, half_spread_bps: float) -> float:
    """Return the quote lost to impact: all slippage less the half spread, fill by fill, never below zero.

    Rounding to the tick, which is always against the trader, stays in it.
    """
    fills = result.fills
    spread = np.abs(fills["qty"]) * fills["reference"] * (half_spread_bps / _BPS)
    return float(np.maximum(fills["slippage"] - spread, 0.0).sum())


def capacity_by_impact(capital: float, *, profit: float, impact: float) -> float | None:
    """Return the capital, in quote, at which impact would have eaten the whole profit.

    With fills `x` times as large, profit before impact is x G, where G = profit + impact, and impact by the
    square root law (Almgren, Thum, Hauptmann and Li, 2005) is x ** 1.5 * impact. Both are equal at
    x = (G / impact) ** 2. Assumes fees, funding and spread linear in size, compounding unchanged, and no
    cap on impact: the cost model's cap would flatter huge orders. The high end of capacity; the most money
    is made at 4/9 of it, where the derivative of x G - x ** 1.5 * impact is zero.

    Args:
        capital: Quote the sleeve started with.
        profit: Final equity less capital, after all costs.
        impact: `impact_paid`, zero or more.

    Returns:
        0.0 when nothing was earned even before impact; None when no impact was paid.
    """
    if profit + impact <= 0.0:
        return 0.0
    if not impact > 0.0:
        return None
    return float(capital * ((profit + impact) / impact) ** 2)
