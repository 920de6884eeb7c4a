"""Flattening with the real Bybit client against the simulated venue, through its whole menu of faults."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from live.orders import KILL_PREFIX
from live.ports.venue import OrderRequest
from live.simulator.faults.menu import REQUEST_FAULTS
from live.stopping.flattening import Patience
from live.stopping.killing import Kill
from live.stopping.latch import MemoryLatch
from live.stopping.record import KillRecord
from tests.live.bybit.in_process import Hall
from tests.live.simulator_site import SYMBOLS

from .fake_venue import on_virtual_time

CREATE, POSITIONS = "/v5/order/create", "/v5/position/list"
BANS = "http_403"  # the edge turns the address away for ten minutes


async def held(hall):
    """Open a long and a short, each with its stop, through a venue of the executor's."""
    venue = hall.venue()
    await venue.start((), {})
    for symbol, side, stop in zip(SYMBOLS, ("Buy", "Sell"), ("980", "1020"), strict=True):
        await venue.place(
            OrderRequest(
                order_link_id=f"at-{symbol}", symbol=symbol, side=side, qty=Decimal(3), reduce_only=False,
                stop_loss=Decimal(stop),
            )
        )  # fmt: skip
    await venue.close()
    assert sizes(hall) == {"AAAUSDT": 3, "BBBUSDT": -3}


def sizes(hall):
    return {symbol: holding.qty for symbol, holding in hall.account.holdings.items() if holding.qty}


async def killed(hall, folder, **patience):
    """Kill as the command does, with the real client, while the market lives."""
    ticking = asyncio.create_task(hall.ticking())

    async def open_venue():
        venue = hall.venue()
        await venue.start((), {})
        return venue

    record = KillRecord(path=None, account="a", by="kill", who="w", why="y", clock=hall, tell=lambda _: None)
    kill = Kill(
        account="a", journal=folder / "none" / "a.sqlite3", latch=MemoryLatch(), record=record, open_venue=open_venue,
        run="r", patience=Patience(**patience),
    )  # fmt: skip
    try:
        return await kill.carry_out()
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


def ours(hall):
    """What we sent: every order reduce-only and named as a kill's."""
    links = [link for link in hall.accepted if link.startswith(KILL_PREFIX)]
    assert set(hall.accepted) == {*links, *(f"at-{symbol}" for symbol in SYMBOLS)}
    return links


def scene(folder, fault, **patience):
    async def main():
        hall = Hall()
        await held(hall)
        fault(hall)
        return hall, await killed(hall, folder, **patience)

    return on_virtual_time(main())[0]


READS = ("accept_then_timeout", "accept_then_html", "http_503", "stale_read")


@pytest.mark.parametrize(
    ("kind", "where"),
    [*((kind, CREATE) for kind in sorted(REQUEST_FAULTS - {BANS})), *((kind, POSITIONS) for kind in READS)],
)
def test_any_fault_of_a_request_is_lived_through(tmp_path, kind, where):
    hall, found = scene(tmp_path, lambda hall: hall.fault(kind, where=where, times=2))

    assert found.done, found.problems
    assert sizes(hall) == {}
    assert ours(hall)


def test_an_address_that_is_banned_is_not_called_flat_its_stops_stay_and_a_later_kill_ends_it(tmp_path):
    async def main():
        hall = Hall()
        await held(hall)
        hall.fault(BANS, where=CREATE)
        first = await killed(hall, tmp_path)
        left = [holding.stop_loss for holding in hall.account.holdings.values() if holding.qty]
        await asyncio.sleep(600)
        return first, left, await killed(hall, tmp_path), sizes(hall)

    first, left, second, after = on_virtual_time(main())[0]

    assert not first.done
    assert left
    assert all(left)
    assert second.done
    assert after == {}


def thrown(tmp_path, seed):
    chances = dict.fromkeys(sorted(REQUEST_FAULTS - {BANS}), 0.03) | {"partial_fill": 0.3, "fill_in_pieces": 0.1}

    def throw(hall):
        hall.plan.chances, hall.plan.seed = chances, seed
        hall.plan.__post_init__()
        hall.plan.until_ms = hall.start_ms + 120_000

    hall, found = scene(tmp_path, throw, limit_s=600.0)

    return found.done and sizes(hall) == {} and bool(ours(hall))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_seed_throws_flat_is_only_said_of_a_flat_account(tmp_path, seed):
    assert thrown(tmp_path, seed)


@pytest.mark.slow
def test_whatever_a_hundred_seeds_throw_flat_is_only_said_of_a_flat_account(tmp_path):
    assert [seed for seed in range(1100, 1200) if not thrown(tmp_path, seed)] == []
