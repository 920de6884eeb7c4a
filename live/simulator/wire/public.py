"""Public REST endpoints: time, bars, funding, what is listed, prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from live.lines import to_decimal
from live.simulator.core.contract import Contract
from live.simulator.core.requests import Refused
from live.simulator.wire import shapes
from live.simulator.wire.parse import symbol_of, whole
from live.simulator.wire.site import Site
from live.simulator.wire.text import text

Query = Mapping[str, Any]
FAR_MS: Final = 2**52


def time(site: Site, _query: Query) -> dict[str, str]:
    """GET /v5/market/time."""
    return {"timeSecond": str(site.now_ms // 1000), "timeNano": str(site.now_ms * 1_000_000)}


def kline(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/kline: newest first, the last bar possibly open."""
    symbol, rows = _bars(site, query)
    return {"category": "linear", "symbol": symbol, "list": [shapes.kline_list(row) for row in rows]}


def mark_kline(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/mark-price-kline; the simulated mark's bars are those of the last price."""
    symbol, rows = _bars(site, query)
    return {"category": "linear", "symbol": symbol, "list": [shapes.kline_list(row)[:5] for row in rows]}


def funding_history(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/funding/history: newest first; a start without an end is an error, as at the venue."""
    contract = _contract(site, query)
    if query.get("startTime") and not query.get("endTime"):
        raise Refused(10001, "params error: endTime is needed with startTime")
    start = whole(query, "startTime", default=0)
    end = whole(query, "endTime", default=FAR_MS)
    limit = whole(query, "limit", default=200, low=1, high=200)
    found = [(stamp, rate) for stamp, rate in site.funding[contract.symbol] if start <= stamp <= end]
    rows = [
        {"symbol": contract.symbol, "fundingRate": text(rate), "fundingRateTimestamp": str(stamp)}
        for stamp, rate in reversed(found[-limit:])
    ]
    return {"category": "linear", "list": rows}


def instruments(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/instruments-info; other categories list nothing here."""
    if query.get("category") != "linear":
        return {"category": query.get("category", ""), "list": [], "nextPageCursor": ""}
    limit = whole(query, "limit", default=500, low=1, high=1000)
    start = whole(query, "cursor", default=0)
    chosen = [c for c in _contracts(site) if query.get("symbol") in {None, "", c.symbol}]
    if query.get("symbol") and not chosen:
        raise Refused(10001, f"params error: symbol invalid {query['symbol']}")
    wanted = query.get("status")
    chosen = [contract for contract in chosen if not wanted or contract.status == wanted]
    page = chosen[start : start + limit]
    more = str(start + limit) if start + limit < len(chosen) else ""
    rows = [shapes.instrument_json(contract, site.now_ms) for contract in page]
    return {"category": "linear", "list": rows, "nextPageCursor": more}


def risk_limit(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/risk-limit, one symbol or all."""
    chosen = [_contract(site, query)] if query.get("symbol") else _contracts(site)
    rows = [row for contract in chosen for row in shapes.risk_limits_json(contract)]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def tickers(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/tickers, one symbol or all."""
    if query.get("category") != "linear":
        return {"category": query.get("category", ""), "list": []}
    chosen = [_contract(site, query)] if query.get("symbol") else _contracts(site)
    rows = [shapes.ticker_json(site.exchange.ticker(contract.symbol), contract) for contract in chosen]
    return {"category": "linear", "list": rows}


def price_limit(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/price-limit."""
    contract = _contract(site, query)
    mark = to_decimal(site.exchange.quotes[contract.symbol].mark)
    return {
        "symbol": contract.symbol,
        "buyLmt": text(contract.to_tick(mark * (1 + contract.price_limit_frac), up=False)),
        "sellLmt": text(contract.to_tick(mark * (1 - contract.price_limit_frac), up=True)),
        "ts": str(site.now_ms),
    }


def orderbook(site: Site, query: Query) -> dict[str, Any]:
    """GET /v5/market/orderbook: a tick on either side, since nobody else quotes here."""
    contract = _contract(site, query)
    last, tick = to_decimal(site.exchange.quotes[contract.symbol].last), contract.instrument.tick_size
    size = text(contract.instrument.max_market_qty)
    book = {"b": [[text(last - tick), size]], "a": [[text(last + tick), size]]}
    return {"s": contract.symbol, **book, "ts": site.now_ms, "u": site.exchange.seq, "seq": site.exchange.seq}


def _bars(site: Site, query: Query) -> tuple[str, list[Any]]:
    contract = _contract(site, query)
    name = str(query.get("interval", ""))
    interval_ms = shapes.INTERVALS.get(name)
    if interval_ms is None or interval_ms % site.bar_ms:
        raise Refused(10001, f"params error: interval invalid {name}")
    start = whole(query, "start", default=0)
    end = whole(query, "end", default=FAR_MS)
    limit = whole(query, "limit", default=200, low=1, high=1000)
    rows = site.bars[contract.symbol].between(start, end, interval_ms=interval_ms, limit=limit)
    return contract.symbol, rows


def _contracts(site: Site) -> list[Contract]:
    return [quote.contract for quote in site.exchange.quotes.values()]


def _contract(site: Site, query: Query) -> Contract:
    if query.get("category", "linear") != "linear":
        raise Refused(10001, "params error: category")
    symbol = symbol_of(query)
    quote = site.exchange.quotes.get(symbol)
    if quote is None:
        raise Refused(10001, f"params error: symbol invalid {symbol}")
    return quote.contract


PUBLIC: Final[dict[str, Callable[[Site, Query], Any]]] = {
    "/v5/market/time": time,
    "/v5/market/kline": kline,
    "/v5/market/mark-price-kline": mark_kline,
    "/v5/market/funding/history": funding_history,
    "/v5/market/instruments-info": instruments,
    "/v5/market/risk-limit": risk_limit,
    "/v5/market/tickers": tickers,
    "/v5/market/price-limit": price_limit,
    "/v5/market/orderbook": orderbook,
}
