"""The only door of a confined agent: its vendor's API with our key and our caps, its tools, and named hosts by CONNECT.

POST /tools/NAME       arguments as JSON -> {"text", "failed"}
ANY  /vendor/...       passed on to the vendor, the key added here, every answer metered
CONNECT host:443       for hosts of the recipe alone

The agent never holds a key of ours: what it sends as one is a word for this run, good for this door alone.
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from agents.models import Vendor
from agents.paying import Passing, Till
from agents.ports import BudgetError, UnknownModelError
from agents.tools.box import ToolAnswer
from agents.vendors.metering import Meter
from agents.vendors.wire import Tokens
from autarch.errors import AutarchError

BODY_BYTES_MAX = 8 << 20
CALLS_MAX = 400
SILENT_SECONDS = 180.0
TUNNEL_BYTES_MAX = 64 << 20
_PASSED = frozenset({"content-type", "anthropic-version", "anthropic-beta", "accept", "user-agent", "openai-beta"})
_PATHS: Mapping[Vendor, tuple[str, ...]] = {
    "anthropic": ("/v1/messages", "/v1/messages/count_tokens"),
    "openai": ("/v1/responses",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendored:
    """The vendor behind the door. `base` its address, `key` ours; `model` what may be asked, and no other."""

    vendor: Vendor
    base: str
    key: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a gateway serves.

    Attributes:
        tool: Runs a tool by name.
        vendored: None where the agent has a login of its own and reaches its vendor by CONNECT.
        till: Books what goes through; its answers are not kept, since only the program can read them.
        conversation: Under which name attempts are booked.
        hosts: That may be reached by CONNECT.
    """

    tool: Callable[[str, Mapping[str, Any] | None], ToolAnswer]
    vendored: Vendored | None
    till: Till
    conversation: str
    hosts: tuple[str, ...]


