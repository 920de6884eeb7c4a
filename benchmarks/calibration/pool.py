"""Where returns come from: rules of many kinds, played by the engine on bars, their mean taken away.

Real perpetuals' bars where there are any, else the synthetic market. What is left of a rule without its mean has no
edge, but has the fat tails, the calm and wild spells and the correlations of what people trade.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import talib

from autarch.engine import CostModel
from autarch.engine.prepared import Prepared, prepare
from autarch.market.build import build, write_blobs
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.types import Bools, Floats, Ints, Market, SymbolSeries
from autarch.metrics.daily import DAY_MS, daily_returns
from autarch.strategy import ops
from benchmarks.referee import imported, whole

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "WIFUSDT")
SETS: Final = 25
"""Parameter sets of a family: one that is proposed and what [search] would draw beside it."""
SETS_MIN: Final = 12
SYNTHETIC_BARS: Final = 70_080
CAPITAL: Final = 100_000.0
MEMORY: Final = 0.2
"""Weight of the day before that is mixed into each day: first-order serial correlation of about 0.19 is put on top
of what the bars have, since PSR and DSR assume none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Daily returns (T, K) without edge, and the family (K,) of each column: SETS of one rule on one symbol.

    `held` (T,) is the first symbol bought and held, `origin` says whose bars these are.
    """

    returns: Floats
    families: Ints
    held: Floats
    origin: str

    @property
    def n_families(self) -> int:
        """How many families there are."""
        return int(self.families.max()) + 1

    def columns(self, family: int) -> Ints:
        """Return the columns of a family."""
        return np.flatnonzero(self.families == family)


def pool_of(folder: Path | None, *, memory: float = MEMORY) -> Pool:
    """Return the pool on real bars in `folder` (one folder a symbol), or on synthetic ones where it is None.

    `memory` is the weight of the day before that is mixed into each day.

    Raises:
        DataError: the bars cannot be imported.
    """
    with tempfile.TemporaryDirectory() as root:
        stores = Stores.under(Path(root))
        if folder is None:
            built = build(synth_recipe(default_spec(n_bars=SYNTHETIC_BARS, edges=()), name="calibration"))
            interval, origin = "15m", "a synthetic market without edges"
        else:
            built = imported(folder, venue="bybit", symbols=SYMBOLS, interval="1h")
            interval, origin = "1h", "Bybit perpetuals"
        write_blobs(built, stores)
        market = whole(built, stores, interval=interval)
        costs = CostModel.from_lock(built.lock)
        return _played(market, costs, f"{origin}, {len(market.symbols)} symbols, {interval}", memory)


def _played(market: Market, costs: CostModel, origin: str, memory: float) -> Pool:
    found = []
    for symbol in market.symbols:
        ready = prepare(market, (symbol,), costs=costs, max_leverage=1.0, mode="each")
        for rule in RULES:
            columns = [one for one in (_daily(ready, market, wanted) for wanted in rule(market.of(symbol))) if one.size]
            if len(columns) >= SETS_MIN:
                found.append(columns)
    returns = _without_edge(np.stack([one for columns in found for one in columns], axis=1), memory)
    families = np.repeat(np.arange(len(found)), [len(columns) for columns in found])
    held = daily_returns(market.series[0].close, market.ts, interval_ms=market.interval_ms)[_listed(market) :]
    first, last = (np.datetime64(int(at), "ms").astype("datetime64[D]") for at in (market.ts[0], market.ts[-1]))
    return Pool(returns=returns, families=families, held=held, origin=f"{origin}, {first} to {last}")


def _daily(ready: Prepared, market: Market, exposure: Floats) -> Floats:
    """Return the daily returns of an exposure; none for ruin, or for what hardly ever holds anything."""
    equity, _, ruined = ready.equity(np.nan_to_num(exposure)[:, None], None, None, capital=CAPITAL)
    daily = daily_returns(equity, market.ts, interval_ms=market.interval_ms)[_listed(market) :]
    return daily if ruined is None and np.count_nonzero(daily) > daily.size // 2 else daily[:0]


def _listed(market: Market) -> int:
    """Return the first day on which every symbol trades: before its listing one would stand still."""
    bars_a_day = DAY_MS // market.interval_ms
    return -(-max(series.first_row for series in market.series) // bars_a_day) + 1


def _without_edge(returns: Floats, memory: float) -> Floats:
    """Return `returns` with some memory from day to day and no mean, so that no resample of whole days has an edge."""
    mixed = returns + memory * np.roll(returns, 1, axis=0)
    found: Floats = mixed - mixed.mean(axis=0)
    return found


def _grid(one: list[float], other: list[float]) -> list[tuple[float, float]]:
    return list(itertools.product(one, other))[:SETS]


def _sided(long: Bools, short: Bools) -> Floats:
    """Return 1.0 where long, -1.0 where short."""
    return long.astype(np.float64) - short.astype(np.float64)


def _averages(bars: SymbolSeries) -> Iterator[Floats]:
    for fast, slow in _grid([6, 10, 16, 24, 36], [48, 72, 110, 160, 240]):
        yield np.asarray(np.sign(talib.EMA(bars.close, int(fast)) - talib.EMA(bars.close, int(slow))), np.float64)


def _breakout(bars: SymbolSeries) -> Iterator[Floats]:
    for enter, leave in _grid([24, 36, 55, 80, 120], [0.2, 0.35, 0.5, 0.7, 1.0]):
        top, bottom = talib.MAX(bars.high, int(enter)), talib.MIN(bars.low, int(enter))
        low = talib.MIN(bars.low, max(2, int(enter * leave)))
        high = talib.MAX(bars.high, max(2, int(enter * leave)))
        up = ops.latch(bars.close >= top, bars.close <= low)
        down = ops.latch(bars.close <= bottom, bars.close >= high)
        yield _sided(up, down)


def _reversion(bars: SymbolSeries) -> Iterator[Floats]:
    for length, band in _grid([6, 9, 13, 18, 24], [6, 9, 12, 15, 18]):
        strength = talib.RSI(bars.close, int(length))
        yield _sided(ops.latch(strength < 50 - band, strength > 50), ops.latch(strength > 50 + band, strength < 50))


def _bands(bars: SymbolSeries) -> Iterator[Floats]:
    for length, width in _grid([20, 32, 48, 72, 110], [1.2, 1.5, 1.8, 2.1, 2.4]):
        upper, middle, lower = talib.BBANDS(bars.close, int(length), width, width)
        yield _sided(
            ops.latch(bars.close < lower, bars.close > middle), ops.latch(bars.close > upper, bars.close < middle)
        )


def _momentum(bars: SymbolSeries) -> Iterator[Floats]:
    for length, threshold in _grid([12, 24, 48, 96, 168], [0.0, 0.005, 0.01, 0.02, 0.03]):
        change = talib.ROCP(bars.close, int(length))
        yield np.where(change > threshold, 1.0, np.where(change < -threshold, -1.0, 0.0))


def _hours(bars: SymbolSeries) -> Iterator[Floats]:
    row = np.arange(bars.close.size)
    for begin, length in _grid([0, 5, 10, 15, 20], [4, 6, 8, 10, 12]):
        yield np.where((row - begin) % 24 < length, 1.0, 0.0)


def _calm_trend(bars: SymbolSeries) -> Iterator[Floats]:
    spread = talib.NATR(bars.high, bars.low, bars.close, 48)
    for length, quiet in _grid([36, 60, 90, 140, 200], [0.6, 0.8, 1.0, 1.2, 1.4]):
        is_quiet = spread < quiet * talib.SMA(spread, 240)
        yield np.where(is_quiet, np.sign(bars.close - talib.SMA(bars.close, int(length))), 0.0)


RULES: Final = (_averages, _breakout, _reversion, _bands, _momentum, _hours, _calm_trend)
"""Each gives up to SETS exposures (n_bars,) in [-1, 1] for a symbol."""
