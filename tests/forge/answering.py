"""An HTTP server on loopback for tests that play a platform: bodies of any kind in, whole answers out, no log."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering(ABC, BaseHTTPRequestHandler):
    """Who inherits gives `respond`, which every method of the REST API ends in."""

    protocol_version = "HTTP/1.1"

    @abstractmethod
    def respond(self) -> None:
        """Answer the request that was read."""

    def _any(self) -> None:
        self.respond()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815  the library's names

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""  # as git sends a pack of more than a megabyte
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def send(self, status: int, headers: dict[str, str], content: bytes) -> None:
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
def answering(handler: type[Answering], **given: object) -> Iterator[str]:
    """Serve for as long as the context lasts, `given` being attributes of every handler; yield the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), given))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
