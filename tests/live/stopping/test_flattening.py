"""Flattening: entries first, stops last, reduce-only always, and flat is only said when nothing can arrive any more."""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from live.orders import KILL_PREFIX
from live.ports.venue import ORDER_LINK_ID
from live.stopping.flattening import Flattening, Patience, Unsettled, kill_link

from .fake_venue import FakeVenue, on_virtual_time, open_order

LONG = Decimal("2.5")


def flatten(venue, unsettled=(), **patience):
    steps = []
    flattening = Flattening(venue=venue, run="run-1", note=steps.append, patience=Patience(**patience))
    found, seconds = on_virtual_time(flattening.bring_flat(unsettled))
    return found, steps, seconds


def test_a_flat_account_is_only_read_and_sent_nothing():
    venue = FakeVenue()

    found, steps, _ = flatten(venue)

    assert found.flat
    assert (found.sent, found.cancelled, found.before, found.after) == (0, 0, {}, {})
    assert venue.calls == []
    assert steps == []


def test_longs_and_shorts_are_closed_and_what_was_held_is_reported():
    venue = FakeVenue(sizes={"BTCUSDT": LONG, "ETHUSDT": Decimal(-3)})

    found, _, _ = flatten(venue)

    assert found.flat
    assert found.before == {"BTCUSDT": LONG, "ETHUSDT": Decimal(-3)}
    assert found.after == {}
    assert venue.calls == ["place BTCUSDT Sell 2.5", "place ETHUSDT Buy 3"]


def test_entries_go_before_positions_and_stops_after_them():
    orders = [
        open_order("at-entry", "BTCUSDT"),
        open_order("", "BTCUSDT", order_id="by-hand", trigger="Stop"),
        open_order("", "BTCUSDT", order_id="stop", trigger="StopLoss", reduce_only=True),
        open_order("take", "BTCUSDT", reduce_only=True),
    ]
    venue = FakeVenue(sizes={"BTCUSDT": LONG}, orders=orders)

    found, _, _ = flatten(venue)

    assert found.flat
    assert venue.calls == [
        "cancel at-entry",
        "cancel by-hand",
        "place BTCUSDT Sell 2.5",
        "cancel stop",
        "cancel take",
    ]
    assert found.cancelled == 4


def test_a_position_above_the_largest_order_is_closed_in_parts():
    venue = FakeVenue(sizes={"BTCUSDT": Decimal("25.5")})  # 10 + 10 + 5.5

    found, _, _ = flatten(venue)

    assert found.flat
    assert venue.calls == ["place BTCUSDT Sell 10", "place BTCUSDT Sell 10", "place BTCUSDT Sell 5.5"]


def test_an_order_cut_short_is_followed_by_another_for_the_rest():
    venue = FakeVenue(sizes={"BTCUSDT": Decimal(8)}, place_faults=deque(["half", "half"]))  # 8 -> 4 -> 2 -> 0

    found, _, _ = flatten(venue)

    assert found.flat
    assert venue.calls == ["place BTCUSDT Sell 8", "place BTCUSDT Sell 4", "place BTCUSDT Sell 2"]
    assert any("the band" in problem for problem in found.problems)


def test_an_unanswered_order_is_settled_before_the_next_is_sent():
    for fault, orders in (("unanswered", 1), ("lost", 2)):
        venue = FakeVenue(sizes={"BTCUSDT": LONG}, place_faults=deque([fault]))

        found, _, _ = flatten(venue)

        assert found.flat
        assert [call.split()[0] for call in venue.calls] == ["place", "settle", "place"][: orders + 1]


def test_an_entry_still_under_way_is_waited_for_and_closed_again():
    venue = FakeVenue(late=[(4_000, "at-late", "BTCUSDT", LONG)])
    in_flight = (Unsettled(order_link_id="at-late", symbol="BTCUSDT", sent_ms=0),)

    found, _, seconds = flatten(venue, in_flight)

    assert found.flat
    assert seconds >= 7.0  # the venue's window for late requests
    assert venue.calls == ["settle at-late", "place BTCUSDT Sell 2.5"]


