"""The desk as an application: routes, and what every answer has in common."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from autarch.desk import acting, events, reading
from autarch.desk.guard import Guard, cookie_name
from autarch.desk.rendering import page
from autarch.desk.room import Room
from autarch.desk.sessions import Session
from autarch.errors import AutarchError, RefusedError, UsageError

_log = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]
Read = Callable[[Room, Request, Session], Response]
Deed = Callable[[Room, Request, Session, acting.Form], Response]

READS: Final[tuple[tuple[str, Read], ...]] = (
    ("/", reading.queue),
    ("/pulls/{number:int}", reading.pull),
    ("/pulls/{number:int}/report", reading.report),
    ("/compare", reading.compare),
    ("/jobs/{name}", reading.job),
    ("/leaderboard", reading.leaderboard),
    ("/family", reading.family_page),
    ("/ledger", reading.ledger),
    ("/releases", reading.releases),
    ("/live", reading.live),
    ("/live/{account}", reading.account),
    ("/live/{account}/why/{question}", reading.why),
)
DEEDS: Final[tuple[tuple[str, Deed], ...]] = (
    ("/pulls/{number:int}/ask/{deed}", acting.ask),
    ("/pulls/{number:int}/confirm/{deed}", acting.confirm),
    ("/pulls/{number:int}/close", acting.close),
    ("/pulls/{number:int}/comment", acting.comment),
    ("/live/{account}/halt", acting.halt),
)
STATIC: Final = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "live.js": "text/javascript",
}


def build_app(room: Room, *, library: bytes, streams: events.Streams | None = None) -> ASGIApp:
    """Return the application of one desk; `library` is the charts' source."""
    streams = streams or events.Streams()
    routes = [
        Route("/enter", _enter(room), methods=["GET"]),
        Route("/static/{name}", _static(library), methods=["GET"]),
        Route("/events/queue", _stream(lambda r: streams.stream(r, events.queue_look(room)))),
        Route(
            "/events/pulls/{number:int}",
            _stream(lambda r: streams.stream(r, events.pull_look(room, int(r.path_params["number"])))),
        ),
        Route("/events/live/{account}", _stream(lambda r: streams.stream(r, events.account_look(room, r)))),
        *(Route(path, _reading(room, read), methods=["GET"]) for path, read in READS),
        *(Route(path, _acting(room, deed), methods=["POST"]) for path, deed in DEEDS),
    ]
    return Guard(Starlette(routes=routes), doors=room.doors)


def answer(session: Session, work: Callable[[], Response]) -> Response:
    """Return what `work` returns; an error as a page that says what is wrong and what to do."""
    try:
        return work()
    except UsageError as error:
        return page("problem", session, title="Not understood", message=str(error), status=400)
    except RefusedError as error:
        return page("problem", session, title="Refused", message=str(error), status=404)
    except AutarchError as error:
        _log.warning("a page could not be made: %s", error)
        return page("problem", session, title="Not there now", message=str(error), status=503)


def _reading(room: Room, read: Read) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session: Session = request.scope["session"]
        return await run_in_threadpool(answer, session, lambda: read(room, request, session))

    return endpoint


def _acting(room: Room, deed: Deed) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session: Session = request.scope["session"]
        try:
            form = await acting.form_of(request)
            acting.need_own(form, session)
        except acting.FormError as error:
            return page("problem", session, title="Not taken", message=str(error), status=403)
        return await run_in_threadpool(answer, session, lambda: deed(room, request, session, form))

    return endpoint


def _stream(make: Callable[[Request], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return make(request)
        except UsageError as error:
            return PlainTextResponse(str(error), status_code=400)

    return endpoint


def _enter(room: Room) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session = room.doors.sessions.enter(request.query_params.get("key", ""))
        if session is None:
            return PlainTextResponse("that is not the address `autarch desk` printed\n", status_code=403)
        found = RedirectResponse("/", status_code=303)
        found.set_cookie(cookie_name(room.doors.host), session.id, httponly=True, samesite="strict", path="/")
        return found

    return endpoint


def _static(library: bytes) -> Endpoint:
    kept: dict[str, Any] = {"charts.js": library}

    async def endpoint(request: Request) -> Response:
        name = str(request.path_params["name"])
        if name not in STATIC and name not in kept:
            return PlainTextResponse("there is no such file\n", status_code=404)
        if name not in kept:
            kept[name] = (files("autarch.desk") / "static" / name).read_bytes()
        headers = {"cache-control": "private, max-age=60"}
        return Response(kept[name], media_type=STATIC.get(name, "text/javascript"), headers=headers)

    return endpoint
