"""The venue's rows: lenient where nobody acts, and an error of the venue, never another, where somebody would."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import VenueError
from live.venue.bybit.parsing import (
    execution_of,
    listing_of,
    margin_mode_of,
    order_of,
    position_of,
    wallet_of,
)

ORDER = {"orderId": "o", "symbol": "A", "side": "Buy", "orderStatus": "New", "qty": "1"}
FILL = {
    "execId": "e",
    "execType": "Trade",
    "symbol": "A",
    "side": "Sell",
    "execQty": "2",
    "execPrice": "10",
    "execFee": "0.011",
    "execTime": "1700000000000",
}
LISTED = {
    "symbol": "A",
    "status": "Trading",
    "priceFilter": {"tickSize": "0.1"},
    "lotSizeFilter": {"qtyStep": "1", "minOrderQty": "1", "maxMktOrderQty": "9", "minNotionalValue": "5"},
}
CELL = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("NaN") | st.lists(st.none())
)
PARSERS = [
    (order_of, ORDER),
    (execution_of, FILL),
    (position_of, {"symbol": "A", "size": "1", "side": "Buy"}),
    (listing_of, LISTED),
    (margin_mode_of, {"marginMode": "ISOLATED_MARGIN"}),
    (wallet_of, {"list": []}),
]


@given(st.data())
@pytest.mark.parametrize(("parse", "row"), PARSERS)
def test_a_row_with_anything_in_it_is_read_or_refused_as_the_venues_fault(parse, row, data):
    name = data.draw(st.sampled_from([*row, "cumExecQty", "triggerPrice", "seq", "feeCurrency", "feeRate", "leverage"]))
    for changed in ({**row, name: data.draw(CELL)}, {key: cell for key, cell in row.items() if key != name}):
        try:
            parse(changed)
        except VenueError as error:
            assert str(error)  # noqa: PT017  anything else that is raised fails the test


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("New", "open"),
        ("Untriggered", "open"),
        ("PartiallyFilled", "open"),
        ("Filled", "filled"),
        ("Rejected", "rejected"),
        ("Cancelled", "cancelled"),
        ("Deactivated", "cancelled"),
    ],
)
def test_every_documented_status_has_its_word_and_another_is_refused(raw, status):
    assert order_of({**ORDER, "orderStatus": raw, "cumExecQty": "0.4"}).status == status
    with pytest.raises(VenueError, match="not known"):
        order_of({**ORDER, "orderStatus": "Pending"})


def test_zero_and_empty_prices_are_none_and_sides_give_the_sign():
    row = {
        "symbol": "A",
        "size": "3",
        "side": "Sell",
        "avgPrice": "10",
        "stopLoss": "0",
        "takeProfit": "",
        "liqPrice": None,
    }
    found = position_of(row)

    assert (found.size, found.entry_price, found.stop_loss, found.take_profit, found.liq_price) == (
        -3,
        10,
        None,
        None,
        None,
    )
    assert position_of({"symbol": "A", "size": "0", "side": ""}).size == 0
    assert position_of({"symbol": "A", "size": "1", "side": "Buy", "entryPrice": "7"}).entry_price == 7
    with pytest.raises(VenueError, match="without a side"):
        position_of({"symbol": "A", "size": "1", "side": ""})


def test_a_fee_in_another_coin_is_valued_in_usdt():
    assert execution_of(FILL).fee == Decimal("0.011")
    paid = execution_of({**FILL, "feeCurrency": "MNT", "feeRate": "0.00055", "execFee": "0.02"})
    assert paid.fee == Decimal("0.011")  # 0.00055 * 2 * 10


def test_what_is_neither_fill_nor_funding_is_no_execution():
    assert execution_of({**FILL, "execType": "MovePosition"}) is None
    assert execution_of({**FILL, "execType": "AdlTrade"}).exec_type == "AdlTrade"


def test_triggers_of_unknown_kinds_are_triggers_all_the_same():
    assert order_of({**ORDER, "stopOrderType": "PartialTakeProfit", "triggerPrice": "5"}).trigger == "Stop"
    assert order_of({**ORDER, "stopOrderType": "UNKNOWN"}).trigger == ""


def test_a_delisting_is_told_and_a_symbol_that_does_not_trade_too():
    assert listing_of({**LISTED, "deliveryTime": "0"}).delists_ms is None
    found = listing_of({**LISTED, "deliveryTime": "1700000000000", "status": "Closed"})
    assert (found.delists_ms, found.trading) == (1700000000000, False)


def test_published_samples_are_read():
    sample = json.loads(
        '{"orderId":"open-order-1","orderLinkId":"client-open-1","symbol":"ETHUSDT","price":"3930.41","qty":"0.010",'
        '"side":"Buy","positionIdx":0,"orderStatus":"New","rejectReason":"","avgPrice":null,"cumExecQty":"0",'
        '"stopOrderType":"","triggerPrice":"0","reduceOnly":false}'
    )
    found = order_of(sample)
    assert (found.order_link_id, found.status, found.trigger_price, found.reason) == ("client-open-1", "open", None, "")
