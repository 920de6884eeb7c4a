"""Private REST endpoints: orders, executions, positions, money and settings of the key's account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

from autarch.canonical import EpochMs
from live.simulator.core.account import Account
from live.simulator.core.requests import Refused
from live.simulator.core.rows import ExecutionRow, OrderRow
from live.simulator.wire import parse, shapes
from live.simulator.wire.keys import ApiKey
from live.simulator.wire.site import Site
from live.simulator.wire.text import text

Args = Mapping[str, Any]
Item = TypeVar("Item")
WEEK_MS: Final = 7 * 86_400_000
CANCELLED_KEPT_MS: Final = 86_400_000
CLOSED_SHOWN_MAX: Final = 500
FAR_MS: Final = 2**52
QUOTE: Final = "USDT"
"""What every contract here is settled in."""


def create(site: Site, key: ApiKey, body: Args) -> dict[str, str]:
    """POST /v5/order/create: accepted only; what becomes of it is told elsewhere."""
    order = site.exchange.create(key.uid, parse.create_order(body))
    return {"orderId": order.order_id, "orderLinkId": order.order_link_id}


def amend(site: Site, key: ApiKey, body: Args) -> dict[str, str]:
    """POST /v5/order/amend: quantity, price or trigger of an open order."""
    order = site.exchange.amend(key.uid, parse.amend_order(body))
    return {"orderId": order.order_id, "orderLinkId": order.order_link_id}


def cancel(site: Site, key: ApiKey, body: Args) -> dict[str, str]:
    """POST /v5/order/cancel; the orderId wins where both ids are given."""
    parse.require_linear(body)
    order = site.exchange.cancel(
        key.uid,
        parse.symbol_of(body),
        order_id=str(body.get("orderId") or ""),
        order_link_id=str(body.get("orderLinkId") or ""),
    )
    return {"orderId": order.order_id, "orderLinkId": order.order_link_id}


def cancel_all(site: Site, key: ApiKey, body: Args) -> dict[str, Any]:
    """POST /v5/order/cancel-all: everything, stops too, unless orderFilter is Order or StopOrder."""
    parse.require_linear(body)
    kind: Any = body.get("orderFilter") or ""
    if kind not in {"", "Order", "StopOrder"}:
        raise Refused(10001, f"params error: orderFilter {kind!r}")
    orders = site.exchange.cancel_all(key.uid, symbols=_scope(site, body), kind=kind)
    return {"list": [{"orderId": o.order_id, "orderLinkId": o.order_link_id} for o in orders], "success": "1"}


def trading_stop(site: Site, key: ApiKey, body: Args) -> dict[str, Any]:
    """POST /v5/position/trading-stop, mode Full only."""
    parse.require_linear(body)
    if body.get("tpslMode", "Full") != "Full":
        raise Refused(10001, "params error: tpslMode Partial is not simulated")
    if parse.price_of(body, "trailingStop"):
        raise Refused(10001, "params error: trailingStop is not simulated")
    if (parse.whole(body, "positionIdx", default=0) == 0) != (_account(site, key).position_mode == 0):
        raise Refused(10001, "position idx not match position mode")
    site.exchange.set_triggers(
        key.uid,
        parse.symbol_of(body),
        stop_loss=parse.price_of(body, "stopLoss"),
        take_profit=parse.price_of(body, "takeProfit"),
    )
    return {}


def set_leverage(site: Site, key: ApiKey, body: Args) -> dict[str, Any]:
    """POST /v5/position/set-leverage; both sides alike in one-way mode."""
    parse.require_linear(body)
    buy, sell = (parse.price_of(body, name) for name in ("buyLeverage", "sellLeverage"))
    if buy is None or buy != sell:
        raise Refused(10001, "params error: buyLeverage must equal sellLeverage")
    site.exchange.set_leverage(key.uid, parse.symbol_of(body), buy)
    return {}


def switch_mode(site: Site, key: ApiKey, body: Args) -> dict[str, Any]:
    """POST /v5/position/switch-mode."""
    parse.require_linear(body)
    site.exchange.switch_mode(key.uid, parse.whole(body, "mode", default=0))
    return {}


def set_margin_mode(site: Site, key: ApiKey, body: Args) -> dict[str, Any]:
    """POST /v5/account/set-margin-mode."""
    mode = body.get("setMarginMode")
    if mode not in {"ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN"}:
        raise Refused(10001, "params error: setMarginMode")
    site.exchange.set_margin_mode(key.uid, mode)
    return {"reasons": []}


def realtime(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/order/realtime: open orders; with an id or openOnly=1 also lately closed ones."""
    parse.require_linear(query)
    account, seen = _account(site, key), site.seen_ms()
    by_id = _by_id(account, query, seen)
    if by_id is not None:
        return _page(by_id, query, shapes.order_json, default=20, most=50)
    names = _scope(site, query)
    now = [row for order_id in account.orders if (row := account.order_as_of(order_id, seen)) is not None]
    wanted = [row for row in now if row.symbol in names and _passes_filter(row, query)]
    if str(query.get("openOnly", "0")) == "1":
        chosen = [row for row in wanted if not row.is_open][-CLOSED_SHOWN_MAX:]
    else:
        chosen = [row for row in wanted if row.is_open]
    return _page(list(reversed(chosen)), query, shapes.order_json, default=20, most=50)


