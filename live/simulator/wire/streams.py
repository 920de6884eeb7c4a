"""Stream sessions of the simulated venue: public, private and trade. Bytes in, bytes out; sockets are elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from live.simulator.core.requests import Refused
from live.simulator.core.rows import (
    ExecutionRow,
    KlineRow,
    OrderRow,
    PositionRow,
    Row,
    TickerRow,
    TradeRow,
    WalletRow,
)
from live.simulator.wire import parse, shapes
from live.simulator.wire.keys import RECV_WINDOW_MS, ApiKey, RateLimit, check_time
from live.simulator.wire.private import amend, cancel, create
from live.simulator.wire.site import Site
from live.simulator.wire.text import json_bytes

Channel = Literal["public", "private", "trade"]
PRIVATE_TOPICS = ("order", "execution", "position", "wallet")
ARGS_MAX = 21_000
_TRADE_OPS = {"order.create": create, "order.amend": amend, "order.cancel": cancel}


class Session(ABC):
    """What every stream does: pings, auth, and refusing what it does not know."""

    def __init__(self, site: Site) -> None:
        """Begin unauthenticated and without topics."""
        self.site = site
        self.connection = site.connection_id()
        self.key: ApiKey | None = None

    def feed(self, raw: str | bytes) -> list[bytes]:
        """Answer one message."""
        try:
            message = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return [self._failed("", "Params Error: not JSON")]
        if not isinstance(message, dict):
            return [self._failed("", "Params Error: not an object")]
        op = message.get("op")
        if op == "ping":
            return [json_bytes(self.pong(message))]
        if op == "auth":
            return [json_bytes(self._auth(message))]
        return self.ask(str(op), message)

    @abstractmethod
    def push(self, rows: Sequence[Row]) -> list[bytes]:
        """Return what this stream shows of rows that have happened."""

    @abstractmethod
    def ask(self, op: str, message: Mapping[str, Any]) -> list[bytes]:
        """Answer an operation that is neither ping nor auth."""

    def pong(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a ping."""
        return {
            "req_id": message.get("req_id", ""),
            "op": "pong",
            "args": [str(self.site.now_ms)],
            "conn_id": self.connection,
        }

    def _auth(self, message: Mapping[str, Any]) -> dict[str, Any]:
        args = message.get("args")
        if not isinstance(args, list) or len(args) != 3:
            return self.auth_answer(message, 10001, "Params Error: args")
        try:
            self.key = self.site.keyring.check_stream(str(args[0]), args[1], str(args[2]), now_ms=self.site.now_ms)
        except Refused as refused:
            return self.auth_answer(message, refused.code, refused.text)
        return self.auth_answer(message, 0, "")

    def auth_answer(self, message: Mapping[str, Any], code: int, text: str) -> dict[str, Any]:
        """Return the answer to an auth."""
        return {
            "req_id": message.get("req_id", ""),
            "success": code == 0,
            "ret_msg": text,
            "op": "auth",
            "conn_id": self.connection,
        }

    def refusal(self, raw: bytes) -> bytes:
        """Return the answer to a subscription that the venue does not take just now."""
        message = msgspec.json.decode(raw)
        return self._failed(str(message.get("req_id", "")), "error:subscription refused", op="subscribe")

    def _failed(self, request: str, text: str, *, op: str = "") -> bytes:
        return json_bytes({"success": False, "ret_msg": text, "conn_id": self.connection, "req_id": request, "op": op})


