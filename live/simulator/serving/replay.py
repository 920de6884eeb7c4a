"""Recorded bars as a market that happens now: shifted by whole days, history first, then bar by bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.engine.costs import CostModel
from autarch.errors import UsageError
from autarch.market.types import FundingSchedule, Market, SymbolSeries
from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import RecordedBars
from live.simulator.wire.site import Site

DAY_MS = 86_400_000
ENTRY_HOLD_MS = 20_000


def hold_ms(interval_ms: int) -> int:
    """Return how long a bar's open stands: the entry deadline, min(20 s, interval / 10)."""
    return min(ENTRY_HOLD_MS, interval_ms // 10)


def shifted(market: Market, *, now_ms: int, history_ms: int) -> Market:
    """Return the market moved by whole days, so that its funding stays on the hour and `history_ms` lie behind now.

    Raises:
        UsageError: the market is not longer than the history.
    """
    length = market.n_bars * market.interval_ms
    if history_ms + market.interval_ms > length:
        raise UsageError(
            f"{market.dataset} {market.split} has {length / DAY_MS:.1f} days of bars; a history of "
            f"{history_ms / DAY_MS:.1f} days leaves nothing to replay. Ask for a shorter --history-days"
        )
    delta = (now_ms - history_ms - int(market.ts[0])) // DAY_MS * DAY_MS
    return replace(market, ts=market.ts + delta, series=tuple(_moved(series, delta) for series in market.series))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How recorded bars are played: the costs of an order, how far reads lag, the seed of ids."""

    costs: CostModel
    lag_ms: int = 0
    seed: str = "0"


def site_of(market: Market, replay: Replay) -> Site:
    """Return a site whose market is these bars; its clock stands at the first bar's open."""
    contracts = [
        Contract(
            instrument=instrument,
            costs=replay.costs,
            max_limit_qty=instrument.max_market_qty * 2,
            max_leverage=(1 / instrument.risk_tiers[0].initial_margin_rate).quantize(Decimal("0.01")),
            funding=series.funding_schedule,
        )
        for instrument, series in zip(market.instruments, market.series, strict=True)
    ]
    exchange = Exchange(
        contracts,
        RecordedBars(market, hold_ms=hold_ms(market.interval_ms)),
        start_ms=EpochMs(int(market.ts[0])),
        seed=replay.seed,
        bar_ms=market.interval_ms,
    )
    return Site(exchange=exchange, bar_ms=market.interval_ms, lag_ms=replay.lag_ms)


def fast_clock(wall_ms: Callable[[], int], *, start_ms: int, speed: float) -> Callable[[], EpochMs]:
    """Return a clock that began at `start_ms` when this was called and runs `speed` times as fast as the wall's.

    Raises:
        UsageError: the speed is not positive.
    """
    if not speed > 0:
        raise UsageError(f"speed is {speed}; expected above 0, 1 for real time")
    began = wall_ms()
    return lambda: EpochMs(start_ms + int((wall_ms() - began) * speed))


def _moved(series: SymbolSeries, delta: int) -> SymbolSeries:
    return replace(
        series,
        funding_ms=series.funding_ms + delta,
        mark_ms=series.mark_ms + delta,
        funding_schedule=tuple(
            FundingSchedule(from_ms=schedule.from_ms + delta, interval_min=schedule.interval_min)
            for schedule in series.funding_schedule
        ),
    )
