"""Whether the exchange takes an order, in the order in which it looks. Pure.

Source of codes and of their order: Bybit's error table and reported behaviour; after signature, time and rate have
passed: parameters, symbol, position mode, quantity, notional, price, duplicate, reduce-only, margin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from live.simulator.core.account import Account, order_cost
from live.simulator.core.contract import Contract
from live.simulator.core.holding import Holding
from live.simulator.core.requests import AmendOrder, CreateOrder, Refused
from live.simulator.core.rows import OrderRow

LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")
OPEN_ORDERS_MAX = 500
CONDITIONAL_MAX = 10
SCALE = 100_000_000  # in which the venue's texts print quantities


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an order meets: last and mark price, and what the account may still put behind a position, USDT."""

    last: Decimal
    mark: Decimal
    available: Decimal


def check_order(account: Account, contract: Contract, order: CreateOrder, standing: Standing) -> None:
    """Accept an order, or say why not.

    Raises:
        Refused: Bybit's code and text.
    """
    holding = account.holdings[order.symbol]
    _require_form(order)
    if contract.status != "Trading":
        raise Refused(110074, f"This contract is not live: {order.symbol}")
    if not account.trading:
        raise Refused(10027, "Trading is banned for this account")
    if (account.position_mode == 0) != (order.position_idx == 0):
        raise Refused(10001, "position idx not match position mode")
    closing = order.qty == 0 and order.reduce_only and order.close_on_trigger
    if not closing:
        _require_qty(contract, order)
        _require_notional(contract, order, standing.last)
    _require_price(contract, order, standing.last)
    if order.order_link_id and order.order_link_id in account.links:
        raise Refused(110072, "OrderLinkedID is duplicate")
    _require_room(account, order)
    if order.reduce_only:
        _require_reducing(holding, order)
    else:
        _require_margin(holding, order, standing)


def check_amended(
    account: Account, contract: Contract, order: OrderRow, change: AmendOrder, standing: Standing
) -> None:
    """Accept a change of an open order, which then meets the rules of a new one, or say why not.

    Raises:
        Refused: Bybit's code and text.
    """
    if change.price is not None and order.order_type == "Market":
        raise Refused(10001, "params error: a market order has no price")
    if change.trigger_price is not None and order.status != "Untriggered":
        raise Refused(10001, "params error: the order waits for no trigger")
    wanted = CreateOrder(
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        qty=order.qty if change.qty is None else change.qty,
        price=order.price if change.price is None else change.price,
        reduce_only=order.reduce_only,
        take_profit=order.take_profit,
        stop_loss=order.stop_loss,
        trigger_price=order.trigger_price if change.trigger_price is None else change.trigger_price,
        trigger_direction=order.trigger_direction,
    )
    _require_form(replace(wanted, take_profit=None, stop_loss=None))
    _require_qty(contract, wanted)
    _require_notional(contract, wanted, standing.last)
    _require_price(contract, wanted, standing.last)
    if order.reduce_only or order.status == "Untriggered":
        return
    holding, price = account.holdings[order.symbol], wanted.price or Decimal(0)
    before = order_cost(holding, order.qty, order.price)  # here a resting order has filled whole or not at all
    if order_cost(holding, wanted.qty, price) - before > standing.available:
        raise Refused(110007, "ab not enough for new order")


def _require_form(order: CreateOrder) -> None:
    if order.order_link_id and LINK_ID.match(order.order_link_id) is None:
        raise Refused(10001, "params error: order_link_id invalid")
    if order.order_type == "Limit" and (order.price is None or order.price <= 0):
        raise Refused(10001, "params error: price invalid")
    if order.reduce_only and (order.take_profit is not None or order.stop_loss is not None):
        raise Refused(10001, "params error: reduceOnly order cannot carry TP/SL")
    if order.trigger_price is not None and order.trigger_direction not in {1, 2}:
        raise Refused(10001, "params error: triggerDirection invalid")


