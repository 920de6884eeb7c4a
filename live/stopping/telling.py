"""Alerts of what runs beside an executor: narrated at once, and passed on by a thread that may wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import ConfigError
from autarch.redacting import Redactor
from live.host import Host
from live.observing.alerting import Alerting, AppriseSender, NobodyElse, Sender, Told, alerts_file
from live.ports.alerts import Severity
from live.ports.clock import Clock

END_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Implements `live.ports.alerts.Alerts`."""

    alerting: Alerting
    clock: Clock
    note: Callable[[str], None]
    thread: ThreadPoolExecutor

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """Narrate one alert and hand it to the thread."""
        self.note(f"{severity}: {text}")
        told = Told(time_ms=self.clock.now_ms(), severity=severity, subject=subject, text=text)
        self.thread.submit(self.alerting.tell, told)


@contextmanager
def teller(host: Host, account: str, *, path: Path, clock: Clock, note: Callable[[str], None]) -> Iterator[Teller]:
    """Tell by the host's alerts.toml while the block runs; one that is no good is said and alerts are narrated only.

    Args:
        host: Where alerts.toml is.
        account: Whom the alerts are about.
        path: Where the newest are kept.
        clock: Of the alerts' times.
        note: Takes lines for a human.
    """
    secrets: tuple[str, ...] = ()
    sender: Sender = NobodyElse()
    try:
        said = alerts_file(host)
        if said.urls:
            secrets, sender = said.urls, AppriseSender(said.urls, least=said.least)
    except ConfigError as error:
        note(f"alerts are not passed on: {error}")
    thread = ThreadPoolExecutor(1, thread_name_prefix="telling")
    try:
        yield Teller(alerting=Alerting(path, account, sender, Redactor(secrets)), clock=clock, note=note, thread=thread)
    finally:
        wait([thread.submit(lambda: None)], timeout=END_WAIT_S)  # an alert URL that hangs must not hold up an end
        thread.shutdown(wait=False, cancel_futures=True)
