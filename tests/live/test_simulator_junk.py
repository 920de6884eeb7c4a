"""The simulated venue answers whatever is sent to it: with a refusal, and as it was before."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from live.simulator.core.requests import CreateOrder
from live.simulator.wire.private import PRIVATE_WRITES
from live.simulator.wire.rest import Request, handle
from live.simulator.wire.streams import PublicSession, TradeSession

from .simulator_site import KEY, new_site, wall_ms

GOOD = {
    "category": "linear", "symbol": "AAAUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "990",
    "orderLinkId": "rests", "timeInForce": "GTC", "reduceOnly": False, "stopLoss": "950", "buyLeverage": "3",
    "sellLeverage": "3", "mode": 3, "setMarginMode": "ISOLATED_MARGIN", "orderFilter": "Order", "positionIdx": 0,
}  # fmt: skip
JUNK = [[], {}, ["Buy"], {"a": 1}, "1e999999", "-1e308", "9" * 40, "\u00b2"]


@pytest.fixture
def site():
    made, _ = new_site(now_ms=wall_ms(), orders_a_second=10**6)
    order = CreateOrder(symbol="AAAUSDT", side="Buy", order_type="Limit", qty=Decimal(1), price=Decimal(980))
    made.exchange.create(KEY.uid, replace(order, order_link_id="rests"))
    return made


def post(site, path, body, *, sign=None):
    stamp, raw = str(site.now_ms), json.dumps(body)
    headers = {"x-bapi-api-key": KEY.key, "x-bapi-timestamp": stamp, "x-bapi-recv-window": "5000"}
    headers["x-bapi-sign"] = KEY.sign(f"{stamp}{KEY.key}5000{raw}") if sign is None else sign
    answer = handle(site, Request(method="POST", path=path, headers=headers, body=raw.encode()))
    return json.loads(answer.body)["retCode"]


@pytest.mark.parametrize("path", sorted(PRIVATE_WRITES))
def test_what_is_no_value_of_a_parameter_is_refused(site, path):
    before = site.exchange.accounts[KEY.uid].open_orders.copy()
    for name in GOOD.keys() - {"orderLinkId"}:
        for junk in (each for each in JUNK if isinstance(each, list | dict)):
            assert post(site, path, {**GOOD, name: junk}) == 10001, (name, junk)

    assert site.exchange.accounts[KEY.uid].open_orders == before


@pytest.mark.parametrize("name", ["qty", "price", "stopLoss"])
def test_numbers_beyond_all_arithmetic_are_refused(site, name):
    for junk in JUNK:
        assert post(site, "/v5/order/create", {**GOOD, "orderLinkId": "new", name: junk}) == 10001, junk
    assert len(site.exchange.accounts[KEY.uid].open_orders) == 1


def test_a_signature_of_any_letters_is_a_wrong_one(site):
    assert post(site, "/v5/order/create", GOOD, sign="\u00e9\udcff") == 10004


@pytest.mark.parametrize("name", ["\u00b2", "9" * 5000, "7"])
def test_an_interval_that_there_is_none_of_is_refused(site, name):
    said = json.loads(PublicSession(site).feed(json.dumps({"op": "subscribe", "args": [f"kline.{name}.AAAUSDT"]}))[0])
    query = f"category=linear&symbol=AAAUSDT&interval={name}"
    answer = handle(site, Request(method="GET", path="/v5/market/kline", query=query))

    assert (said["success"], json.loads(answer.body)["retCode"]) == (False, 10001)


def test_a_key_that_may_only_look_sends_no_order_over_the_trade_stream_either(site):
    looking = replace(KEY, key="looking", read_only=True)
    site.add_key(looking, deposit=Decimal(0))
    session, expires = TradeSession(site), site.now_ms + 5000
    session.feed(json.dumps({"op": "auth", "args": ["looking", expires, looking.sign(f"GET/realtime{expires}")]}))
    order = {**GOOD, "orderLinkId": "streamed"}
    header = {"X-BAPI-TIMESTAMP": str(site.now_ms)}

    said = [
        json.loads(session.feed(json.dumps({"op": "order.create", "header": header, "args": [each]}))[0])["retCode"]
        for each in (order, {**order, "side": ["Buy"]})
    ]

    assert said == [10005, 10005]
    assert len(site.exchange.accounts[KEY.uid].open_orders) == 1
