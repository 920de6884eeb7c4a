"""How an account stands, from its journal, heartbeat and alerts alone: nothing here disturbs a running executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from autarch.errors import ConfigError
from live.host import Host
from live.journal import Journal
from live.observing.alerting import alerts_path, read_alerts
from live.observing.heartbeat import Heartbeat, heartbeat_path, read_heartbeat, start_ticks
from live.observing.picture import Holding, Picture
from live.stopping.latch import FileLatch, Latched
from live.stopping.places import Places
from live.watching.choice import Choices

SILENT_MS = 5_000
"""A running executor beats once a second; after so long without one it hangs."""
ALERTS_SHOWN = 5


@dataclass(slots=True)
class Looking:
    """Looks at one account, again and again if asked: the journal is read on from where it was left.

    The chain is verified at the first look.
    """

    host: Host
    account: str
    _picture: Picture = field(default_factory=Picture)
    _verified: bool = False

    def look(self, now_ms: int) -> dict[str, Any]:
        """Return the object of `autarch live status --json`.

        Raises:
            ConfigError: there is no journal, or it cannot be read.
            RefusedError: its chain is broken.
        """
        with Journal(self.host.journal_path(self.account), account=self.account, read_only=True) as journal:
            if not self._verified:
                journal.verify()
                self._verified = True
            self._picture.fold(journal.events(after=self._picture.seq))
            of_journal = journal_status(journal, self._picture)
        latched = FileLatch(path=Places(root=self.host.root, account=self.account).latch, account=self.account).read()
        seen = {"latch": _latch(latched), "alerts": self._alerts()}
        return {**of_journal, **_overruled(of_journal, latched), **self._alive(now_ms), **self._next(), **seen}

    def _alive(self, now_ms: int) -> dict[str, Any]:
        try:
            beat = read_heartbeat(heartbeat_path(self.host, self.account))
        except ConfigError as error:
            return {"running": None, "heartbeat": None, "note": str(error)}
        if beat is None:
            return {"running": None, "heartbeat": None}
        shown = {
            "time_ms": beat.time_ms,
            "age_ms": beat.age_ms(now_ms),
            "seq": beat.seq,
            "exposed": beat.exposed,
            "stale_ms": beat.stale_ms,
            "clock_offset_ms": beat.clock_offset_ms,
            "generation": beat.generation,
        }
        return {"running": is_running(beat), "heartbeat": shown}

    def _next(self) -> dict[str, Any]:
        try:
            choice = Choices(self.host).read()
        except ConfigError as error:
            return {"next_tag": None, "note": str(error)}
        active = self._picture.tag
        return {"next_tag": None if choice is None or choice.tag == active else choice.tag}

    def _alerts(self) -> list[dict[str, Any]]:
        told = read_alerts(alerts_path(self.host, self.account))
        return [asdict(alert) for alert in told[-ALERTS_SHOWN:]]


def _overruled(of_journal: Mapping[str, Any], latched: Latched) -> dict[str, str]:
    """Return the state that really holds: a kill halts without an executor that could journal it."""
    halted = latched.blocks("")
    return {"state": "HALTED", "reason": halted} if halted and of_journal["state"] != "HALTED" else {}


def _latch(latched: Latched) -> dict[str, Any]:
    """Return what nobody may send against, whatever the journal says."""
    waiting = None if latched.release is None else f"{latched.release.who} resumes from {latched.release.start}"
    return {"halts": [str(halted) for halted in latched.halts], "release": waiting}


def accounts_of(host: Host) -> tuple[str, ...]:
    """Return the accounts that have a journal on this host."""
    return tuple(sorted(path.stem for path in host.journal_path("any").parent.glob("*.sqlite3")))


def is_running(beat: Heartbeat) -> bool:
    """Return whether the process that gave the beat still runs: the same pid, started at the same moment."""
    return beat.start_ticks > 0 and start_ticks(beat.pid) == beat.start_ticks


def status_of(journal: Journal) -> dict[str, Any]:
    """Return what a journal alone says of its account."""
    picture = Picture()
    picture.fold(journal.events())
    return journal_status(journal, picture)


def journal_status(journal: Journal, picture: Picture) -> dict[str, Any]:
    """Return what `picture`, folded from `journal`, shows; quantities and prices as text, equity in USDT."""
    seq, head = journal.head
    return {
        "account": journal.account,
        "tag": picture.tag or None,
        "feed": picture.opened.get("feed"),
        "state": picture.state,
        "reason": picture.reason,
        "states": {symbol: {"state": state, "reason": why} for symbol, (state, why) in sorted(picture.halted.items())},
        "last_close_ms": picture.last_close_ms,
        "last_fill": picture.last_fill,
        "equity": dict(sorted(picture.equity.items())),
        "account_equity": picture.account_equity,
        "day_change": picture.day_change,
        "drawdown_frac": picture.drawdown_frac,
        "positions": {symbol: format(held.size, "f") for symbol, held in picture.positions.items()},
        "holdings": {symbol: _holding(held) for symbol, held in picture.positions.items()},
        "orders": [_order(link, order) for link, order in picture.orders.items()],
        "events": dict(sorted(picture.counts.items())),
        "journal": {"path": str(journal.path), "seq": seq, "head": head},
    }


def _holding(held: Holding) -> dict[str, str | None]:
    return {name: _text(getattr(held, name)) for name in ("size", "entry", "stop_loss", "take_profit")}


def _order(link: str, order: Mapping[str, Any]) -> dict[str, Any]:
    names = ("symbol", "leg", "side", "qty", "bar", "sent_ms")
    return {"order_link_id": link, **{name: order.get(name) for name in names}}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
