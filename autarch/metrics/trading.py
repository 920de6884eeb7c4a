"""Metrics of what was traded: how much, against what depth."""

from __future__ import annotations

import numpy as np

from autarch.engine import Backtest
from autarch.market.types import Market


def turnover_per_day(result: Backtest, *, days: float) -> float | None:
    """Return traded notional over equity, per day: each fill by the equity of the close before it.

    Both sides count, so a position entered and left once a day at exposure 1 turns over 2 x a day.
    None without time, or when a fill met no positive equity.
    """
    if days <= 0.0:
        return None
    before = result.equity[np.maximum(result.fills["row"] - 1, 0)]
    if not (before > 0.0).all():
        return None
    notional = np.abs(result.fills["qty"]) * result.fills["price"]
    return float((notional / before).sum()) / days


def max_participation(result: Backtest, market: Market) -> float | None:
    """Return the largest share of a bar's turnover that our fills of it in one symbol would have been.

    All our fills of a bar in a symbol are added. 0.0 without a fill; None when a fill fell into a bar
    in which nobody traded, where a share is undefined.
    """
    fills = result.fills
    if fills.size == 0:
        return 0.0
    turnover = np.stack([market.of(symbol).turnover for symbol in result.symbols], axis=1)
    place = fills["row"] * len(result.symbols) + fills["symbol"]
    places, which = np.unique(place, return_inverse=True)
    ours = np.bincount(which, weights=np.abs(fills["qty"]) * fills["price"])
    theirs = turnover.reshape(-1)[places]
    return float((ours / theirs).max()) if (theirs > 0.0).all() else None
