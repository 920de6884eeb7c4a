"""backtesting.py: its `Backtest` and a strategy class. One coin is 1,000 units, since it trades whole units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.peers.outcome import Laps, Outcome
from benchmarks.peers.work import CASH, FEE, FIRST_BAR, NOTIONAL, QTY_STEPS, TICKS, Prices, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A frame of prices per unit."""

    work: Work
    frame: pd.DataFrame


def prepare(prices: Prices, work: Work) -> Prepared:
    """Return prices of one unit, 0.001 coins, in the frame backtesting.py wants."""
    if work.funding or work.symbols > 1:
        raise ValueError("backtesting.py has neither funding nor a second symbol")
    warnings.simplefilter("ignore")
    columns = {name.capitalize(): getattr(prices, name)[:, 0] / QTY_STEPS for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame(columns)
    frame.index = pd.date_range("2023-11-15", periods=len(frame), freq="min")
    return Prepared(work=work, frame=frame)


def _average(values: Any, span: int) -> Any:
    return pd.Series(values).ewm(span=span, adjust=False).mean().to_numpy()


def strategy(pair: tuple[int, int], stop: float) -> type[Strategy]:
    """Return the class that plays one pair."""

    class Crossing(Strategy):  # type: ignore[misc]
        """Target the sign of fast - slow."""

        def init(self) -> None:
            """Compute both averages."""
            self.fast = self.I(_average, self.data.Close, pair[0])
            self.slow = self.I(_average, self.data.Close, pair[1])
            self.side = 0
            self.opens = self.data.df["Open"].to_numpy()

        def next(self) -> None:
            """Order when the sign has changed; the engine closes what is held."""
            if len(self.data) <= FIRST_BAR:
                return
            now = 1 if self.fast[-1] > self.slow[-1] else -1
            if now == self.side:
                return
            self.side = now
            units = int(np.floor(NOTIONAL / self.data.Close[-1] + 0.5))
            order = self.buy if now > 0 else self.sell
            order(size=units, **_stop(now, stop, self.opens[min(len(self.data), self.opens.size - 1)]))

    return Crossing


def _stop(side: int, stop: float, entry: float) -> dict[str, float]:
    """Return the stop's price for an entry at the next open.

    backtesting.py wants the price of a stop before it knows the fill; it is told what the next open will
    be, which no strategy could know, so that it plays the same stops as the others.
    """
    if np.isnan(stop):
        return {}
    ticks, parts = round(entry * QTY_STEPS * TICKS), round(stop * 1_000)
    level = -(-ticks * (1_000 - parts) // 1_000) if side > 0 else ticks * (1_000 + parts) // 1_000
    return {"sl": level / TICKS / QTY_STEPS}


def run(prepared: Prepared, laps: Laps) -> Outcome:
    """Play every pair, one after the other."""
    equity, fills = 0.0, 0
    for pair in prepared.work.pairs:
        test = Backtest(
            prepared.frame,
            strategy(pair, prepared.work.stop),
            cash=CASH,
            commission=FEE,
            exclusive_orders=True,
        )
        stats = test.run()
        equity += float(stats["Equity Final [$]"])
        fills += len(stats["_trades"])
    laps.lap("play")
    return Outcome(equity=equity, fills=fills)
