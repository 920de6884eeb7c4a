"""What stands before every page: our address, our pages, a session, a pace; and what every answer forbids a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autarch.desk.sessions import Bucket, Session, Sessions

COOKIE: Final = "autarch_desk"
OPEN_PATHS: Final = ("/enter", "/static/")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What is asked of a request: the host it names, its session, how often it comes."""

    host: str
    sessions: Sessions
    reads: Bucket
    deeds: Bucket


class Guard:
    """Lets in what comes from our own pages, with a session, at a bearable pace; marks every answer."""

    def __init__(self, app: ASGIApp, *, doors: Doors) -> None:
        """Stand before `app`."""
        self._app, self._doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        refused = problem(request, self._doors)
        if refused is not None:
            await refused(scope, receive, marked(send))
            return
        scope["session"] = session_of(request, self._doors.sessions)
        await self._app(scope, receive, marked(send))


def problem(request: Request, doors: Doors) -> Response | None:
    """Return why a request may not pass, None where it may."""
    if request.headers.get("host", "") != doors.host:
        return _refusal(421, f"the desk answers at {doors.host} only")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _refusal(403, "requests from other sites are refused")
    is_deed = request.method not in {"GET", "HEAD"}
    if not (doors.deeds if is_deed else doors.reads).take():
        return _refusal(429, "too many requests; wait a moment", **{"retry-after": "2"})
    if is_deed and not _is_ours(request, doors.host):
        return _refusal(403, "forms are taken from the desk's own pages only")
    if request.url.path.startswith(OPEN_PATHS) or session_of(request, doors.sessions) is not None:
        return None
    return _refusal(401, "open the address that `autarch desk` printed on its terminal; it lets this browser in")


def session_of(request: Request, sessions: Sessions) -> Session | None:
    """Return the session of a request's cookie; browsers share cookies over ports, so ours has the port in its name."""
    return sessions.of(request.cookies.get(cookie_name(request.headers.get("host", "")), ""))


def cookie_name(host: str) -> str:
    """Return the cookie's name for the address the desk answers at."""
    return f"{COOKIE}_{host.rpartition(':')[2]}"


def marked(send: Send) -> Send:
    """Return `send` with our headers on every answer; a policy that a page sets itself stays."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.decode("latin-1").lower() for name, _ in message.get("headers", [])}
            own = {"content-security-policy": POLICY, **HEADERS}
            added = [(k.encode(), v.encode()) for k, v in own.items() if k not in given]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return with_headers


def _is_ours(request: Request, host: str) -> bool:
    """Return whether a form's origin is the desk; a browser that tells none must say that it is the same site."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    return origin == f"http://{host}"


def _refusal(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers=headers)
