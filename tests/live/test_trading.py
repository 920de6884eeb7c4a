"""Every rule of the executor, each with the fault that it is there for."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from live.orders import OrderName

from .bench import BAR_MS, FIRST_CLOSE, SYMBOL
from .benches import bench, no_loop_is_left_open, sent, state_of

__all__ = ["no_loop_is_left_open"]


def test_an_entry_carries_its_stop_and_has_the_contracts_after_its_last_fill():
    found = bench((0.5, 0.02), (0.5, 0.02))
    found.venue.price = Decimal(1001)  # the market has gone on since the close at 1000

    executor = found.run()

    # 0.5 x 100,000 / close of 1000 = 50 in two orders of at most 40; stop 2 % below the last price, then below the fill
    assert sent(found) == [("Buy", Decimal(25), False), ("Buy", Decimal(25), False)]
    assert found.venue.placed[0][1].stop_loss == Decimal("981.00")  # 1001 x 0.98 = 980.98, to the tick nearer the entry
    assert found.venue.stop == Decimal("981.00")
    assert executor.core.books.positions() == {SYMBOL: Decimal(50)}
    assert found.venue.placed[0][0] == FIRST_CLOSE


def test_a_stop_is_moved_from_the_last_price_to_the_price_of_the_fill():
    found = bench((0.3, 0.02))
    last = found.venue.last_price

    async def elsewhere(symbol):
        return await last(symbol) + 5

    found.venue.last_price = elsewhere
    found.run()

    assert found.venue.placed[0][1].stop_loss == Decimal("984.90")  # 1005 x 0.98
    assert [call for call in found.venue.calls if call[0] == "stops"] == [("stops", Decimal("980.0"), None)]
    assert found.events("stops") == [{"symbol": SYMBOL, "stop_loss": "980.0", "take_profit": None}]


def test_a_flip_closes_waits_for_the_fill_and_reads_flat_before_it_enters():
    found = bench(0.3, -0.3)
    found.venue.delays = {1: 3.0}

    found.run()

    close, enter = found.venue.placed[1:]
    assert (close[1].side, close[1].qty, close[1].reduce_only) == ("Sell", Decimal(30), True)
    assert (enter[1].side, enter[1].reduce_only) == ("Sell", False)
    assert enter[0] >= close[0] + 3000
    assert found.venue.size == -Decimal(30)


def test_a_flip_whose_close_takes_too_long_is_closed_and_its_entry_is_missed():
    found = bench(0.3, -0.3)
    found.venue.delays = {1: 25.0}  # beyond min(20 s, 90 s)

    found.run()

    assert found.venue.size == 0
    assert len(found.venue.placed) == 2
    (missed,) = found.events("missed")
    assert (missed["leg"], missed["side"]) == ("enter", "Sell")


def test_an_exit_that_fills_in_part_is_pursued_under_new_names_until_done():
    found = bench(0.3, 0.0)
    found.venue.fills = {1: "10", 2: "0", 3: "5.5"}

    executor = found.run()

    assert sent(found)[1:] == [
        ("Sell", Decimal(30), True),
        ("Sell", Decimal(20), True),
        ("Sell", Decimal(20), True),
        ("Sell", Decimal("14.5"), True),
    ]
    names = [order.order_link_id for _, order in found.venue.placed]
    assert len(set(names)) == len(names)
    facts = {"account": "paper", "strategy": "one_idea", "symbol": SYMBOL, "bar": FIRST_CLOSE, "leg": "close"}
    assert names[1:] == [OrderName(**facts, attempt=attempt).order_link_id for attempt in range(4)]
    assert executor.core.books.positions() == {}
    assert [body["filled"] for body in found.events("done")] == ["10", "0", "5.5"]


def test_an_entry_that_fills_in_part_is_not_sent_again():
    found = bench(0.3, 0.3)
    found.venue.fills = {0: "12.5"}

    executor = found.run()

    assert sent(found) == [("Buy", Decimal(30), False)]
    assert executor.core.books.positions() == {SYMBOL: Decimal("12.5")}


@pytest.mark.parametrize(("answer", "resent"), [("lost before", 1), ("lost after", 0)])
def test_an_order_without_an_answer_is_settled_and_sent_again_only_if_it_never_was(answer, resent):
    found = bench(0.3, 0.3)
    found.venue.answers = {0: answer}

    executor = found.run()

    assert executor.core.books.positions() == {SYMBOL: Decimal(30)} == {SYMBOL: found.venue.size}
    assert len({order.order_link_id for _, order in found.venue.placed}) == 1
    assert len(found.events("resent")) == resent
    assert len(found.events("intent")) == 1


def test_an_order_that_nobody_can_tell_of_halts_its_symbol_with_an_alert():
    found = bench(0.3, 0.0)
    found.venue.answers, found.venue.unreachable = {0: "lost before"}, True

    executor = found.run()

    assert state_of(executor) == "HALTED"
    assert any("nobody can tell" in text for text in found.said("critical"))
    assert len(found.venue.placed) == 1
    assert found.latch.read().halts[0].symbol == SYMBOL


def test_an_entry_is_not_sent_late_and_an_exit_is():
    found = bench(0.3, 0.0, 0.3, late=0.0)
    found.run(rows=1)
    found.late = 21.0

    found.run(from_row=1)

    assert sent(found) == [("Buy", Decimal(30), False), ("Sell", Decimal(30), True)]
    assert [body["leg"] for body in found.events("missed")] == ["enter"]


def test_fills_that_the_stream_never_told_are_found_by_reading():
    found = bench(0.3, 0.0)
    found.venue.mute = True

    executor = found.run()

    assert sent(found) == [("Buy", Decimal(30), False), ("Sell", Decimal(30), True)]
    assert executor.core.books.positions() == {}


def test_an_execution_told_twice_counts_once():
    found = bench(0.3, 0.3)

    async def repeat(_executor):
        await asyncio.sleep(5)
        from live.ports.venue import Executed

        for fact in tuple(found.venue.facts):
            found.venue.tell(Executed(execution=fact))

    executor = found.run(during=repeat)

    assert executor.core.books.positions() == {SYMBOL: Decimal(30)}
    assert len(found.events("execution")) == 1


@pytest.mark.parametrize(("late", "equity"), [(5.0, 100_000.0), (0.0, 100_000.0)])
def test_what_happens_after_a_close_is_booked_after_its_decision(late, equity):
    found = bench((0.3, 0.02), (0.3, 0.02), late=late)

    async def stop_out(_executor):
        await asyncio.sleep(BAR_MS / 1000 + 1.0 - (0.0 if late else 0.5))
        found.venue.price = Decimal(980)
        found.venue.execute("Sell", Decimal(30), create="CreateByStopLoss", at_ms=FIRST_CLOSE + BAR_MS + 500)

    found.run(during=stop_out)

    kinds = [(e.kind, e.time_ms) for e in found.journal.events("decision", "execution")]
    assert [kind for kind, _ in kinds] == ["decision", "execution", "decision", "execution"]
    assert found.events("decision")[1]["equity"] == equity  # the stop's loss of 600 is not in it


def test_after_a_stop_out_nothing_is_entered_before_the_exposure_was_zero():
    found = bench((0.3, 0.02), (0.4, 0.02), (0.0, None), (0.4, 0.02))

    async def stop_out(_executor):
        await asyncio.sleep(100)
        found.venue.execute("Sell", Decimal(30), create="CreateByStopLoss")

    found.run(during=stop_out)

    assert [at for at, _ in found.venue.placed] == [FIRST_CLOSE, FIRST_CLOSE + 3 * BAR_MS]


def test_a_takeover_and_a_deleveraging_are_forced_fills_and_funding_is_none():
    found = bench((0.3, None), (0.3, None))

    async def forced(_executor):
        await asyncio.sleep(10)
        found.venue.execute("Sell", Decimal(10), kind="AdlTrade", create="CreateByAdl_PassThrough")
        found.venue.size += 20
        found.venue.execute("Sell", Decimal(20), kind="Funding", create="", fee="1.5")
        await asyncio.sleep(10)
        found.venue.execute("Sell", Decimal(20), kind="BustTrade", create="CreateByTakeOver_PassThrough")

    executor = found.run(during=forced)

    assert executor.core.books.positions() == {}
    assert executor.core.books.equity() == pytest.approx(100_000 - 1.5)
    assert executor.core.books.state_of(SYMBOL)[0] == "ACTIVE"
    assert found.events("foreign") == []
