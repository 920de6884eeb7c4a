"""Live bars from the simulated public stream: only confirmed ones, each exactly what the history says, none lost."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as revised

from autarch.errors import ConfigError, DataError
from autarch.market.bars import bar_columns
from live.feeds.bybit_lines import BarLine, FundingLine
from live.feeds.bybit_public import BybitPublicBars, FeedOptions, FeedSleeve, Wire
from live.simulator.core.prices import BarOpened, FundingDue, MarkMoved, Traded
from live.simulator.serving.replay import Replay, site_of
from live.simulator.wire.streams import PublicSession
from live.venue.bybit.options import BybitOptions
from tests.live.conftest import COSTS, INTERVAL_MS, market

from .in_process import Hall, HallStreams, HallTransport, virtual

BEGIN = 150
SLEEVE = FeedSleeve(symbols=("AAAUSDT", "BBBUSDT"), interval="15m", interval_ms=INTERVAL_MS, warmup=10, block=32)
HOURLY = FeedSleeve(symbols=("AAAUSDT",), interval="1h", interval_ms=4 * INTERVAL_MS, warmup=2, block=8)


def recorded(n_bars=260):
    """Return a made-up market whose funding is on the hours that its schedule says."""
    made = market(n_bars=n_bars)
    stamps = np.arange(made.ts[0], made.ts[-1], 7_200_000)
    rng = np.random.default_rng(3)

    def plain(series):
        rates = np.round(rng.normal(1e-4, 2e-4, stamps.size), 8)
        return replace(series, funding_ms=stamps, funding_rate=rates, traded=np.ones(n_bars, dtype=np.bool_))

    return replace(made, series=tuple(plain(series) for series in made.series))


MADE = recorded()


def feeding(scene, *, sleeves=None, begin=BEGIN, **options):
    """Play `scene(hall, feed)` on a market that has happened up to bar `begin`."""

    async def main():
        site = site_of(MADE, Replay(costs=COSTS))
        start = int(MADE.ts[begin]) + 5_000
        site.advance(start)
        hall = Hall(site=site, start_ms=start)
        prepare = options.pop("prepare", None)
        if prepare is not None:
            prepare(hall)
        feed = BybitPublicBars(
            Wire(transport=HallTransport(hall), streams=HallStreams(hall), clock=hall, rng=random.Random(1)),  # noqa: S311
            {"idea": SLEEVE} if sleeves is None else sleeves,
            dict(zip(MADE.symbols, MADE.instruments, strict=True)),
            FeedOptions(silence_s=1000, patience=BybitOptions(environment="sim"), **options),
        )
        ticking = asyncio.create_task(hall.ticking())
        try:
            await feed.start()
            return await scene(hall, feed)
        finally:
            ticking.cancel()
            await feed.close()

    return virtual(main)


def assert_as_recorded(found, upto_ms):
    """Assert that a live market is, bar by bar and in every column a strategy sees, the recorded one."""
    for symbol in found.symbols:
        live, kept = bar_columns(found, symbol), bar_columns(MADE, symbol)
        rows = np.flatnonzero((found.ts >= MADE.ts[0]) & (found.ts < upto_ms))
        same = np.searchsorted(MADE.ts, found.ts[rows])
        names = [
            "open",
            "high",
            "low",
            "close",
            "volume",
            "turnover",
            "funding",
            "minutes_to_funding",
            "hour",
            "weekday",
        ]
        for name in names:
            seen, expected = getattr(live, name)[rows], getattr(kept, name)[same]
            assert np.array_equal(seen[1:], expected[1:], equal_nan=True), name


def test_every_bar_comes_once_at_its_close_and_is_the_recorded_one():
    async def scene(hall, feed):
        for number in range(10):
            instant = await feed.next()
            close = int(MADE.ts[BEGIN + 1 + number])
            (key, row), (_, opens) = instant.closing[0], instant.opening[0]
            shown = feed.market(key)

            assert instant.time_ms == close
            assert hall.site.now_ms < close + 5000
            assert (opens, int(shown.ts[row]) + INTERVAL_MS) == (row + 1, close)
            assert shown.n_bars == row + 1
            assert_as_recorded(shown, close)

    feeding(scene)


def test_the_history_holds_a_whole_block_with_its_warm_up():
    async def scene(_hall, feed):
        shown = feed.market("idea")
        first = int(shown.ts[0]) // INTERVAL_MS
        now = int(MADE.ts[BEGIN]) // INTERVAL_MS
        assert first == now - now % 32 - 96  # a block of 32; 96 bars tell the depth, more than the warm-up
        assert (shown.dataset, shown.split, shown.instruments) == ("bybit-public", "forward", MADE.instruments)

    feeding(scene)


def test_bars_before_the_listing_are_flat_and_do_not_count():
    async def scene(_hall, feed):
        series = feed.market("idea").series[0]
        assert series.first_row > 0
        assert not series.traded[: series.first_row].any()
        assert (series.close[: series.first_row] == series.open[series.first_row]).all()

    feeding(scene, begin=40)


def test_sleeves_of_different_intervals_close_together_where_they_meet():
    async def scene(_hall, feed):
        instants = [await feed.next() for _ in range(8)]
        together = [len(instant.closing) for instant in instants]
        assert sorted(together) == [1, 1, 1, 1, 1, 1, 2, 2]
        for instant in instants:
            if len(instant.closing) == 2:
                hourly = feed.market("slow")
                assert int(hourly.ts[dict(instant.closing)["slow"]]) + 4 * INTERVAL_MS == instant.time_ms
                assert hourly.ts[0] % (4 * INTERVAL_MS) == 0

    feeding(scene, sleeves={"idea": SLEEVE, "slow": HOURLY})


def test_what_closed_since_the_last_decision_comes_at_once_and_late():
    async def scene(hall, feed):
        instants = [await feed.next() for _ in range(5)]
        rows = [dict(instant.closing)["idea"] for instant in instants]
        shown = feed.market("idea")

        assert rows == list(range(rows[0], rows[0] + 5))
        assert int(shown.ts[rows[0]]) == MADE.ts[BEGIN - 5]
        assert all(abs(instant.time_ms - hall.now_ms()) <= 2 for instant in instants[:4])
        assert instants[4].time_ms == MADE.ts[BEGIN]  # seconds ago: not late yet
        assert (await feed.next()).time_ms == MADE.ts[BEGIN + 1]

    feeding(scene, after_ms=int(MADE.ts[BEGIN - 5]))


@pytest.mark.parametrize(
    "kind",
    ["drop", "duplicate", "reorder", "delay", "mute", "no_pong", "reset", "close_1001", "unknown_topic", "delta_first"],
)
def test_a_faulty_stream_loses_no_bar_and_invents_none(kind):
    def prepare(hall):
        hall.plan.chances = {kind: 0.4}

    async def scene(hall, feed):
        for number in range(8):
            instant = await feed.next()
            close = int(MADE.ts[BEGIN + 1 + number])
            assert 0 <= instant.time_ms - close < 60_000
            assert_as_recorded(feed.market("idea"), close)
        assert any(struck.fault.kind == kind for struck in hall.plan.struck)

    feeding(scene, prepare=prepare)


def test_without_a_stream_two_reads_that_agree_make_a_bar():
    def prepare(hall):
        hall.fault("refuse_handshake", where="public", times=10_000)

    async def scene(hall, feed):
        instant = await feed.next()
        close = int(MADE.ts[BEGIN + 1])
        assert instant.time_ms == close  # 2 s of waiting and two reads a second apart are within the deadline
        assert 3000 <= hall.now_ms() - close < 20_000
        assert_as_recorded(feed.market("idea"), close)

    feeding(scene, prepare=prepare)


def test_one_sleeve_without_its_bar_holds_up_others_until_it_is_late_and_no_longer():
    async def scene(hall, feed):
        await feed.next()
        hide(hall, "BBBUSDT")
        hall.fault("mute", where="public", lasts_ms=1_000_000)
        alone = await feed.next()
        close = int(MADE.ts[BEGIN + 2])
        assert [key for key, _ in alone.closing] == ["one"]
        assert alone.time_ms - close > 20_000
        show(hall, "BBBUSDT")
        rest = await feed.next()
        assert [key for key, _ in rest.closing] == ["two"]
        assert rest.time_ms > alone.time_ms

    one, two = (replace(SLEEVE, symbols=(symbol,)) for symbol in SLEEVE.symbols)
    feeding(scene, sleeves={"one": one, "two": two})


class Hidden:
    """Bars that no read shows."""

    def __init__(self, bars):
        self.bars = bars

    def between(self, *_, **__):
        return []

    def __getattr__(self, name):
        return getattr(self.bars, name)


def hide(hall, symbol):
    hall.site.bars[symbol] = Hidden(hall.site.bars[symbol])


def show(hall, symbol):
    hall.site.bars[symbol] = hall.site.bars[symbol].bars


def test_a_bar_that_is_revised_after_its_confirmation_ends_the_feed():
    async def scene(hall, feed):
        await feed.next()
        bars = hall.site.bars["AAAUSDT"]
        bars.final[-1] = revised(bars.final[-1], close=bars.final[-1].close + 1, high=bars.final[-1].high + 2)
        with pytest.raises(DataError, match="revised"):
            await feed.next()

    feeding(scene)


def test_a_venue_without_history_or_with_a_hole_in_it_is_no_feed():
    def holed(hall):
        del hall.site.bars["AAAUSDT"].final[BEGIN - 20]

    with pytest.raises(DataError, match="no bars since"):
        feeding(None, prepare=lambda hall: hide(hall, "AAAUSDT"))
    with pytest.raises(DataError, match=f"no bar that opens at {MADE.ts[BEGIN - 20]}"):
        feeding(None, prepare=holed)


def test_a_bar_that_stays_missing_ends_the_feed_after_an_hour():
    async def scene(hall, feed):
        hide(hall, "AAAUSDT")
        hall.fault("mute", where="public", lasts_ms=10**9)
        with pytest.raises(DataError, match="missing an hour"):
            await feed.next()
        assert hall.now_ms() - int(MADE.ts[BEGIN + 1]) > 3_600_000

    feeding(scene)


def test_a_paper_account_hears_trades_marks_depth_and_funding():
    events = []

    async def scene(_hall, feed):
        for _ in range(10):
            await feed.next()

    feeding(scene, tape=events.append)

    opened = [e for e in events if isinstance(e, BarOpened) and e.symbol == "AAAUSDT"]
    series = MADE.of("AAAUSDT")
    row = int(np.searchsorted(MADE.ts, opened[0].time_ms))
    assert opened[0].depth == np.median(series.turnover[row - 96 : row])
    traded = [e.price for e in events if isinstance(e, Traded) and e.symbol == "AAAUSDT"]
    assert series.close[row] in traded
    assert any(isinstance(e, MarkMoved) for e in events)
    due = [e for e in events if isinstance(e, FundingDue) and e.symbol == "AAAUSDT"]
    assert due
    assert all(e.time_ms in series.funding_ms for e in due)


def test_a_symbol_without_filters_is_refused_before_anything_is_asked():
    with pytest.raises(ConfigError, match="CCCUSDT"):
        feeding(None, sleeves={"x": replace(SLEEVE, symbols=("CCCUSDT",))})


@pytest.mark.parametrize("cells", [(1.0, 2.0, 1.5, 1.2, 1.0), (1.0, 0.5, 0.4, 0.6, 1.0), (0.0, 1.0, 0.0, 1.0, 1.0),
                                   (1.0, 1.0, 1.0, 1.0, -1.0), (float("nan"), 1.0, 1.0, 1.0, 1.0)])  # fmt: skip
def test_what_is_no_bar_is_refused(cells):
    line = BarLine(symbol="A", interval="1m", interval_ms=60_000, start_ms=0)
    with pytest.raises(DataError, match="is no bar"):
        line.add({0: cells})


def test_bars_beyond_a_hole_wait_for_it():
    line, bar = BarLine(symbol="A", interval="1m", interval_ms=60_000, start_ms=0), (1.0, 2.0, 0.5, 1.5, 3.0)
    line.add({120_000: bar})
    assert line.rows == 0
    line.add({0: bar, 60_000: bar})
    assert (line.rows, line.end_ms) == (3, 180_000)


def test_a_decision_waits_for_the_rate_that_it_may_see_and_no_longer():
    line = FundingLine(symbol="A", interval_min=60, settled={3_600_000: (0.1,)})
    assert line.newest_due(7_200_000) == 3_600_000  # at the stamp itself only the one before is known
    assert line.newest_due(7_200_001) == 7_200_000
    assert line.knows(3_600_000)
    assert not line.knows(7_200_000)


def test_the_simulated_stream_confirms_each_bar_also_when_the_next_has_opened_in_one_breath():
    site = site_of(MADE, Replay(costs=COSTS))
    session = PublicSession(site)
    session.feed(json.dumps({"op": "subscribe", "args": ["kline.15.AAAUSDT", "kline.60.AAAUSDT"], "req_id": "1"}))
    confirmed = {"15": [], "60": []}

    def hear(rows):
        for message in map(json.loads, session.push(rows)):
            for bar in message["data"]:
                if bar["confirm"]:
                    confirmed[bar["interval"]].append((bar["start"], float(bar["close"])))

    site.listeners.append(hear)
    site.advance(int(MADE.ts[20]))

    series = MADE.of("AAAUSDT")
    assert confirmed["15"] == [(int(MADE.ts[row]), series.close[row]) for row in range(20)]
    assert confirmed["60"] == [(int(MADE.ts[row]), series.close[row + 3]) for row in range(0, 20, 4)]
