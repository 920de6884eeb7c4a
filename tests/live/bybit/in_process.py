"""The simulated venue below the Bybit venue's ports: no sockets, no threads, virtual time, the whole fault menu."""

from __future__ import annotations

import asyncio
import json
import random

import msgspec

from live.ports.venue import OrderRequest
from live.simulator.core.prices import Traded
from live.simulator.faults.market import fill_by_plan, strike
from live.simulator.faults.menu import Fault
from live.simulator.faults.plan import FaultPlan
from live.simulator.faults.requests import answer
from live.simulator.faults.streams import FaultyStream
from live.simulator.wire.rest import Request
from live.simulator.wire.streams import PrivateSession, PublicSession
from live.venue.bybit.options import RECV_WINDOW_MS, BybitOptions
from live.venue.bybit.ports import Answer, RetCode, StreamDown, StreamMessage, Unanswered
from live.venue.bybit.venue import BybitVenue
from tests.live.simulator_site import KEY, new_site
from tests.simulation.loop import VirtualLoop

START_MS = 1_700_006_400_000
TIMEOUT_S = 6.0
LATENCY_S = 0.01
SYMBOL = "AAAUSDT"


class Hall:
    """One site on the running loop's time; `wall_off_ms` is how far our own clock is ahead of it."""

    def __init__(self, *, site=None, start_ms=START_MS, **how):
        self.start_ms = start_ms
        self.site, self.script = (site, None) if site is not None else new_site(now_ms=START_MS, **how)
        self.plan = FaultPlan()
        self.requests, self.connections, self.opened = [], [], 0
        self.wall_off_ms = 0
        self.key = how.get("keys", (KEY,))[0]
        self.deaf = set()  # paths whose answers are lost for ever
        fill_by_plan(self.site.exchange, self.plan)
        self.site.listeners.append(self.push)

    def follow(self):
        now = self.start_ms + int(asyncio.get_running_loop().time() * 1000)
        if now > self.site.now_ms:
            self.site.advance(now)

    def now_ms(self):
        """Our wall clock."""
        return self.start_ms + int(asyncio.get_running_loop().time() * 1000) + self.wall_off_ms

    async def ticking(self, every_s=2.0):
        """Let the market happen."""
        while True:
            self.follow()
            await asyncio.sleep(every_s)

    def fault(self, kind, **how):
        self.plan.add(Fault(kind=kind, **how))

    def strike(self, kind, **how):
        self.follow()
        strike(self.site.exchange, Fault(kind=kind, **{"symbol": SYMBOL, **how}), uid=KEY.uid)
        self.site.publish()

    def trade(self, price, symbol=SYMBOL):
        self.follow()
        self.script.add(Traded(time_ms=self.site.now_ms, symbol=symbol, price=price))
        self.site.advance(self.site.now_ms)

    def push(self, rows):
        for connection in tuple(self.connections):
            connection.push(rows)

    def sent(self, path):
        return [request for request in self.requests if request.path == path]

    @property
    def accepted(self):
        """Orders that the exchange has taken from a client, by link id."""
        return dict(self.account.links)

    @property
    def account(self):
        return self.site.exchange.accounts[KEY.uid]

    def venue(self, **options):
        return BybitVenue(
            HallTransport(self),
            HallStreams(self),
            clock=self,
            options=BybitOptions(environment=options.pop("environment", "sim"), **options),
            rng=random.Random(1),  # noqa: S311  jitter
        )


class HallTransport:
    def __init__(self, hall, stamp_off_ms=0):
        self.hall, self.stamp_off_ms = hall, stamp_off_ms

    async def request(self, method, path, params, *, signed=True):  # noqa: ARG002  the port's signature
        hall = self.hall
        await asyncio.sleep(LATENCY_S)
        hall.follow()
        request = signed_request(hall.key, method, path, params, stamp=hall.now_ms() + self.stamp_off_ms)
        hall.requests.append(request)
        reply = answer(hall.site, hall.plan, request)
        hall.site.publish()
        if (reply.response is None and not reply.cut) or path in hall.deaf:
            await asyncio.sleep(TIMEOUT_S)
            raise Unanswered("timeout")
        await asyncio.sleep(LATENCY_S)
        if reply.cut or reply.sent is not None:
            raise Unanswered("connection ended")
        return read(reply.response)

    async def close(self):
        pass


