"""Every way in which an order can end: sent once, put into one of three classes, and settled by reading."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from autarch.errors import VenueError, VenueRejected, VenueUnknown
from live.simulator.faults.menu import ACCEPTING_FAULTS, REQUEST_FAULTS
from live.venue.bybit.outcomes import DUPLICATE_LINK, GONE, KEY_CODES, LATER, REFUSED, SAME, meaning_of, order_error
from live.venue.bybit.ports import NotSent, RetCode, Unanswered

from .in_process import SYMBOL, order
from .test_venue import started

CREATE = "/v5/order/create"
DEFINITE = {"refuse_10002", "refuse_10006", "refuse_10006_past", "refuse_10006_bare", "http_403"}
ORDER_FAULTS = sorted(REQUEST_FAULTS - {"stale_read"})


@pytest.mark.parametrize("kind", ORDER_FAULTS)
def test_an_order_that_meets_a_fault_is_sent_once_and_classed_by_what_can_be_known(kind):
    async def scene(hall, venue):
        hall.fault(kind, where=CREATE)
        sent_ms = await venue.now_ms()
        with pytest.raises(VenueRejected if kind in DEFINITE else VenueUnknown):
            await venue.place(order())

        assert len(hall.sent(CREATE)) == 1
        assert len(hall.accepted) == int(kind in ACCEPTING_FAULTS)
        if kind in DEFINITE:
            return
        state = await venue.settle("ours-1", SYMBOL, sent_ms=sent_ms)
        assert (state is not None) == (kind in ACCEPTING_FAULTS)
        if state is not None:
            assert (state.status, state.filled) == ("filled", 1)
        assert len(hall.sent(CREATE)) == 1

    started(scene)


def test_what_never_was_is_known_after_the_fence_and_fifteen_seconds_of_reading():
    async def scene(hall, venue):
        hall.fault("lose_request", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms()) is None
        assert 22 <= loop.time() - began < 40  # 5 s of window, 2 s of margin, 15 s of reads that lag

    started(scene)


def test_reads_that_lag_do_not_make_an_order_unplaced():
    async def scene(hall, venue):
        await asyncio.sleep(20)
        hall.fault("accept_then_timeout", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        hall.site.lag_ms = 14_900
        state = await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert state is not None

    started(scene)


def test_an_order_found_by_its_fills_alone_is_placed():
    async def scene(hall, venue):
        hall.fault("accept_then_timeout", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order(qty="2"))
        hall.account.orders.clear()  # the venue's order rows are gone; its executions are not
        state = await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert (state.status, state.qty, state.filled, state.side) == ("filled", 2, 2, "Buy")

    started(scene)


@pytest.mark.parametrize(("stream", "text"), [("mute", "do not explain"), ("duplicate", "a fill of it was told")])
def test_an_order_without_a_trace_is_unknown_while_position_or_stream_know_of_it(stream, text):
    async def scene(hall, venue):
        hall.fault(stream, where="private", lasts_ms=10**9)
        hall.fault("accept_then_timeout", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        hall.account.orders.clear()
        hall.account.executions.clear()
        with pytest.raises(VenueUnknown, match=text):
            await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())

    started(scene)


def test_a_venue_that_cannot_be_read_leaves_the_order_unknown_within_its_time():
    async def scene(hall, venue):
        loop = asyncio.get_running_loop()
        hall.fault("accept_then_timeout", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        hall.fault("http_503", where="/v5/order/realtime", times=1000)
        began = loop.time()
        with pytest.raises(VenueUnknown, match="unsettled after 120 s"):
            await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert loop.time() - began < 150

    started(scene)


def test_an_address_that_is_turned_away_keeps_nobody_waiting_for_an_order():
    async def scene(hall, venue):
        loop = asyncio.get_running_loop()
        hall.fault("accept_then_timeout", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        hall.fault("http_403", where="/v5/order/realtime")
        began = loop.time()
        with pytest.raises(VenueUnknown, match=r"unsettled after 0 s .*HTTP 403"):
            await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert loop.time() - began < 5
        await asyncio.sleep(611)
        found = await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert found is not None
        assert found.order_link_id == "ours-1"

    started(scene)


def test_one_failed_round_of_reads_starts_the_count_of_empty_ones_anew():
    async def scene(hall, venue):
        loop = asyncio.get_running_loop()
        hall.fault("lose_request", where=CREATE)
        with pytest.raises(VenueUnknown):
            await venue.place(order())

        async def fail_later():
            await asyncio.sleep(18)
            hall.fault("http_503", where="/v5/order/realtime", times=4)

        failing = asyncio.create_task(fail_later())
        began = loop.time()
        assert await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms()) is None
        await failing
        assert loop.time() - began >= 18 + 15

    started(scene)


def test_an_address_that_is_turned_away_stays_silent_for_ten_minutes():
    async def scene(hall, venue):
        hall.fault("http_403", where=CREATE)
        with pytest.raises(VenueRejected, match="HTTP 403"):
            await venue.place(order())
        sent = len(hall.requests)
        with pytest.raises(VenueRejected, match="turned away"):
            await venue.place(order("ours-2"))
        with pytest.raises(VenueError, match="turned away"):
            await venue.order("ours-1", SYMBOL)
        assert len(hall.requests) == sent
        await asyncio.sleep(611)
        await venue.place(order("ours-3"))

    started(scene)


@pytest.mark.parametrize("kind", ["accept_then_timeout", "accept_then_10000", "lose_request", "http_503"])
def test_stops_and_cancels_may_be_said_twice_and_end_as_asked(kind):
    async def scene(hall, venue):
        await venue.place(order())
        hall.fault(kind, where="/v5/position/trading-stop")
        await venue.set_stops(SYMBOL, stop_loss=Decimal(950), take_profit=None)
        assert hall.account.holdings[SYMBOL].stop_loss == 950
        hall.fault(kind, where="/v5/order/cancel")
        await venue.cancel("ours-1", SYMBOL)

    started(scene)


def test_every_listed_code_has_one_meaning_and_unlisted_ones_say_nothing():
    classes = [REFUSED, KEY_CODES, LATER, SAME, GONE]
    codes = [code for found in classes for code in found]

    assert len(codes) == len(set(codes))
    assert DUPLICATE_LINK not in codes
    for code in (10000, 10016, 10019, 10429, 429, 110079, DUPLICATE_LINK, 999_999):
        assert meaning_of(code) == "unknown"
        assert isinstance(order_error(RetCode(code, "?"), "it"), VenueUnknown)
    for code in codes:
        assert isinstance(order_error(RetCode(code, "no"), "it"), VenueRejected)


@pytest.mark.parametrize(
    ("ended", "kind"),
    [(NotSent("no route"), VenueRejected), (Unanswered("timeout"), VenueUnknown),
     (Unanswered("HTTP 403", 403), VenueRejected), (Unanswered("HTTP 429", 429), VenueUnknown),
     (Unanswered("HTTP 502", 502), VenueUnknown), (Unanswered("not JSON", 200), VenueUnknown)],
)  # fmt: skip
def test_what_never_left_is_refused_and_what_may_have_arrived_is_unknown(ended, kind):
    assert isinstance(order_error(ended, "it"), kind)
