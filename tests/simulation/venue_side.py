"""What happens at the venue by itself, by strangers, and by the market, on demand."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Final

from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import Delisted, Script, Traded
from live.simulator.core.requests import CreateOrder, Refused
from live.simulator.faults.market import strike as strike_menu
from live.simulator.faults.menu import MARKET_FAULTS, Fault
from live.simulator.wire.keys import ApiKey
from live.simulator.wire.site import Site

from .market import COSTS, Drawn

UID: Final = "1"
KEY: Final = ApiKey(key="k", secret="s", uid=UID)
BEYOND: Final = 0.0004


def site_of(drawn: Drawn, script: Script, *, start_ms: int, deposit: Decimal, seed: int) -> Site:
    """Return a venue that lists the drawn market, with one account."""
    contracts = [
        Contract(
            instrument=instrument,
            costs=COSTS,
            max_limit_qty=Decimal(10**6),
            price_limit_frac=Decimal("0.05"),
            funding=series.funding_schedule,
        )
        for instrument, series in zip(drawn.market.instruments, drawn.market.series, strict=True)
    ]
    exchange = Exchange(contracts, script, start_ms=start_ms, seed=str(seed), bar_ms=drawn.market.interval_ms)
    site = Site(exchange=exchange, bar_ms=drawn.market.interval_ms)
    site.add_key(KEY, deposit=deposit)
    return site


def happen(site: Site, script: Script, kind: str, symbol: str, amount: str) -> bool:
    """Let something happen now; returns False where there is no occasion for it."""
    exchange = site.exchange
    holding = exchange.accounts[UID].holdings[symbol]
    if kind in MARKET_FAULTS:
        if kind in {"deleverage", "lose_stop"} and not holding.is_open:
            return False
        if kind == "stranger_order" and not last_of(site, symbol):
            return False
        strike_menu(exchange, Fault(kind=kind, symbol=symbol, amount=amount), uid=UID)
    elif kind in {"stop_fires", "take_fires", "liquidate"}:
        return _jump(site, script, kind, symbol)
    elif kind == "hand_closes":
        return holding.is_open and _order(exchange, symbol, side="Sell" if holding.qty > 0 else "Buy",
                                          qty=abs(holding.qty), reduce_only=True)  # fmt: skip
    elif kind == "foreign_order":
        contract = exchange.quotes[symbol].contract
        price = contract.to_tick(Decimal(repr(exchange.quotes[symbol].last)) * Decimal("0.9"), up=False)
        return _order(exchange, symbol, side="Buy", qty=Decimal("0.1"), order_type="Limit", price=price)
    elif kind == "leverage":
        exchange.set_leverage(UID, symbol, Decimal(7) if holding.leverage != 7 else Decimal(8))
    elif kind == "margin_mode":
        exchange.accounts[UID].margin_mode = "REGULAR_MARGIN"
    elif kind == "delist":
        _delist(site, script, symbol)
    site.publish()
    return True


def last_of(site: Site, symbol: str) -> float:
    """Return the last price."""
    return site.exchange.quotes[symbol].last


def _jump(site: Site, script: Script, kind: str, symbol: str) -> bool:
    """Trade beyond a trigger for a moment, and back."""
    holding = site.exchange.accounts[UID].holdings[symbol]
    if not holding.is_open:
        return False
    if kind == "liquidate":
        for order in site.exchange.accounts[UID].orders_of(symbol):
            if order.stop_order_type in {"StopLoss", "TakeProfit"}:
                site.exchange.cancel(UID, symbol, order_id=order.order_id)
        trigger = holding.liq_price
    else:
        trigger = holding.stop_loss if kind == "stop_fires" else holding.take_profit
    if trigger is None:
        return False
    away = BEYOND if (float(trigger) > last_of(site, symbol)) else -BEYOND
    before, now = last_of(site, symbol), site.now_ms
    script.add(Traded(time_ms=now, symbol=symbol, price=round(float(trigger) * (1 + away) / 0.05) * 5 / 100))
    script.add(Traded(time_ms=now, symbol=symbol, price=before))
    site.advance(now)
    return True


def _delist(site: Site, script: Script, symbol: str) -> None:
    contract: Contract = site.exchange.quotes[symbol].contract
    script.add(Delisted(time_ms=site.now_ms, symbol=symbol, price=last_of(site, symbol)))
    site.advance(site.now_ms)
    site.exchange.list_as(replace(contract, status="Closed"))


def _order(exchange: Exchange, symbol: str, **how: object) -> bool:
    facts = {"symbol": symbol, "order_type": "Market", **how}
    try:
        exchange.create(UID, CreateOrder(**facts))
    except Refused:
        return False
    return True


def to_step(qty: Decimal, step: Decimal) -> Decimal:
    """Return a quantity rounded towards zero."""
    return (qty / step).to_integral_value(ROUND_DOWN) * step
