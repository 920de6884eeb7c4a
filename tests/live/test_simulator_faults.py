"""Faults on demand and by a seed: what the exchange does, and what a client sees of it."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
import requests
import websocket

from live.simulator.core.requests import CreateOrder
from live.simulator.faults.market import fill_by_plan, strike
from live.simulator.faults.menu import ACCEPTING_FAULTS, MARKET_FAULTS, REQUEST_FAULTS, STREAM_FAULTS, Fault
from live.simulator.faults.plan import FaultPlan
from live.simulator.faults.requests import answer
from live.simulator.faults.streams import FaultyStream
from live.simulator.wire.rest import Request

from .simulator_floor import Floor
from .simulator_site import KEY, PATIENT_S, Served, new_site, wait_for, wall_ms

BODY = b'{"category":"linear","symbol":"AAAUSDT","side":"Buy","orderType":"Market","qty":"1","orderLinkId":"f-1"}'


def order_request(site, body=BODY):
    stamp, window = str(site.now_ms), "5000"
    headers = {
        "x-bapi-api-key": KEY.key,
        "x-bapi-timestamp": stamp,
        "x-bapi-recv-window": window,
        "x-bapi-sign": KEY.sign(f"{stamp}{KEY.key}{window}{body.decode()}"),
    }
    return Request(method="POST", path="/v5/order/create", headers=headers, body=body)


def code_of(reply):
    return json.loads(reply.response.body)["retCode"]


@pytest.mark.parametrize("kind", sorted(REQUEST_FAULTS - {"stale_read"}))
def test_what_is_accepted_is_done_once_and_what_is_refused_is_not(kind):
    site, _ = new_site(now_ms=wall_ms())
    plan = FaultPlan()
    plan.add(Fault(kind=kind, where="/v5/order/create"))

    reply = answer(site, plan, order_request(site))

    assert len(site.exchange.accounts[KEY.uid].executions) == int(kind in ACCEPTING_FAULTS)
    assert [s.fault.kind for s in plan.struck] == [kind]
    again = answer(site, plan, order_request(site))
    assert code_of(again) == (110072 if kind in ACCEPTING_FAULTS else 0)
    if reply.response is not None and reply.response.status == 200 and reply.sent is None and "html" not in kind:
        assert code_of(reply) == int(kind.split("_")[-1 if kind.startswith("accept") else 1])


def test_a_rate_limit_may_lie_in_the_past_or_have_no_header():
    resets = {}
    for kind in ("refuse_10006", "refuse_10006_past", "refuse_10006_bare"):
        site, _ = new_site(now_ms=wall_ms())
        plan = FaultPlan()
        plan.add(Fault(kind=kind))
        headers = answer(site, plan, order_request(site)).response.headers
        resets[kind] = headers.get("X-Bapi-Limit-Reset-Timestamp")
        if resets[kind] is not None:
            resets[kind] = int(resets[kind]) - site.now_ms

    assert resets == {"refuse_10006": 300, "refuse_10006_past": -50, "refuse_10006_bare": None}


def test_a_fault_waits_for_its_path_and_strikes_as_often_as_it_was_told():
    plan = FaultPlan()
    plan.add(Fault(kind="http_503", where="/v5/order/create", times=2))
    hits = [plan.for_request(path, reads=False, now_ms=0) for path in ["/v5/order/cancel", *["/v5/order/create"] * 3]]

    assert [hit is not None for hit in hits] == [False, True, True, False]
    assert plan.waiting == ()


def test_chances_are_those_of_the_seed_and_end_when_told():
    def strikes(seed):
        plan = FaultPlan(seed=seed, chances={"http_503": 0.3}, until_ms=500)
        return [plan.for_request("/x", reads=False, now_ms=now) is not None for now in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 100 < sum(strikes(1)[:500]) < 200
    assert not any(strikes(1)[500:])


@pytest.mark.parametrize("bad", [{"kind": "gremlin"}, {"kind": "mute", "times": 0}, {"kind": "mute", "lasts_ms": -1}])
def test_what_is_not_on_the_menu_is_refused(bad):
    with pytest.raises(ValueError, match=r"menu|expected"):
        Fault(**bad)


def sent_by(kind, messages=(b"1", b"2"), **fault):
    plan = FaultPlan()
    plan.add(Fault(kind=kind, **fault))
    return FaultyStream(channel="private", plan=plan).pushes(list(messages), now_ms=1000)


def test_streams_lose_double_swap_and_delay_messages():
    plain = [message for _, message in sent_by("drop", where="public").messages]
    assert plain == [b"1", b"2"]
    assert sent_by("drop").messages == ()
    assert [m for _, m in sent_by("duplicate").messages] == [b"1", b"1", b"2", b"2"]
    assert [m for _, m in sent_by("reorder").messages] == [b"2", b"1"]
    assert {late for late, _ in sent_by("delay").messages} == {3000}
    assert sent_by("reset").ends == "reset"
    assert sent_by("close_1001").ends == "close_1001"
    assert json.loads(sent_by("unknown_topic").messages[0][1])["topic"] == "unheard.of"
    assert json.loads(sent_by("delta_first").messages[0][1])["type"] == "delta"


def test_a_mute_stream_still_pongs_and_a_silent_one_still_tells():
    plan = FaultPlan()
    stream = FaultyStream(channel="private", plan=plan)
    plan.add(Fault(kind="mute", lasts_ms=5000))
    assert stream.pushes([b"1"], now_ms=1000).messages == ()
    assert stream.pushes([b"1"], now_ms=5999).messages == ()
    assert stream.answers([b"pong"], ping=True, now_ms=2000).messages == ((0, b"pong"),)
    assert stream.pushes([b"1"], now_ms=6000).messages == ((0, b"1"),)

    plan.add(Fault(kind="no_pong", lasts_ms=5000))
    assert stream.pushes([b"1"], now_ms=7000).messages == ((0, b"1"),)
    assert stream.answers([b"pong"], ping=True, now_ms=8000).messages == ()
    assert stream.answers([b"ack"], ping=False, now_ms=8000).messages == ((0, b"ack"),)


def test_orders_fill_in_part_or_in_pieces():
    floor = Floor()
    plan = FaultPlan()
    fill_by_plan(floor.exchange, plan)
    plan.add(Fault(kind="partial_fill", amount="0.25"))
    floor.order(qty="4")
    assert floor.position == 1
    plan.add(Fault(kind="fill_in_pieces", amount="0.5"))
    floor.order(qty="4")

    assert floor.position == 5
    assert [row.exec_qty for row in floor.account.executions] == [1, 2, 2]


def test_the_market_does_things_by_itself():
    floor = Floor()
    floor.order(qty="4", stop_loss=Decimal(950))

    def do(kind, **how):
        strike(floor.exchange, Fault(kind=kind, **how), uid="me")

    do("deleverage", amount="0.25")
    assert floor.position == 3
    do("lose_stop")
    assert floor.account.orders_of("AAAUSDT") == []
    do("stranger_order")
    assert floor.position > 3
    assert floor.account.executions[-1].order_link_id == ""
    balance = floor.account.balance
    do("deposit", amount="50")
    do("withdraw", amount="70")
    assert floor.account.balance - balance == -20
    do("change_filters")
    assert floor.refused(qty="0.006") == 110094  # 6 USDT; the minimum was 5 and is 10
    do("halt_symbol")
    assert floor.refused(qty="1") == 110074
    do("resume_symbol")
    do("ban_trading")
    assert floor.refused(qty="1") == 10027
    do("allow_trading")
    do("hedge_mode")
    assert floor.refused(qty="1") == 10001
    with pytest.raises(ValueError, match="no fault of the market"):
        do("mute")


def test_every_fault_of_the_menu_has_one_place():
    assert not REQUEST_FAULTS & STREAM_FAULTS
    assert not REQUEST_FAULTS & MARKET_FAULTS
    assert not STREAM_FAULTS & MARKET_FAULTS


def test_faults_on_real_sockets_are_queued_over_http_and_logged():
    with Served() as served:
        base = served.server.url

        def place(*, timeout_s=PATIENT_S):
            body = json.loads(BODY)
            stamp = str(wall_ms())
            raw = json.dumps(body)
            headers = {"X-BAPI-API-KEY": KEY.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "5000",
                       "X-BAPI-SIGN": KEY.sign(f"{stamp}{KEY.key}5000{raw}")}  # fmt: skip
            return requests.post(f"{base}/v5/order/create", data=raw, headers=headers, timeout=timeout_s)

        for kind in ("accept_then_timeout", "accept_then_drop", "accept_then_truncate", "accept_then_html"):
            assert requests.post(f"{base}/simulator/faults", json={"kind": kind}, timeout=PATIENT_S).status_code == 200
        assert requests.post(f"{base}/simulator/faults", json={"kind": "gremlin"}, timeout=PATIENT_S).status_code == 400
        with pytest.raises(requests.ReadTimeout):
            place(timeout_s=1)
        for expected in (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            with pytest.raises(expected):
                place()
        assert "html" in place().text
        log = requests.get(f"{base}/simulator/log", timeout=PATIENT_S).json()

        assert [f["kind"] for f in log["faults"]] == [
            "accept_then_timeout", "accept_then_drop", "accept_then_truncate", "accept_then_html",
        ]  # fmt: skip
        assert [json.loads(r["body"])["orderLinkId"] for r in log["requests"]] == ["f-1"] * 4
        assert served.call(lambda: len(served.site.exchange.accounts[KEY.uid].executions)) == 1


def test_faults_of_the_market_and_of_subscriptions_strike_on_real_sockets():
    with Served() as served:
        base = served.server.url
        account = served.site.exchange.accounts[KEY.uid]

        def queue(**fault):
            assert requests.post(f"{base}/simulator/faults", json=fault, timeout=PATIENT_S).status_code == 200

        queue(kind="withdraw", amount="70")
        wait_for(lambda: served.call(lambda: account.deposited) == 99_930)
        queue(kind="refuse_subscription", where="public")
        with connect(f"{served.server.stream_url}/v5/public/linear") as socket:
            answers = []
            for _ in range(2):
                socket.send(json.dumps({"op": "subscribe", "args": ["kline.1.AAAUSDT"], "req_id": "s"}))
                answers.append(json.loads(socket.recv())["success"])

        assert answers == [False, True]


@contextlib.contextmanager
def connect(url):
    socket = websocket.create_connection(url, timeout=PATIENT_S)
    try:
        yield socket
    finally:
        socket.close()


def test_an_order_of_the_core_is_what_the_wire_asks_for():
    site, _ = new_site(now_ms=wall_ms())
    site.exchange.create(
        KEY.uid, CreateOrder(symbol="AAAUSDT", side="Buy", order_type="Market", qty=Decimal(1), order_link_id="f-1")
    )

    assert code_of(answer(site, FaultPlan(), order_request(site))) == 110072


def test_a_stranger_before_any_price_does_nothing():
    floor = Floor()
    floor.exchange.quotes["AAAUSDT"].last = 0.0

    strike(floor.exchange, Fault(kind="stranger_order"), uid="me")

    assert floor.account.orders == {}