def history(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/order/history: closed orders; those without a fill for a day only."""
    parse.require_linear(query)
    account, seen = _account(site, key), site.seen_ms()
    by_id = _by_id(account, query, seen)
    rows = by_id if by_id is not None else [
        row for order_id in reversed(account.orders) if (row := account.order_as_of(order_id, seen)) is not None
    ]  # fmt: skip
    start, end = _span(query, site.now_ms)
    names = _scope(site, query, wanted=False)
    chosen = [
        row
        for row in rows
        if not row.is_open
        and row.symbol in names
        and query.get("orderStatus") in {None, "", row.status}
        and _passes_filter(row, query)
        and (by_id is not None or start <= row.created_ms <= end)
        and (row.cum_exec_qty > 0 or row.updated_ms > site.now_ms - CANCELLED_KEPT_MS)
    ]
    return _page(chosen, query, shapes.order_json, default=20, most=50)


def executions(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/execution/list: newest first; with an order's id everything else is ignored."""
    parse.require_linear(query)
    seen = site.seen_ms()
    rows: Sequence[ExecutionRow] = [row for row in _account(site, key).executions if row.time_ms <= seen]
    order_id, link = str(query.get("orderId") or ""), str(query.get("orderLinkId") or "")
    if order_id or link:
        chosen = [row for row in rows if (row.order_id == order_id if order_id else row.order_link_id == link)]
    else:
        start, end = _span(query, site.now_ms)
        names = _scope(site, query, wanted=False)
        chosen = [
            row
            for row in rows
            if start <= row.time_ms <= end
            and row.symbol in names
            and query.get("execType") in {None, "", row.exec_type}
        ]
    return _page(list(reversed(chosen)), query, shapes.execution_json, default=50, most=100)


def positions(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/position/list: with a symbol also when flat, else what is open, a page at a time."""
    parse.require_linear(query)
    account, seen = _account(site, key), site.seen_ms()
    symbol = query.get("symbol")
    rows = []
    for name in _scope(site, query):
        row = account.position_as_of(name, seen)
        if row is None or (row.size == 0 and not symbol):
            if symbol:
                rows.append(_flat(site, account, name))
            continue
        rows.append(shapes.position_json(row, site.exchange.quotes[name].contract, entry_name="avgPrice"))
    if account.position_mode:
        rows = [
            {**(row if row["side"] == side else _flat(site, account, row["symbol"])), "positionIdx": idx}
            for row in rows
            for idx, side in ((1, "Buy"), (2, "Sell"))
        ]
    return _page(rows, query, dict, default=20, most=200)


def wallet(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/account/wallet-balance of the unified account."""
    if query.get("accountType") != "UNIFIED":
        raise Refused(10001, "params error: accountType")
    row = _account(site, key).wallet_as_of(site.seen_ms()) or _account(site, key).wallets[-1]
    return {"list": [shapes.wallet_json(row)]}


def account_info(site: Site, key: ApiKey, _query: Args) -> dict[str, Any]:
    """GET /v5/account/info."""
    return {
        "marginMode": _account(site, key).margin_mode,
        "updatedTime": str(site.now_ms),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def fee_rate(site: Site, _key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/account/fee-rate."""
    rows = [
        {
            "symbol": symbol,
            "takerFeeRate": text(quote.contract.instrument.taker_fee),
            "makerFeeRate": text(quote.contract.instrument.maker_fee),
        }
        for symbol, quote in site.exchange.quotes.items()
        if query.get("symbol") in {None, "", symbol}
    ]
    return {"list": rows}


def transaction_log(site: Site, key: ApiKey, query: Args) -> dict[str, Any]:
    """GET /v5/account/transaction-log: here funding received is positive, the other way round than in executions."""
    start, end = _span(query, site.now_ms)
    rows = [row for row in reversed(_account(site, key).executions) if start <= row.time_ms <= end]
    return _page(rows, query, _transaction_json, default=20, most=50)


def query_api(_site: Site, key: ApiKey, _query: Args) -> dict[str, Any]:
    """GET /v5/user/query-api: what the key may do, and from where."""
    return {
        "id": "1",
        "note": "simulated",
        "apiKey": key.key,
        "readOnly": int(key.read_only),
        "secret": "",
        "permissions": {name: list(values) for name, values in key.permissions.items()},
        "ips": list(key.ips) or ["*"],
        "type": 1,
        "deadlineDay": -2,
        "expiredAt": "1970-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": 1,
        "isMaster": True,
        "parentUid": "0",
    }


def _transaction_json(row: ExecutionRow) -> dict[str, Any]:
    funding = row.exec_type == "Funding"
    cash = Decimal(0) if funding else row.exec_pnl
    fee = Decimal(0) if funding else row.exec_fee
    paid = -row.exec_fee if funding else Decimal(0)
    return {
        "id": row.exec_id,
        "symbol": row.symbol,
        "side": row.side,
        "category": "linear",
        "type": "SETTLEMENT" if funding else "TRADE",
        "transactionTime": str(row.time_ms),
        "qty": text(row.exec_qty),
        "size": text(row.exec_qty),
        "tradePrice": text(row.exec_price),
        "funding": text(paid) if funding else "",
        "fee": text(fee),
        "cashFlow": text(cash),
        "change": text(cash + paid - fee),
        "feeRate": text(row.fee_rate),
        "currency": "USDT",
        "orderId": row.order_id,
        "orderLinkId": row.order_link_id,
        "tradeId": row.exec_id,
    }


def _flat(site: Site, account: Account, symbol: str) -> dict[str, Any]:
    """Return the row of a position that was never reported: flat, at its leverage."""
    holding, quote = account.holdings[symbol], site.exchange.quotes[symbol]
    shown = {"symbol": symbol, "side": "", "size": "0", "avgPrice": "0", "positionIdx": 0, "category": "linear"}
    prices = {"leverage": text(holding.leverage), "markPrice": text(Decimal(repr(quote.mark)))}
    rest = {"stopLoss": "0", "takeProfit": "0", "liqPrice": "", "unrealisedPnl": "0", "positionStatus": "Normal"}
    return {**shown, **prices, **rest, "seq": 0, "createdTime": "0", "updatedTime": "0", "isReduceOnly": False}


def _account(site: Site, key: ApiKey) -> Account:
    return site.exchange.accounts[key.uid]


def _scope(site: Site, asked: Args, *, wanted: bool = True) -> list[str]:
    """Return the listed symbols that a symbol, else a base coin, else a settlement coin names.

    Raises:
        Refused: 10001, none of them is given though one is `wanted`, or there is no such symbol.
    """
    symbol, base, settle = (asked.get(name) for name in ("symbol", "baseCoin", "settleCoin"))
    if not (symbol or base or settle or wanted):
        return list(site.exchange.quotes)
    if not (symbol or base or settle):
        raise Refused(10001, "params error: symbol, baseCoin or settleCoin is needed")
    if symbol and symbol not in site.exchange.quotes:
        raise Refused(10001, f"params error: symbol invalid {symbol}")
    if symbol:
        return [symbol]
    return [name for name in site.exchange.quotes if (name == f"{base}{QUOTE}" if base else settle == QUOTE)]


def _by_id(account: Account, query: Args, seen: EpochMs) -> list[OrderRow] | None:
    order_id = str(query.get("orderId") or account.links.get(str(query.get("orderLinkId") or ""), ""))
    if not order_id:
        return [] if query.get("orderLinkId") else None
    row = account.order_as_of(order_id, seen)
    return [] if row is None else [row]


def _passes_filter(row: OrderRow, query: Args) -> bool:
    wanted = query.get("orderFilter")
    if wanted == "StopOrder":
        return row.stop_order_type != ""
    return row.stop_order_type == "" if wanted == "Order" else True


def _span(query: Args, now_ms: EpochMs) -> tuple[int, int]:
    end = parse.whole(query, "endTime", default=FAR_MS)
    start = parse.whole(query, "startTime", default=min(end, now_ms) - WEEK_MS, low=-WEEK_MS)
    if end != FAR_MS and end - start > WEEK_MS:
        raise Refused(10001, "params error: endTime - startTime must not exceed 7 days")
    return start, min(end, start + WEEK_MS)


def _page(
    rows: Sequence[Item], query: Args, shape: Callable[[Item], dict[str, Any]], *, default: int, most: int
) -> dict[str, Any]:
    limit = parse.whole(query, "limit", default=default, low=1, high=most)
    start = parse.whole({"cursor": str(query.get("cursor") or "0").partition("%")[0]}, "cursor", default=0)
    more = f"{start + limit}" if start + limit < len(rows) else ""
    return {"category": "linear", "list": [shape(row) for row in rows[start : start + limit]], "nextPageCursor": more}


Call = Callable[[Site, ApiKey, Args], Any]
PRIVATE_WRITES: Final[dict[str, Call]] = {
    "/v5/order/create": create,
    "/v5/order/amend": amend,
    "/v5/order/cancel": cancel,
    "/v5/order/cancel-all": cancel_all,
    "/v5/position/trading-stop": trading_stop,
    "/v5/position/set-leverage": set_leverage,
    "/v5/position/switch-mode": switch_mode,
    "/v5/account/set-margin-mode": set_margin_mode,
}
PRIVATE_READS: Final[dict[str, Call]] = {
    "/v5/order/realtime": realtime,
    "/v5/order/history": history,
    "/v5/execution/list": executions,
    "/v5/position/list": positions,
    "/v5/account/wallet-balance": wallet,
    "/v5/account/info": account_info,
    "/v5/account/fee-rate": fee_rate,
    "/v5/account/transaction-log": transaction_log,
    "/v5/user/query-api": query_api,
}
