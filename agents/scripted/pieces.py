"""The words of the grammar: signals, filters, sizes and stops, each with its parameters and what it remembers.

Code is written for `decide(bars, p)`; names used are np, talib and ops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A parameter: the values it may be drawn from, on the grid low + k * step, and whether it is whole."""

    low: float
    high: float
    step: float
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One word. `memory` bars at the upper ends of the ranges; `says` completes a sentence of the thesis."""

    code: tuple[str, ...]
    params: Mapping[str, Range] = field(default_factory=dict)
    memory: int = 0
    says: str = ""
    uses: tuple[str, ...] = ()


def _lengths(low: int, high: int, step: int) -> Range:
    return Range(low=low, high=high, step=step, whole=True)


SIGNALS: Mapping[str, Piece] = {
    "trend": Piece(
        code=(
            "gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0",
            "side = ops.hysteresis(gap, p.entry, 0.0) * 1.0 - ops.hysteresis(-gap, p.entry, 0.0) * 1.0",
        ),
        params={
            "fast": _lengths(6, 18, 2),
            "slow": _lengths(30, 60, 5),
            "entry": Range(low=0.0, high=0.01, step=0.001),
        },
        memory=900,
        says="a price that has pulled its fast average clear of its slow one tends to be pulled on",
        uses=("talib",),
    ),
    "revert": Piece(
        code=(
            "z = ops.zscore(bars.close, p.length)",
            "side = ops.latch(z < -p.far, z > 0.0) * 1.0 - ops.latch(z > p.far, z < 0.0) * 1.0",
        ),
        params={"length": _lengths(24, 96, 8), "far": Range(low=1.5, high=3.0, step=0.25)},
        memory=900,
        says="a stretched price is brought back by those who supply liquidity for a fee",
    ),
    "breakout": Piece(
        code=(
            "top, bottom = ops.lag(talib.MAX(bars.high, p.length), 1), ops.lag(talib.MIN(bars.low, p.length), 1)",
            "side = ops.latch(bars.close > top, bars.close < bottom) * 2.0 - 1.0",
        ),
        params={"length": _lengths(32, 96, 8)},
        memory=1_000,
        says="orders wait beyond the extremes of a range and are set off together",
        uses=("talib",),
    ),
    "drift": Piece(
        code=("side = ops.sample(np.sign(talib.ROCP(bars.close, p.length)), bars.hour == 0)",),
        params={"length": _lengths(24, 96, 8)},
        memory=400,
        says="the direction of the last hours is followed once a day by those who are late",
        uses=("talib",),
    ),
    "carry": Piece(
        code=(
            "rate = talib.SMA(np.nan_to_num(bars.funding), p.length)",
            "side = np.where(rate > p.rich, -1.0, np.where(rate < -p.rich, 1.0, 0.0))",
        ),
        params={"length": _lengths(16, 64, 8), "rich": Range(low=0.00015, high=0.00055, step=0.0001)},
        memory=200,
        says="whoever pays above the usual rate is crowded, and the other side is paid for waiting",
        uses=("talib",),
    ),
    "dip": Piece(
        code=(
            "low = talib.RSI(bars.close, p.length) < p.floor",
            "rising = bars.close > talib.SMA(bars.close, 96)",
            "side = ops.hold(low & rising, p.keep) * 1.0",
        ),
        params={
            "length": _lengths(7, 14, 1),
            "floor": Range(low=28.0, high=44.0, step=2.0),
            "keep": _lengths(12, 48, 6),
        },
        memory=600,
        says="a short fall within a rise is bought by those who missed the rise",
        uses=("talib",),
    ),
}

FILTERS: Mapping[str, Piece] = {
    "always": Piece(code=()),
    "calm": Piece(
        code=("side = np.where(np.abs(ops.zscore(bars.close, 96)) < p.quiet, side, 0.0)",),
        params={"quiet": Range(low=1.5, high=3.0, step=0.25)},
        memory=100,
        says="it stands aside while the price is far from its own past",
    ),
    "busy": Piece(
        code=("side = np.where(bars.volume > p.busy * talib.SMA(bars.volume, 96), side, 0.0)",),
        params={"busy": Range(low=0.4, high=1.2, step=0.1)},
        memory=100,
        says="it trades only when others do",
        uses=("talib",),
    ),
    "week": Piece(
        code=("side = np.where(bars.weekday < 5, side, 0.0)",),
        says="it rests at weekends, when books are thin",
    ),
}

SIZES: Mapping[str, Piece] = {
    "plain": Piece(code=("exposure = side * p.size",), params={"size": Range(low=0.2, high=0.8, step=0.1)}),
    "even": Piece(
        code=(
            "even = ops.sample(ops.vol_target(bars.close, 96, p.brake), bars.hour == 0)",
            "exposure = side * even",
        ),
        params={"brake": Range(low=0.001, high=0.005, step=0.0005)},
        memory=250,
        says="its size keeps a day's risk even",
    ),
}

STOPS: Mapping[str, Piece] = {
    "none": Piece(code=()),
    "fixed": Piece(code=("stop = p.stop",), params={"stop": Range(low=0.02, high=0.08, step=0.01)}),
    "wide": Piece(
        code=(
            "move = np.nan_to_num(talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close)",
            "stop = np.clip(p.moves * move, 0.01, 0.2)",
        ),
        params={"moves": Range(low=2.0, high=6.0, step=0.5)},
        memory=350,
        says="its stop is as wide as the market moves",
        uses=("talib",),
    ),
}

KINDS: tuple[tuple[str, Mapping[str, Piece]], ...] = (
    ("signal", SIGNALS),
    ("filter", FILTERS),
    ("size", SIZES),
    ("stop", STOPS),
)
