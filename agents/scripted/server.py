"""A local server that speaks both vendors' wire formats and plays a script. The vendors' own libraries are its clients.

POST /v1/messages, /v1/messages/count_tokens and /v1/responses, streamed or not. It answers on the loopback alone.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

from agents.scripted import anthropic_format, openai_format
from agents.scripted.talking import Asked, Counted, Fault, Said, Script, tokens_of
from autarch.canonical import sha256_hex

KEY = "scripted-key"
BODY_BYTES_MAX = 32 << 20
_FORMATS: Mapping[str, ModuleType] = {"/v1/messages": anthropic_format, "/v1/responses": openai_format}


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One request as it came in; `headers` in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ScriptedServer:
    """Serves until it is closed. `log` holds every request in order, whatever came of it."""

    def __init__(self, script: Script, *, key: str = KEY) -> None:
        """Listen on a free port of the loopback; only `key` is let in."""
        self.log: list[Logged] = []
        self._script, self._key = script, key
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Base address without /v1, as Anthropic's library wants it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request carries the key, in either vendor's header."""
        return self._key in {headers.get("x-api-key", ""), headers.get("authorization", "").removeprefix("Bearer ")}

    def answer(self, asked: Asked) -> tuple[Said | Fault, Counted, str]:
        """Return the script's reply with its tokens and a name for it."""
        digest = sha256_hex(asked.text.encode())
        with self._lock:
            number = self._seen.get(digest, 0)
            self._seen[digest] = number + 1
        reply = self._script(asked, number)
        if isinstance(reply, Fault):
            return reply, Counted(fresh=0, read=0, written=0, out=0), digest[:16]
        return reply, self._count(asked, reply), f"{digest[:12]}{number:02d}"

    def note(self, logged: Logged) -> None:
        """Keep a request for whoever asks later."""
        with self._lock:
            self.log.append(logged)

    def _count(self, asked: Asked, said: Said) -> Counted:
        total = tokens_of(asked.text)
        out = tokens_of(said.text + "".join(f"{c.name}{json.dumps(dict(c.arguments))}" for c in said.calls))
        conversation = sha256_hex(f"{asked.model}{asked.system}{asked.first}".encode())
        with self._lock:
            read = min(self._prefixes.get(conversation, 0), total)
            self._prefixes[conversation] = max(total, self._prefixes.get(conversation, 0))
        fresh = min(16, total - read)
        return Counted(fresh=fresh, read=read, written=total - read - fresh, out=out)


@contextmanager
def serving(script: Script, *, key: str = KEY) -> Iterator[ScriptedServer]:
    """Serve a script while the block lasts."""
    server = ScriptedServer(script, key=key)
    try:
        yield server
    finally:
        server.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_owner: ScriptedServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Keep quiet: requests are in `ScriptedServer.log`."""

    def do_POST(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # a client that timed out has left
            self._post()

    def _post(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self._send(413, anthropic_format.error("request_too_large", f"{length} bytes"))
        body = json.loads(self.rfile.read(length))
        self.server_owner.note(Logged(path=self.path, headers=headers, body=body))
        wire = _FORMATS.get(self.path.removesuffix("/count_tokens"))
        if wire is None:
            return self._send(404, openai_format.error("not_found_error", f"no {self.path} here"))
        if not self.server_owner.admits(headers):
            return self._send(401, wire.error("authentication_error", "invalid x-api-key"))
        asked = wire.read(body)
        if self.path.endswith("/count_tokens"):
            return self._send(200, {"input_tokens": tokens_of(asked.text)})
        return self._reply(wire, asked)

    def _reply(self, wire: ModuleType, asked: Asked) -> None:
        reply, counted, name = self.server_owner.answer(asked)
        if isinstance(reply, Fault):
            more = {} if reply.retry_after is None else {"retry-after": reply.retry_after}
            return self._send(reply.status, wire.error(reply.kind, reply.message), more)
        if not asked.is_stream:
            return self._send(200, wire.whole(reply, counted, model=asked.model, name=name))
        self._head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        events = wire.events(reply, counted, model=asked.model, name=name)
        for number, (kind, data) in enumerate(events):
            if reply.cut_after is not None and number >= reply.cut_after:
                self.close_connection = True
                return None
            if reply.pause_s:
                time.sleep(reply.pause_s)
            self._chunk(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
        self._chunk(b"")
        return None

    def _send(self, status: int, body: Mapping[str, Any], more: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self._head(status, {"content-type": "application/json", "content-length": str(len(content)), **(more or {})})
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        name = f"req_{len(self.server_owner.log):06d}"
        for key, value in {"request-id": name, "x-request-id": name, **headers}.items():
            self.send_header(key, value)
        self.end_headers()

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()