class TopicSession(Session):
    """A stream of topics."""

    def __init__(self, site: Site) -> None:
        """Begin without topics."""
        super().__init__(site)
        self.topics: dict[str, None] = {}

    def ask(self, op: str, message: Mapping[str, Any]) -> list[bytes]:
        """Subscribe and unsubscribe."""
        request, args = str(message.get("req_id", "")), message.get("args")
        if op not in {"subscribe", "unsubscribe"}:
            return [self._failed(request, f"Params Error: op {op}", op=op)]
        if not isinstance(args, list) or sum(len(str(arg)) for arg in args) > ARGS_MAX:
            return [self._failed(request, "Params Error: args", op=op)]
        unknown = [str(arg) for arg in args if not self.knows(str(arg))]
        if unknown:
            return [self._failed(request, f"error:handler not found,topic:{unknown[0]}", op=op)]
        acknowledged = {
            "success": True,
            "ret_msg": "",
            "conn_id": self.connection,
            "req_id": request,
            "op": op,
        }
        for topic in args:
            if op == "subscribe":
                self.topics[str(topic)] = None
            else:
                self.topics.pop(str(topic), None)
        return [json_bytes(acknowledged), *(self.first(args) if op == "subscribe" else [])]

    @abstractmethod
    def knows(self, topic: str) -> bool:
        """Return whether a topic exists on this stream and may be had."""

    def first(self, _topics: Sequence[str]) -> list[bytes]:
        """Return what is sent at once after a subscription."""
        return []