def _require_qty(contract: Contract, order: CreateOrder) -> None:
    instrument = contract.instrument
    largest = instrument.max_market_qty if order.order_type == "Market" else contract.max_limit_qty
    if order.qty <= 0 or not contract.is_on_step(order.qty):
        raise Refused(10001, "Qty invalid")
    if order.qty < instrument.min_order_qty and not order.reduce_only:
        raise Refused(10001, "The number of contracts exceeds minimum limit allowed")
    if order.qty > largest:
        raise Refused(
            10001,
            "The number of contracts exceeds maximum limit allowed: too large, "
            f"order_qty:{int(order.qty * SCALE)} > max_qty:{int(largest * SCALE)}",
        )


def _require_notional(contract: Contract, order: CreateOrder, last: Decimal) -> None:
    price = order.price if order.order_type == "Limit" and order.price is not None else last
    if not order.reduce_only and order.qty * price < contract.instrument.min_notional:
        raise Refused(110094, f"Order does not meet minimum order value {contract.instrument.min_notional}USDT")


def _require_price(contract: Contract, order: CreateOrder, last: Decimal) -> None:
    for price in (order.price, order.stop_loss, order.take_profit, order.trigger_price):
        if price is not None and price < 0:
            raise Refused(10001, f"params error: price {price} is negative")
        if price is not None and price != 0 and not contract.is_on_tick(price):
            raise Refused(10001, f"params error: price {price} is not a multiple of {contract.instrument.tick_size}")
    if order.trigger_price is not None:
        if order.trigger_direction == 1 and order.trigger_price <= last:
            raise Refused(110092, f"expect Rising, but trigger_price[{order.trigger_price}] <= current[{last}]")
        if order.trigger_direction == 2 and order.trigger_price >= last:
            raise Refused(110093, f"expect Falling, but trigger_price[{order.trigger_price}] >= current[{last}]")
    reference = order.price if order.order_type == "Limit" and order.price is not None else last
    check_triggers(order.side, reference, stop_loss=order.stop_loss, take_profit=order.take_profit)


def check_triggers(side: str, reference: Decimal, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
    """Refuse a stop or take-profit on the wrong side of `reference` for a position of `side`.

    Raises:
        Refused: 10001 with the venue's wording.
    """
    long = side == "Buy"
    if stop_loss and (stop_loss >= reference if long else stop_loss <= reference):
        raise Refused(10001, f"StopLoss:{stop_loss} set for {side} position should {'lower' if long else 'greater'} "
                             f"than base_price:{reference}??LastPrice")  # fmt: skip
    if take_profit and (take_profit <= reference if long else take_profit >= reference):
        raise Refused(10001, f"TakeProfit:{take_profit} set for {side} position should {'higher' if long else 'lower'} "
                             f"than base_price:{reference}??LastPrice")  # fmt: skip


def _require_room(account: Account, order: CreateOrder) -> None:
    resting = account.orders_of(order.symbol)
    if len(resting) >= OPEN_ORDERS_MAX:
        raise Refused(110020, f"Not allowed to have more than {OPEN_ORDERS_MAX} active orders")
    conditional = sum(1 for one in resting if one.stop_order_type == "Stop")
    if order.trigger_price is not None and conditional >= CONDITIONAL_MAX:
        raise Refused(110009, "The number of stop orders exceeds the maximum allowable limit")


def _require_reducing(holding: Holding, order: CreateOrder) -> None:
    held = holding.qty
    if order.trigger_price is None and (held == 0 or (held > 0) == (order.side == "Buy")):
        raise Refused(110017, "Reduce-only rule not satisfied")


def _require_margin(holding: Holding, order: CreateOrder, standing: Standing) -> None:
    held = holding.qty
    against = abs(held) if held != 0 and (held > 0) != (order.side == "Buy") else Decimal(0)
    raises = max(Decimal(0), order.qty - against)
    if raises == 0 or order.trigger_price is not None:
        return
    price = order.price if order.order_type == "Limit" and order.price is not None else standing.mark
    if order_cost(holding, raises, price) > standing.available:
        raise Refused(110007, "ab not enough for new order")
