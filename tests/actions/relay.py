"""GitHub's calls about workflows, in front of a local forge, which has none: they are kept, the rest is passed on."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

RUNS = re.compile(r"/repos/[^/]+/[^/]+/actions/(?:workflows/[\w.]+/)?runs")
STARTS = re.compile(r"/repos/[^/]+/[^/]+/actions/(workflows/[\w.]+/dispatches|runs/\d+/rerun)")
HOP = frozenset({"connection", "content-length", "transfer-encoding", "host"})
"""Fields that are about one connection."""


@dataclass
class Relay:
    """`runs` are what the platform says its workflows did; `started` what it was asked to start, with the body.

    `calls` counts requests to the REST API, git's apart.
    """

    behind: str
    url: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[str, Any]] = field(default_factory=list)
    calls: int = 0


class _Handler(BaseHTTPRequestHandler):
    relay: Relay
    http: httpx.Client
    protocol_version = "HTTP/1.1"

    def respond(self) -> None:
        body = self._body()
        path = self.path.partition("?")[0]
        self.relay.calls += ".git/" not in path
        if self.command == "GET" and RUNS.fullmatch(path):
            told = {"total_count": len(self.relay.runs), "workflow_runs": self.relay.runs}
            self._send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())
        elif self.command == "POST" and (match := STARTS.fullmatch(path)):
            self.relay.started.append((match[1], json.loads(body or b"null")))
            self._send(204, {}, b"")
        else:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            answer = self.http.request(self.command, f"{self.relay.behind}{self.path}", headers=headers, content=body)
            kept = {name: value for name, value in answer.headers.items() if name not in {*HOP, "content-encoding"}}
            self._send(answer.status_code, kept, answer.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815  the library's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""  # as git sends a pack of more than a megabyte
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: a test's output is its own."""


@contextlib.contextmanager
def relaying(behind: str) -> Iterator[Relay]:
    """Answer on loopback in front of the forge at `behind` for as long as the context lasts."""
    relay = Relay(behind=behind)
    with httpx.Client(trust_env=False, timeout=120.0) as http:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"relay": relay, "http": http}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        relay.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield relay
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5.0)