class PublicSession(TopicSession):
    """Bars, prices and trades."""

    def pong(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the public stream's own form of a pong."""
        request = message.get("req_id", "")
        return {"success": True, "ret_msg": "pong", "conn_id": self.connection, "req_id": request, "op": "ping"}

    def knows(self, topic: str) -> bool:
        """Return whether the topic names something listed."""
        parts = topic.split(".")
        symbols = self.site.exchange.quotes
        if parts[0] == "kline":
            return len(parts) == 3 and self._interval(parts[1]) is not None and parts[2] in symbols
        return parts[0] in {"tickers", "publicTrade"} and len(parts) == 2 and parts[1] in symbols

    def first(self, topics: Sequence[str]) -> list[bytes]:
        """Return a snapshot of each ticker."""
        return [
            self._ticker(self.site.exchange.ticker(topic.partition(".")[2]))
            for topic in topics
            if topic.startswith("tickers.")
        ]

    def push(self, rows: Sequence[Row]) -> list[bytes]:
        """See `Session`."""
        out: list[bytes] = []
        for row in rows:
            if isinstance(row, TickerRow) and f"tickers.{row.symbol}" in self.topics:
                out.append(self._ticker(row))
            elif isinstance(row, TradeRow) and f"publicTrade.{row.symbol}" in self.topics:
                out.append(self._message(f"publicTrade.{row.symbol}", [shapes.trade_json(row)], row.time_ms))
            elif isinstance(row, KlineRow):
                out += self._bars(row)
        return out

    def _bars(self, row: KlineRow) -> list[bytes]:
        out = []
        for topic in self.topics:
            kind, _, rest = topic.partition(".")
            name, _, symbol = rest.partition(".")
            if kind != "kline" or symbol != row.symbol:
                continue
            interval_ms = self._interval(name)
            if interval_ms is not None:
                bar = self.site.bars[symbol].upto(row, interval_ms)
                out.append(self._message(topic, [shapes.kline_json(bar)], row.time_ms))
        return out

    def _ticker(self, row: TickerRow) -> bytes:
        shown = shapes.ticker_json(row, self.site.exchange.quotes[row.symbol].contract)
        message = {
            "topic": f"tickers.{row.symbol}",
            "type": "snapshot",
            "data": shown,
            "cs": row.seq,
            "ts": row.time_ms,
        }
        return json_bytes(message)

    def _interval(self, name: str) -> int | None:
        found = shapes.INTERVALS.get(name)
        return found if found is not None and found % self.site.bar_ms == 0 else None

    @staticmethod
    def _message(topic: str, data: list[dict[str, Any]], ts: int) -> bytes:
        return json_bytes({"topic": topic, "type": "snapshot", "ts": ts, "data": data})


class PrivateSession(TopicSession):
    """The account's orders, executions, positions and wallet. No snapshot, no replay."""

    def knows(self, topic: str) -> bool:
        """Return whether the topic exists; nothing does before auth."""
        return self.key is not None and topic.removesuffix(".linear") in PRIVATE_TOPICS

    def push(self, rows: Sequence[Row]) -> list[bytes]:
        """Return one message for each run of rows of one topic, as the venue batches them."""
        out: list[bytes] = []
        batch: list[dict[str, Any]] = []
        batched = ""
        for row in rows:
            topic, shown = self._shown(row)
            if topic != batched and batch:
                out.append(self._message(batched, batch))
                batch = []
            batched = topic
            if shown is not None:
                batch.append(shown)
        if batch:
            out.append(self._message(batched, batch))
        return out

    def _shown(self, row: Row) -> tuple[str, dict[str, Any] | None]:
        if self.key is None or getattr(row, "uid", None) != self.key.uid:
            return "", None
        match row:
            case OrderRow():
                topic, shown = "order", shapes.order_json(row)
            case ExecutionRow():
                topic, shown = "execution", shapes.execution_json(row)
            case PositionRow():
                contract = self.site.exchange.quotes[row.symbol].contract
                topic, shown = "position", shapes.position_json(row, contract, entry_name="entryPrice")
            case WalletRow():
                topic, shown = "wallet", shapes.wallet_json(row)
            case _:
                return "", None
        for name in (topic, f"{topic}.linear"):
            if name in self.topics:
                return name, shown
        return "", None

    def _message(self, topic: str, data: list[dict[str, Any]]) -> bytes:
        head = {"id": f"{self.connection}-{self.site.exchange.seq}", "topic": topic, "creationTime": self.site.now_ms}
        return json_bytes({**head, "data": data})


class TradeSession(Session):
    """Orders over a stream: signed once, then one acknowledgement a request."""

    def pong(self, _message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the trade stream's own form of a pong."""
        return {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(self.site.now_ms)], "connId": self.connection}

    def auth_answer(self, _message: Mapping[str, Any], code: int, text: str) -> dict[str, Any]:
        """Return the trade stream's own form."""
        return {"retCode": code, "retMsg": text or "OK", "op": "auth", "connId": self.connection}

    def push(self, _rows: Sequence[Row]) -> list[bytes]:
        """Show nothing: what becomes of orders is told on the private stream."""
        return []

    def ask(self, op: str, message: Mapping[str, Any]) -> list[bytes]:
        """Take an order operation."""
        limit = None if self.key is None else self.site.limit(self.key.uid, _path(op), reads=False)
        try:
            data, code, text = self._place(op, message, limit), 0, "OK"
        except Refused as refused:
            data, code, text = {}, refused.code, refused.text
        head = {"Timenow": str(self.site.now_ms)}
        if limit is not None:
            head |= {"X-Bapi-Limit": str(limit.limit), "X-Bapi-Limit-Status": str(limit.remaining)}
        request = str(message.get("reqId", ""))
        answer = {"reqId": request, "retCode": code, "retMsg": text, "op": op, "data": data, "retExtInfo": {}}
        return [json_bytes({**answer, "header": head, "connId": self.connection})]

    def _place(self, op: str, message: Mapping[str, Any], limit: RateLimit | None) -> dict[str, str]:
        header, args = message.get("header"), message.get("args")
        if self.key is None or limit is None:
            raise Refused(10004, "Please auth first")
        if op not in _TRADE_OPS:
            raise Refused(10404, "op is not supported")
        if (
            not isinstance(header, dict)
            or not isinstance(args, list)
            or len(args) != 1
            or not isinstance(args[0], dict)
        ):
            raise Refused(10001, "params error: header or args")
        window = str(header.get("X-BAPI-RECV-WINDOW") or RECV_WINDOW_MS)
        check_time(str(header.get("X-BAPI-TIMESTAMP", "")), window, now_ms=self.site.now_ms)
        limit.take(self.site.now_ms)
        self.key.require_trading()
        return _TRADE_OPS[op](self.site, self.key, parse.plain(args[0]))


def _path(op: str) -> str:
    """Return the REST path whose limit a trade operation shares."""
    return f"/v5/order/{op.partition('.')[2]}"
