"""Prometheus metrics of one executor, in a registry of their own, and who serves them on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from autarch.errors import ConfigError
from live.observing.picture import Picture
from live.ports.observer import Pulse

LOOPBACK = "127.0.0.1"
STATES = {"ACTIVE": 0, "REDUCING": 1, "HALTED": 2}
LATENCY_BUCKETS_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_COUNTED = {
    "decisions": ("decisions", "sleeve"),
    "orders": ("orders written down", "leg"),
    "fills": ("fills, forced ones and funding", "cause"),
    "rejects": ("orders refused", "by"),
    "unknown": ("orders whose outcome nobody knew", "what"),
    "missed": ("entries too late, and stretches of bars nobody decided on", "what"),
}


class Metrics:
    """Gauges and counters of one account; set by one thread, read by the server's."""

    def __init__(self, *, account: str, journal: Path) -> None:
        """Start at zero; `journal` is whose size is shown."""
        self.registry = CollectorRegistry()
        self._account, self._journal = account, journal
        self._counters = {
            what: Counter(f"autarch_{what}", text, ["account", label], registry=self.registry)
            for what, (text, label) in _COUNTED.items()
        }
        self._told: dict[tuple[str, str], int] = {}
        self._latency = Histogram(
            "autarch_bar_close_to_send_seconds",
            "from a bar's close to the sending of its orders, venue's clock",
            ["account"],
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self._state = self._gauge("state", "0 ACTIVE, 1 REDUCING, 2 HALTED; symbol empty: the account", "symbol")
        self._equity = self._gauge("equity_usdt", "at the newest decision; sleeve empty: the account", "sleeve")
        self._drawdown = self._gauge("drawdown_frac", "of the account's peak equity")
        self._day = self._gauge("day_change_usdt", "since the UTC day's first decision")
        self._position = self._gauge("position", "signed coins", "symbol")
        self._stale = self._gauge("stale_seconds", "age of the newest message", "source")
        self._offset = self._gauge("clock_offset_seconds", "the venue's clock less ours")
        self._size = self._gauge("journal_bytes", "size of the journal's file")
        self._seq = self._gauge("journal_events", "number of the newest durable event")
        self._beat = self._gauge("heartbeat_timestamp_seconds", "when the executor's loop last gave a sign of life")
        self._lost = self._gauge("observer_dropped", "items that those who watch had no room for")

    def show(self, picture: Picture) -> None:
        """Take over what the journal says."""
        for key, count in picture.tallies.items():
            new = count - self._told.get(key, 0)
            if new > 0:
                self._counters[key[0]].labels(self._account, key[1]).inc(new)
                self._told[key] = count
        for latency_ms in picture.latencies_ms:
            self._latency.labels(self._account).observe(latency_ms / 1000)
        picture.latencies_ms.clear()
        for symbol, held in picture.holdings.items():
            self._position.labels(self._account, symbol).set(float(held.size))
            state = picture.halted.get(symbol, (picture.state, ""))[0]
            self._state.labels(self._account, symbol).set(STATES.get(state, 2))
        self._state.labels(self._account, "").set(STATES.get(picture.state, 2))
        for sleeve, equity in picture.equity.items():
            self._equity.labels(self._account, sleeve).set(equity)
        if picture.account_equity is not None:
            self._equity.labels(self._account, "").set(picture.account_equity)
        self._drawdown.labels(self._account).set(picture.drawdown_frac)
        self._day.labels(self._account).set(picture.day_change)
        self._seq.labels(self._account).set(picture.seq)

    def beat(self, pulse: Pulse, *, dropped: int) -> None:
        """Take over a sign of life."""
        self._beat.labels(self._account).set(pulse.time_ms / 1000)
        self._state.labels(self._account, "").set(STATES[pulse.state])
        for source, age_ms in pulse.stale_ms.items():
            self._stale.labels(self._account, source).set(age_ms / 1000)
        if pulse.clock_offset_ms is not None:
            self._offset.labels(self._account).set(pulse.clock_offset_ms / 1000)
        self._lost.labels(self._account).set(dropped)
        if self._journal.exists():
            self._size.labels(self._account).set(self._journal.stat().st_size)

    def text(self) -> bytes:
        """Return the page that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"autarch_{name}", text, ["account", *labels], registry=self.registry)


@contextmanager
def served(metrics: Metrics, *, port: int, heartbeat: Path) -> Iterator[int]:
    """Serve GET /metrics and GET /heartbeat on 127.0.0.1 from threads of their own; yields the port.

    Args:
        metrics: What to show.
        port: 0 takes a free one.
        heartbeat: The file whose newest bytes /heartbeat answers; 404 before the first.

    Raises:
        ConfigError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, metrics.text())
            elif self.path == "/heartbeat" and heartbeat.exists():
                self._answer(200, "application/json", heartbeat.read_bytes())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"there are /metrics and /heartbeat\n")

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing: scrapes are no news."""

    try:
        server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise ConfigError(f"port {port} on {LOOPBACK}: {error.strerror}; choose another with --metrics") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True, name="metrics")
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
