"""pybit below the Bybit venue, on real sockets against the served simulator."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.errors import ConfigError, VenueUnknown
from live.credentials import Credentials
from live.ports.venue import Connected, Disturbed, Executed
from live.simulator.faults.menu import Fault
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.places import MAINNET, sim
from live.venue.bybit.ports import Answer, NotSent, RetCode, StreamDown, Unanswered
from live.venue.bybit.pybit_http import PybitTransport
from live.venue.bybit.pybit_streams import PybitStreams
from live.venue.bybit.venue import BybitVenue
from tests.live.simulator_site import KEY, Served, wall_ms

from .in_process import SYMBOL, order

SYMBOLS = (SYMBOL, "BBBUSDT")
KEYS = Credentials(KEY.key, KEY.secret)
BODY = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "1"}
CREATE = "/v5/order/create"
PATIENT_S = 60.0
"""For what comes on any machine, however busy; what never comes is waited for only `HASTY_S`."""
HASTY_S = 1.0


class Wall:
    def now_ms(self):
        return wall_ms()


@pytest.fixture
def served():
    with Served(ack_delay_ms=0) as running:
        yield running


def place(served):
    return sim(served.server.url)


def venue_at(served, credentials=KEYS):
    where = place(served)
    return BybitVenue(
        PybitTransport(where, credentials, timeout_s=PATIENT_S),
        PybitStreams(where, credentials),
        clock=Wall(),
        options=BybitOptions(environment="sim", backoff_s=0.05),
        rng=random.Random(1),  # noqa: S311  jitter
    )


def with_transport(served, scene, *, timeout_s=PATIENT_S):
    async def main():
        transport = PybitTransport(place(served), KEYS, timeout_s=timeout_s)
        try:
            return await scene(transport)
        finally:
            await transport.close()

    return asyncio.run(main())


def accepted(served):
    return served.call(lambda: len(served.site.exchange.accounts[KEY.uid].links))


MATRIX = [
    ("accept_then_timeout", Unanswered, 1),
    ("accept_then_drop", Unanswered, 1),
    ("accept_then_truncate", Unanswered, 1),
    ("accept_then_html", Unanswered, 1),
    ("accept_then_10000", 10000, 1),
    ("lose_request", Unanswered, 0),
    ("refuse_10002", 10002, 0),
    ("refuse_10006", 10006, 0),
    ("refuse_10006_past", 10006, 0),
    ("refuse_10006_bare", 10006, 0),
    ("refuse_10016", 10016, 0),
    ("http_403", 403, 0),
    ("http_429", 429, 0),
    ("http_503", 503, 0),
]


def test_every_row_of_the_failure_matrix_is_one_request_and_comes_back_as_what_it_was(served):
    ends = []
    for kind, *_ in MATRIX:

        async def scene(transport, kind=kind):
            served.call(served.server.plan.add, Fault(kind=kind, where=CREATE))
            with pytest.raises((RetCode, Unanswered)) as caught:
                await transport.request("POST", CREATE, {**BODY, "orderLinkId": kind.replace("_", "-")})
            return caught.value

        silent = kind in {"accept_then_timeout", "lose_request"}
        ends.append(with_transport(served, scene, timeout_s=HASTY_S if silent else PATIENT_S))

    for (kind, expected, _), end in zip(MATRIX, ends, strict=True):
        if expected is Unanswered:
            assert isinstance(end, Unanswered), kind
        elif expected in {403, 429, 503}:
            assert (type(end), end.status) == (Unanswered, expected), kind
        else:
            assert (type(end), end.code) == (RetCode, expected), kind
    assert len([r for r in served.server.requests if r["path"] == CREATE]) == len(MATRIX)
    links = served.call(lambda: set(served.site.exchange.accounts[KEY.uid].links))
    assert links == {kind.replace("_", "-") for kind, _, taken in MATRIX if taken}


def test_an_answer_has_its_result_its_time_and_its_limits(served):
    async def scene(transport):
        return await transport.request("POST", CREATE, {**BODY, "orderLinkId": "x"})

    answer = with_transport(served, scene)

    assert isinstance(answer, Answer)
    assert answer.result["orderLinkId"] == "x"
    assert abs(answer.time_ms - wall_ms()) < 60_000
    assert answer.headers["x-bapi-limit-status"] == "9"


def test_what_never_left_is_not_sent():
    async def main():
        nowhere = PybitTransport(sim("http://127.0.0.1:9"), KEYS, timeout_s=0.5)
        keyless = PybitTransport(sim("http://127.0.0.1:9"), None)
        for transport, text in ((nowhere, "no connection"), (keyless, "needs a key")):
            with pytest.raises(NotSent, match=text):
                await transport.request("POST", CREATE, BODY)
            await transport.close()

    asyncio.run(main())


def test_a_request_given_up_while_it_waits_for_a_thread_is_never_sent(served):
    async def scene(transport):
        served.call(served.server.plan.add, Fault(kind="lose_request", where=CREATE, times=2))
        stuck = [asyncio.create_task(transport.request("POST", CREATE, BODY)) for _ in range(2)]
        waiting = asyncio.create_task(transport.request("POST", CREATE, BODY))
        await asyncio.sleep(0)  # all three are handed to the two threads, in this order
        waiting.cancel()
        ends = await asyncio.gather(*stuck, waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [Unanswered, Unanswered, asyncio.CancelledError]

    with_transport(served, scene, timeout_s=HASTY_S)
    assert len([r for r in served.server.requests if r["path"] == CREATE]) == 2


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"retCode": 0}', b'{"retCode": "x", "retMsg": ""}', b"", b"\xff\xfe"])
def test_a_body_that_is_no_envelope_is_no_answer(body):
    with answering(body) as url:

        async def main():
            transport = PybitTransport(sim(url), KEYS, timeout_s=PATIENT_S)
            with pytest.raises(Unanswered):
                await transport.request("POST", CREATE, BODY)
            await transport.close()

        asyncio.run(main())


def test_a_redirect_is_not_followed_with_an_order():
    with answering(b"", status="307 Temporary Redirect", extra=b"Location: http://127.0.0.1:9/\r\n") as url:

        async def main():
            transport = PybitTransport(sim(url), KEYS, timeout_s=PATIENT_S)
            with pytest.raises(Unanswered) as caught:
                await transport.request("POST", CREATE, BODY)
            assert caught.value.status == 307
            await transport.close()

        asyncio.run(main())


class answering:  # noqa: N801  reads as a statement
    """A server that answers one request with given bytes."""

    def __init__(self, body, status="200 OK", extra=b""):
        import socket

        self.listening = socket.create_server(("127.0.0.1", 0))
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n".encode()
        self.bytes = head + extra + b"\r\n" + body
        self.thread = threading.Thread(target=self.answer)

    def answer(self):
        connection, _ = self.listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(self.bytes)

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def __exit__(self, *_):
        self.thread.join(PATIENT_S)
        self.listening.close()


def test_the_venue_trades_over_sockets_and_outlives_every_fault_of_a_stream(served):
    queue = ["reset", "close_1001", "duplicate", "unknown_topic", "delta_first", "reorder"]

    async def main():
        venue = venue_at(served)
        await venue.start(SYMBOLS, {SYMBOL: Decimal(3)})
        told = [await asyncio.wait_for(venue.news(), PATIENT_S)]
        wanted = 1
        for number, kind in enumerate(queue):
            served.call(served.server.plan.add, Fault(kind=kind, where="private"))
            await venue.place(order(f"o-{number}", stop_loss=Decimal(900)))
            wanted += kind in {"reset", "close_1001"}
            while Connected(generation=wanted) not in told:
                told.append(await asyncio.wait_for(venue.news(), PATIENT_S))
        while len({n.execution.exec_id for n in told if isinstance(n, Executed)}) < 4:
            told.append(await asyncio.wait_for(venue.news(), PATIENT_S))
        snapshot = await venue.snapshot(SYMBOLS)
        fills = await venue.executions(since_ms=0)
        await venue.close()
        return snapshot, fills, told

    snapshot, fills, told = asyncio.run(main())

    assert snapshot.positions[SYMBOL].size == len(queue) == len(fills)
    assert not any(isinstance(item, Disturbed) and item.fatal for item in told)
    assert accepted(served) == len(queue)


def test_an_order_whose_answer_is_lost_is_found_by_reading(served):
    async def main():
        venue = venue_at(served)
        await venue.start(SYMBOLS, {})
        served.call(served.server.plan.add, Fault(kind="accept_then_drop", where=CREATE))
        with pytest.raises(VenueUnknown):
            await venue.place(order())
        state = await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        await venue.close()
        return state

    assert asyncio.run(main()).status == "filled"
    assert accepted(served) == 1


def test_a_wrong_secret_is_refused_over_sockets(served):
    async def main():
        wrong = Credentials(KEY.key, "not-the-secret")
        venue = venue_at(served, wrong)
        with pytest.raises(ConfigError, match="10004"):
            await venue.start(SYMBOLS, {})
        await venue.close()
        with pytest.raises(StreamDown, match="refuses the key") as caught:
            await PybitStreams(place(served), wrong).connect("private", ("order.linear",))
        assert caught.value.fatal

    asyncio.run(main())


def test_refused_and_impossible_connections_end_and_leave_no_thread(served):
    async def main():
        streams = PybitStreams(place(served), KEYS)
        served.call(served.server.plan.add, Fault(kind="refuse_subscription", where="private"))
        with pytest.raises(StreamDown, match="subscription is refused"):
            await streams.connect("private", ("order.linear",))
        with pytest.raises(StreamDown, match="subscription is refused"):
            await streams.connect("public", ("kline.1.NOSUCHUSDT",))
        with pytest.raises(StreamDown, match="no connection"):
            await PybitStreams(sim("http://127.0.0.1:9"), KEYS).connect("private", ("order.linear",))
        connection = await streams.connect("public", (f"tickers.{SYMBOL}", "tickers.BBBUSDT"))
        first = await asyncio.wait_for(connection.receive(), PATIENT_S)
        assert first.message["data"]["lastPrice"] == "1000.0"
        await connection.close()
        with pytest.raises(StreamDown):
            await drained(connection)

    asyncio.run(main())
    ends = time.monotonic() + PATIENT_S
    while any(t.name.startswith("bybit-p") for t in threading.enumerate()) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("bybit-p")]


async def drained(connection):
    while True:
        await asyncio.wait_for(connection.receive(), PATIENT_S)


def test_subscriptions_survive_acknowledgements_that_come_at_once(served):
    async def main():
        streams = PybitStreams(place(served), KEYS)
        for _ in range(20):
            connection = await asyncio.wait_for(
                streams.connect("private", ("order.linear", "execution.linear")), PATIENT_S
            )
            await connection.close()

    asyncio.run(main())
    assert served.server.connections == 20


def test_only_addresses_of_this_machine_are_simulated_venues():
    for url in ("https://api.bybit.com", "http://10.0.0.1:80", "http://127.0.0.1", "ftp://127.0.0.1:1", ""):
        with pytest.raises(ConfigError, match="simulated venue"):
            sim(url)


@pytest.mark.slow
def test_a_conformance_run_over_sockets_holds_and_is_recorded(served, tmp_path, monkeypatch):
    from live.conform import real
    from live.conform.record import read_record
    from live.conform.running import STEPS, run_steps

    named = {"old-timestamp", "early-timestamp", "cancel-twice", "told-by-stream", "entry-stop"}
    some = [step for step in STEPS if step.name in named]
    monkeypatch.setattr(real, "run_steps", lambda *a, **k: run_steps(*a, **k, steps=some))
    run = real.Run(place=place(served), credentials=KEYS, symbol=SYMBOL)

    body, path = real.conform(run, tmp_path, clock=Wall(), told=lambda _: None)

    assert [step["verdict"] for step in body["steps"]] == ["held"] * len(named)
    assert read_record(tmp_path, path) == body
    with pytest.raises(ConfigError, match="never on mainnet"):
        real.conform(replace(run, place=MAINNET), tmp_path, clock=Wall(), told=lambda _: None)


@pytest.mark.slow
def test_a_feed_without_a_key_reads_history_and_hears_the_next_bar_over_sockets():
    from live.feeds.bybit_public import BybitPublicBars, FeedOptions, Wire
    from live.simulator.serving.replay import Replay, site_of
    from live.simulator.serving.server import ServerOptions, SimulatorServer
    from tests.live.conftest import COSTS

    from .test_public_feed import BEGIN, MADE, SLEEVE, assert_as_recorded

    prices = []

    async def main():
        site = site_of(MADE, Replay(costs=COSTS))
        close = int(MADE.ts[BEGIN + 1])
        site.advance(close - 3_500)
        began = wall_ms()
        server = SimulatorServer(site, lambda: close - 3_500 + wall_ms() - began, ServerOptions())
        async with server.running():
            where = sim(server.url)
            wire = Wire(
                transport=PybitTransport(where, None),
                streams=PybitStreams(where, None),
                clock=Wall(),
                rng=random.Random(1),  # noqa: S311  jitter
            )
            options = FeedOptions(
                silence_s=1000, patience=BybitOptions(environment="sim"), after_ms=close - 900_000, tape=prices.append
            )
            instruments = dict(zip(MADE.symbols, MADE.instruments, strict=True))
            feed = BybitPublicBars(wire, {"idea": SLEEVE}, instruments, options)
            await feed.start()
            instant = await asyncio.wait_for(feed.next(), 60)
            assert int(feed.market("idea").ts[dict(instant.closing)["idea"]]) == MADE.ts[BEGIN]
            assert_as_recorded(feed.market("idea"), close)
            await feed.close()

    asyncio.run(main())
    assert prices


def test_a_bar_that_is_being_made_is_shown_while_nothing_moves(monkeypatch):
    from live.simulator.serving import server as serving
    from live.simulator.serving.replay import Replay, site_of
    from tests.live.conftest import COSTS

    from .test_public_feed import BEGIN, MADE

    monkeypatch.setattr(serving, "SHOWN_EVERY_S", 0.05)

    async def main():
        site = site_of(MADE, Replay(costs=COSTS))
        now = int(MADE.ts[BEGIN]) + 400_000
        site.advance(now)
        async with serving.SimulatorServer(site, lambda: now, serving.ServerOptions()).running() as server:
            connection = await PybitStreams(sim(server.url), None).connect("public", ("kline.15.AAAUSDT",))
            shown = [await asyncio.wait_for(connection.receive(), PATIENT_S) for _ in range(3)]
            await connection.close()
            await asyncio.sleep(0.1)
        return [bar["confirm"] for message in shown if message.topic for bar in message.message["data"]]

    assert asyncio.run(main()) == [False] * 3
