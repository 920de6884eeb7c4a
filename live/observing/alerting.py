"""Alerts: thinned by subject, kept in a file for `live status`, and passed on through apprise where a host says to.

`<host>/alerts.toml`, private to its owner because its URLs hold tokens:

    urls = ["tgram://bot-token/chat-id"]   # any that apprise knows
    least = "warning"                      # info, warning or critical: what is passed on
"""

from __future__ import annotations

import json
import logging
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from autarch.errors import ConfigError
from autarch.redacting import Redactor
from live.host import Host
from live.ports.alerts import Severity

log = logging.getLogger(__name__)

QUIET_MS = 15 * 60_000
"""How long a subject stays quiet after it was told, unless it gets worse."""
KEPT = 100
RANK: dict[str, int] = {"info": 0, "warning": 1, "critical": 2}
FILE_BYTES_MAX = 65_536


class AlertsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `alerts.toml` says."""

    urls: tuple[str, ...] = ()
    least: Literal["info", "warning", "critical"] = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert as it was passed on; `repeats` earlier ones of its subject were thinned out."""

    time_ms: int
    severity: Severity
    subject: str
    text: str
    repeats: int = 0


@dataclass(slots=True, kw_only=True)
class Thinner:
    """Lets a subject through once in `quiet_ms`, or when it gets worse; counts what it keeps back."""

    quiet_ms: int = QUIET_MS
    _last: dict[str, Told] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)

    def take(self, alert: Told) -> Told | None:
        """Return the alert to pass on, with how many it stands for, or None."""
        last = self._last.get(alert.subject)
        if last is not None:
            is_worse = RANK[alert.severity] > RANK[last.severity]
            if alert.time_ms - last.time_ms < self.quiet_ms and not is_worse:
                self._held[alert.subject] = self._held.get(alert.subject, 0) + 1
                return None
        passed = Told(
            time_ms=alert.time_ms,
            severity=alert.severity,
            subject=alert.subject,
            text=alert.text,
            repeats=self._held.pop(alert.subject, 0),
        )
        self._last[alert.subject] = passed
        return passed


class Sender(Protocol):
    """Passes an alert on to a human; may take its time, and may fail."""

    def send(self, alert: Told, *, account: str) -> None:
        """Send, or raise."""
        ...


class AppriseSender:
    """Whatever apprise speaks: mail, Telegram, Slack, a webhook and some hundred more."""

    def __init__(self, urls: Sequence[str], *, least: Severity = "warning") -> None:
        """Take the URLs.

        Raises:
            ConfigError: apprise does not know one of them; only its scheme is named, the rest may be a secret.
        """
        import apprise  # noqa: PLC0415  half a second, for hosts that pass alerts on

        self._least = RANK[least]
        self._kinds = {
            "info": apprise.NotifyType.INFO,
            "warning": apprise.NotifyType.WARNING,
            "critical": apprise.NotifyType.FAILURE,
        }
        self._apprise = apprise.Apprise()
        for number, url in enumerate(urls, 1):
            if not self._apprise.add(url):
                scheme = url.partition(":")[0]
                raise ConfigError(f"alerts.toml: apprise does not understand URL {number}, a {scheme!r}; see its list")

    def send(self, alert: Told, *, account: str) -> None:
        """Send it to every URL.

        Raises:
            OSError: one of them did not take it.
        """
        if RANK[alert.severity] < self._least or not len(self._apprise):
            return
        more = f" (and {alert.repeats} more like it)" if alert.repeats else ""
        title = f"autarch {account}: {alert.subject}"
        if not self._apprise.notify(title=title, body=alert.text + more, notify_type=self._kinds[alert.severity]):
            raise OSError("an alert URL did not take it")


class NobodyElse:
    """No URL is configured; the log and `live status` have the alerts."""

    def send(self, alert: Told, *, account: str) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Alerting:
    """Thins, keeps, and sends, each without the others' failures. Called by one thread that may wait."""

    path: Path
    account: str
    sender: Sender
    redactor: Redactor
    thinner: Thinner = field(default_factory=Thinner)

    def tell(self, alert: Told) -> Told | None:
        """Pass one on; returns it as it was passed on, None where its subject was told a moment ago."""
        clean = Told(
            time_ms=alert.time_ms,
            severity=alert.severity,
            subject=self.redactor.clean(alert.subject),
            text=self.redactor.clean(alert.text),
        )
        passed = self.thinner.take(clean)
        if passed is None:
            return None
        try:
            self._keep(passed)
        except OSError as error:
            log.warning("alerts cannot be kept: %s", error.strerror)
        try:
            self.sender.send(passed, account=self.account)
        except Exception as error:  # noqa: BLE001  a plugin of many; the executor must not hear of it
            log.warning("an alert was not passed on: %s", self.redactor.clean(repr(error)))
        return passed

    def _keep(self, passed: Told) -> None:
        """Add it to the file, which another process of this account may have written meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = (*read_alerts(self.path), passed)[-KEPT:]
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_text("".join(json.dumps(asdict(told)) + "\n" for told in kept), encoding="utf-8")
        part.chmod(0o600)
        part.replace(self.path)


def alerts_path(host: Host, account: str) -> Path:
    """Return where the newest alerts of an account are kept."""
    return host.root / "alerts" / f"{account}.jsonl"


def read_alerts(path: Path) -> tuple[Told, ...]:
    """Return the newest alerts, oldest first; none where there is no file, or an older one that does not parse."""
    if not path.exists():
        return ()
    try:
        return tuple(Told(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())
    except (ValueError, TypeError):
        return ()


def alerts_file(host: Host) -> AlertsFile:
    """Return what `alerts.toml` says; nothing where there is none.

    Raises:
        ConfigError: others may read it, or it is malformed.
    """
    path = host.root / "alerts.toml"
    try:
        content, mode = path.read_bytes()[:FILE_BYTES_MAX], path.stat().st_mode
    except FileNotFoundError:
        return AlertsFile()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; check its owner") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"{path} holds tokens and has mode {stat.S_IMODE(mode):o}; chmod 600 it")
    try:
        return msgspec.convert(tomllib.loads(content.decode()), AlertsFile, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"{path} does not parse: {type(error).__name__}; it has urls = [...] and least = ..."
        ) from error
