"""What follows when yesterday's decisions do not come out again: the account is halted, and somebody is told.

The halt goes through the latch, so that it needs no executor that listens, holds over restarts, and ends only by a
human's `live resume`. A live strategy that differs from itself has a clock, a memory or other bars than were judged;
none of that may go on trading while nobody knows which.
"""

from __future__ import annotations

from autarch.canonical import EpochMs
from autarch.redacting import Redactor
from live.host import Host
from live.observing.alerting import Alerting, AppriseSender, NobodyElse, Sender, Told, alerts_file, alerts_path
from live.stopping.latch import FileLatch, Halted
from live.stopping.places import Places

WHO = "daily re-gate"


def halt(host: Host, account: str, why: str, *, now_ms: int, sender: Sender | None = None) -> None:
    """Halt `account` and alert; the halt comes first, whatever becomes of the alert.

    Args:
        host: Whose latch.
        account: Whose executor.
        why: The difference, in a sentence.
        now_ms: The present time.
        sender: Who passes the alert on; by default as `alerts.toml` says.

    Raises:
        ConfigError: the latch cannot be written, or alerts.toml is malformed.
    """
    places = Places(root=host.root, account=account)
    places.make()
    FileLatch(path=places.latch, account=account).halt(Halted(by="human", who=WHO, why=why, at_ms=EpochMs(now_ms)))
    said = alerts_file(host)
    if sender is None:
        sender = AppriseSender(said.urls, least=said.least) if said.urls else NobodyElse()
    alerting = Alerting(alerts_path(host, account), account, sender, Redactor(said.urls))
    alerting.tell(Told(time_ms=now_ms, severity="critical", subject="decisions differ", text=why))
