"""What the simulated exchange does with positions: stops, liquidation, deleveraging, funding, settlement."""

from __future__ import annotations

from decimal import Decimal

import pytest

from live.simulator.core.prices import Delisted, FundingDue
from live.simulator.core.requests import AmendOrder, Refused
from live.simulator.core.rows import ExecutionRow

from .simulator_floor import Floor


@pytest.fixture
def floor():
    return Floor()


def test_a_stop_is_an_order_of_its_own_that_grows_triggers_and_is_cleared_with_the_position(floor):
    floor.order(qty="1", stop_loss=Decimal(950), take_profit=Decimal(1100), order_link_id="entry")
    floor.order(qty="1")
    stop, take = (next(o for o in floor.account.orders_of("AAAUSDT") if o.stop_order_type == kind)
                  for kind in ("StopLoss", "TakeProfit"))  # fmt: skip
    assert (stop.status, stop.qty, stop.trigger_direction, stop.parent_link_id) == ("Untriggered", 2, 2, "entry")
    assert (take.qty, take.trigger_direction) == (2, 1)

    floor.trade(949.0)

    assert floor.position == 0
    assert [r.status for r in floor.account.orders[stop.order_id]] == [
        "Untriggered",
        "Untriggered",
        "Triggered",
        "Filled",
    ]
    last = floor.account.executions[-1]
    assert (last.create_type, last.stop_order_type, last.order_link_id) == ("CreateByStopLoss", "StopLoss", "")
    assert last.exec_price == Decimal(949)  # the price had jumped the trigger
    assert (floor.now(take).status, floor.now(take).cancel_type) == ("Deactivated", "CancelByTpSlTsClear")


def test_moving_a_stop_says_when_nothing_changes_and_refuses_the_wrong_side(floor):
    with pytest.raises(Refused, match="zero position"):
        floor.exchange.set_triggers("me", "AAAUSDT", stop_loss=Decimal(950), take_profit=None)
    floor.order(qty="1", stop_loss=Decimal(950))
    floor.exchange.set_triggers("me", "AAAUSDT", stop_loss=Decimal(960), take_profit=None)
    assert floor.account.holdings["AAAUSDT"].stop_loss == Decimal(960)
    with pytest.raises(Refused, match="34040"):
        floor.exchange.set_triggers("me", "AAAUSDT", stop_loss=Decimal(960), take_profit=None)
    for wrong, why in ((Decimal(1010), "should lower"), (Decimal(-5), "multiple of the tick")):
        with pytest.raises(Refused, match=why):
            floor.exchange.set_triggers("me", "AAAUSDT", stop_loss=wrong, take_profit=None)

    floor.exchange.set_triggers("me", "AAAUSDT", stop_loss=Decimal(0), take_profit=None)

    assert floor.account.holdings["AAAUSDT"].stop_loss is None
    assert floor.account.open_orders == {}


def test_changing_the_stop_order_moves_the_stop_of_the_position(floor):
    floor.order(qty="1", stop_loss=Decimal(950), take_profit=Decimal(1100))
    stop, take = (next(o for o in floor.account.orders_of("AAAUSDT") if o.stop_order_type == kind)
                  for kind in ("StopLoss", "TakeProfit"))  # fmt: skip

    changed = floor.exchange.amend(
        "me", AmendOrder(symbol="AAAUSDT", order_id=stop.order_id, trigger_price=Decimal(960))
    )
    floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_id=take.order_id, trigger_price=Decimal(1200)))

    held = floor.account.holdings["AAAUSDT"]
    assert (changed.trigger_price, held.stop_loss, held.take_profit) == (960, 960, 1200)
    for change in ({"trigger_price": Decimal(1010)}, {"trigger_price": Decimal(0)}, {"qty": Decimal("0.5")}):
        with pytest.raises(Refused):
            floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_id=stop.order_id, **change))
    assert (floor.now(stop).trigger_price, floor.now(stop).qty, held.stop_loss) == (960, 1, 960)
    floor.trade(955.0)
    assert floor.position == 0


