"""Every bar of a symbol, small enough for one file: differences of ticks in byte planes, deflated, as base64."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.engine import Backtest
from autarch.engine.layout import KIND_NAMES
from autarch.market.types import Ints, Market, SymbolSeries

BARS_MAX: Final = 300_000
"""Bars of all symbols that one file carries, the newest: about 5 bytes each."""
MARKS_MAX: Final = 3_000
"""Fills that one chart marks, the newest: more cannot be told apart and slow every zoom."""
INT32_MAX: Final = 2**31 - 1
_CLOSING: Final = frozenset({"close", "reduce", "stop_loss", "take_profit", "liquidation", "settlement"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """One symbol's bars for a chart with zoom.

    `packed` inflates to four planes of int32, each as four planes of bytes, low byte first: change of close,
    open less the close before, high less the larger of open and close, the smaller of them less low; in `unit`.
    `marks` are [bar, 1 bought or -1 sold, 1 closing, price].
    """

    symbol: str
    first_s: int
    step_s: int
    n_bars: int
    unit: float
    digits: int
    packed: str
    marks: list[list[float]]
    fills: int


def candles(result: Backtest, market: Market, symbol: str, *, bars_max: int) -> Candles:
    """Return the newest `bars_max` bars of `symbol` with the fills on them."""
    series = market.of(symbol)
    first = max(0, market.n_bars - bars_max)
    tick = float(next(one for one in market.instruments if one.symbol == symbol).tick_size)
    unit = _unit(series, first, tick)
    mine = result.fills[(result.fills["symbol"] == result.symbols.index(symbol)) & (result.fills["row"] >= first)]
    newest = mine[-MARKS_MAX:]
    return Candles(
        symbol=symbol,
        first_s=int(market.ts[first]) // 1000,
        step_s=market.interval_ms // 1000,
        n_bars=market.n_bars - first,
        unit=unit,
        digits=max(0, -int(np.floor(np.log10(unit) + 1e-9))),
        packed=base64.b64encode(pack(_planes(series, first, unit))).decode("ascii"),
        marks=[
            [int(row) - first, 1 if qty > 0.0 else -1, int(KIND_NAMES[kind] in _CLOSING), float(f"{price:.9g}")]
            for row, qty, kind, price in zip(
                newest["row"].tolist(),
                newest["qty"].tolist(),
                newest["kind"].tolist(),
                newest["price"].tolist(),
                strict=True,
            )
        ],
        fills=int(mine.size),
    )


def pack(planes: tuple[Ints, ...]) -> bytes:
    """Return whole numbers as deflated byte planes: the high bytes of small changes are all alike."""
    wide = np.concatenate(planes).astype("<i4")
    return zlib.compress(wide.view(np.uint8).reshape(-1, 4).T.tobytes(), 6)


def unpack(content: bytes, *, planes: int) -> tuple[Ints, ...]:
    """Return what `pack` was given; the page does the same in the browser."""
    flat = np.frombuffer(zlib.decompress(content), dtype=np.uint8).reshape(4, -1).T.copy()
    numbers = flat.view("<i4").reshape(planes, -1).astype(np.int64)
    return tuple(numbers)


def _planes(series: SymbolSeries, first: int, unit: float) -> tuple[Ints, ...]:
    opened, high, low, close = (
        np.round(values[first:] / unit).astype(np.int64)
        for values in (series.open, series.high, series.low, series.close)
    )
    before = np.concatenate([[0], close[:-1]]) if close.size else close
    return close - before, opened - before, high - np.maximum(opened, close), np.minimum(opened, close) - low


def _unit(series: SymbolSeries, first: int, tick: float) -> float:
    highest = float(series.high[first:].max(initial=0.0))
    unit = tick
    while highest / unit > INT32_MAX:
        unit *= 10.0
    return unit
