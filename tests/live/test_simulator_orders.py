"""What the simulated exchange does with orders: acceptance, life, reductions, settings."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from live.simulator.core.prices import BarOpened, BarSwept, MarkMoved
from live.simulator.core.requests import AmendOrder, Refused
from live.simulator.core.rows import ExecutionRow, OrderRow, PositionRow, WalletRow

from .simulator_floor import START, Floor


@pytest.fixture
def floor():
    return Floor()


def test_a_market_order_fills_and_tells_order_execution_position_and_wallet_in_the_venues_order(floor):
    floor.order(order_link_id="a-1", stop_loss=Decimal(950))

    rows = [(type(row).__name__, getattr(row, "status", "")) for row in floor.exchange.drain()]
    assert rows == [
        ("OrderRow", "New"),
        ("PositionRow", ""),
        ("ExecutionRow", ""),
        ("OrderRow", "Filled"),
        ("PositionRow", ""),
        ("WalletRow", ""),
        ("OrderRow", "Untriggered"),
        ("PositionRow", ""),
    ]
    assert floor.position == 1


def test_numbers_of_rows_only_rise(floor):
    floor.order(stop_loss=Decimal(950))
    floor.trade(940.0)
    seqs = [
        row.seq for row in floor.exchange.drain() if isinstance(row, (OrderRow, ExecutionRow, PositionRow, WalletRow))
    ]

    assert len(seqs) > 12
    assert seqs == sorted(set(seqs))


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"qty": "0.0005"}, 10001),  # off the step
        ({"qty": "0"}, 10001),
        ({"qty": "41"}, 10001),  # above max_market_qty 40
        ({"qty": "0.004"}, 110094),  # 4 USDT, below 5
        ({"qty": "1", "position_idx": 1}, 10001),
        ({"qty": "1", "reduce_only": True}, 110017),
        ({"qty": "1", "reduce_only": True, "stop_loss": Decimal(900)}, 10001),
        ({"qty": "1", "stop_loss": Decimal(1100)}, 10001),  # above a long
        ({"qty": "1", "take_profit": Decimal(900)}, 10001),
        ({"qty": "1", "stop_loss": Decimal("949.99")}, 10001),  # off the tick of 0.05
        ({"qty": "1", "stop_loss": Decimal(-5)}, 10001),
        ({"qty": "1", "order_link_id": "x" * 37}, 10001),
        ({"qty": "1", "order_link_id": "with space"}, 10001),
        ({"qty": "1", "trigger_price": Decimal(900), "trigger_direction": 1}, 110092),
        ({"qty": "1", "trigger_price": Decimal(1100), "trigger_direction": 2}, 110093),
        ({"qty": "1", "trigger_price": Decimal(1100)}, 10001),
        ({"qty": "1", "symbol": "NOPEUSDT"}, 10001),
        ({"qty": "1", "order_type": "Limit"}, 10001),
    ],
)
def test_orders_against_a_rule_are_refused_with_the_venues_code_and_nothing_happens(floor, order, code):
    assert floor.refused(**order) == code
    assert (floor.position, floor.exchange.drain(), floor.account.open_orders) == (0, [], {})


def test_a_link_id_is_taken_once_for_ever(floor):
    floor.order(order_link_id="a-1")
    floor.order("Sell", order_link_id="a-2", reduce_only=True)

    assert floor.refused(order_link_id="a-1") == 110072


def test_an_order_that_the_margin_does_not_cover_is_refused():
    floor = Floor(max_market_qty=Decimal(10**6))
    floor.exchange.set_leverage("me", "AAAUSDT", Decimal(2))

    # 199 coins at 1000 and leverage 2: 99,500 margin and 2 x 199,000 x 0.00055 = 218.9 fees; 200 do not fit.
    assert floor.refused(qty="200") == 110007
    floor.order(qty="199")
    assert floor.position == 199
    # 100,000 - 109.45 fee paid - (99,500 + fee to close at bankruptcy 500: 54.725)
    assert floor.exchange.available("me") == Decimal("335.825")
    assert floor.refused(qty="1") == 110007
    assert floor.order("Sell", "199", reduce_only=True).status == "New"


def test_a_limit_order_rests_until_the_price_trades_through_it_and_pays_the_maker_fee(floor):
    order = floor.limit("Buy", "2", "990")
    floor.trade(990.0)
    assert floor.now(order).status == "New"

    floor.trade(989.95)

    filled = floor.now(order)
    assert (filled.status, filled.avg_price) == ("Filled", Decimal(990))
    assert floor.account.executions[-1].is_maker
    assert floor.account.executions[-1].exec_fee == Decimal("0.396")  # 2 x 990 x 0.0002
    assert floor.position == 2


def test_a_post_only_order_that_would_take_is_acknowledged_and_then_cancelled(floor):
    taken = floor.limit("Buy", "1", "1001", time_in_force="PostOnly")

    assert taken.status == "New"
    assert (floor.now(taken).status, floor.now(taken).reject_reason) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")


def test_an_immediate_order_that_finds_nothing_is_cancelled(floor):
    order = floor.limit("Buy", "1", "990", time_in_force="IOC")

    assert (floor.now(order).status, floor.position) == ("Cancelled", 0)


def test_a_market_order_does_not_fill_beyond_its_band(floor):
    floor.play(MarkMoved(time_ms=floor.exchange.now_ms + 1, symbol="AAAUSDT", mark=940.0))

    order = floor.order()  # band 940 x 1.05 = 987, the last price is 1000

    assert order.price == Decimal(987)
    assert (floor.now(order).status, floor.now(order).reject_reason) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert floor.position == 0


def test_a_partial_fill_cancels_the_rest(floor):
    floor.exchange.fill_by(lambda order: (order.leaves_qty / 4, order.leaves_qty / 4))

    order = floor.order(qty="4")

    end = floor.now(order)
    assert (end.status, end.cum_exec_qty, end.leaves_qty) == ("Cancelled", Decimal(2), Decimal(2))
    assert [row.exec_qty for row in floor.account.executions] == [1, 1]
    statuses = [row.status for row in floor.account.orders[order.order_id]]
    assert statuses == ["New", "PartiallyFilled", "PartiallyFilled", "Cancelled"]


def test_a_reduce_only_order_never_flips_and_a_resting_one_is_cut_when_the_position_shrinks(floor):
    floor.order(qty="3")
    resting = floor.limit("Sell", "3", "1010", reduce_only=True)
    floor.order("Sell", "2", reduce_only=True)
    floor.trade(1011.0)

    assert floor.position == 0
    end = floor.now(resting)
    assert (end.status, end.cum_exec_qty, end.cancel_type) == ("Cancelled", Decimal(1), "CancelByReduceOnly")


def test_a_resting_reduction_without_a_position_is_cancelled(floor):
    floor.order(qty="3")
    resting = floor.limit("Sell", "3", "1010", reduce_only=True)
    floor.order("Sell", "3", reduce_only=True)

    assert (floor.now(resting).status, floor.now(resting).cancel_type) == ("Cancelled", "CancelByReduceOnly")


def test_closing_with_quantity_zero_closes_everything(floor):
    floor.order(qty="3")
    floor.order("Sell", "0", reduce_only=True, close_on_trigger=True)

    assert floor.position == 0


def test_a_conditional_order_waits_for_its_trigger(floor):
    order = floor.order(qty="1", trigger_price=Decimal(1050), trigger_direction=1)
    floor.trade(1049.0)
    assert (floor.now(order).status, floor.position) == ("Untriggered", 0)

    floor.trade(1051.0)

    assert floor.position == 1
    assert [r.status for r in floor.account.orders[order.order_id]] == ["Untriggered", "Triggered", "New", "Filled"]
    assert floor.account.executions[-1].exec_price == Decimal(1051)


def test_within_a_recorded_bar_a_conditional_order_fills_at_its_trigger(floor):
    floor.order(qty="1", trigger_price=Decimal(1050), trigger_direction=1)
    now = floor.exchange.now_ms
    bar = {"symbol": "AAAUSDT", "depth": 0.0, "traded": True, "open": 1000.0}

    floor.play(BarOpened(time_ms=now + 10, **bar))
    floor.play(BarSwept(time_ms=now + 20, high=1080.0, low=990.0, close=1010.0, **bar))

    assert floor.account.executions[-1].exec_price == Decimal(1050)


def test_amending_changes_a_resting_order_and_a_price_that_crosses_fills_it(floor):
    order = floor.limit("Buy", "1", "990", order_link_id="a-1")
    floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", qty=Decimal(2)))
    assert (floor.now(order).qty, floor.now(order).leaves_qty) == (2, 2)
    with pytest.raises(Refused, match="not modified"):
        floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", qty=Decimal(2)))

    floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", price=Decimal(1000)))

    assert (floor.now(order).status, floor.position) == ("Filled", 2)
    with pytest.raises(Refused, match="110001"):
        floor.exchange.cancel("me", "AAAUSDT", order_link_id="a-1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"qty": "0"}, 10001),
        ({"qty": "-1"}, 10001),
        ({"qty": "1.0005"}, 10001),  # off the step
        ({"qty": "2000000"}, 10001),  # above max_limit_qty
        ({"qty": "0.004"}, 110094),  # 3.96 USDT, below 5
        ({"qty": "5000"}, 110007),  # 4,950,000 USDT at leverage 10, of 100,000
        ({"price": "0"}, 10001),
        ({"price": "-5"}, 10001),
        ({"price": "990.01"}, 10001),  # off the tick of 0.05
        ({"price": "940"}, 10001),  # below its own stop
        ({"trigger_price": "1100"}, 10001),  # it waits for none
    ],
)
def test_a_change_that_no_new_order_would_be_taken_with_is_refused_and_changes_nothing(floor, change, code):
    order = floor.limit("Buy", "1", "990", order_link_id="a-1", stop_loss=Decimal(950))
    floor.exchange.drain()

    with pytest.raises(Refused) as caught:
        floor.exchange.amend(
            "me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", **{n: Decimal(v) for n, v in change.items()})
        )

    assert (caught.value.code, floor.now(order), floor.exchange.drain()) == (code, order, [])


def test_a_conditional_order_moves_to_a_trigger_it_can_wait_for(floor):
    order = floor.order("Sell", "1", trigger_price=Decimal(900), trigger_direction=2, order_link_id="a-1")

    with pytest.raises(Refused, match="110093"):
        floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", trigger_price=Decimal(1100)))
    with pytest.raises(Refused, match="no price"):
        floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", price=Decimal(910)))
    floor.exchange.amend("me", AmendOrder(symbol="AAAUSDT", order_link_id="a-1", trigger_price=Decimal(950)))
    floor.trade(949.0)

    assert (floor.now(order).status, floor.position) == ("Filled", -1)


def test_modes_and_leverage_say_when_nothing_changes_and_when_they_may_not(floor):
    for change, code in [
        (lambda: floor.exchange.switch_mode("me", 0), 110025),
        (lambda: floor.exchange.set_leverage("me", "AAAUSDT", Decimal(10)), 110043),
        (lambda: floor.exchange.set_leverage("me", "AAAUSDT", Decimal(101)), 110013),
    ]:
        with pytest.raises(Refused, match=str(code)):
            change()
    resting = floor.limit("Buy", "1", "950")
    with pytest.raises(Refused, match="110028"):
        floor.exchange.switch_mode("me", 3)
    floor.exchange.cancel("me", "AAAUSDT", order_id=resting.order_id)
    floor.exchange.switch_mode("me", 3)

    assert floor.refused(qty="1") == 10001


def test_changed_filters_hold_for_the_next_order_and_a_closed_contract_takes_none(floor):
    floor.order(qty="1")
    coarser = floor.contract.under(replace(floor.contract.instrument, qty_step=Decimal("0.1")))
    floor.exchange.list_as(coarser)
    assert floor.position == 1
    assert floor.refused(qty="0.05") == 10001

    floor.exchange.list_as(replace(coarser, status="Closed"))

    assert floor.refused(qty="1") == 110074


def test_deposits_and_withdrawals_change_the_wallet_and_nothing_else(floor):
    floor.exchange.transfer("me", Decimal(-500))

    wallet = floor.exchange.drain()[-1]
    assert (wallet.balance, wallet.available) == (Decimal(99_500), Decimal(99_500))


def test_the_past_can_be_read_as_it_was(floor):
    order = floor.limit("Buy", "1", "990")
    placed = floor.exchange.now_ms
    floor.trade(980.0)

    assert floor.account.order_as_of(order.order_id, placed).status == "New"
    assert floor.account.order_as_of(order.order_id, floor.exchange.now_ms).status == "Filled"
    assert floor.account.order_as_of(order.order_id, placed - 1) is None


def test_time_does_not_go_back(floor):
    with pytest.raises(ValueError, match="does not go back"):
        floor.exchange.advance(START)


def test_the_same_script_gives_the_same_rows_and_ids():
    def rows():
        floor = Floor()
        floor.order(qty="2", stop_loss=Decimal(950))
        floor.trade(940.0)
        return floor.exchange.drain()

    assert rows() == rows()


def test_names_outlive_their_orders_but_not_for_ever_and_open_orders_keep_theirs(floor):
    floor.account.kept = 2  # 8 to 16 names
    floor.limit("Buy", "0.01", "900", order_link_id="rests")

    for number in range(40):
        floor.order("Sell" if number % 2 else "Buy", "0.01", order_link_id=f"n-{number}")

    assert 8 <= len(floor.account.links) <= 17
    assert len(floor.account.orders) <= 5
    assert floor.refused(qty="0.01", order_link_id="n-33") == 110072
    assert floor.exchange.cancel("me", "AAAUSDT", order_link_id="rests").status == "Cancelled"