def test_without_a_journal_the_window_for_late_requests_is_waited_out():
    venue = FakeVenue(late=[(9_000, "at-late", "BTCUSDT", LONG)])

    found, _, seconds = flatten(venue, None)

    assert found.flat
    assert seconds >= 10.0
    assert venue.calls == ["place BTCUSDT Sell 2.5"]


def test_a_read_that_lags_behind_costs_a_refused_order_and_no_position():
    venue = FakeVenue(sizes={"BTCUSDT": LONG}, lag_reads=3)

    found, _, _ = flatten(venue)

    assert found.flat
    assert venue.sizes == {"BTCUSDT": Decimal(0)}
    assert any("would not reduce" in problem for problem in found.problems)


def test_faults_of_reads_are_lived_through():
    venue = FakeVenue(sizes={"BTCUSDT": LONG}, read_faults=deque(["down", "down", "", "down"]))

    found, _, _ = flatten(venue)

    assert found.flat
    assert any("could not be read" in problem for problem in found.problems)


def test_one_symbol_that_is_refused_keeps_no_other_from_being_closed():
    venue = FakeVenue(sizes={"BTCUSDT": LONG, "ETHUSDT": LONG}, place_faults=deque(["refused"]))

    found, _, _ = flatten(venue)

    assert found.flat
    assert any("BTCUSDT: closing 2.5" in problem for problem in found.problems)


def test_what_cannot_be_closed_in_time_is_said_and_its_stop_stays():
    stop = open_order("", "BTCUSDT", order_id="stop", trigger="StopLoss", reduce_only=True)
    venue = FakeVenue(sizes={"BTCUSDT": LONG}, orders=[stop], place_faults=deque(["refused"] * 1000))

    found, _, seconds = flatten(venue, limit_s=30.0)

    assert not found.flat
    assert found.after == {"BTCUSDT": LONG}
    assert venue.orders == [stop]
    assert 30.0 <= seconds < 40.0
    assert "not proven flat within 30 s; stops that protect a position stay" in found.problems


def test_a_venue_that_never_answers_is_not_called_flat():
    found, _, _ = flatten(FakeVenue(down=True), limit_s=20.0)

    assert not found.flat
    assert found.after is None


def test_link_ids_are_a_kills_and_differ_by_run_symbol_and_number():
    links = {kill_link(run, symbol, n) for run in ("a", "b") for symbol in ("X", "Y") for n in range(3)}

    assert len(links) == 12
    assert all(ORDER_LINK_ID.match(link) and link.startswith(KILL_PREFIX) for link in links)


@given(
    size=st.integers(min_value=-300, max_value=300),
    places=st.lists(st.sampled_from(["", "half", "lost", "unanswered", "refused", "down"]), max_size=12),
    reads=st.lists(st.sampled_from(["", "down"]), max_size=12),
    lag=st.integers(min_value=0, max_value=4),
    late=st.lists(st.tuples(st.integers(0, 6_900), st.integers(-50, 50)), max_size=3),
)
def test_whatever_fails_on_the_way_flat_is_said_only_of_an_account_that_stays_flat(size, places, reads, lag, late):
    venue = FakeVenue(
        sizes={"BTCUSDT": Decimal(size) / 10},
        place_faults=deque(places),
        read_faults=deque(reads),
        lag_reads=lag,
        late=[(at, f"late-{n}", "BTCUSDT", Decimal(qty)) for n, (at, qty) in enumerate(late)],
    )
    flying = tuple(Unsettled(order_link_id=f"late-{n}", symbol="BTCUSDT", sent_ms=0) for n in range(len(late)))
    flattening = Flattening(venue=venue, run="r", note=lambda _: None)

    async def main():
        found = await flattening.bring_flat(flying)
        await asyncio.sleep(60)
        venue.arrive()
        return found

    found, _ = on_virtual_time(main())

    assert found.flat
    assert venue.sizes["BTCUSDT"] == 0
