"""A small Bybit on loopback: the public v5 calls a download needs, over made-up prices, with faults on order.

It answers as the venue documents: newest first, at most `limit` rows, numbers as strings, the last bar open.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WIRE_MS = {"1": MINUTE, "5": 5 * MINUTE, "15": 15 * MINUTE, "60": HOUR, "240": 4 * HOUR, "D": DAY}
Rows = list[list[str]]


@dataclass
class Listing:
    """One perpetual: prices follow from the stamp alone, so any page of them can be made."""

    symbol: str
    launch_ms: int
    delivery_ms: int = 0
    base: float = 100.0
    funding_hours: tuple[tuple[int, int], ...] = ((0, 8),)  # (from ms, hours)
    status: str = "Trading"
    tiers: tuple[tuple[str, str, str, str, str], ...] = (
        ("1000000", "0.005", "0.01", "100.00", ""),
        ("4000000", "0.01", "0.02", "50.00", "5000"),
    )
    market_qty: str = "500.000"
    holes: tuple[tuple[int, int], ...] = ()  # [from, to) without bars
    overrides: dict[int, list[str]] = field(default_factory=dict)  # kline cells after the stamp, by stamp

    def close(self, ts: int, step: int) -> float:
        return round(self.base + 10 * np.sin((ts + step) / (37 * HOUR)) + (ts // step % 7) * 0.1, 2)

    def bar(self, ts: int, step: int, *, mark: bool) -> list[str]:
        opened, closed = self.close(ts - step, step), self.close(ts, step)
        high, low = max(opened, closed) + 0.5, min(opened, closed) - 0.5
        cells = [f"{x:.2f}" for x in (opened, high, low, closed)]
        if not mark:
            cells += [f"{1000 + ts // step % 11}", "123456.7"]
            cells[: len(self.overrides.get(ts, []))] = self.overrides.get(ts, [])
        return [str(ts), *cells]

    def settlements(self, start: int, end: int) -> list[int]:
        stamps = []
        for (begin, hours), (until, _) in zip(self.funding_hours, (*self.funding_hours[1:], (end + 1, 0)), strict=True):
            step = hours * HOUR
            first = max(start, begin + 1, self.launch_ms)
            stamps += range(-(-first // step) * step, min(end, until) + 1, step)
        return [ts for ts in stamps if not self.delivery_ms or ts <= self.delivery_ms]


@dataclass
class Fault:
    """Applied to the next `times` requests whose path and query contain every word of `when`."""

    when: str
    answer: Callable[[BaseHTTPRequestHandler, dict], None]
    times: int = 1


class Bybit:
    """The server. `now_ms` is its clock; `requests` every path with query it was asked for."""

    def __init__(self, listings: list[Listing], *, now_ms: int) -> None:
        self.listings = {listing.symbol: listing for listing in listings}
        self.now_ms = now_ms
        self.faults: list[Fault] = []
        self.changes: list[Callable[[str, Rows], Rows]] = []  # (path with query, rows newest first) -> rows
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self, when: str, answer: Callable[[BaseHTTPRequestHandler, dict], None], times: int = 1) -> None:
        self.faults.append(Fault(when, answer, times))

    def asked(self, word: str) -> int:
        return sum(word in path for path in self.requests)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bybit = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # head and body in one segment: no 40 ms of delayed acknowledgement

            def do_GET(self):
                bybit.requests.append(self.path)
                query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                for fault in bybit.faults:
                    if fault.times > 0 and all(word in self.path for word in fault.when.split()):
                        fault.times -= 1
                        fault.answer(self, query)
                        return
                send(self, bybit.envelope(*bybit.answer(urlsplit(self.path).path, query, self.path)))

            def log_message(self, *_):
                pass

        return Handler

    def envelope(self, code: int, result: dict, message: str = "OK") -> dict:
        return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self.now_ms}

    def answer(self, path: str, query: dict, asked: str) -> tuple[int, dict] | tuple[int, dict, str]:
        name = path.removeprefix("/v5/market/")
        if name == "time":
            return 0, {"timeSecond": str(self.now_ms // 1000), "timeNano": str(self.now_ms * 10**6)}
        if query.get("category") != "linear":
            return 10001, {}, "params error: Category is invalid"
        listing = self.listings.get(query.get("symbol", ""))
        if listing is None:
            return (0, {"list": []}) if name == "instruments-info" else (10001, {}, "params error: Symbol Is Invalid")
        if name in {"instruments-info", "risk-limit"}:
            shown = query.get("status", "Trading") == listing.status
            rows = tiers(listing) if name == "risk-limit" else [info(listing)] if shown else []
            return 0, {"category": "linear", "list": rows, "nextPageCursor": ""}
        if name == "funding/history":
            return self._funding(listing, query)
        return self._klines(listing, query, asked, mark=name == "mark-price-kline")

    def _klines(self, listing: Listing, query: dict, asked: str, *, mark: bool):
        if query["interval"] not in WIRE_MS:
            return 10001, {}, "Invalid period!"
        step = WIRE_MS[query["interval"]]
        end = min(int(query["end"]), self.now_ms, (listing.delivery_ms or self.now_ms + step) - step)
        first = max(int(query["start"]), listing.launch_ms // step * step)
        stamps = [ts for ts in range(-(-first // step) * step, end + 1, step) if not _inside(ts, listing.holes)]
        stamps = stamps[::-1][: int(query.get("limit", 200))]
        rows = [listing.bar(ts, step, mark=mark) for ts in stamps]
        for change in self.changes:
            rows = change(asked, rows)
        return 0, {"category": "linear", "symbol": listing.symbol, "list": rows}

    def _funding(self, listing: Listing, query: dict):
        if "endTime" not in query and "startTime" in query:
            return 10001, {}, "params error: endTime is required"
        stamps = listing.settlements(int(query.get("startTime", 0)), min(int(query["endTime"]), self.now_ms))
        rows = [
            {
                "symbol": listing.symbol,
                "fundingRate": f"{(ts // HOUR % 5 - 1) * 1e-4:.6f}",
                "fundingRateTimestamp": str(ts),
            }
            for ts in stamps[::-1][: int(query.get("limit", 200))]
        ]
        for change in self.changes:
            rows = change("funding", rows)
        return 0, {"category": "linear", "list": rows}


def _inside(ts: int, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= ts < end for start, end in spans)


def info(listing: Listing) -> dict:
    return {
        "symbol": listing.symbol,
        "contractType": "LinearPerpetual",
        "status": listing.status,
        "launchTime": str(listing.launch_ms),
        "deliveryTime": str(listing.delivery_ms),
        "priceFilter": {"minPrice": "0.01", "maxPrice": "19999.98", "tickSize": "0.01"},
        "lotSizeFilter": {
            "maxOrderQty": "1000.000",
            "minOrderQty": "0.001",
            "qtyStep": "0.001",
            "maxMktOrderQty": listing.market_qty,
            "minNotionalValue": "5",
        },
        "fundingInterval": listing.funding_hours[-1][1] * 60,
    }


def tiers(listing: Listing) -> list[dict]:
    names = ("riskLimitValue", "maintenanceMargin", "initialMargin", "maxLeverage", "mmDeduction")
    return [
        {"id": i + 1, "symbol": listing.symbol, **dict(zip(names, tier, strict=True))}
        for i, tier in enumerate(listing.tiers)
    ]


def send(handler, body: dict | bytes, *, status: int = 200, headers: dict[str, str] | None = None, cut: int = 0):
    """Answer; `cut` bytes less than Content-Length promises, then the connection closes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content[: len(content) - cut])
    if cut:
        handler.close_connection = True


def http(status: int, text: str = "") -> Callable:
    return lambda handler, _: send(handler, text.encode(), status=status)


def code(ret: int, message: str, *, now_ms: int, reset_ms: int | None = None) -> Callable:
    headers = {} if reset_ms is None else {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(reset_ms)}
    body = {"retCode": ret, "retMsg": message, "result": {}, "retExtInfo": {}, "time": now_ms}
    return lambda handler, _: send(handler, body, headers=headers)


def drop(handler, _: dict) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    handler.connection.close()
