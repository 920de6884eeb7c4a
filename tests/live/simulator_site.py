"""The simulated venue on loopback in a thread of its own, as clients of it need it in tests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from decimal import Decimal

from live.simulator.core.exchange import Exchange
from live.simulator.core.holding import warm_up
from live.simulator.core.prices import Script, Traded
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.keys import ApiKey
from live.simulator.wire.site import Site

from .conftest import instrument
from .simulator_client import contracts_of
from .simulator_floor import FREE, NoFunding

KEY = ApiKey(key="simulated-key", secret="simulated-secret", uid="1")
SYMBOLS = ("AAAUSDT", "BBBUSDT")
PATIENT_S = 60.0
"""How long what is sure to come is waited for: long, since a machine may be busy with other tests."""


def wall_ms():
    return time.time_ns() // 1_000_000


def new_site(*, now_ms, keys=(KEY,), lag_ms=0, orders_a_second=10):
    """Return a site with two symbols at 1000, minute bars and one account of 100,000 USDT a key."""
    listed = [instrument(symbol) for symbol in SYMBOLS]
    market = type("Listed", (), {"instruments": listed, "series": [NoFunding()] * len(listed)})
    script = Script([Traded(time_ms=now_ms, symbol=symbol, price=1000.0) for symbol in SYMBOLS])
    exchange = Exchange(contracts_of(market, FREE, price_limit_frac=Decimal("0.05")), script, start_ms=now_ms - 1)
    site = Site(exchange=exchange, bar_ms=60_000, lag_ms=lag_ms, orders_a_second=orders_a_second)
    for key in keys:
        site.add_key(key, deposit=Decimal(100_000))
    site.advance(now_ms)
    return site, script


class Served:
    """A site on real sockets; `call` runs a function on its loop, where alone it may be touched."""

    def __init__(self, *, ack_delay_ms=20, ahead_ms=0, **how):
        self.site, self.script = new_site(now_ms=wall_ms() + ahead_ms, **how)
        warm_up(self.site.exchange.quotes["AAAUSDT"].contract)  # compiling takes longer than a client waits
        self.server = SimulatorServer(self.site, lambda: wall_ms() + ahead_ms, ServerOptions(ack_delay_ms=ack_delay_ms))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(PATIENT_S)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(PATIENT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENT_S)
        self._loop.close()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, function, *args):
        async def there():
            return function(*args)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(PATIENT_S)

    def topics(self):
        """Return what clients have subscribed to so far, as the venue knows it."""

        def look():
            sessions = [connection.session for connection in self.server._connections]
            return {topic for session in sessions for topic in getattr(session, "topics", ())}

        return self.call(look)

    def trade(self, price, symbol="AAAUSDT"):
        def play():
            now = wall_ms()
            self.script.add(Traded(time_ms=now, symbol=symbol, price=price))
            self.site.advance(max(now, self.site.now_ms))

        self.call(play)


def wait_for(condition, *, seconds=PATIENT_S):
    """Wait until a condition holds; a fact, not a speed, is what the caller asserts."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("it did not come to pass")
        with contextlib.suppress(InterruptedError):
            time.sleep(0.01)
