"""What the worst hours of a market would have cost, had they come at the worst moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import Backtest
from autarch.engine import layout as at
from autarch.engine.costs import CostModel
from autarch.engine.result import Table
from autarch.market.types import Floats, Ints, Market, SymbolSeries

HOUR_MS: Final = 3_600_000
HOURS: Final = 10
"""Of each symbol, in either direction."""

_ROWS_TOGETHER: Final = 2_048
_BPS: Final = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours that may strike, each array (k, m) by hour and symbol, relative to the close before the hour.

    `fall` is 1 - low, `rise` is high - 1, `gap` the first open. `start_ms` (k,) is -1 for an assumed hour.
    """

    start_ms: Ints
    fall: Floats
    rise: Floats
    gap: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The worst that could have happened: a fraction of equity, the row it would have struck, and which hour did.

    `hour_ms` is None when it was the assumed one; `fall` and `rise` are the deepest of any symbol in train.
    """

    loss: float
    row: int
    hour_ms: int | None
    fall: float
    rise: float


def crash(result: Backtest, decisions: Decisions, market: Market, *, costs: CostModel, assumed: float) -> Crash:
    """Return the largest loss that one of the worst hours would have brought to what was really held.

    Taken are, of each symbol, the ten UTC hours with the deepest fall below the close before them and the ten
    with the highest rise above it, and one assumed hour in which every symbol moves by `assumed` against
    whoever holds it. With e(t, s) the exposure at close t, the loss of hour h at t is

        sum over s of |e(t, s)| * move(h, s), move = fall for a long, rise for a short,

    all symbols in the same hour, each at its worst price of it; what a hedge gains on the way is not credited,
    since nobody knows which extreme came first. A stop that was armed at t bounds its symbol's move to where
    it would have been filled: its trigger, or the hour's first open where that is beyond it, moved by the half
    spread and the whole cap on impact, since books are thin then. The answer is the largest loss over all t
    and h (own choice; a historical simulation of stress, as in Jorion, Value at Risk, ch. 14). Liquidation
    ahead of the extreme is not credited. Where a bar is longer than an hour, the bar stands for it.

    Args:
        result: The backtest.
        decisions: What it played; their distances arm the stops.
        market: What it was played on.
        costs: What it was played with.
        assumed: Fraction of price, for a train in which nothing bad has happened.
    """
    series = [market.of(symbol) for symbol in result.symbols]
    hours = worst_hours(series, market, assumed=assumed)
    triggers = armed_stops(result, decisions) / np.stack([s.close for s in series], axis=1)
    slip = (costs.half_spread_bps + costs.impact_cap_bps) / _BPS
    held = np.nan_to_num(result.exposure)
    bound = _unstopped(held, hours)
    best, row, hour = 0.0, 0, 0
    order = np.argsort(-bound, kind="stable")
    for first in range(0, order.size, _ROWS_TOGETHER):
        rows = order[first : first + _ROWS_TOGETHER]
        if bound[rows[0]] <= best:
            break
        losses = _stopped(held[rows], triggers[rows], hours, slip=slip)
        place, which = divmod(int(np.argmax(losses)), hours.start_ms.size)
        if losses[place, which] > best:
            best, row, hour = float(losses[place, which]), int(rows[place]), which
    known = hours.start_ms >= 0
    return Crash(
        loss=best,
        row=row,
        hour_ms=None if hours.start_ms[hour] < 0 else int(hours.start_ms[hour]),
        fall=float(hours.fall[known].max(initial=0.0)),
        rise=float(hours.rise[known].max(initial=0.0)),
    )


def worst_hours(series: list[SymbolSeries], market: Market, *, assumed: float) -> Hours:
    """Return the union of every symbol's ten worst hours in either direction, in time, and the assumed one last."""
    length = max(HOUR_MS, market.interval_ms)
    number = market.ts // length
    starts = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    lows, highs, gaps = [], [], []
    for one in series:
        before = np.concatenate([one.open[:1], one.close[:-1]])[starts]
        lows.append(np.minimum.reduceat(one.low, starts) / before)
        highs.append(np.maximum.reduceat(one.high, starts) / before)
        gaps.append(one.open[starts] / before)
    low, high, gap = (np.stack(each, axis=1) for each in (lows, highs, gaps))
    chosen: set[int] = set()
    for column in range(len(series)):
        chosen.update(np.argsort(low[:, column], kind="stable")[:HOURS].tolist())
        chosen.update(np.argsort(-high[:, column], kind="stable")[:HOURS].tolist())
    rows = np.array(sorted(chosen), dtype=np.int64)
    same = np.full((1, len(series)), assumed)
    return Hours(
        start_ms=np.append(market.ts[starts[rows]], -1),
        fall=np.concatenate([np.maximum(1.0 - low[rows], 0.0), same]),
        rise=np.concatenate([np.maximum(high[rows] - 1.0, 0.0), same]),
        gap=np.concatenate([gap[rows], np.ones_like(same)]),
    )


