"""What clients send, as requests of the core. Whatever is malformed is 10001, as at the venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from live.simulator.core.requests import AmendOrder, CreateOrder, Refused
from live.simulator.wire.text import number

_TIME_IN_FORCE = {"GTC", "IOC", "FOK", "PostOnly"}
_TRIGGERS = {"LastPrice", "MarkPrice", "IndexPrice"}


def create_order(body: Mapping[str, Any]) -> CreateOrder:
    """Return the order that an order/create body asks for.

    Raises:
        Refused: 10001 with the parameter's name.
    """
    require_linear(body)
    order_type = _one_of(body, "orderType", {"Market", "Limit"})
    try:
        return CreateOrder(
            symbol=symbol_of(body),
            side=_one_of(body, "side", {"Buy", "Sell"}),
            order_type=order_type,
            qty=number(body.get("qty"), "qty"),
            price=_price(body, "price") if order_type == "Limit" else None,
            time_in_force=_one_of(body, "timeInForce", _TIME_IN_FORCE, default="GTC"),
            position_idx=int(number(body.get("positionIdx") or 0, "positionIdx")),
            order_link_id=str(body.get("orderLinkId") or ""),
            reduce_only=_flag(body, "reduceOnly"),
            close_on_trigger=_flag(body, "closeOnTrigger"),
            take_profit=_price(body, "takeProfit") or None,
            stop_loss=_price(body, "stopLoss") or None,
            tp_trigger_by=_one_of(body, "tpTriggerBy", _TRIGGERS, default="LastPrice"),
            sl_trigger_by=_one_of(body, "slTriggerBy", _TRIGGERS, default="LastPrice"),
            trigger_price=_price(body, "triggerPrice") or None,
            trigger_direction=int(number(body.get("triggerDirection") or 0, "triggerDirection")),
            trigger_by=_one_of(body, "triggerBy", _TRIGGERS, default="LastPrice"),
        )
    except ValueError as error:
        raise Refused(10001, f"params error: {error}") from error


def amend_order(body: Mapping[str, Any]) -> AmendOrder:
    """Return the change that an order/amend body asks for.

    Raises:
        Refused: 10001 with the parameter's name.
    """
    require_linear(body)
    try:
        return AmendOrder(
            symbol=symbol_of(body),
            order_id=str(body.get("orderId") or ""),
            order_link_id=str(body.get("orderLinkId") or ""),
            qty=None if body.get("qty") in {None, ""} else number(body["qty"], "qty"),
            price=_price(body, "price"),
            trigger_price=_price(body, "triggerPrice"),
        )
    except ValueError as error:
        raise Refused(10001, f"params error: {error}") from error


def plain(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a body whose values are all single; only batches, which are not simulated, have others.

    Raises:
        Refused: 10001 with the parameter's name.
    """
    for name, value in body.items():
        if isinstance(value, list | dict):
            raise Refused(10001, f"params error: {name}")
    return body


def price_of(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a price parameter, None when it is not there.

    Raises:
        Refused: 10001, it is no number.
    """
    try:
        return _price(body, name)
    except ValueError as error:
        raise Refused(10001, f"params error: {error}") from error


def require_linear(body: Mapping[str, Any]) -> None:
    """Refuse any other category than linear perpetuals."""
    if body.get("category") != "linear":
        raise Refused(10001, f"params error: category {body.get('category')!r} is not supported here")


def symbol_of(body: Mapping[str, Any]) -> str:
    """Return the symbol.

    Raises:
        Refused: 10001, there is none.
    """
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise Refused(10001, "params error: symbol")
    return symbol


def whole(body: Mapping[str, Any], name: str, *, default: int, low: int = 0, high: int = 2**53) -> int:
    """Return a whole-number parameter within bounds.

    Raises:
        Refused: 10001, it is none or outside.
    """
    raw = body.get(name)
    if raw in {None, ""}:
        return default
    try:
        found = int(str(raw))
    except ValueError as error:
        raise Refused(10001, f"params error: {name}") from error
    if not low <= found <= high:
        raise Refused(10001, f"params error: {name} {found} is out of range")
    return found


def _price(body: Mapping[str, Any], name: str) -> Decimal | None:
    raw = body.get(name)
    return None if raw in {None, ""} else number(raw, name)


def _one_of(body: Mapping[str, Any], name: str, allowed: set[str], *, default: str | None = None) -> Any:
    found = body.get(name) or default
    if found not in allowed:
        raise Refused(10001, f"params error: {name}")
    return found


def _flag(body: Mapping[str, Any], name: str) -> bool:
    return body.get(name) in {True, "true", "True"}
