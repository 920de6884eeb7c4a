"""The venue's rows as the port's values. Lenient: what we do not act on may be missing, empty, null or new."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, get_args

from autarch.canonical import EpochMs
from autarch.errors import VenueError
from live.ports.venue import ExecType, Execution, Listing, OrderState, OrderStatus, Position, Side

Row = Mapping[str, Any]
CATEGORY: Final = "linear"
SETTLE_COIN: Final = "USDT"
ZERO: Final = Decimal(0)
_STATUS: Final[dict[str, OrderStatus]] = {
    "New": "open",
    "PartiallyFilled": "open",
    "Untriggered": "open",
    "Triggered": "open",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "PartiallyFilledCanceled": "cancelled",
    "Deactivated": "cancelled",
    "Rejected": "rejected",
}
_TRIGGERS: Final[dict[str, Literal["", "StopLoss", "TakeProfit", "Stop"]]] = {
    "": "",
    "UNKNOWN": "",
    "StopLoss": "StopLoss",
    "TakeProfit": "TakeProfit",
}
_EXEC_TYPES: Final[dict[str, ExecType]] = {kind: kind for kind in get_args(ExecType)}
_NO_REASON: Final = frozenset({"", "EC_NoError", "UNKNOWN"})
_MARGIN: Final[dict[str, Literal["isolated", "cross", "portfolio"]]] = {
    "ISOLATED_MARGIN": "isolated",
    "REGULAR_MARGIN": "cross",
    "PORTFOLIO_MARGIN": "portfolio",
}


def order_of(row: Row) -> OrderState:
    """Return an order.

    Raises:
        VenueError: it lacks what we act on, or its status is one nobody knows.
    """
    status = _STATUS.get(_text(row, "orderStatus"))
    if status is None:
        raise VenueError(f"an order of status {row.get('orderStatus')!r}, which is not known: {_named(row)}")
    return OrderState(
        order_id=_required(row, "orderId"),
        order_link_id=_text(row, "orderLinkId"),
        symbol=_required(row, "symbol"),
        side=_side(row),
        status=status,
        qty=amount(row, "qty"),
        filled=amount(row, "cumExecQty", default=ZERO),
        reduce_only=row.get("reduceOnly") is True,
        trigger=_TRIGGERS.get(_text(row, "stopOrderType"), "Stop"),
        trigger_price=_price(row, "triggerPrice"),
        reason=_reason(row),
    )


def execution_of(row: Row) -> Execution | None:
    """Return an execution; None for a kind that is neither fill nor funding nor settlement.

    A fee in another coin than USDT is valued by its rate on the trade's value, before that coin's rebate.

    Raises:
        VenueError: it lacks what we act on.
    """
    kind = _EXEC_TYPES.get(_text(row, "execType"))
    if kind is None:
        return None
    return Execution(
        exec_id=_required(row, "execId"),
        exec_type=kind,
        create_type=_text(row, "createType"),
        symbol=_required(row, "symbol"),
        side=_side(row),
        order_id=_text(row, "orderId"),
        order_link_id=_text(row, "orderLinkId"),
        qty=amount(row, "execQty"),
        price=amount(row, "execPrice"),
        fee=_fee(row),
        time_ms=stamp(row, "execTime"),
        order=whole(row, "seq"),
    )


def position_of(row: Row) -> Position:
    """Return a position in one-way mode; the average entry is `avgPrice` in REST and `entryPrice` in the stream.

    Raises:
        VenueError: size or side cannot be read.
    """
    size, side = amount(row, "size", default=ZERO), _text(row, "side")
    if size != 0 and side not in {"Buy", "Sell"}:
        raise VenueError(f"a position of {size} without a side: {_named(row)}")
    return Position(
        symbol=_required(row, "symbol"),
        size=-size if side == "Sell" else size,
        entry_price=_price(row, "avgPrice") or _price(row, "entryPrice"),
        leverage=_price(row, "leverage"),
        stop_loss=_price(row, "stopLoss"),
        take_profit=_price(row, "takeProfit"),
        liq_price=_price(row, "liqPrice"),
    )


def listing_of(row: Row) -> Listing:
    """Return what is listed, with its filters.

    Raises:
        VenueError: a filter that orders are made by is missing or not positive.
    """
    lots, prices = _part(row, "lotSizeFilter"), _part(row, "priceFilter")
    ends = _text(row, "deliveryTime")
    return Listing(
        symbol=_required(row, "symbol"),
        trading=_text(row, "status") == "Trading",
        tick_size=_positive(prices, "tickSize"),
        qty_step=_positive(lots, "qtyStep"),
        min_qty=_positive(lots, "minOrderQty"),
        max_market_qty=_positive(lots, "maxMktOrderQty"),
        min_notional=amount(lots, "minNotionalValue", default=ZERO),
        delists_ms=EpochMs(int(ends)) if ends.isdigit() and int(ends) > 0 else None,
    )


def margin_mode_of(info: Row) -> Literal["isolated", "cross", "portfolio"]:
    """Return the account's margin mode.

    Raises:
        VenueError: it is one nobody knows.
    """
    found = _MARGIN.get(_text(info, "marginMode"))
    if found is None:
        raise VenueError(f"margin mode {info.get('marginMode')!r} is not known; expected {', '.join(_MARGIN)}")
    return found


def wallet_of(result: Row) -> Decimal | None:
    """Return the unified account's USDT, None where the venue does not say."""
    accounts = result.get("list")
    for account in accounts if isinstance(accounts, list) else []:
        coins = account.get("coin") if isinstance(account, dict) else None
        for coin in coins if isinstance(coins, list) else []:
            if isinstance(coin, dict) and coin.get("coin") == SETTLE_COIN and _text(coin, "walletBalance"):
                return amount(coin, "walletBalance")
    return None


