"""Daily returns on hidden days, entered flat, and what every one of their bars is decided on in live form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.evaluation import decide_stepwise
from autarch.manifest import StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Floats, Market, Split
from autarch.metrics.daily import DAY_MS, daily_returns
from autarch.sandbox.worker import Worker
from ci.checks.ground import Ground
from ci.vault.bars import hidden_runs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What a strategy came to on hidden bars.

    Attributes:
        daily: (T,) one return a UTC day, oldest first.
        is_ruined: Whether a close left no equity.
        from_ms: Open of the first bar; None: there is no bar.
        to_ms: Close of the last; None: there is no bar.
    """

    daily: Floats
    is_ruined: bool = False
    from_ms: int | None = None
    to_ms: int | None = None


def played_from(  # noqa: PLR0913  all but three are named at the call
    decisions: Decisions,
    source: StrategySource,
    market: Market,
    *,
    first: int,
    lock: DatasetLock,
    capital: float,
) -> tuple[Floats, bool]:
    """Return daily returns from row `first` on, entered flat there, and whether they end in ruin."""
    exposure = decisions.exposure.copy()
    exposure[: max(0, first - 1)] = 0.0  # the decision of the last bar before is the first that a hidden bar fills
    ground = Ground(source.manifest, market, costs=CostModel.from_lock(lock), capital=capital)
    curve = ground.curve(dataclasses.replace(decisions, exposure=exposure))
    start = first - 1 if first else curve.first_row
    daily = daily_returns(curve.equity[start:], market.ts[start:], interval_ms=market.interval_ms)
    # The bar before only supplies the first mark; where it ends a day, that day is not of those asked about.
    return daily[1 if first and market.ts[first] % DAY_MS == 0 else 0 :], curve.is_ruined


def live_days(  # noqa: PLR0913  all but one are named at the call
    workers: Sequence[Worker],
    *,
    stores: Stores,
    lock: DatasetLock,
    source: StrategySource,
    split: Split,
    capital: float,
    since_ms: int = 0,
) -> Days:
    """Return what a strategy comes to on every bar of `split` that opens at `since_ms` or later.

    Each bar is decided in live form, on a window that ends with it: what it would have done, whatever it would do if
    it were shown more.

    Raises:
        StrategyError, SandboxError, DataError: the strategy, its child or the bars failed.
    """
    parts: list[Floats] = []
    ruined, from_ms, to_ms = False, None, None
    for market, start in hidden_runs(stores, lock, source.manifest, splits={split}):
        first = max(start, int(np.searchsorted(market.ts, since_ms)))
        if first >= market.n_bars:
            continue
        rows = range(max(0, first - 1), market.n_bars)
        decisions = decide_stepwise(workers, source, market, rows=rows)
        daily, is_ruined = played_from(decisions, source, market, first=first, lock=lock, capital=capital)
        parts.append(daily)
        ruined = ruined or is_ruined
        from_ms = int(market.ts[first]) if from_ms is None else from_ms
        to_ms = int(market.ts[-1]) + market.interval_ms
    daily = np.concatenate(parts) if parts else np.empty(0)
    return Days(daily=daily, is_ruined=ruined, from_ms=from_ms, to_ms=to_ms)