def armed_stops(result: Backtest, decisions: Decisions) -> Floats:
    """Return the price of the stop armed at each close, (n, m), NaN for none.

    An entry arms it at its average price with the distance of the decision one bar before; a reduction
    leaves it. Rounding to the tick, which the engine adds, is left out.
    """
    stops = np.full(result.exposure.shape, np.nan)
    for column in range(len(result.symbols)):
        fills = result.fills[result.fills["symbol"] == column]
        if fills.size == 0 or np.isnan(decisions.stop_loss[:, column]).all():
            continue
        prices = _armed(fills, decisions.stop_loss[:, column])
        rows = [*fills["row"].tolist(), result.equity.size]
        for index in range(fills.size):  # a later fill of the same row leaves nothing of an earlier one
            stops[rows[index] : rows[index + 1], column] = prices[index]
    return stops


def _armed(fills: Table, distances: Floats) -> list[float]:
    """Return the stop after each fill of one symbol."""
    prices, entry, held, stop = [], 0.0, 0.0, np.nan
    for row, kind, qty, price, position in zip(
        *(fills[name].tolist() for name in ("row", "kind", "qty", "price", "position")), strict=True
    ):
        if kind == at.ENTRY_FILL:
            entry = (entry * abs(held) + price * abs(qty)) / abs(position)
            stop = entry * (1.0 - np.sign(position) * distances[max(row - 1, 0)])
        held = position
        if position == 0.0:
            entry, stop = 0.0, np.nan
        prices.append(float(stop))
    return prices


def _unstopped(held: Floats, hours: Hours) -> Floats:
    """Return the largest loss at each close (n,) if no stop helped; added symbol by symbol, not by BLAS."""
    longs, shorts = np.maximum(held, 0.0), np.maximum(-held, 0.0)
    worst = np.zeros(held.shape[0])
    for fall, rise in zip(hours.fall, hours.rise, strict=True):
        loss = np.zeros(held.shape[0])
        for column in range(held.shape[1]):
            loss += longs[:, column] * fall[column] + shorts[:, column] * rise[column]
        np.maximum(worst, loss, out=worst)
    return worst


def _stopped(held: Floats, triggers: Floats, hours: Hours, *, slip: float) -> Floats:
    """Return the loss (n, k) at each close in each hour, stops counted."""
    losses = np.zeros((held.shape[0], hours.fall.shape[0]))
    for column in range(held.shape[1]):
        exposure, trigger = held[:, column, None], triggers[:, column, None]
        fall, rise, gap = hours.fall[None, :, column], hours.rise[None, :, column], hours.gap[None, :, column]
        out_long = 1.0 - np.minimum(trigger, gap) * (1.0 - slip)
        out_short = np.maximum(trigger, gap) * (1.0 + slip) - 1.0
        long = np.where(1.0 - fall <= trigger, np.minimum(out_long, fall), fall)  # NaN compares false: no stop
        short = np.where(1.0 + rise >= trigger, np.minimum(out_short, rise), rise)
        losses += np.where(exposure > 0.0, exposure * long, -exposure * short)
    return losses
