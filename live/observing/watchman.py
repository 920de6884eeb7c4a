"""Who watches an executor: takes what it is told at once, and does everything slow in a thread of its own.

The executor never waits and never hears of a failure here. When the thread cannot keep up, what is newest is dropped
and counted: the journal has it all the same.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autarch.paths import private_directory
from autarch.redacting import Redactor
from live.host import Host
from live.journal import Event, Journal
from live.observing.alerting import Alerting, AppriseSender, NobodyElse, Sender, Told, alerts_file, alerts_path
from live.observing.heartbeat import Heart, heart_of
from live.observing.logfile import LogFile, line_of_event, line_of_record, time_text
from live.observing.metrics import Metrics, served
from live.observing.picture import Picture
from live.ports.alerts import Severity
from live.ports.clock import Clock
from live.ports.observer import Pulse

log = logging.getLogger(__name__)

ITEMS_MAX = 10_000
CLOSE_WAIT_S = 5.0
BEAT_EVERY_MS = 1_000
Item = tuple[Event, ...] | Pulse | Told | logging.LogRecord


@dataclass(kw_only=True)
class Watchman:
    """Implements `Observer` and `Alerts`. `start` and `close` belong to whoever made it."""

    account: str
    clock: Clock
    journal: Path
    logfile: LogFile
    heart: Heart
    alerting: Alerting
    metrics: Metrics
    picture: Picture = field(default_factory=Picture)
    dropped: int = 0
    failures: int = 0
    _items: queue.Queue[Item | None] = field(default_factory=lambda: queue.Queue(maxsize=ITEMS_MAX))
    _thread: threading.Thread | None = None
    _beaten_ms: int = -BEAT_EVERY_MS

    def observe(self, events: Sequence[Event]) -> None:
        """See `Observer`."""
        self._put(tuple(events))

    def beat(self, pulse: Pulse) -> None:
        """See `Observer`; more than one a second are thinned out."""
        if pulse.time_ms - self._beaten_ms >= BEAT_EVERY_MS or pulse.time_ms < self._beaten_ms:
            self._beaten_ms = pulse.time_ms
            self._put(pulse)

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """See `Alerts`."""
        self._put(Told(time_ms=self.clock.now_ms(), severity=severity, subject=subject, text=text))

    def record(self, record: logging.LogRecord) -> None:
        """Take what a logger says."""
        self._put(record)

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._work, daemon=True, name=f"watching {self.account}")
        self._thread.start()

    def close(self) -> None:
        """Work off what is left, for a few seconds at most, and end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._items.put(None, timeout=CLOSE_WAIT_S)
            except queue.Full:
                self.dropped += 1
            thread.join(CLOSE_WAIT_S)
        self.logfile.close()

    def _put(self, item: Item) -> None:
        try:
            self._items.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def _work(self) -> None:
        self._guard(self._look_back)
        while (item := self._items.get()) is not None:
            self._handle(item)

    def _look_back(self) -> None:
        """Fold what the journal held before this run; the events of this run come after it and once."""
        if self.journal.exists():
            with Journal(self.journal, account=self.account, read_only=True) as journal:
                self.picture.fold(journal.events())
            self.picture.latencies_ms.clear()  # of another day
            self.metrics.show(self.picture)

    def _handle(self, item: Item) -> None:
        if isinstance(item, Pulse):
            self._guard(lambda: self.heart.beat(item))
            self._guard(lambda: self.metrics.beat(item, dropped=self.dropped))
        elif isinstance(item, Told):
            self._guard(lambda: self._alert(item))
        elif isinstance(item, logging.LogRecord):
            self._guard(lambda: self.logfile.write(line_of_record(item, account=self.account)))
        else:
            new = [event for event in item if event.seq > self.picture.seq]
            self._guard(lambda: self.picture.fold(new))
            self._guard(lambda: self.metrics.show(self.picture))
            for event in item:
                self._guard(lambda event=event: self.logfile.write(line_of_event(event, account=self.account)))  # type: ignore[misc]

    def _alert(self, alert: Told) -> None:
        passed = self.alerting.tell(alert)
        if passed is not None:
            line = {"time": time_text(passed.time_ms), "level": passed.severity, "account": self.account}
            said = {"event": "alert", "subject": passed.subject, "text": passed.text, "repeats": passed.repeats}
            self.logfile.write({**line, **said})

    def _guard(self, act: Callable[[], object]) -> None:
        """Let nothing that goes wrong here go further than a count, and one word to whoever listens to loggers."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  watching must never fail what it watches
            self.failures += 1
            if self.failures == 1:
                log.warning("watching failed: %r; the executor goes on", error)


class _ToFile(logging.Handler):
    """Carries records of every module to the watchman."""

    def __init__(self, watchman: Watchman) -> None:
        super().__init__(level=logging.INFO)
        self._watchman = watchman

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("live.observing"):  # what fails to write must not be written about
            self._watchman.record(record)


@contextmanager
def watch(  # noqa: PLR0913  whom, when, and four ways to say it
    host: Host,
    account: str,
    *,
    clock: Clock,
    metrics_port: int | None = None,
    secrets: Sequence[str] = (),
    sender: Sender | None = None,
) -> Iterator[Watchman]:
    """Watch the executor of `account`: log, heartbeat, alerts and, with a port, metrics on 127.0.0.1.

    Args:
        host: Where log/, heartbeat/, alerts/ and alerts.toml are.
        account: Whose executor.
        clock: Times of alerts.
        metrics_port: For GET /metrics and /heartbeat; 0 takes a free one, None serves nothing.
        secrets: Exact texts that must not be written anywhere, besides the alert URLs.
        sender: Who passes alerts on; by default apprise with the URLs of alerts.toml.

    Raises:
        ConfigError: alerts.toml is malformed or not private, or the port is taken.
    """
    said = alerts_file(host)
    redactor = Redactor((*secrets, *said.urls))
    if sender is None:
        sender = AppriseSender(said.urls, least=said.least) if said.urls else NobodyElse()
    private_directory(host.root)
    watchman = Watchman(
        account=account,
        clock=clock,
        journal=host.journal_path(account),
        logfile=LogFile(host.root / "log" / f"{account}.jsonl", redactor),
        heart=heart_of(host, account),
        alerting=Alerting(alerts_path(host, account), account, sender, redactor),
        metrics=Metrics(account=account, journal=host.journal_path(account)),
    )
    handler = _ToFile(watchman)
    with ExitStack() as stack:
        if metrics_port is not None:
            stack.enter_context(served(watchman.metrics, port=metrics_port, heartbeat=watchman.heart.path))
        root = logging.getLogger()
        root.addHandler(handler)
        stack.callback(root.removeHandler, handler)
        watchman.start()
        stack.callback(watchman.close)
        yield watchman
