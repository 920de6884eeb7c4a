"""Bars of a live feed as the executor saw them, kept so that every decision can be made again from the same bytes.

One SQLite file an account, `<host>/bars/<account>.sqlite3`, beside the journal and append-only like it. A bar that is
read again with other numbers, by a later run, becomes another version; a run is read back as of its own number, the
journal's `opened` event. Its instruments are those of the release's data set, which the journal names.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from autarch.canonical import Sha256
from autarch.errors import ConfigError, DataError
from autarch.market.types import Floats, FundingSchedule, Instrument, Ints, Market, SymbolSeries
from autarch.paths import private_directory
from live.host import Host

COLUMNS: Final = ("open", "high", "low", "close", "volume", "turnover", "traded")
_DDL = """
CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER NOT NULL, sleeve TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (seq, sleeve)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bars (
    symbol TEXT NOT NULL, interval_ms INTEGER NOT NULL, ts INTEGER NOT NULL, seq INTEGER NOT NULL, cells BLOB NOT NULL,
    PRIMARY KEY (symbol, interval_ms, ts, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamps (
    symbol TEXT NOT NULL, kind TEXT NOT NULL, ts INTEGER NOT NULL, seq INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (symbol, kind, ts, seq)
) WITHOUT ROWID;
"""
_BARS = "INSERT OR IGNORE INTO bars VALUES (?, ?, ?, ?, ?)"
_STAMPS = "INSERT OR IGNORE INTO stamps VALUES (?, ?, ?, ?, ?)"


def kept_path(host: Host, account: str) -> Path:
    """Return where the bars of an account's live feeds are kept."""
    return host.root / "bars" / f"{account}.sqlite3"


class KeptBars:
    """Implements `live.ports.keeping.Keeper` on a file, and reads it back."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, which a writer makes.

        Raises:
            ConfigError: it cannot be opened.
            DataError: there is none to read.
        """
        self._path = path
        if read_only and not path.exists():
            raise DataError(f"no bars of a live feed are kept at {path}; only its own host can decide again on them")
        if not read_only:
            private_directory(path.parent)
        self._seqs: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        with self._sound():
            uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=2.0)
            if not read_only:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.executescript(_DDL)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, strategy: str, market: Market, *, seq: int) -> None:
        """See `Keeper`."""
        body = {
            "symbols": list(market.symbols),
            "dataset": market.dataset,
            "dataset_digest": market.dataset_digest,
            "split": market.split,
            "interval": market.interval,
            "interval_ms": market.interval_ms,
            "first_ts": int(market.ts[0]),
            "first_rows": {series.symbol: series.first_row for series in market.series},
            "funding": {s.symbol: [[f.from_ms, f.interval_min] for f in s.funding_schedule] for s in market.series},
        }
        self._seqs[strategy], self._rows[strategy] = seq, 0
        with self._sound():
            self._db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (seq, strategy, json.dumps(body)))
        self.keep(strategy, market, row=market.n_bars - 1)

    def keep(self, strategy: str, market: Market, *, row: int) -> None:
        """See `Keeper`."""
        start, seq = self._rows[strategy], self._seqs[strategy]
        if row < start:
            return
        with self._sound():
            self._db.execute("BEGIN")
            try:
                for series in market.series:
                    self._keep_bars(market, series, range(start, row + 1), seq)
                    since = None if start == 0 else int(market.ts[start - 1])
                    self._keep_stamps(series, since, seq)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._rows[strategy] = row + 1

    def market(
        self, strategy: str, *, seq: int, instrument: Callable[[str], Instrument], first_ts: int | None = None
    ) -> Market:
        """Return the bars of a sleeve in the run whose `opened` event has number `seq`, up to the newest kept.

        Args:
            strategy: The sleeve's key.
            seq: Of the run.
            instrument: Returns a symbol's.
            first_ts: An earlier bar to begin with, of the runs before; by default the run's own first.

        Raises:
            DataError: nothing is kept of it, or bars are missing.
        """
        with self._sound():
            row = self._db.execute("SELECT body FROM runs WHERE seq = ? AND sleeve = ?", (seq, strategy)).fetchone()
        if row is None:
            raise DataError(f"{self._path} holds no bars of {strategy} in run {seq}; they cannot be decided on again")
        run: dict[str, Any] = json.loads(row[0])
        run["first_ts"] = min(run["first_ts"], run["first_ts"] if first_ts is None else first_ts)
        symbols: list[str] = run["symbols"]
        found = {symbol: self._bars(symbol, run, seq) for symbol in symbols}
        ts = min((each for each, _ in found.values()), key=len)
        for symbol, (own, _) in found.items():
            if not np.array_equal(own[: ts.size], ts):
                raise DataError(f"{self._path}: bars of {symbol} are not those of its sleeve; the file was changed")
        return Market(
            dataset=run["dataset"],
            dataset_digest=Sha256(run["dataset_digest"]),
            split=run["split"],
            interval=run["interval"],
            interval_ms=run["interval_ms"],
            ts=ts,
            series=tuple(self._series(symbol, run, found[symbol][1][:, : ts.size], seq) for symbol in symbols),
            instruments=tuple(instrument(symbol) for symbol in symbols),
        )

    def _keep_bars(self, market: Market, series: SymbolSeries, rows: range, seq: int) -> None:
        known = dict(self._newest(series.symbol, market.interval_ms, int(market.ts[rows.start]), seq))
        part = slice(rows.start, rows.stop)
        cells = np.stack([np.asarray(getattr(series, name)[part], dtype="<f8") for name in COLUMNS], axis=1)
        fresh = [
            (series.symbol, market.interval_ms, ts, seq, cell)
            for ts, row in zip(market.ts[part].tolist(), cells, strict=True)
            if known.get(ts) != (cell := row.tobytes())
        ]
        self._db.executemany(_BARS, fresh)

    def _keep_stamps(self, series: SymbolSeries, since: int | None, seq: int) -> None:
        pairs = (("funding", series.funding_ms, series.funding_rate), ("mark", series.mark_ms, series.mark_close))
        for kind, stamps, values in pairs:
            first = 0 if since is None else int(np.searchsorted(stamps, since, side="left"))
            rows = zip(stamps[first:].tolist(), values[first:].tolist(), strict=True)
            known = dict(self._known_stamps(series.symbol, kind, 0 if since is None else since, seq))
            fresh = [(series.symbol, kind, ts, seq, value) for ts, value in rows if known.get(ts) != value]
            self._db.executemany(_STAMPS, fresh)

    def _newest(self, symbol: str, interval_ms: int, since: int, seq: int) -> Iterator[tuple[int, bytes]]:
        query = (
            "SELECT ts, cells FROM bars WHERE symbol = ? AND interval_ms = ? AND ts >= ? AND seq <= ? ORDER BY ts, seq"
        )
        yield from self._db.execute(query, (symbol, interval_ms, since, seq))

    def _known_stamps(self, symbol: str, kind: str, since: int, seq: int) -> Iterator[tuple[int, float]]:
        query = "SELECT ts, value FROM stamps WHERE symbol = ? AND kind = ? AND ts >= ? AND seq <= ? ORDER BY ts, seq"
        yield from self._db.execute(query, (symbol, kind, since, seq))

    def _bars(self, symbol: str, run: dict[str, Any], seq: int) -> tuple[Ints, Floats]:
        with self._sound():
            rows = dict(self._newest(symbol, run["interval_ms"], run["first_ts"], seq))  # newer versions come later
        ts = np.fromiter(rows, dtype=np.int64, count=len(rows))
        if not ts.size or int(ts[0]) != run["first_ts"] or (np.diff(ts) != run["interval_ms"]).any():
            raise DataError(f"{self._path}: bars of {symbol} from {run['first_ts']} on are missing; restore a backup")
        cells = np.frombuffer(b"".join(rows.values()), dtype="<f8").reshape(-1, len(COLUMNS)).T
        return ts, cells

    def _series(self, symbol: str, run: dict[str, Any], cells: Floats, seq: int) -> SymbolSeries:
        columns = {name: np.array(cells[place], dtype=np.float64) for place, name in enumerate(COLUMNS)}
        with self._sound():
            funding, marks = (dict(self._known_stamps(symbol, kind, 0, seq)) for kind in ("funding", "mark"))
        return SymbolSeries(
            symbol=symbol,
            **{**columns, "traded": columns["traded"] != 0.0},
            first_row=run["first_rows"][symbol],
            funding_ms=np.array(list(funding), dtype=np.int64),
            funding_rate=_floats(list(funding.values())),
            mark_ms=np.array(list(marks), dtype=np.int64),
            mark_close=_floats(list(marks.values())),
            funding_schedule=tuple(FundingSchedule(from_ms=a, interval_min=b) for a, b in run["funding"][symbol]),
        )

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ConfigError(
                f"kept bars {self._path}: {error}; check the disk, and restore the file if it broke"
            ) from error


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)
