"""REST of the simulated venue: one request in, one answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from live.simulator.core.requests import Refused
from live.simulator.wire import parse
from live.simulator.wire.keys import ApiKey, RateLimit
from live.simulator.wire.private import PRIVATE_READS, PRIVATE_WRITES
from live.simulator.wire.public import PUBLIC
from live.simulator.wire.site import Site
from live.simulator.wire.text import json_bytes

BODY_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; header names in lower case, the query and the body exactly as on the wire."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Site, ApiKey, Mapping[str, Any]], Any]


def handle(site: Site, request: Request) -> Response:
    """Answer a request at the site's present time."""
    limit: RateLimit | None = None
    if request.method != _method(request.path):
        return Response(status=404, body=b"404 page not found", headers={"Content-Type": "text/plain"})
    try:
        if request.path in PUBLIC:
            result = PUBLIC[request.path](site, _query(request))
        else:
            key, payload = _authenticated(site, request)
            writes = request.path in PRIVATE_WRITES
            limit = site.limit(key.uid, request.path, reads=not writes)
            limit.take(site.now_ms)
            table = PRIVATE_WRITES if writes else PRIVATE_READS
            result = table[request.path](site, key, payload)
            site.publish()
    except Refused as refused:
        return _answer(site, refused.code, refused.text, {}, limit)
    return _answer(site, 0, "OK", result, limit)


def _authenticated(site: Site, request: Request) -> tuple[ApiKey, Mapping[str, Any]]:
    writes = request.path in PRIVATE_WRITES
    if len(request.body) > BODY_MAX:
        raise Refused(10001, "params error: body too large")
    raw = request.body.decode("utf-8", "replace") if writes else request.query
    key = site.keyring.check_request(request.headers, raw, now_ms=site.now_ms)
    if key.ips and request.address not in key.ips and "*" not in key.ips:
        raise Refused(10010, "Unmatched IP, please check your API key's bound IP addresses.")
    if writes:
        key.require_trading()
    return key, _body(request) if writes else _query(request)


def _method(path: str) -> str | None:
    """Return the method of a path, None when there is no such path."""
    if path in PRIVATE_WRITES:
        return "POST"
    return "GET" if path in PUBLIC or path in PRIVATE_READS else None


def _query(request: Request) -> Mapping[str, Any]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _body(request: Request) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(request.body or b"{}")
    except msgspec.DecodeError as error:
        raise Refused(10001, "params error: body is not JSON") from error
    if not isinstance(found, dict):
        raise Refused(10001, "params error: body is not an object")
    return parse.plain(found)


def _answer(site: Site, code: int, text: str, result: Any, limit: RateLimit | None) -> Response:
    body = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": site.now_ms}
    headers = {"Content-Type": "application/json"}
    if limit is not None:
        headers |= {
            "X-Bapi-Limit": str(limit.limit),
            "X-Bapi-Limit-Status": str(limit.remaining),
            "X-Bapi-Limit-Reset-Timestamp": str(limit.reset_ms(site.now_ms)),
        }
    return Response(status=200, body=json_bytes(body), headers=headers)
