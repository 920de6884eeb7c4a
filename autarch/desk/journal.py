"""Fills and equity as an account's journal holds them, for eyes: read only, never waiting for whoever writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from autarch.errors import UndecidedError

FILLS_SHOWN: Final = 200
POINTS_MAX: Final = 2_000
BUSY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One execution: `time_ms` is the venue's, numbers are text as the venue wrote them."""

    exec_id: str
    time_ms: int
    symbol: str
    side: str
    qty: str
    price: str
    fee: str
    kind: str
    order_link_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The newest fills, and the equity of all sleeves at up to `POINTS_MAX` decisions (UTC seconds, USDT)."""

    fills: tuple[Filled, ...]
    equity: tuple[tuple[int, float], ...]


def accounts_in(host_folder: Path) -> tuple[str, ...]:
    """Return the accounts that have a journal in a host folder."""
    return tuple(sorted(path.stem for path in (host_folder / "journal").glob("*.sqlite3")))


def history(path: Path) -> History:
    """Return what a journal tells.

    Raises:
        UndecidedError: it is locked, damaged, or not there.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as database:
            return History(fills=tuple(_fills(database)), equity=tuple(_equity(database)))
    except (sqlite3.Error, msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
        raise UndecidedError(f"the journal {path.name} cannot be read now ({error}); it is asked again") from error


def _fills(database: sqlite3.Connection) -> Iterator[Filled]:
    rows = database.execute(
        "SELECT time_ms, ref, body FROM events WHERE kind = 'execution' ORDER BY seq DESC LIMIT ?", (FILLS_SHOWN,)
    )
    for time_ms, ref, text in rows:
        body: dict[str, Any] = msgspec.json.decode(text)
        yield Filled(
            exec_id=str(body.get("exec_id", ref)),
            time_ms=int(time_ms),
            **{name: str(body.get(name, "")) for name in ("symbol", "side", "qty", "price", "fee", "order_link_id")},
            kind=str(body.get("exec_type", "")),
        )


def _equity(database: sqlite3.Connection) -> Iterator[tuple[int, float]]:
    """Yield the sum over sleeves after each decision; of many, evenly spaced ones and the newest."""
    (count,) = database.execute("SELECT COUNT(*) FROM events WHERE kind = 'decision'").fetchone()
    step = max(1, -(-int(count) // POINTS_MAX))
    sleeves: dict[str, float] = {}
    last = 0
    rows = database.execute("SELECT time_ms, body FROM events WHERE kind = 'decision' ORDER BY seq")
    for place, (time_ms, text) in enumerate(rows, start=1):
        body = msgspec.json.decode(text)
        sleeves[str(body.get("sleeve", body["strategy"]))] = float(body["equity"])
        at = int(time_ms) // 1000
        if at > last and (place % step == 0 or place == count):
            last = at
            yield at, sum(sleeves.values())