def amount(row: Row, name: str, *, default: Decimal | None = None) -> Decimal:
    """Return a decimal; `default` where it is missing or empty.

    Raises:
        VenueError: it is no finite number, or is missing without a default.
    """
    raw = row.get(name)
    if (raw is None or raw == "") and default is not None:
        return default
    try:
        found = Decimal(str(raw))
    except InvalidOperation as error:
        raise VenueError(f"{name} is {raw!r}, expected a number: {_named(row)}") from error
    if not found.is_finite():
        raise VenueError(f"{name} is {raw!r}, expected a number: {_named(row)}")
    return found


def stamp(row: Row, name: str) -> EpochMs:
    """Return an epoch time in ms.

    Raises:
        VenueError: it is none.
    """
    raw = str(row.get(name, ""))
    if not raw.isdigit():
        raise VenueError(f"{name} is {row.get(name)!r}, expected epoch ms: {_named(row)}")
    return EpochMs(int(raw))


def whole(row: Row, name: str) -> int:
    """Return a whole number, 0 where it is missing or none."""
    raw = str(row.get(name, ""))
    return int(raw) if raw.isdigit() else 0


def is_hedged(row: Row) -> bool:
    """Return whether a position row is one side of a hedge-mode account."""
    return whole(row, "positionIdx") != 0


def decimal_text(value: Decimal) -> str:
    """Return plain digits, as the venue takes them."""
    return format(value, "f")


def _fee(row: Row) -> Decimal:
    if _text(row, "feeCurrency") in {"", SETTLE_COIN}:
        return amount(row, "execFee", default=ZERO)
    return amount(row, "feeRate", default=ZERO) * amount(row, "execQty") * amount(row, "execPrice")


def _reason(row: Row) -> str:
    parts = (_text(row, "rejectReason"), _text(row, "cancelType"))
    return " ".join(part for part in parts if part not in _NO_REASON)


def _price(row: Row, name: str) -> Decimal | None:
    """Return a price, None where it is missing, empty or zero, which is how the venue says none."""
    return amount(row, name, default=ZERO) or None


def _positive(row: Row, name: str) -> Decimal:
    found = amount(row, name)
    if found <= 0:
        raise VenueError(f"{name} is {found}, expected above 0: {_named(row)}")
    return found


def _side(row: Row) -> Side:
    found = _text(row, "side")
    if found == "Buy":
        return "Buy"
    if found == "Sell":
        return "Sell"
    raise VenueError(f"side is {row.get('side')!r}, expected Buy or Sell: {_named(row)}")


def _part(row: Row, name: str) -> Row:
    found = row.get(name)
    if not isinstance(found, dict):
        raise VenueError(f"{name} is missing: {_named(row)}")
    return found


def _required(row: Row, name: str) -> str:
    found = _text(row, name)
    if not found:
        raise VenueError(f"{name} is missing: {_named(row)}")
    return found


def _text(row: Row, name: str) -> str:
    found = row.get(name)
    return found if isinstance(found, str) else ""


def _named(row: Row) -> str:
    """Return what helps to find a row at the venue, never all of it."""
    names = ("symbol", "orderId", "orderLinkId", "execId")
    return " ".join(f"{name}={row[name]}" for name in names if row.get(name)) or "a row without a name"
