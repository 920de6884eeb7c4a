"""The paper venue's order book on disk: what it cannot read it names."""

from __future__ import annotations

import sqlite3

import pytest

from autarch.errors import ConfigError
from live.venue.book import OrderBook


@pytest.mark.parametrize("body", ["{", "{}", '{"stop_loss_frac": "x"}', "[]"])
def test_an_order_that_was_damaged_is_no_bug_of_ours_but_a_damaged_book(tmp_path, body):
    OrderBook(tmp_path / "book.sqlite3").close()
    database = sqlite3.connect(tmp_path / "book.sqlite3")
    database.execute("INSERT INTO orders VALUES (1, 'at-1', 0, ?)", (body,))
    database.commit()
    database.close()
    book = OrderBook(tmp_path / "book.sqlite3")

    with pytest.raises(ConfigError, match=r"order book is damaged: .*; restore the last backup"):
        book.orders()
    book.close()
