"""A request that meets a fault: what the exchange does, and what the client sees of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from live.simulator.faults.menu import ACCEPTING_FAULTS, Fault
from live.simulator.faults.plan import FaultPlan
from live.simulator.wire.private import PRIVATE_WRITES
from live.simulator.wire.rest import Request, Response, handle
from live.simulator.wire.site import Site
from live.simulator.wire.text import json_bytes

STALE_MS = 15_000
_JSON = {"Content-Type": "application/json"}
_TEXTS = {10000: "Server Timeout", 10002: "invalid request, please check your timestamp", 10006: "Too many visits.",
          10016: "Internal System Error."}  # fmt: skip
_STATUS = {"http_403": 403, "http_429": 429, "http_503": 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What arrives at the client.

    Attributes:
        response: The answer, None when none ever comes.
        cut: The connection ends instead of an answer.
        sent: How many bytes of the body arrive before the connection ends; None for all.
    """

    response: Response | None = None
    cut: bool = False
    sent: int | None = None


def answer(site: Site, plan: FaultPlan, request: Request) -> Reply:
    """Handle a request, unless or although a fault strikes it."""
    reads = request.path not in PRIVATE_WRITES
    fault = plan.for_request(request.path, reads=reads, now_ms=site.now_ms)
    if fault is None:
        return Reply(response=handle(site, request))
    if fault.kind in ACCEPTING_FAULTS:
        return _accepted(site, request, fault)
    if fault.kind == "stale_read":
        return Reply(response=_stale(site, request))
    return _refused(site, fault)


def _accepted(site: Site, request: Request, fault: Fault) -> Reply:
    done = handle(site, request)
    match fault.kind:
        case "accept_then_timeout":
            return Reply()
        case "accept_then_drop":
            return Reply(cut=True)
        case "accept_then_truncate":
            return Reply(response=done, sent=len(done.body) // 2)
        case "accept_then_html":
            page = b"<html><body>please try again</body></html>"
            return Reply(response=Response(status=200, body=page, headers={"Content-Type": "text/html"}))
        case _:
            return Reply(response=_coded(site, 10000))


def _refused(site: Site, fault: Fault) -> Reply:
    if fault.kind == "lose_request":
        return Reply()
    if fault.kind in _STATUS:
        page = b"access too frequent" if fault.kind == "http_403" else b"unavailable"
        return Reply(response=Response(status=_STATUS[fault.kind], body=page, headers={"Content-Type": "text/plain"}))
    code = int(fault.kind.split("_")[1])
    found = _coded(site, code)
    if code != 10006 or fault.kind.endswith("bare"):
        return Reply(response=found)
    resets = site.now_ms + (-50 if fault.kind.endswith("past") else 300)
    limits = {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(resets)}
    return Reply(response=replace(found, headers={**found.headers, **limits}))


def _stale(site: Site, request: Request) -> Response:
    lag, site.lag_ms = site.lag_ms, max(site.lag_ms, STALE_MS)
    try:
        return handle(site, request)
    finally:
        site.lag_ms = lag


def _coded(site: Site, code: int) -> Response:
    body = {"retCode": code, "retMsg": _TEXTS[code], "result": {}, "retExtInfo": {}, "time": site.now_ms}
    return Response(status=200, body=json_bytes(body), headers=_JSON)