class Gateway:
    """Answers until it is closed. `word` is what the agent shows instead of a key."""

    def __init__(self, door: Door) -> None:
        """Serve `door`, once there is a socket to serve it on."""
        self.door, self.word = door, f"run-{secrets.token_hex(16)}"
        self.refused: list[str] = []
        self.calls = 0
        self._lock = threading.Lock()
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._client = httpx.Client(timeout=httpx.Timeout(SILENT_SECONDS, connect=10.0), trust_env=False)

    def serve(self, listener: socket.socket) -> None:
        """Begin to answer on `listener`, which may lie in another network."""
        owner = self

        class Handler(_Handler):
            gateway = owner

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        http.socket.close()
        http.socket = listener
        http.daemon_threads = True
        self._http = http
        self._thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()
        self._client.close()

    def run_tool(self, name: str, arguments: Mapping[str, Any] | None) -> ToolAnswer:
        """Run one tool; two at once wait for each other."""
        with self._lock:
            return self.door.tool(name, arguments)

    def book(self, body: Mapping[str, Any]) -> Passing:
        """Book one call to the vendor at what it may cost.

        Raises:
            BudgetError: a cap would be passed.
            UnknownModelError: it asks another model than the run was given.
        """
        vendored = self.door.vendored
        if vendored is None or body.get("model") != vendored.model:
            raise UnknownModelError(f"this run may ask {vendored.model if vendored else 'nobody'} and no other model")
        with self._lock:
            self.calls += 1
            number = self.calls
        if number > CALLS_MAX:
            raise BudgetError(f"all {CALLS_MAX} calls of this run are used")
        return self.door.till.passing(body, brief=self.door.conversation, turn=number)

    def note(self, text: str) -> None:
        """Remember that something was refused."""
        with self._lock:
            self.refused.append(text[:200])

    def upstream(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """Return the open answer of the vendor, to be read as it comes."""
        assert self.door.vendored is not None  # noqa: S101  whoever asks has looked
        vendored = self.door.vendored
        sent = {name: value for name, value in headers.items() if name in _PASSED}
        own = {"x-api-key": vendored.key} if vendored.vendor == "anthropic" else {}
        sent |= own or {"authorization": f"Bearer {vendored.key}"}
        return self._client.stream(method, f"{vendored.base}{path}", headers=sent, content=body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Keep quiet; what was refused is in `Gateway.refused`."""

    def do_POST(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._post()

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        if host.lower() not in self.gateway.door.hosts or port != "443":
            self._refuse(403, f"{self.path[:100]} is not reached from here")
            return
        try:
            there = socket.create_connection((host, 443), timeout=10.0)
        except OSError as error:
            self._refuse(502, f"{host}: {error}")
            return
        with there:
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            _tunnel(self.connection, there)
        self.close_connection = True

    def _post(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        shown = {headers.get("x-api-key", ""), headers.get("authorization", "").removeprefix("Bearer ")}
        length = headers.get("content-length", "")
        if self.gateway.word not in shown:
            return self._refuse(401, "this door opens for the run it was made for")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self._refuse(413, f"a body of 0 to {BODY_BYTES_MAX} bytes, its length told, is wanted")
        body = self.rfile.read(int(length))
        if self.path.startswith("/tools/"):
            return self._tool(self.path.removeprefix("/tools/"), body)
        if self.path.startswith("/vendor/"):
            return self._vendor(self.path.removeprefix("/vendor"), headers, body)
        return self._refuse(404, "there are /tools/NAME and /vendor/...")

    def _tool(self, name: str, body: bytes) -> None:
        arguments = _object(body)
        try:
            answer = self.gateway.run_tool(name, arguments)
        except AutarchError as error:
            return self._refuse(503, str(error))
        return self._json(200, {"text": answer.text, "failed": answer.failed})

    def _vendor(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        vendored, asked = self.gateway.door.vendored, _object(body)
        plain = path.partition("?")[0]
        if vendored is None or asked is None or plain not in _PATHS[vendored.vendor]:
            return self._refuse(403, f"{plain[:100]} is not asked from here")
        if plain.endswith("/count_tokens"):  # free of charge at the vendor
            return self._pass_on(path, headers, body, Meter(vendored.vendor, is_stream=False), lambda _status: None)
        try:
            passing = self.gateway.book(asked)
        except AutarchError as error:
            self.gateway.note(str(error))
            return self._json(403, {"type": "error", "error": {"type": "permission_error", "message": str(error)}})
        meter = Meter(vendored.vendor, is_stream=bool(asked.get("stream")))

        def settle(status: int) -> None:
            told = meter.end() if status == 200 else Tokens()
            is_whole = meter.is_whole or (status != 200 and not meter.size) or status >= 400
            passing.settle(told, is_whole=is_whole, status=status, size=meter.size)

        return self._pass_on(path, headers, body, meter, settle)

    def _pass_on(
        self, path: str, headers: Mapping[str, str], body: bytes, meter: Meter, settle: Callable[[int], None]
    ) -> None:
        status = 0
        try:
            with self.gateway.upstream("POST", path, headers, body) as answer:
                status = answer.status_code
                self.send_response(status)
                self.send_header("content-type", answer.headers.get("content-type", "application/json"))
                for name in ("retry-after", "request-id", "x-request-id"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in answer.iter_bytes():
                    meter.feed(piece)
                    self._chunk(piece)
                self._chunk(b"")
        except httpx.HTTPError as error:
            self.gateway.note(f"the vendor: {type(error).__name__}")
            self.close_connection = True
            if not status:
                self._json(502, {"type": "error", "error": {"type": "api_error", "message": "the vendor is away"}})
        finally:
            settle(status)

    def _refuse(self, status: int, text: str) -> None:
        self.gateway.note(f"{self.command} {self.path[:80]}: {text}")
        self.close_connection = True
        self._json(status, {"error": {"message": text}})

    def _json(self, status: int, value: Mapping[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _tunnel(here: socket.socket, there: socket.socket) -> None:
    passed, other = 0, {here: there, there: here}
    while passed < TUNNEL_BYTES_MAX:
        ready, _, _ = select.select([here, there], [], [], SILENT_SECONDS)
        if not ready:
            return
        for one in ready:
            try:
                piece = one.recv(65_536)
                if not piece:
                    return
                other[one].sendall(piece)
            except OSError:
                return
            passed += len(piece)
