"""Feeds: instants of several intervals in order, and the bars that a script's trades make."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest

from autarch.errors import DataError
from live.feeds.recorded import RecordedBars
from live.feeds.script import market_of_script, read_script

from .conftest import INTERVAL_MS, START_MS, instrument, manifest, market


def told(bars):
    async def all_of_them():
        found = []
        while (instant := await bars.next()) is not None:
            found.append(instant)
        return found

    return asyncio.run(all_of_them())


def hours(n_bars):
    made = market(n_bars=n_bars)
    ts = START_MS + 4 * INTERVAL_MS * (made.ts - START_MS) // INTERVAL_MS
    return dataclasses.replace(made, interval="1h", interval_ms=4 * INTERVAL_MS, ts=ts)


def test_instants_of_two_intervals_come_in_order_with_what_closes_and_opens():
    instants = told(RecordedBars({"quick": market(n_bars=8), "slow": hours(2)}))

    assert [(i.time_ms - START_MS) // INTERVAL_MS for i in instants] == list(range(9))
    assert (instants[0].closing, instants[0].opening) == ((), (("quick", 0), ("slow", 0)))
    assert (instants[4].closing, instants[4].opening) == ((("quick", 3), ("slow", 0)), (("quick", 4), ("slow", 1)))
    assert (instants[8].closing, instants[8].opening) == ((("quick", 7), ("slow", 1)), ())


def test_bars_that_do_not_trade_are_named_and_a_delisting_is_one():
    made = market(n_bars=8)
    ends = dataclasses.replace(made.instruments[0], delisted_ms=int(made.ts[6]))
    made = dataclasses.replace(made, instruments=(ends, made.instruments[1]))

    instants = told(RecordedBars({"quick": made}))

    silent = [sorted(i.traded) for i in instants]
    both = ["AAAUSDT", "BBBUSDT"]
    assert silent == [[], [], [], [], both, both, both, ["AAAUSDT"], []]  # rows 4 to 6 have no trades; delisted from 6


def test_a_feed_that_goes_on_moves_the_venue_first_and_repeats_nothing():
    moved = []
    after = START_MS + 3 * INTERVAL_MS

    bars = RecordedBars({"quick": market(n_bars=5)}, after_ms=after, move=moved.append)

    assert (moved, bars.passed, len(bars)) == ([after], 4, 6)
    assert [i.time_ms for i in told(bars)] == moved[1:] == [after + INTERVAL_MS, after + 2 * INTERVAL_MS]


def script(tmp_path, *trades):
    path = tmp_path / "script.jsonl"
    rows = [
        {"kind": "Traded", "time_ms": START_MS + at, "symbol": symbol, "price": price} for at, symbol, price in trades
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_scripts_trades_make_its_bars(tmp_path):
    step, symbol = INTERVAL_MS, "AAAUSDT"
    found = read_script(
        script(
            tmp_path,
            (0, symbol, 10.0),
            (5, symbol, 12.0),
            (9, symbol, 11.0),
            (2 * step, symbol, 9.0),
            (3 * step, symbol, 8.0),
        )
    )

    made = market_of_script(found, manifest((symbol,)), [instrument(symbol)])

    series = made.series[0]
    assert made.n_bars == 3
    assert [series.open.tolist(), series.high.tolist()] == [[10.0, 11.0, 9.0], [12.0, 11.0, 9.0]]
    assert [series.low.tolist(), series.close.tolist()] == [[10.0, 11.0, 9.0], [11.0, 11.0, 9.0]]
    assert series.traded.tolist() == [True, False, True]


@pytest.mark.parametrize("line", ["no json", '{"kind": "Guess"}', '{"kind": "Traded", "price": 1}', "[]"])
def test_a_line_that_is_no_event_is_named(tmp_path, line):
    path = script(tmp_path, (0, "AAAUSDT", 10.0))
    path.write_text(path.read_text() + "\n" + line)

    with pytest.raises(DataError, match=r"script\.jsonl:2"):
        read_script(path)


def test_times_that_fall_and_symbols_that_never_trade_are_refused(tmp_path):
    with pytest.raises(DataError, match=r":2: times must not fall"):
        read_script(script(tmp_path, (5, "AAAUSDT", 10.0), (4, "AAAUSDT", 10.0)))
    found = read_script(script(tmp_path, (0, "AAAUSDT", 10.0)))
    with pytest.raises(DataError, match="never trades BBBUSDT"):
        market_of_script(found, manifest(), [instrument("AAAUSDT")])
