"""What an executor does when the venue, its host or a human is not as it should be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.errors import StrategyError
from live.journal import BarClaim
from live.ports.venue import Connected, Disturbed, OrderState
from live.stopping.commands import Asked, Halt, Stop
from live.stopping.latch import Halted
from live.stopping.latch import Release as Leave
from live.trading.books import Books
from live.trading.core import JournalLost
from live.trading.release import Patience

from .bench import BAR_MS, FIRST_CLOSE, SYMBOL, FullDisk
from .benches import bench, no_loop_is_left_open, no_more, sent, state_of
from .conftest import WIDE

__all__ = ["no_loop_is_left_open"]


def test_a_trade_by_hand_halts_the_symbol_and_nothing_more_is_sent():
    found = bench(0.3, 0.0)

    async def by_hand(_executor):
        await asyncio.sleep(10)
        found.venue.execute("Sell", Decimal(5))

    executor = found.run(during=by_hand)

    assert state_of(executor) == "HALTED"
    assert len(found.venue.placed) == 1
    assert len(found.events("foreign")) == 1
    assert any("not by an order of ours" in text for text in found.said("critical"))
    assert executor.core.books.gate.state == "ACTIVE"  # a hand is on one symbol, no other executor on the account


def test_a_fill_with_a_name_of_our_making_that_we_never_wrote_halts_the_account():
    found = bench(0.3, 0.0, 0.3)

    async def elsewhere(_executor):
        await asyncio.sleep(10)
        found.venue.execute("Sell", Decimal(5), link="at-" + "a" * 32)

    executor = found.run(during=elsewhere)

    assert executor.core.books.gate.state == "HALTED"
    assert "another executor trades this account" in executor.core.books.gate.reason
    assert len(found.venue.placed) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"leverage": Decimal(10)}, "leverage is 10"),
        ({"hedge": True}, "hedge mode"),
        ({"listing": {"qty_step": Decimal("0.01")}}, "qty_step 0.001 -> 0.01"),
        ({"listing": {"trading": False}}, "not traded"),
        ({"size": Decimal(7)}, "the venue holds 7"),
    ],
)
def test_drift_that_lasts_halts_and_drift_that_passes_does_not(change, says):
    found, passing = bench(0.0, 0.0), bench(0.0, 0.0)

    def drift(bench, *, lasts):
        async def change_it(_executor):
            await asyncio.sleep(50)
            before = {name: getattr(bench.venue, name) for name in change}
            for name, value in change.items():
                setattr(bench.venue, name, value)
            if not lasts:
                await asyncio.sleep(45)  # one look sees it, the next does not
                for name, value in before.items():
                    setattr(bench.venue, name, value)

        return change_it

    executor = found.run(during=drift(found, lasts=True))
    calm = passing.run(during=drift(passing, lasts=False)) if "size" in change else None

    assert state_of(executor) == "HALTED"
    assert any(says in text for text in found.said("critical"))
    assert calm is None or state_of(calm) in {"ACTIVE", "HALTED"}


def test_an_order_of_a_stranger_halts_its_symbol():
    found = bench(0.0, 0.3)
    stranger = OrderState(
        order_id="x",
        order_link_id="hand-made",
        symbol=SYMBOL,
        side="Buy",
        status="open",
        qty=Decimal(1),
        filled=Decimal(0),
        reduce_only=False,
    )
    found.venue.foreign = [stranger]

    executor = found.run()

    assert state_of(executor) == "HALTED"
    assert found.venue.placed == []
    assert any("that is not ours" in text for text in found.said("critical"))


def test_a_stop_that_somebody_removed_is_placed_again():
    found = bench((0.3, 0.02), (0.3, 0.02))

    async def remove(_executor):
        await asyncio.sleep(10)
        found.venue.stop = None

    found.run(during=remove)

    assert found.venue.stop == Decimal("980.0")
    assert any("the venue holds stop none" in text for text in found.said("warning"))


def test_a_stop_that_cannot_be_placed_ends_the_position_with_an_alert():
    found = bench((0.3, 0.02), (0.3, 0.02))
    found.venue.stops_fail = 10**6

    async def drop(_executor):
        await asyncio.sleep(10)
        found.venue.stop = None

    executor = found.run(during=drop)

    assert found.venue.size == 0
    assert state_of(executor) == "REDUCING"
    assert any("cannot be placed" in text for text in found.said("critical"))


def test_a_stop_and_an_exit_that_are_both_refused_are_asked_for_again_with_patience():
    found = bench((0.3, 0.02), (0.3, 0.02), (0.2, 0.03), (0.3, 0.02), (0.2, 0.03))
    found.venue.stops_fail = 10**6
    found.venue.answers = dict.fromkeys(range(1, 10**4), "refused")

    async def drop(_executor):
        await asyncio.sleep(10)
        found.venue.stop = None

    executor = found.run(during=drop)

    bars = 5
    assert state_of(executor) == "REDUCING"
    assert executor.core.books.gate.state == "ACTIVE"  # the account: only the symbol has a fault
    assert 5 <= sum(name == "stops" for name, *_ in found.venue.calls) < 60 * bars
    assert len(found.venue.placed) < 60 * bars


def test_a_price_beyond_the_stop_closes_like_the_stop_itself():
    found = bench((0.3, 0.02), (0.3, 0.02), (0.0, None), (0.3, 0.02))

    async def gap(_executor):
        await asyncio.sleep(10)
        found.venue.price, found.venue.stop, found.venue.stops_fail = Decimal(900), None, 1
        found.venue.tell(Connected(generation=2))

    executor = found.run(during=gap)

    assert sent(found)[:2] == [("Buy", Decimal(30), False), ("Sell", Decimal(30), True)]
    assert len(found.events("stopped")) == 1
    assert found.venue.placed[2][0] == FIRST_CLOSE + 3 * BAR_MS  # latched until the exposure had been zero
    assert state_of(executor) == "ACTIVE"


def test_while_the_stream_is_down_nothing_is_entered_and_exits_go_on():
    found = bench(0.3, 0.0, 0.3)

    async def disturb(_executor):
        await asyncio.sleep(BAR_MS / 1000 - 5)
        found.venue.unread = found.venue.snapshot
        found.venue.snapshot = refuse
        found.venue.tell(Disturbed(reason="pong missing"))

    async def refuse(_symbols):
        from autarch.errors import VenueError

        raise VenueError("down")

    found.run(during=disturb)

    assert sent(found) == [("Buy", Decimal(30), False), ("Sell", Decimal(30), True)]
    assert [body["leg"] for body in found.events("missed")] == ["enter"]


def test_a_halt_in_the_latch_stops_what_is_written_but_not_sent_and_a_release_from_flat_goes_on():
    found = bench(0.3, 0.3, 0.0, 0.3)
    halted = Halted(by="human", who="me", why="a look", at_ms=FIRST_CLOSE)
    found.latch.halt(halted)

    async def release(_executor):
        await asyncio.sleep(BAR_MS * 1.5 / 1000)
        found.latch.ask(Leave(start="flat", who="me", at_ms=FIRST_CLOSE))

    executor = found.run(during=release)

    assert [at for at, _ in found.venue.placed] == [FIRST_CLOSE + 3 * BAR_MS]  # once the exposure had been zero
    assert executor.core.books.gate.state == "ACTIVE"
    assert found.latch.read().halts == ()
    assert [body["state"] for body in found.events("state")] == ["HALTED", "ACTIVE"]


def test_a_release_from_flat_is_refused_while_something_is_held():
    found = bench(0.3, 0.3)

    async def halt_and_release(executor):
        await asyncio.sleep(10)
        loop = asyncio.get_running_loop()
        halt = Asked(command=Halt(symbol="", why="a look"), who="me", reply=loop.create_future())
        executor.inbox(halt)
        assert (await halt.reply).ok
        found.latch.ask(Leave(start="flat", who="me", at_ms=FIRST_CLOSE))

    executor = found.run(during=halt_and_release)

    assert executor.core.books.gate.state == "HALTED"
    assert found.latch.read().release is None
    assert any("resume from flat: the venue holds 30" in text for text in found.said("warning"))


@pytest.mark.parametrize("flatten", [True, False])
def test_a_stop_command_ends_the_run_flat_or_with_its_positions_and_stops(flatten):
    found = bench((0.3, 0.02), (0.3, 0.02), (0.3, 0.02))

    async def stop(executor):
        await asyncio.sleep(10)
        asked = Asked(command=Stop(flatten=flatten), who="me", reply=asyncio.get_running_loop().create_future())
        executor.inbox(asked)
        assert (await asked.reply).ok

    found.run(during=stop)

    assert found.venue.size == (0 if flatten else Decimal(30))
    assert found.venue.stop == (None if flatten else Decimal("980.0"))
    assert len(found.events("decision")) == 1
    assert found.loop.time() < 60
    assert bool(found.latch.read().halts) == flatten  # whoever starts it again does not enter again


def test_a_full_disk_frees_the_reserve_and_only_reduces_and_without_one_sends_nothing():
    found, poor = bench(0.3, 0.0, 0.3), bench(0.3, 0.0)
    found.journal, poor.journal = FullDisk(account="paper", after=3), FullDisk(account="paper", after=3)

    class Reserve:
        def free(self):
            found.journal.freed = True
            return True

    found.reserve = Reserve()
    executor = found.run()
    with pytest.raises(JournalLost, match="nothing is sent any more"):
        poor.run()

    assert sent(found)[-1] == ("Sell", Decimal(30), True)
    assert executor.core.books.gate.state == "REDUCING"
    assert found.venue.size == 0
    placed = len(poor.venue.placed)
    assert poor.journal.head[0] >= placed
    assert {order.order_link_id for _, order in poor.venue.placed} <= {e.ref for e in poor.journal.events("intent")}
    assert any("stops stay on the exchange" in text for text in poor.said("critical"))


def test_a_strategy_that_fails_later_halts_its_symbols_and_one_that_never_worked_ends_the_run():
    found = bench(0.3, StrategyError("it divides by zero"), 0.0)
    never = bench(StrategyError("it does not load"))

    executor = found.run()

    assert state_of(executor) == "HALTED"
    assert found.venue.size == 30
    assert any("divides by zero" in text for text in found.said("critical"))
    with pytest.raises(StrategyError, match="does not load"):
        never.run()


def test_bars_that_nobody_decided_on_are_said_and_a_bar_of_another_tag_is_refused():
    found = bench(0.3, 0.3, 0.3, 0.0)
    found.run(rows=1)

    found.run(from_row=3)

    (missed,) = found.events("missed")
    assert (missed["first_bar"], missed["last_bar"]) == (FIRST_CLOSE, FIRST_CLOSE + BAR_MS)
    with pytest.raises(Exception, match=r"was already traded by v0\.1\.0"):
        found.journal.append([], claims=[BarClaim(symbol=SYMBOL, bar=FIRST_CLOSE + 2 * BAR_MS, tag="v9.9.9")])


def test_an_entry_of_several_orders_goes_out_whole_or_not_at_all():
    found = bench(0.7, 0.7, limits=replace(WIDE, max_gross_leverage=0.5))

    found.run()

    # 70 coins in two orders of 35,000 USDT each: one alone would pass, both make 70,000, beyond half of 100,000
    assert sent(found) == []
    assert ["max_gross_leverage" in body["reason"] for body in found.events("rejected")] == [True, True]


ANSWERS = st.sampled_from(["", "", "lost before", "lost after", "refused"])


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    wanted=st.lists(st.sampled_from([-0.3, 0.0, 0.2, 0.3]), min_size=3, max_size=6),
    answers=st.lists(ANSWERS, max_size=6),
    fills=st.lists(st.sampled_from([None, None, "0", "3", "11"]), max_size=6),
    delays=st.lists(st.sampled_from([0.0, 0.0, 2.0, 30.0]), max_size=6),
    mute=st.booleans(),
)
def test_whatever_a_venue_does_no_order_doubles_and_the_books_end_as_the_venue(wanted, answers, fills, delays, mute):
    no_more()
    found = bench(*wanted, 0.0, 0.0, patience=Patience(reconcile_ms=20_000, beat_ms=60_000))
    found.venue.answers = dict(enumerate(answers))
    found.venue.fills = {number: qty for number, qty in enumerate(fills) if qty is not None}
    found.venue.delays, found.venue.mute = dict(enumerate(delays)), mute

    executor = found.run()

    arrived = [order.order_link_id for _, order in found.venue.placed]
    intents = {event.ref for event in found.journal.events("intent")}
    resent = sum(1 for _ in found.journal.events("resent"))
    assert set(arrived) <= intents
    assert len(arrived) - len(set(arrived)) <= resent
    assert executor.core.books.position(SYMBOL) == found.venue.size
    assert found.venue.size == 0 or state_of(executor) == "HALTED"
    again = Books(release=found.release, gate=type(executor.core.books.gate)(limits=WIDE, capital=Decimal(100_000)))
    for event in found.journal.events():
        again.apply(event.kind, event.time_ms, event.body)
    assert again.carried() == executor.core.books.carried()