def signed_request(key, method, path, params, *, stamp):
    body = b"" if method == "GET" else json.dumps(params).encode()
    query = "&".join(f"{k}={v}" for k, v in sorted(params.items())) if method == "GET" else ""
    payload = query if method == "GET" else body.decode()
    headers = {
        "x-bapi-api-key": key.key,
        "x-bapi-timestamp": str(stamp),
        "x-bapi-recv-window": str(RECV_WINDOW_MS),
        "x-bapi-sign": key.sign(f"{stamp}{key.key}{RECV_WINDOW_MS}{payload}"),
    }
    return Request(method=method, path=path, query=query, headers=headers, body=body)


def read(response):
    if response.status != 200:
        raise Unanswered(f"HTTP {response.status}", response.status)
    try:
        envelope = msgspec.json.decode(response.body)
    except msgspec.DecodeError as error:
        raise Unanswered("not JSON") from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    if envelope["retCode"] != 0:
        raise RetCode(envelope["retCode"], envelope["retMsg"], headers, time_ms=envelope["time"])
    return Answer(result=envelope["result"], time_ms=envelope["time"], headers=headers)


class HallStreams:
    def __init__(self, hall):
        self.hall = hall

    async def connect(self, channel, topics):
        hall = self.hall
        hall.opened += 1
        await asyncio.sleep(LATENCY_S)
        hall.follow()
        if hall.plan.for_handshake(channel, now_ms=hall.site.now_ms) is not None:
            raise StreamDown("handshake refused")
        session = {"private": PrivateSession, "public": PublicSession}[channel](hall.site)
        if channel == "private":
            expires = hall.now_ms() + 10_000
            args = [hall.key.key, expires, hall.key.sign(f"GET/realtime{expires}")]
            (said,) = map(json.loads, session.feed(json.dumps({"op": "auth", "args": args})))
            if not said["success"]:
                raise StreamDown(said["ret_msg"], fatal=True)
        connection = HallConnection(hall, session, channel)
        asked = json.dumps({"op": "subscribe", "args": list(topics), "req_id": "1"}).encode()
        if connection.faulty.refuses(asked, now_ms=hall.site.now_ms):
            raise StreamDown("subscription refused")
        acknowledged, *first = session.feed(asked)
        if not json.loads(acknowledged)["success"]:
            raise StreamDown(json.loads(acknowledged)["ret_msg"])
        for message in first:
            connection.take(message)
        hall.connections.append(connection)
        return connection


class HallConnection:
    def __init__(self, hall, session, channel):
        self.hall, self.session = hall, session
        self.faulty = FaultyStream(channel=channel, plan=hall.plan)
        self.queue, self.down = asyncio.Queue(), None
        self.pinging = asyncio.get_running_loop().call_later(20, self.ping)

    def take(self, message):
        shown = json.loads(message)
        self.queue.put_nowait(StreamMessage(topic=shown.get("topic", ""), message=shown))

    def push(self, rows):
        sent = self.faulty.pushes(self.session.push(rows), now_ms=self.hall.site.now_ms)
        for late_ms, message in sent.messages:
            asyncio.get_running_loop().call_later(late_ms / 1000, self.take, message)
        if sent.ends:
            self.end(sent.ends)

    def ping(self):
        if self.down is None:
            if self.faulty.answers([b"{}"], ping=True, now_ms=self.hall.site.now_ms).messages:
                self.queue.put_nowait(StreamMessage(topic="", message={}))
            self.pinging = asyncio.get_running_loop().call_later(20, self.ping)

    def end(self, reason):
        if self.down is None:
            self.down = StreamDown(reason)
            self.pinging.cancel()
            self.hall.connections.remove(self)
            self.queue.put_nowait(self.down)

    async def receive(self):
        if self.down is not None and self.queue.empty():
            raise self.down
        found = await self.queue.get()
        if isinstance(found, StreamDown):
            raise found
        return found

    async def close(self):
        self.end("closed")


def virtual(main):
    """Run a coroutine function to its end on virtual time."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main())
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()


def order(link="ours-1", side="Buy", qty="1", **changes):
    from decimal import Decimal

    facts = {"symbol": SYMBOL, "side": side, "qty": Decimal(qty), "reduce_only": False, **changes}
    return OrderRequest(order_link_id=link, **facts)
