"""One simulated exchange with one symbol and one account, as tests of it like to have it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import Script, Traded
from live.simulator.core.requests import CreateOrder, Refused

from .conftest import COSTS, instrument
from .simulator_client import contracts_of

START = 1_700_006_400_000
FREE = replace(COSTS, half_spread_bps=0.0, impact_k=0.0)


class Floor:
    """One exchange with one symbol, AAAUSDT at 1000, and one account with 100,000 USDT."""

    def __init__(self, *, price=1000.0, **changes):
        self.script = Script()
        market = type("Listed", (), {"instruments": (instrument("AAAUSDT", **changes),), "series": (NoFunding(),)})
        self.contract = contracts_of(market, FREE, price_limit_frac=Decimal("0.05"))[0]
        self.exchange = Exchange([self.contract], self.script, start_ms=START)
        self.account = self.exchange.open_account("me", Decimal(100_000))
        self.trade(price)
        self.exchange.drain()

    def trade(self, price):
        self.play(Traded(time_ms=self.exchange.now_ms + 1000, symbol="AAAUSDT", price=price))

    def play(self, event):
        self.script.add(event)
        self.exchange.advance(event.time_ms)

    def order(self, side="Buy", qty="1", **changes):
        facts = {"symbol": "AAAUSDT", "side": side, "order_type": "Market", "qty": Decimal(qty), **changes}
        return self.exchange.create("me", CreateOrder(**facts))

    def limit(self, side, qty, price, **changes):
        return self.order(side, qty, order_type="Limit", price=Decimal(price), **changes)

    def now(self, order):
        return self.account.orders[order.order_id][-1]

    @property
    def position(self):
        return self.account.holdings["AAAUSDT"].qty

    def refused(self, **order):
        with pytest.raises(Refused) as caught:
            self.order(**order)
        return caught.value.code


class NoFunding:
    funding_schedule = ()
