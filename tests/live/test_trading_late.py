"""Bars that closed while nobody was there: all are decided, then only the newest is acted on, and only if in time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from .bench import BAR_MS, FIRST_CLOSE, Bench


def away(found, bars):
    """Let so many bars close while no process runs."""
    found.loop.run_until_complete(asyncio.sleep(bars * BAR_MS / 1000))


def sent(found):
    return [(request.side, request.qty) for _, request in found.venue.placed]


@pytest.fixture
def bench():
    made = []

    def make(*wanted):
        made.append(Bench(list(wanted)))
        return made[-1]

    yield make
    for one in made:
        one.loop.close()


def test_an_exit_that_a_newer_late_bar_takes_back_is_not_made(bench):
    found = bench(0.3, 0.0, 0.3)
    found.run(rows=1)
    away(found, 2)

    found.run(from_row=1)

    assert [body["bar"] for body in found.events("decision")] == [FIRST_CLOSE + (n - 1) * BAR_MS for n in range(3)]
    assert sent(found) == [("Buy", Decimal(30))]


def test_an_exit_of_a_late_bar_that_the_newest_still_wants_is_made_at_once(bench):
    found = bench(0.3, 0.0, 0.0)
    found.run(rows=1)
    away(found, 2)

    found.run(from_row=1)

    assert sent(found) == [("Buy", Decimal(30)), ("Sell", Decimal(30))]


def until_the_third_close(found):
    """Run the first bar, which waits 60 s after it, and be away until the third closes."""
    found.run(rows=1)
    found.loop.run_until_complete(asyncio.sleep((2 * BAR_MS - 60_000) / 1000))


def test_an_entry_of_the_newest_bar_is_made_in_time_although_others_were_late(bench):
    found = bench(0.0, 0.0, 0.3)
    until_the_third_close(found)

    found.run(from_row=1)

    assert sent(found) == [("Buy", Decimal(30))]


def test_an_entry_of_a_late_bar_is_missed_although_the_newest_wants_the_same(bench):
    found = bench(0.0, 0.3, 0.3)
    until_the_third_close(found)

    found.run(from_row=1)

    assert sent(found) == []
    (missed,) = found.events("missed")
    assert (missed["bar"], missed["qty"]) == (FIRST_CLOSE, "30.000")


def test_a_stop_that_fired_after_a_late_close_is_no_part_of_its_decision(bench):
    found = bench(0.3, 0.3, 0.3)
    found.run(rows=1)
    away(found, 1)
    found.venue.price = Decimal(900)
    fired_ms = FIRST_CLOSE + BAR_MS + 60_000
    found.venue.execute("Sell", Decimal(30), create="CreateByStopLoss", at_ms=fired_ms)
    away(found, 1)

    found.run(from_row=1)

    # every close is 1,000: before the stop nothing is won or lost, after it 30 x 100 are
    assert [body["equity"] for body in found.events("decision")] == [100_000.0, 100_000.0, 97_000.0]
