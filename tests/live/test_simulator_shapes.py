"""The simulated venue's messages have the shape of published samples: same keys, same kinds of value.

The samples are others' work and are read where AUTARCH_BYBIT_SAMPLES, or the folder beside the real data, has them.
What our own table demands is tested everywhere.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from live.simulator.core.requests import CreateOrder
from live.simulator.wire.rest import Request, handle
from live.simulator.wire.streams import PrivateSession, PublicSession, TradeSession

from .simulator_site import KEY, new_site, wall_ms

NOT_SIMULATED = {
    "isLeverage", "blockTradeId", "orderIv", "smpOrderId", "placeType", "extraFees", "rpiTakerAccess", "rpiMatchedQty",
    "slippageToleranceType", "slippageTolerance", "marketUnit", "tradeIv", "markIv", "underlyingPrice", "closedPnl",
    "riskLimitValue", "positionIMByMp", "positionMMByMp", "mmrSysUpdateTime", "mmrSysUpdatedTime", "breakEvenPrice",
    "leverageSysUpdatedTime", "trailingStop", "accountIMRateByMp", "accountMMRateByMp", "totalInitialMarginByMp",
    "totalMaintenanceMarginByMp", "spotHedgingQty", "deliveryFeeRate", "symbolType", "copyTrading", "preListingInfo",
    "prevPrice24h", "price24hPcnt", "highPrice24h", "lowPrice24h", "prevPrice1h", "openInterest", "openInterestValue",
    "turnover24h", "volume24h", "predictedDeliveryPrice", "basisRate", "deliveryTime", "basis", "preOpenPrice",
    "preQty", "curPreListingPhase", "basisRateYear", "feeCurrency", "availableToBorrow", "bonusChange", "transSubType",
    "cashBalance", "mktMakerLevel", "affiliateID", "rsaPublicKey", "kycLevel", "kycRegion", "userIDInt64", "vipLevel",
    "inviterIDInt64", "affiliateIDInt64", "inviterID", "createdAt", "bidPrice", "symbolId",
}  # fmt: skip


def samples():
    named = os.environ.get("AUTARCH_BYBIT_SAMPLES")
    beside = os.environ.get("AUTARCH_REAL_DATA")
    folder = Path(named) if named else Path(beside).parent / "fixtures" / "bybit_v5" if beside else None
    if folder is None or not folder.is_dir():
        pytest.skip("no published samples here: set AUTARCH_BYBIT_SAMPLES to a folder that has them")
    return folder / "docs_examples"


class Asked:
    """A site with an open, protected position and one resting order."""

    def __init__(self):
        self.site, _ = new_site(now_ms=wall_ms())
        self.private = PrivateSession(self.site)
        expires = self.site.now_ms + 5000
        signed = [KEY.key, expires, KEY.sign(f"GET/realtime{expires}")]
        self.private.feed(json.dumps({"op": "auth", "args": signed}))
        self.private.feed(json.dumps({"op": "subscribe", "args": ["order", "execution", "position", "wallet"]}))
        self.heard = []
        self.site.listeners.append(lambda rows: self.heard.extend(self.private.push(rows)))
        self.create(side="Buy", order_type="Market", qty=Decimal(1), stop_loss=Decimal(950), order_link_id="a")
        self.create(side="Buy", order_type="Limit", qty=Decimal(1), price=Decimal(900), order_link_id="b")

    def create(self, **order):
        self.site.exchange.create(KEY.uid, CreateOrder(symbol="AAAUSDT", **order))
        self.site.publish()

    def get(self, path, query):
        stamp, window = str(self.site.now_ms), "5000"
        headers = {
            "x-bapi-api-key": KEY.key,
            "x-bapi-timestamp": stamp,
            "x-bapi-recv-window": window,
            "x-bapi-sign": KEY.sign(f"{stamp}{KEY.key}{window}{query}"),
        }
        answer = handle(self.site, Request(method="GET", path=path, query=query, headers=headers))
        return json.loads(answer.body)

    def streamed(self, topic):
        return next(message for message in map(json.loads, self.heard) if message["topic"] == topic)


@pytest.fixture(scope="module")
def asked():
    return Asked()


def rows_of(message):
    result = message.get("result", message)
    rows = result.get("list", result.get("data", result))
    return rows if isinstance(rows, list) else [rows]


def lacking(ours, theirs):
    """Return the keys of a published row that ours lacks, and those whose kind of value differs."""
    missing = set(theirs) - set(ours) - NOT_SIMULATED
    kinds = {
        name
        for name in set(theirs) & set(ours)
        if theirs[name] is not None
        and ours[name] is not None
        and isinstance(theirs[name], str) != isinstance(ours[name], str)
    }
    return missing, kinds


REST = [
    ("/v5/order/realtime", "category=linear&symbol=AAAUSDT", "order__open-order__response-example__0"),
    ("/v5/order/history", "category=linear&symbol=AAAUSDT", "order__order-list__response-example__0"),
    ("/v5/execution/list", "category=linear&symbol=AAAUSDT", "order__execution__response-example__0"),
    ("/v5/position/list", "category=linear&symbol=AAAUSDT", "position__position__response-example__0"),
    ("/v5/account/wallet-balance", "accountType=UNIFIED", "account__wallet-balance__response-example__0"),
    ("/v5/account/fee-rate", "category=linear", "account__fee-rate__response-example__0"),
    ("/v5/account/transaction-log", "category=linear", "account__transaction-log__response-example__0"),
    ("/v5/user/query-api", "", "user__apikey-info__response-example__0"),
    ("/v5/market/instruments-info", "category=linear", "market__instrument__response-example__0"),
    ("/v5/market/risk-limit", "category=linear", "market__risk-limit__response-example__0"),
    ("/v5/market/tickers", "category=linear", "market__tickers__response-example__0"),
    ("/v5/market/price-limit", "category=linear&symbol=AAAUSDT", "market__order-price-limit__response-example__0"),
    ("/v5/market/time", "", "market__time__response-example__0"),
]


@pytest.mark.parametrize(("path", "query", "name"), REST, ids=[path for path, _, _ in REST])
def test_rest_answers_have_the_published_keys(asked, path, query, name):
    published = json.loads((samples() / f"{name}.json").read_text())
    found = asked.get(path, query)

    assert found["retCode"] == 0
    assert set(published) <= set(found)
    assert lacking(rows_of(found)[0], rows_of(published)[0]) == (set(), set())


@pytest.mark.parametrize("topic", ["order", "execution", "position", "wallet"])
def test_private_messages_have_the_published_keys(asked, topic):
    published = json.loads((samples() / f"websocket__private__{topic}__stream-example__1.json").read_text())
    found = asked.streamed(topic)

    assert set(published) <= set(found)
    assert lacking(found["data"][0], published["data"][0]) == (set(), set())


def test_every_number_of_a_result_is_a_string_but_for_the_few_that_are_not(asked):
    position = asked.get("/v5/position/list", "category=linear&symbol=AAAUSDT")["result"]["list"][0]

    bare = {name for name, value in position.items() if isinstance(value, int) and not isinstance(value, bool)}
    assert bare == {"positionIdx", "riskId", "tradeMode", "autoAddMargin", "adlRankIndicator", "seq"}
    assert position["avgPrice"] == "1000.0"
    assert "entryPrice" not in position
    assert asked.streamed("position")["data"][0].keys() >= {"entryPrice"}


def test_pings_are_answered_in_each_streams_own_form(asked):
    ping = json.dumps({"op": "ping", "req_id": "7"})
    public, private, trade = (
        json.loads(kind(asked.site).feed(ping)[0]) for kind in (PublicSession, PrivateSession, TradeSession)
    )

    assert (public["op"], public["ret_msg"], public["req_id"]) == ("ping", "pong", "7")
    assert (private["op"], private["args"]) == ("pong", [str(asked.site.now_ms)])
    assert (trade["op"], trade["data"]) == ("pong", [str(asked.site.now_ms)])


@pytest.mark.parametrize("raw", ["", "[]", "nonsense", '{"op": "subscribe"}', '{"op": "subscribe", "args": ["nope"]}',
                                 '{"op": "subscribe", "args": ["kline.7.AAAUSDT"]}', '{"op": "fly"}'])  # fmt: skip
def test_what_a_stream_does_not_understand_it_says_so(asked, raw):
    answer = json.loads(PublicSession(asked.site).feed(raw)[0])

    assert answer["success"] is False
    assert answer["ret_msg"]


def test_private_topics_need_auth_and_a_wrong_secret_gets_none(asked):
    session = PrivateSession(asked.site)
    expires = asked.site.now_ms + 5000
    assert json.loads(session.feed('{"op": "subscribe", "args": ["order"]}')[0])["success"] is False
    refused = json.loads(session.feed(json.dumps({"op": "auth", "args": [KEY.key, expires, "00"]}))[0])
    assert refused["success"] is False
    late = [KEY.key, asked.site.now_ms - 1, KEY.sign(f"GET/realtime{asked.site.now_ms - 1}")]
    assert json.loads(session.feed(json.dumps({"op": "auth", "args": late}))[0])["success"] is False
