"""What the paper venue remembers on disk: the orders it took, so that its death and ours are two things.

A fill follows from the orders and the bars, so orders alone are kept. A write survives the death of
the process, not of the power: the executor's journal is the durable side and notices what is gone.
"""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.paths import private_directory
from live.venue.port import OrderRequest

_DDL = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY, order_link_id TEXT NOT NULL UNIQUE, time_ms INTEGER NOT NULL, body TEXT NOT NULL
)
"""


class OrderBook:
    """Every order the paper venue accepted on one account, in order; `path` None keeps them in memory."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or create the book.

        Raises:
            ConfigError: the file is not a book.
        """
        if path is not None:
            private_directory(path.parent)
        try:
            self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        except sqlite3.Error as error:
            raise ConfigError(f"{path}, the paper venue's order book, cannot be opened: {error}") from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_DDL)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(f"{path} is not the paper venue's order book: {error}; move it away") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, order: OrderRequest, time_ms: EpochMs) -> None:
        """Remember an accepted order.

        Raises:
            ConfigError: the disk did not take it; the order does not exist.
        """
        body = {
            "symbol": order.symbol,
            "side": order.side,
            "qty": str(order.qty),
            "reduce_only": order.reduce_only,
            "stop_loss_frac": None if order.stop_loss_frac is None else str(order.stop_loss_frac),
            "take_profit_frac": None if order.take_profit_frac is None else str(order.take_profit_frac),
        }
        try:
            self._db.execute(
                "INSERT INTO orders (order_link_id, time_ms, body) VALUES (?, ?, ?)",
                (order.order_link_id, time_ms, json.dumps(body)),
            )
        except sqlite3.OperationalError as error:
            raise ConfigError(
                f"the paper venue's order book cannot be written: {error}; free some space and run again, "
                "the order is sent then"
            ) from error

    def orders(self) -> tuple[tuple[EpochMs, OrderRequest], ...]:
        """Return every order with the time it was taken at, oldest first.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            rows = self._db.execute("SELECT order_link_id, time_ms, body FROM orders ORDER BY seq").fetchall()
            return tuple((EpochMs(time_ms), _order(link, json.loads(body))) for link, time_ms, body in rows)
        except (sqlite3.Error, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise ConfigError(f"the paper venue's order book is damaged: {error!r}; restore the last backup") from error


def _order(link: str, body: dict[str, object]) -> OrderRequest:
    stop, take = body["stop_loss_frac"], body["take_profit_frac"]
    return OrderRequest(
        order_link_id=link,
        symbol=str(body["symbol"]),
        side="Buy" if body["side"] == "Buy" else "Sell",
        qty=Decimal(str(body["qty"])),
        reduce_only=bool(body["reduce_only"]),
        stop_loss_frac=None if stop is None else Decimal(str(stop)),
        take_profit_frac=None if take is None else Decimal(str(take)),
    )
