"""backtrader: futures-style broker without margin, orders sent at the open they fill at ("cheat on open").

Sizes come from the close before; the stop is an order of its own, sent with the entry, so that it rests
from the entry's bar on; funding is cash added before the open's orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

from benchmarks.peers.outcome import Laps, Outcome
from benchmarks.peers.work import (
    CASH,
    FEE,
    FIRST_BAR,
    FUNDING_BARS,
    FUNDING_RATE,
    NOTIONAL,
    QTY_STEPS,
    TICKS,
    Prices,
    Work,
)


class Commission(bt.CommInfoBase):  # type: ignore[misc]
    """A fraction of the value; nothing is locked, so cash is the equity."""

    params = (
        ("stocklike", False),
        ("commtype", bt.CommInfoBase.COMM_PERC),
        ("percabs", True),
        ("commission", FEE),
        ("margin", 1.0),
    )

    def get_margin(self, _price: float) -> float:
        """Lock nothing."""
        return 0.0


class Crossing(bt.Strategy):  # type: ignore[misc]
    """Target the sign of fast - slow on every feed; `decide` at a close, act at the next open."""

    params = (("pair", (20, 100)), ("work", None))

    def __init__(self) -> None:
        self.bar = 0
        fast, slow = self.p.pair
        self.weights = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
        self.averages: dict[Any, tuple[float, float]] = {}
        self.side = dict.fromkeys(self.datas, 0)
        self.wanted: dict[Any, float] = {}
        self.stops: dict[Any, Any] = {}
        self.fills = 0

    def next_open(self) -> None:
        """Pay funding on what is carried in, then send what the last close decided."""
        if self.p.work.funding and self.bar % FUNDING_BARS == 0 and self.bar > 0:
            for data in self.datas:
                held = self.getposition(data).size
                if held:
                    self.broker.add_cash(-held * data.close[-1] * FUNDING_RATE)
        for data, wanted in self.wanted.items():
            if (resting := self.stops.pop(data, None)) is not None:
                self.cancel(resting)
            self._order(data, wanted)
        self.wanted = {}

    def _order(self, data: Any, wanted: float) -> None:
        held, price, stop = self.getposition(data).size, data.open[0], self.p.work.stop
        order = wanted - held
        (self.buy if order > 0 else self.sell)(data=data, size=abs(order))
        if not np.isnan(stop):
            level = stop_level(price, wanted, stop)
            side = self.sell if wanted > 0 else self.buy
            self.stops[data] = side(data=data, size=abs(wanted), exectype=bt.Order.Stop, price=level)

    def next(self) -> None:
        """Update both averages and decide, at the close."""
        for data in self.datas:
            price = data.close[0]
            quick, lazy = self.averages.get(data, (price, price))
            a, b = self.weights
            quick, lazy = (1.0 - a) * quick + a * price, (1.0 - b) * lazy + b * price
            self.averages[data] = quick, lazy
            now = 1 if quick > lazy else (-1 if quick < lazy else self.side[data])
            if self.bar >= FIRST_BAR and now != self.side[data]:
                self.side[data] = now
                self.wanted[data] = now * float(np.floor(NOTIONAL / price * QTY_STEPS + 0.5)) / QTY_STEPS
        self.bar += 1

    def notify_order(self, order: Any) -> None:
        """Count fills."""
        self.fills += order.status == order.Completed


def stop_level(entry: float, side: float, distance: float) -> float:
    """Return the stop's price: the tick nearer the entry, as whole numbers."""
    ticks, parts = round(entry * TICKS), round(distance * 1_000)
    if side > 0:
        return -(-ticks * (1_000 - parts) // 1_000) / TICKS
    return ticks * (1_000 + parts) // 1_000 / TICKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A frame a symbol."""

    work: Work
    frames: tuple[pd.DataFrame, ...]


def prepare(prices: Prices, work: Work) -> Prepared:
    """Return frames with the index backtrader wants."""
    index = pd.date_range("2023-11-15", periods=prices.close.shape[0], freq="min")
    frames = tuple(
        pd.DataFrame({n: getattr(prices, n)[:, s] for n in ("open", "high", "low", "close")}, index=index)
        for s in range(work.symbols)
    )
    return Prepared(work=work, frames=frames)


def run(prepared: Prepared, laps: Laps) -> Outcome:
    """Play every pair, one after the other."""
    equity, fills = 0.0, 0
    for pair in prepared.work.pairs:
        cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
        for number, frame in enumerate(prepared.frames):
            cerebro.adddata(bt.feeds.PandasData(dataname=frame, volume=None, openinterest=None), name=f"SYM{number}")
        cerebro.broker.setcash(CASH)
        cerebro.broker.addcommissioninfo(Commission())
        cerebro.broker.set_checksubmit(False)
        cerebro.addstrategy(Crossing, pair=pair, work=prepared.work)
        (played,) = cerebro.run()
        equity += float(cerebro.broker.getvalue())
        fills += int(played.fills)
    laps.lap("play")
    return Outcome(equity=equity, fills=fills)