def test_cancelling_the_stop_order_takes_the_stop_away(floor):
    floor.order(qty="1", stop_loss=Decimal(950))
    kept = floor.exchange.cancel_all("me", symbols=["AAAUSDT"], kind="Order")
    assert kept == []

    stop = floor.account.orders_of("AAAUSDT")[0]
    floor.exchange.cancel("me", "AAAUSDT", order_id=stop.order_id)
    floor.trade(910.0)

    assert floor.position == 1


def test_a_liquidation_closes_at_bankruptcy_under_the_venues_own_order(floor):
    floor.order(qty="10")
    # Margin 10 x 1000 / 10 = 1000, gone at 900: bankruptcy. Liquidated above that, by maintenance 0.5 % and the fee.
    assert floor.account.holdings["AAAUSDT"].bust_price == Decimal(900)
    assert Decimal(904) < floor.account.holdings["AAAUSDT"].liq_price < Decimal(906)

    floor.trade(905.0)

    last = floor.account.executions[-1]
    assert (last.exec_type, last.create_type, last.order_link_id) == ("BustTrade", "CreateByTakeOver_PassThrough", "")
    assert last.exec_price == Decimal(900)
    assert floor.position == 0


def test_deleveraging_takes_part_of_a_position_without_a_fee(floor):
    floor.order(qty="4", stop_loss=Decimal(950))

    floor.exchange.deleverage("me", "AAAUSDT", Decimal(1))

    last = floor.account.executions[-1]
    assert (last.exec_type, last.exec_qty, last.exec_fee, last.side) == ("AdlTrade", 1, 0, "Sell")
    assert floor.position == 3
    assert floor.account.orders_of("AAAUSDT")[0].qty == 3


def test_funding_is_an_execution_row_that_is_no_fill(floor):
    floor.order("Sell", "3")
    due = {"symbol": "AAAUSDT", "rate": 0.0001, "mark": 990.0, "at_open": True}
    before = floor.account.balance

    floor.play(FundingDue(time_ms=floor.exchange.now_ms + 1, **due))

    row = floor.account.executions[-1]
    assert (row.exec_type, row.order_type, row.order_link_id, row.exec_qty) == ("Funding", "UNKNOWN", "", 3)
    assert float(row.exec_fee) == pytest.approx(-0.297)  # a short receives 3 x 990 x 0.0001
    assert floor.account.balance - before == pytest.approx(Decimal("0.297"), abs=Decimal("1e-9"))
    assert floor.position == -3


def test_a_delisting_settles_the_position_and_cancels_what_rests(floor):
    floor.order(qty="2", stop_loss=Decimal(900))
    resting = floor.limit("Buy", "1", "950")

    floor.play(Delisted(time_ms=floor.exchange.now_ms + 1, symbol="AAAUSDT", price=1005.0))

    assert floor.position == 0
    assert floor.account.executions[-1].exec_type == "Settle"
    assert floor.now(resting).status == "Cancelled"


def test_a_shared_margin_holds_until_all_of_the_account_is_used_up_and_then_ends_everything(floor):
    floor.exchange.set_margin_mode("me", "REGULAR_MARGIN")
    floor.order("Sell", "40")  # 40,000 USDT, fee 22
    floor.limit("Buy", "1", "900")
    floor.trade(2000.0)  # isolated at 10 times it ends near 1095
    assert floor.position == -40
    floor.exchange.drain()

    floor.trade(3600.0)

    # 100,000 - 22 are used up at 1000 + 99,978 / 40 = 3499.45, on a tick; the fee to close is beyond: 76.9879
    (bust,) = [row for row in floor.exchange.drain() if isinstance(row, ExecutionRow)]
    assert (bust.exec_type, bust.exec_price, bust.exec_qty) == ("BustTrade", Decimal("3499.45"), Decimal(40))
    assert floor.account.balance == pytest.approx(Decimal("-76.9879"))
    assert floor.account.open_orders == {}


def test_with_shared_margin_profit_may_stand_behind_another_order(floor):
    # 40,000 at 10 times and the fees to open and close take 4,044 of 100,000: a rise by 100 is worth 4,000
    floor.exchange.set_margin_mode("me", "REGULAR_MARGIN")
    floor.order("Buy", "40")
    before = floor.exchange.available("me")

    floor.trade(1100.0)

    # and by as much more margin is held, 400, and 2.2 of the fee to close
    assert floor.exchange.available("me") - before == pytest.approx(Decimal("3597.8"))
