"""An unmodified pybit trades on the simulated venue: HTTP and all three streams."""

from __future__ import annotations

import pybit._websocket_trading
import pybit.unified_trading as ut
import pytest
from pybit.exceptions import InvalidRequestError

from .simulator_site import KEY, Served, wait_for


@pytest.fixture
def served():
    with Served() as running:
        yield running


@pytest.fixture
def http(served):
    client = ut.HTTP(testnet=False, api_key=KEY.key, api_secret=KEY.secret)
    client.endpoint = served.server.url
    client.client.trust_env = False
    yield client
    client.client.close()


@pytest.fixture
def streams(served, monkeypatch):
    base = served.server.stream_url
    monkeypatch.setattr(ut, "PRIVATE_WSS", f"{base}/v5/private")
    monkeypatch.setattr(ut, "PUBLIC_WSS", base + "/v5/public/{CHANNEL_TYPE}")
    monkeypatch.setattr(pybit._websocket_trading, "TRADE_WSS", f"{base}/v5/trade")
    opened = []

    def open_stream(kind, **how):
        stream = kind(testnet=False, ping_interval=60, ping_timeout=50, **how)
        opened.append(stream)
        return stream

    yield open_stream
    for stream in opened:
        stream.exit()


SIGNED = {"api_key": KEY.key, "api_secret": KEY.secret}
ORDER = {"category": "linear", "symbol": "AAAUSDT", "side": "Buy", "orderType": "Market"}


def test_an_order_from_acknowledgement_to_position_over_http(http):
    assert http.get_server_time()["retCode"] == 0
    listed = http.get_instruments_info(category="linear", symbol="AAAUSDT")["result"]["list"][0]
    assert listed["lotSizeFilter"]["qtyStep"] == "0.001"
    http.set_leverage(category="linear", symbol="AAAUSDT", buyLeverage="3", sellLeverage="3")

    ack = http.place_order(**ORDER, qty="2", stopLoss="950", orderLinkId="mine-1")["result"]

    assert ack["orderLinkId"] == "mine-1"
    order = http.get_open_orders(category="linear", orderLinkId="mine-1")["result"]["list"][0]
    assert (order["orderStatus"], order["cumExecQty"], order["avgPrice"]) == ("Filled", "2.000", "1000.0")
    position = http.get_positions(category="linear", symbol="AAAUSDT")["result"]["list"][0]
    assert (position["size"], position["side"], position["stopLoss"]) == ("2.000", "Buy", "950.0")
    stops = http.get_open_orders(category="linear", symbol="AAAUSDT", orderFilter="StopOrder")["result"]["list"]
    assert [(s["stopOrderType"], s["orderStatus"], s["parentOrderLinkId"]) for s in stops] == [
        ("StopLoss", "Untriggered", "mine-1")
    ]
    fills = http.get_executions(category="linear", orderLinkId="mine-1")["result"]["list"]
    assert [(f["execType"], f["execQty"]) for f in fills] == [("Trade", "2.000")]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"qty": "0.0001"}, 10001), ({"qty": "0.001"}, 110094), ({"qty": "1", "reduceOnly": True}, 110017)],
)
def test_refusals_arrive_as_the_venues_codes(http, change, code):
    with pytest.raises(InvalidRequestError) as caught:
        http.place_order(**ORDER, **change)

    assert caught.value.status_code == code


def test_what_is_asked_of_one_coin_concerns_no_other(http):
    for symbol in ("AAAUSDT", "BBBUSDT"):
        facts = {"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Limit", "qty": "1"}
        http.place_order(**facts, price="990", orderLinkId=symbol)
    trigger = {"triggerPrice": "1100", "triggerDirection": 1}
    http.place_order(**ORDER, **trigger, qty="1", orderLinkId="waiting")

    def resting(**scope):
        return {row["orderLinkId"] for row in http.get_open_orders(category="linear", **scope)["result"]["list"]}

    def cancelled(**scope):
        return {row["orderLinkId"] for row in http.cancel_all_orders(category="linear", **scope)["result"]["list"]}

    assert (resting(baseCoin="BBB"), resting(settleCoin="USDC")) == ({"BBBUSDT"}, set())
    assert resting(settleCoin="USDT") == {"AAAUSDT", "BBBUSDT", "waiting"}
    assert (cancelled(settleCoin="USDC"), cancelled(baseCoin="CCC")) == (set(), set())
    assert cancelled(settleCoin="USDT", orderFilter="StopOrder") == {"waiting"}
    assert cancelled(baseCoin="BBB") == {"BBBUSDT"}
    assert resting(settleCoin="USDT") == {"AAAUSDT"}
    http.place_order(**ORDER, qty="1", orderLinkId="filled")

    def ended(**wanted):
        rows = http.get_order_history(category="linear", **wanted)["result"]["list"]
        return {row["orderLinkId"] for row in rows}

    assert ended(orderStatus="Filled") == {"filled"}
    assert ended(baseCoin="BBB", orderStatus="Cancelled") == {"BBBUSDT"}
    assert ended(orderFilter="StopOrder") == {"waiting"}
    for base, count in (("AAA", 1), ("BBB", 0)):
        assert len(http.get_executions(category="linear", baseCoin=base)["result"]["list"]) == count
    for ask in (resting, cancelled):
        with pytest.raises(InvalidRequestError, match="symbol invalid"):
            ask(symbol="NOPEUSDT")


