"""Faults of the exchange itself: fills in part, strangers, deleveraging, changed filters, banned accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Final

from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.requests import CreateOrder, Refused
from live.simulator.core.rows import OrderRow
from live.simulator.faults.menu import Fault
from live.simulator.faults.plan import FaultPlan


def fill_by_plan(exchange: Exchange, plan: FaultPlan) -> None:
    """Let the plan say how market orders fill from now on."""

    def pieces(order: OrderRow) -> Sequence[Decimal]:
        fault = plan.for_fill(order.symbol, now_ms=exchange.now_ms)
        if fault is None:
            return (order.leaves_qty,)
        step = exchange.quotes[order.symbol].contract.instrument.qty_step
        part = (order.leaves_qty * Decimal(fault.amount) / step).to_integral_value(ROUND_DOWN) * step
        rest = order.leaves_qty - part
        return (part,) if fault.kind == "partial_fill" else tuple(p for p in (part, rest) if p > 0)

    exchange.fill_by(pieces)


def strike(exchange: Exchange, fault: Fault, *, uid: str) -> None:
    """Let a market fault happen to one account.

    Raises:
        ValueError: it is none of these.
    """
    symbol = fault.symbol or next(iter(exchange.quotes))
    if fault.kind in _TO_POSITION:
        _TO_POSITION[fault.kind](exchange, uid, symbol, Decimal(fault.amount))
    elif fault.kind in _TO_CONTRACT:
        exchange.list_as(_TO_CONTRACT[fault.kind](exchange.quotes[symbol].contract))
    elif fault.kind in _TO_ACCOUNT:
        _TO_ACCOUNT[fault.kind](exchange, uid, Decimal(fault.amount))
    else:
        raise ValueError(f"{fault.kind} is no fault of the market itself")


def _deleverage(exchange: Exchange, uid: str, symbol: str, share: Decimal) -> None:
    step = exchange.quotes[symbol].contract.instrument.qty_step
    held = abs(exchange.accounts[uid].holdings[symbol].qty)
    exchange.deleverage(uid, symbol, (held * share / step).to_integral_value(ROUND_DOWN) * step)


def _lose_stop(exchange: Exchange, uid: str, symbol: str, _share: Decimal) -> None:
    for order in exchange.accounts[uid].orders_of(symbol):
        if order.stop_order_type == "StopLoss":
            exchange.cancel(uid, symbol, order_id=order.order_id)


def _trade_by_hand(exchange: Exchange, uid: str, symbol: str, _share: Decimal) -> None:
    """Trade the smallest order, without a link id, in the direction of the position or as a buy."""
    held = exchange.accounts[uid].holdings[symbol].qty
    instrument = exchange.quotes[symbol].contract.instrument
    price = Decimal(repr(exchange.quotes[symbol].last))
    if not price:
        return  # before any trade there is nothing to trade at
    steps = (instrument.min_notional * 2 / price / instrument.qty_step).to_integral_value(ROUND_DOWN) + 1
    qty = max(instrument.min_order_qty, steps * instrument.qty_step)
    order = CreateOrder(symbol=symbol, side="Sell" if held < 0 else "Buy", order_type="Market", qty=qty)
    try:
        exchange.create(uid, order)
    except Refused:
        return  # a stranger, too, may meet a rule


def _double_minimum(contract: Contract) -> Contract:
    instrument = contract.instrument
    return contract.under(replace(instrument, min_notional=instrument.min_notional * 2))


def _hedge(exchange: Exchange, uid: str, _amount: Decimal) -> None:
    exchange.accounts[uid].position_mode = 3


def _trading(allowed: bool) -> Callable[[Exchange, str, Decimal], None]:  # noqa: FBT001  one word decides
    def change(exchange: Exchange, uid: str, _amount: Decimal) -> None:
        exchange.accounts[uid].trading = allowed

    return change


_TO_POSITION: Final[dict[str, Callable[[Exchange, str, str, Decimal], None]]] = {
    "deleverage": _deleverage,
    "lose_stop": _lose_stop,
    "stranger_order": _trade_by_hand,
}
_TO_CONTRACT: Final[dict[str, Callable[[Contract], Contract]]] = {
    "change_filters": _double_minimum,
    "halt_symbol": lambda contract: replace(contract, status="PreLaunch"),
    "resume_symbol": lambda contract: replace(contract, status="Trading"),
}
_TO_ACCOUNT: Final[dict[str, Callable[[Exchange, str, Decimal], None]]] = {
    "deposit": lambda exchange, uid, amount: exchange.transfer(uid, amount),
    "withdraw": lambda exchange, uid, amount: exchange.transfer(uid, -amount),
    "hedge_mode": _hedge,
    "ban_trading": _trading(False),
    "allow_trading": _trading(True),
}
