"""Flattening that dies anywhere, or runs twice at once, ends flat and never opens anything."""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import Decimal

from live.stopping.flattening import Flattening, Unsettled
from tests.simulation.loop import Process, run_process

from .fake_venue import FakeVenue, on_virtual_time, open_order

FLYING = (Unsettled(order_link_id="at-late", symbol="ETHUSDT", sent_ms=0),)


class Watched(FakeVenue):
    """Fails as soon as an order of ours makes a position larger or turns it."""

    async def place(self, order):
        before = self.sizes.get(order.symbol, Decimal(0))
        try:
            return await super().place(order)
        finally:
            after = self.sizes.get(order.symbol, Decimal(0))
            assert abs(after) <= abs(before)
            assert after * before >= 0


def scene():
    return Watched(
        sizes={"BTCUSDT": Decimal(25), "SOLUSDT": Decimal(-3)},
        orders=[open_order("at-entry", "BTCUSDT"), open_order("stop", "BTCUSDT", trigger="StopLoss", reduce_only=True)],
        late=[(3_000, "at-late", "ETHUSDT", Decimal(1))],
        place_faults=deque(["half", "unanswered", "lost"]),
        read_faults=deque(["", "down"]),
        lag_reads=1,
    )


def flattening(venue, run):
    return Flattening(venue=venue, run=run, note=lambda _: None)


def test_one_that_dies_at_any_step_is_finished_by_the_next():
    steps = [0]

    async def whole():
        process = Process("first")
        await run_process(process, flattening(scene(), "first").bring_flat(FLYING))
        steps[0] = process.steps

    on_virtual_time(whole())
    assert steps[0] > 20

    for last in range(1, steps[0] + 1):
        venue = scene()
        process = Process("first")
        process.on_step = lambda step, last=last, process=process: process.kill() if step >= last else None

        async def both(process=process, venue=venue):
            await run_process(process, flattening(venue, "first").bring_flat(FLYING))
            return await flattening(venue, "second").bring_flat(FLYING)

        found, _ = on_virtual_time(both())

        assert found.flat, last
        assert not any(venue.sizes.values()), last
        assert venue.orders == [], last


def test_two_at_once_close_once():
    venue = scene()

    async def both():
        return await asyncio.gather(*(flattening(venue, run).bring_flat(FLYING) for run in ("one", "two")))

    found, _ = on_virtual_time(both())

    assert [each.flat for each in found] == [True, True]
    assert not any(venue.sizes.values())
    assert venue.orders == []