def test_a_hedged_account_shows_a_position_on_its_own_side_only(http):
    http.switch_position_mode(category="linear", coin="USDT", mode=3)
    http.place_order(**ORDER, qty="1", positionIdx=1)

    rows = http.get_positions(category="linear", symbol="AAAUSDT")["result"]["list"]

    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [(1, "Buy", "1.000"), (2, "", "0")]
    for refused in ({"positionIdx": 0}, {"positionIdx": 1, "trailingStop": "5"}):
        with pytest.raises(InvalidRequestError):
            http.set_trading_stop(category="linear", symbol="AAAUSDT", stopLoss="950", **refused)


def test_a_wrong_secret_is_refused_and_a_duplicate_link_id_too(served, http):
    http.place_order(**ORDER, qty="1", orderLinkId="once")
    with pytest.raises(InvalidRequestError) as twice:
        http.place_order(**ORDER, qty="1", orderLinkId="once")
    assert twice.value.status_code == 110072

    stranger = ut.HTTP(testnet=False, api_key=KEY.key, api_secret="wrong")
    stranger.endpoint = served.server.url
    with pytest.raises(InvalidRequestError) as wrong:
        stranger.get_positions(category="linear", symbol="AAAUSDT")
    stranger.client.close()
    assert wrong.value.status_code == 10004


def test_the_private_stream_tells_orders_executions_positions_and_the_wallet(served, http, streams):
    heard = {"order": [], "execution": [], "position": [], "wallet": []}
    stream = streams(ut.WebSocket, channel_type="private", **SIGNED)
    for topic, rows in heard.items():
        getattr(stream, f"{topic}_stream")(lambda message, rows=rows: rows.extend(message["data"]))

    wait_for(lambda: served.topics() == set(heard))
    http.place_order(**ORDER, qty="1", orderLinkId="told", takeProfit="1100")

    wait_for(lambda: any(o["stopOrderType"] == "TakeProfit" for o in heard["order"]))
    assert [o["orderStatus"] for o in heard["order"] if o["orderLinkId"] == "told"] == ["New", "Filled"]
    assert [e["orderLinkId"] for e in heard["execution"]] == ["told"]
    wait_for(lambda: heard["position"] and heard["position"][-1]["takeProfit"] == "1100.0")
    wait_for(lambda: heard["wallet"])
    assert heard["position"][-1]["entryPrice"] == "1000.0"


def test_the_public_stream_tells_prices_and_trades(served, streams):
    tickers, trades = [], []
    stream = streams(ut.WebSocket, channel_type="linear")
    stream.ticker_stream("AAAUSDT", lambda message: tickers.append(message["data"]["lastPrice"]))
    stream.trade_stream("AAAUSDT", lambda message: trades.extend(t["p"] for t in message["data"]))
    wait_for(lambda: tickers and served.topics() == {"tickers.AAAUSDT", "publicTrade.AAAUSDT"})

    served.trade(1012.5)

    wait_for(lambda: "1012.5" in tickers and "1012.5" in trades)
    assert tickers[0] == "1000.0"


def test_orders_over_the_trade_stream_are_acknowledged_and_refused(streams, http):
    answers, errors = [], []
    stream = streams(ut.WebSocketTrading, **SIGNED)

    stream.place_order(answers.append, error_callback=errors.append, **ORDER, qty="1", orderLinkId="by-stream")
    wait_for(lambda: answers)
    assert answers[0]["data"]["orderLinkId"] == "by-stream"
    assert http.get_positions(category="linear", symbol="AAAUSDT")["result"]["list"][0]["size"] == "1.000"

    stream.place_order(answers.append, error_callback=errors.append, **ORDER, qty="1", orderLinkId="by-stream")
    wait_for(lambda: errors or len(answers) > 1)
    assert 110072 in {getattr(e, "status_code", None) or e.get("retCode") for e in [*errors, *answers[1:]]}
