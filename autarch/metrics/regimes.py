"""Days sorted by what the market did: thirds by volatility and by trend."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.market.types import Bools, Floats, Ints
from autarch.metrics.daily import daily_returns

TREND_DAYS: Final = 20
"""Days over which a market's direction is read, the day itself the last (own choice)."""


def regimes(held: Floats, ts: Ints, *, interval_ms: int) -> dict[str, Bools]:
    """Return for each regime which days (n_days,) belong to it; thirds as even as can be.

    Volatility is the standard deviation of the daily returns of the `TREND_DAYS` days up to the day, trend
    their product; both of `held`, so that the market is what the strategy trades. They describe and do not
    predict: a day is sorted with its own return.

    Args:
        held: (n,) equity of buying and holding.
        ts: (n,) bar opens, epoch ms.
        interval_ms: Length of a bar.
    """
    daily = daily_returns(held, ts, interval_ms=interval_ms)
    spans = [daily[max(0, day + 1 - TREND_DAYS) : day + 1] for day in range(daily.size)]
    volatility = np.array([span.std() for span in spans])
    trend = np.array([np.prod(1.0 + span) for span in spans])
    return {
        **_thirds(volatility, ("calm", "usual", "wild")),
        **_thirds(trend, ("falling", "sideways", "rising")),
    }


def _thirds(values: Floats, names: tuple[str, str, str]) -> dict[str, Bools]:
    place = np.empty(values.size, dtype=np.int64)
    place[np.argsort(values, kind="stable")] = np.arange(values.size)
    third = place * 3 // max(values.size, 1)
    return {name: third == index for index, name in enumerate(names)}
