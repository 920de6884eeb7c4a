"""The lines a report compares: candidate, incumbent, buy-and-hold; their drawdown, rolling Sharpe ratio, exposure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from autarch.engine import Backtest
from autarch.market.types import Floats, Ints, Market
from autarch.metrics import buy_and_hold, daily_returns
from autarch.metrics.daily import DAY_MS, DAYS_A_YEAR
from ci.checks.ground import Curve

POINTS_MAX: Final = 1_200
ROLLING_DAYS: Final = 90
"""Days of the rolling Sharpe ratio: a quarter, short enough to move, long enough to mean something (own choice)."""
GROWTH_MIN: Final = 0.001
"""What a log scale shows of a loss of everything."""

Who = Literal["candidate", "incumbent", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of every chart; times are UTC seconds of closes, lists of one chart are equally long.

    `growth` is equity over capital, `drawdown` the deepest of each step in per cent at or below zero, `net` and
    `gross` exposure in units of equity (empty where nobody kept it), `rolling` the annual Sharpe ratio of the
    last `ROLLING_DAYS` days at each `day_s`.
    """

    who: Who
    label: str
    time_s: list[int]
    growth: list[float]
    drawdown: list[float]
    net: list[float] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    day_s: list[int] = field(default_factory=list)
    rolling: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """Returns by calendar month (UTC) in per cent; None where the span has no day of that month."""

    years: tuple[int, ...]
    months: tuple[tuple[float | None, ...], ...]
    totals: tuple[float, ...]


def lines(result: Backtest, market: Market, *, first_row: int, rival: Curve | None, rival_name: str) -> list[Line]:
    """Return the candidate, what stands in its place, and buy-and-hold; all begin with the candidate's decisions."""
    since_ms = int(market.ts[first_row]) if market.n_bars else 0
    step_ms = market.interval_ms
    own = _line(
        "candidate",
        "candidate",
        result.equity,
        market.ts,
        interval_ms=step_ms,
        since_ms=since_ms,
        capital=result.capital,
    )
    found = [_with_exposure(own, result, market.ts, since_ms)]
    if rival is not None:
        beside = _line(
            "incumbent",
            rival_name,
            rival.equity,
            rival.ts,
            interval_ms=rival.interval_ms,
            since_ms=since_ms,
            capital=rival.capital,
        )
        found.append(beside if rival.result is None else _with_exposure(beside, rival.result, rival.ts, since_ms))
    held = buy_and_hold(market, result.symbols)
    base = float(held[max(first_row - 1, 0)]) or 1.0
    found.append(_line("hold", "buy and hold", held, market.ts, interval_ms=step_ms, since_ms=since_ms, capital=base))
    return found


def months_of(equity: Floats, ts: Ints, *, interval_ms: int, first_row: int) -> Months:
    """Return what each month of the span earned, compounded from daily returns."""
    daily = daily_returns(equity[first_row:], ts[first_row:], interval_ms=interval_ms)
    if daily.size == 0:
        return Months(years=(), months=(), totals=())
    first_day = int((ts[first_row] + interval_ms - 1) // DAY_MS)
    stamps = (np.datetime64("1970-01-01") + np.arange(first_day, first_day + daily.size)).astype("datetime64[M]")
    keys, starts = np.unique(stamps, return_index=True)
    grown = np.multiply.reduceat(1.0 + np.nan_to_num(daily), starts)
    by_month = {int(key.astype(np.int64)): float(value) for key, value in zip(keys, grown, strict=True)}
    years = sorted({1970 + month // 12 for month in by_month})
    rows = [[by_month.get((year - 1970) * 12 + month) for month in range(12)] for year in years]
    return Months(
        years=tuple(years),
        months=tuple(tuple(None if v is None else 100.0 * (v - 1.0) for v in row) for row in rows),
        totals=tuple(100.0 * (float(np.prod([v for v in row if v is not None])) - 1.0) for row in rows),
    )


MONTH_NAMES: Final = tuple(calendar.month_abbr[1:])


def rolling_sharpe(daily: Floats, *, days: int = ROLLING_DAYS) -> Floats:
    """Return the annual Sharpe ratio of each `days` daily returns (n - days + 1,), 0.0 where they do not vary.

    Sums of centred values: a long calm span must not lose its digits to the level of the returns.
    """
    if daily.size < days:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(daily), days)
    mean, spread = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    flat = np.ptp(windows, axis=1) == 0.0
    ratio: Floats = np.where(flat, 0.0, mean / np.where(flat, 1.0, spread) * np.sqrt(DAYS_A_YEAR))
    return ratio


def _line(  # noqa: PLR0913  who, and the parts of a curve
    who: Who, label: str, equity: Floats, ts: Ints, *, interval_ms: int, since_ms: int, capital: float
) -> Line:
    first = int(np.searchsorted(ts, since_ms))
    grown = np.nan_to_num(equity[first:] / capital)
    if grown.size == 0:
        return Line(who=who, label=label, time_s=[], growth=[], drawdown=[])
    starts, lasts = _buckets(grown.size)
    peaks = np.maximum(np.maximum.accumulate(grown), 1.0)
    deepest = np.maximum.reduceat(1.0 - grown / peaks, starts)
    daily = daily_returns(equity[first:], ts[first:], interval_ms=interval_ms)
    rolling = rolling_sharpe(daily)
    first_day = int((ts[first] + interval_ms - 1) // DAY_MS)
    ends = np.arange(rolling.size) + first_day + min(ROLLING_DAYS, daily.size)
    return Line(
        who=who,
        label=label,
        time_s=[int(t) for t in (ts[first:][lasts] + interval_ms) // 1000],
        growth=_rounded(np.maximum(grown[lasts], GROWTH_MIN)),
        drawdown=_rounded(-100.0 * deepest, 4),
        day_s=[int(t) for t in ends * (DAY_MS // 1000)],
        rolling=_rounded(rolling, 4),
    )


def _with_exposure(line: Line, result: Backtest, ts: Ints, since_ms: int) -> Line:
    held = np.nan_to_num(result.exposure[int(np.searchsorted(ts, since_ms)) :])
    if held.shape[0] == 0:
        return line
    starts, lasts = _buckets(held.shape[0])
    line.net.extend(_rounded(held.sum(axis=1)[lasts], 4))
    line.gross.extend(_rounded(np.maximum.reduceat(np.abs(held).sum(axis=1), starts), 4))
    return line


def _buckets(n: int) -> tuple[Ints, Ints]:
    starts = np.arange(0, n, -(-n // POINTS_MAX))
    return starts, np.append(starts[1:], n) - 1


def _rounded(values: Floats, digits: int = 6) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in np.nan_to_num(values)]
