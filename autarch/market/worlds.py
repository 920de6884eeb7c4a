"""Worlds that never were, made of a market's own bars: what a strategy earns there is not its thesis.

Each keeps what a bar is (open, high, low and close in proportion, turnover, whether it traded) and takes
one thing away: the direction of prices, their drift, or the order of time. Marks are left out, so that
funding is reckoned on last prices. Ratios, products and permutations only: the same bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autarch.market.types import Floats, Ints, Market, SymbolSeries

_SHARED_FRAC = 0.01

_NO_MARKS = {"mark_ms": np.zeros(0, dtype=np.int64), "mark_close": np.zeros(0)}


def inverted(market: Market) -> Market:
    """Return `market` with every price p as first close ** 2 / p, and every funding rate with the other sign.

    What rose falls by the same factor, and whoever was paid pays. A strategy that treats both sides alike
    earns about as before; one that only ever bought a rising market does not.
    """
    return replace(market, series=tuple(_inverted(series) for series in market.series))


def drift_removed(market: Market) -> Market:
    """Return `market` with each symbol's prices times a constant to the power of the row: they end where they began.

    The whole of a bar is moved by its own factor; what is taken away falls between the bars.
    """
    return replace(market, series=tuple(_level(series) for series in market.series))


def newest(market: Market, rows: int) -> Market:
    """Return the last `rows` rows of `market`, or all of it; a symbol that was listed before them begins with them."""
    first = market.n_bars - rows
    if first <= 0:
        return market
    since = int(market.ts[first])
    return replace(market, ts=market.ts[first:], series=tuple(_since(series, first, since) for series in market.series))


def noisy(market: Market, rng: np.random.Generator, *, price: float, volume: float, funding: float) -> Market:
    """Return `market` with every bar's prices, its volume and every funding rate off by a random share at most.

    One factor moves all four prices of a bar, so that a bar stays one. A funding rate that more than one in a
    hundred settlements share is left alone: it names no day, and an honest threshold may stand exactly on it.

    Args:
        market: One split.
        rng: Seeded by the caller.
        price: Largest share by which prices are off, either way.
        volume: Likewise.
        funding: Likewise.
    """

    def off(size: int, share: float) -> Floats:
        factors: Floats = 1.0 + share * (2.0 * rng.random(size) - 1.0)
        return factors

    def changed(series: SymbolSeries) -> SymbolSeries:
        factor = off(market.n_bars, price)
        prices = {name: getattr(series, name) * factor for name in ("open", "high", "low", "close")}
        turnover = series.turnover * off(market.n_bars, volume)
        _, which, counts = np.unique(series.funding_rate, return_inverse=True, return_counts=True)
        is_shared = counts[which] > max(1.0, _SHARED_FRAC * which.size)
        rates = series.funding_rate * np.where(is_shared, 1.0, off(which.size, funding))
        return _priced(series, turnover, **prices, funding_rate=rates)

    return replace(market, series=tuple(changed(series) for series in market.series))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """One symbol by bars relative to the close before them, each (n_bars,)."""

    series: SymbolSeries
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    rate: Floats  # settled at the first stamp from this row on
    rows: Ints  # (k,) row each funding stamp falls into


class Shuffler:
    """Cuts a market's rows into blocks and lays them out in another order, the same for all symbols.

    Returns inside a block keep their order and stay together across symbols; what one block says of the
    next is gone. Rows before the last listing stay where they are. A funding rate moves with the bars
    that led up to it; when it is settled does not.

    Args:
        market: One split.
        block_bars: Rows in a block; the last may be shorter.
    """

    def __init__(self, market: Market, *, block_bars: int) -> None:
        self._market, self._block = market, block_bars
        self._start = max(series.first_row for series in market.series)
        self._steps = [_steps(series, market) for series in market.series]

    def world(self, rng: np.random.Generator) -> Market:
        """Return one order, drawn from `rng`."""
        n, first = self._market.n_bars, self._start
        edges = np.append(np.arange(first, n, self._block), n)
        order = rng.permutation(edges.size - 1)
        lengths = np.diff(edges)[order]
        ahead = first + np.cumsum(lengths) - lengths  # rows laid out before each block
        rows = np.append(np.arange(first), np.repeat(edges[order] - ahead, lengths) + np.arange(first, n))
        return replace(self._market, series=tuple(_reordered(steps, rows) for steps in self._steps))


def _since(series: SymbolSeries, first: int, since_ms: int) -> SymbolSeries:
    names = ("open", "high", "low", "close", "volume", "turnover", "traded")
    stamps = int(np.searchsorted(series.funding_ms, since_ms))
    return replace(
        series,
        **{name: getattr(series, name)[first:] for name in names},
        first_row=max(0, series.first_row - first),
        funding_ms=series.funding_ms[stamps:],
        funding_rate=series.funding_rate[stamps:],
    )


def _inverted(series: SymbolSeries) -> SymbolSeries:
    square = series.close[series.first_row] ** 2
    prices = {
        "open": square / series.open,
        "high": square / series.low,
        "low": square / series.high,
        "close": square / series.close,
    }
    return _priced(series, series.turnover, **prices, funding_rate=-series.funding_rate)


def _level(series: SymbolSeries) -> SymbolSeries:
    first, n = series.first_row, series.close.size
    step = np.ones(n)
    if n - 1 > first:
        step[first + 1 :] = float(series.close[first] / series.close[-1]) ** (1.0 / (n - 1 - first))
    factor = np.cumprod(step)
    prices = {name: getattr(series, name) * factor for name in ("open", "high", "low", "close")}
    return _priced(series, series.turnover, **prices)


def _steps(series: SymbolSeries, market: Market) -> _Steps:
    before = np.concatenate([series.open[:1], series.close[:-1]])
    rows = (series.funding_ms - int(market.ts[0])) // market.interval_ms
    at = np.minimum(np.searchsorted(rows, np.arange(market.n_bars)), max(rows.size - 1, 0))
    return _Steps(
        series=series,
        open=series.open / before,
        high=series.high / before,
        low=series.low / before,
        close=series.close / before,
        rate=series.funding_rate[at] if rows.size else np.zeros(market.n_bars),
        rows=np.clip(rows, 0, market.n_bars - 1),
    )


def _reordered(steps: _Steps, rows: Ints) -> SymbolSeries:
    series = steps.series
    close = float(series.open[0]) * np.cumprod(steps.close[rows])
    before = np.concatenate([series.open[:1], close[:-1]])
    return _priced(
        series,
        series.turnover[rows],
        open=before * steps.open[rows],
        high=before * steps.high[rows],
        low=before * steps.low[rows],
        close=before * steps.close[rows],
        traded=series.traded[rows],
        funding_rate=steps.rate[rows[steps.rows]],
    )


def _priced(series: SymbolSeries, turnover: Floats, **changes: object) -> SymbolSeries:
    """Return `series` with these arrays, its volume such that turnover stays what it was."""
    made = replace(series, **changes, **_NO_MARKS)  # type: ignore[arg-type]
    typical = (made.high + made.low + made.close) / 3
    volume = turnover / typical
    return replace(made, volume=volume, turnover=volume * (made.high + made.low + made.close) / 3)
