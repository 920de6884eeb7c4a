"""The local forge over HTTP: authentication, REST routes, git, pages; loopback unless told otherwise."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autarch.canonical import sha256_hex
from autarch.errors import AutarchError, RefusedError
from autarch.forge import pages, routes_issues, routes_more
from autarch.forge.desk import DeniedError
from autarch.forge.errands import Errands
from autarch.forge.gatekeeper import Gatekeeper
from autarch.forge.githttp import GitService
from autarch.forge.office import Office
from autarch.forge.releases import ASSET_BYTES_MAX
from autarch.forge.routes import ROUTES, Call, Handler, Reply
from autarch.forge.routes_errands import errand_routes
from autarch.forge.wire import Account
from autarch.repo.git import StaleRefError

BODY_BYTES_MAX = 1024 * 1024
OK, NO_CONTENT, NOT_MODIFIED = 200, 204, 304
REALM = 'Basic realm="autarch forge", charset="UTF-8"'
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BodyRule:
    """What a route takes: `kind`, or with an empty one any that no page may send across origins unasked."""

    kind: str
    bytes_max: int

    def problem(self, kind: str) -> str:
        """Return why a body of `kind` is not read, or the empty text."""
        if self.kind:
            return "" if kind == self.kind else f"the body must be {self.kind}"
        return f"the body must not be {kind or 'of no kind'}" if kind in _FORMS else ""


JSON = BodyRule("application/json", BODY_BYTES_MAX)
FILE = BodyRule("", ASSET_BYTES_MAX)
_FORMS = frozenset({"", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"})
_Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(office: Office, gatekeeper: Gatekeeper, errands: Errands | None = None) -> ASGIApp:
    """Return the application that answers for one forge."""
    git = GitService(repo=office.state.repo, gatekeeper=gatekeeper, on_push=office.desk.notice)
    routes = [_rest_route(office, *route) for route in (*ROUTES, *routes_more.ROUTES, *routes_issues.ROUTES)]
    routes += [] if errands is None else [_rest_route(office, *route) for route in errand_routes(errands)]
    routes += [_rest_route(office, *route, body=FILE) for route in routes_more.FILE_ROUTES]
    routes.append(Route("/{owner}/{name}.git/{service:path}", _git_endpoint(office, git), methods=["GET", "POST"]))
    routes.append(Route("/", _page_endpoint(office, pages.front), methods=["GET"]))
    routes.append(Route("/pulls/{number:int}", _page_endpoint(office, pages.detail), methods=["GET"]))
    routes.append(Route("/style.css", _style, methods=["GET"]))
    return _Guard(Starlette(routes=routes), host=urlsplit(office.url).netloc)


def authenticate(office: Office, request: Request) -> Account | None:
    """Return whom the request's token speaks for: `Bearer`, `token`, or Basic with the token as password."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return office.tokens.account(given.strip())
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(given, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return office.tokens.account(decoded.partition(":")[2])
    return None


class _Guard:
    """Refuses what a web page elsewhere could make a browser send here, and marks every answer.

    A browser that has stored the token for this address attaches it to any page's requests. The Host
    header must be ours, so that a name rebound to loopback does not match, and bodies must be JSON,
    which no page may send across origins unasked.
    """

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._problem(Request(scope))
        if problem is not None:
            await _refusal(*problem)(scope, receive, _marked(send))
            return
        await self._app(scope, receive, _marked(send))

    def _problem(self, request: Request) -> tuple[int, str] | None:
        if request.headers.get("host", "") != self._host:
            return 421, f"this forge answers at {self._host} only"
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, "requests from other sites are refused"
        return None


def _marked(send: Send) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *headers]
        await send(message)

    return marked


def _rest_route(office: Office, method: str, path: str, handler: Handler, *, body: BodyRule = JSON) -> Route:
    full = path if path == "/user" else f"/repos/{{owner}}/{{name}}{path}"

    async def endpoint(request: Request) -> Response:
        account = authenticate(office, request)
        if account is None:
            return _unauthorized()
        if "owner" in request.path_params and not _is_ours(office, request):
            return _refusal(404, "there is no such repository")
        content = await _read_body(request, body)
        if isinstance(content, Response):
            return content
        call = Call(
            office=office,
            account=account,
            url=request.url.path,
            path=request.path_params,
            query=dict(request.query_params),
            content=content,
            accept=request.headers.get("accept", ""),
            kind=_kind_of(request),
        )
        answer = await run_in_threadpool(_answer, handler, call)
        return _unless_known(request, answer)

    return Route(full, endpoint, methods=[method])


def _answer(handler: Handler, call: Call) -> Response:
    try:
        reply: Reply = handler(call)
    except DeniedError as denied:
        return _refusal(denied.status, denied.message)
    except StaleRefError as stale:
        return _refusal(409, str(stale))
    except RefusedError as refused:
        return _refusal(422, str(refused))
    except AutarchError as error:
        _log.warning("a request could not be answered: %s", error)
        return _refusal(500, str(error))
    if isinstance(reply.body, bytes):
        return Response(reply.body, status_code=reply.status, headers=reply.headers)
    content = b"" if reply.status == NO_CONTENT else msgspec.json.encode(reply.body)
    return Response(content, status_code=reply.status, headers=reply.headers, media_type="application/json")


def _unless_known(request: Request, answer: Response) -> Response:
    """Return 304 when the asker has this very answer, as GitHub does."""
    if request.method != "GET" or answer.status_code != OK:
        return answer
    tag = f'W/"{sha256_hex(bytes(answer.body))}"'
    answer.headers["ETag"] = tag
    if request.headers.get("if-none-match") != tag:
        return answer
    return Response(status_code=NOT_MODIFIED, headers={"ETag": tag})


async def _read_body(request: Request, rule: BodyRule) -> bytes | Response:
    content = b""
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > rule.bytes_max:
                return _refusal(413, f"the body has more than {rule.bytes_max} bytes")
    except ClientDisconnect:
        return _refusal(400, "the body ended early")
    if request.method in {"POST", "PUT", "PATCH"} and (problem := rule.problem(_kind_of(request))):
        return _refusal(415, problem)
    return content


def _kind_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _git_endpoint(office: Office, git: GitService) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        account = authenticate(office, request)
        if account is None:
            return _unauthorized()
        if not _is_ours(office, request):
            return _refusal(404, "there is no such repository")
        return await git.respond(request, account, request.path_params["service"])

    return endpoint


def _page_endpoint(office: Office, draw: Callable[[Office, Any], str]) -> _Endpoint:
    def answer(number: int | None) -> Response:
        try:
            return HTMLResponse(draw(office, number))
        except DeniedError as denied:
            return HTMLResponse(pages.problem(denied.message), status_code=denied.status)
        except AutarchError as error:
            return HTMLResponse(pages.problem(str(error)), status_code=500)

    async def endpoint(request: Request) -> Response:
        if authenticate(office, request) is None:
            return _unauthorized()
        return await run_in_threadpool(answer, request.path_params.get("number"))

    return endpoint


async def _style(_request: Request) -> Response:
    return Response(pages.STYLE, media_type="text/css")


def _is_ours(office: Office, request: Request) -> bool:
    return f"{request.path_params['owner']}/{request.path_params['name']}" == office.repository


def _unauthorized() -> Response:
    return JSONResponse({"message": "Requires authentication"}, status_code=401, headers={"WWW-Authenticate": REALM})


def _refusal(status: int, message: str) -> Response:
    body = {"message": message, "documentation_url": "", "status": str(status)}
    return JSONResponse(body, status_code=status)
