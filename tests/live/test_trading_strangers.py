"""What happens while `live run` trades on a simulated venue: what is strange halts its symbol, and nothing is sent."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from live.observing.heartbeat import heartbeat_path
from live.simulator.core.requests import CreateOrder
from live.stopping.latch import FileLatch, Halted
from live.stopping.places import Places
from live.trading.release import Patience

from .going_live_yard import *  # noqa: F403  the release, its simulator and a workspace

pytestmark = pytest.mark.slow


def until(condition, *, seconds=60.0):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        threading.Event().wait(0.05)


def run_until_halted(desk):
    """Trade until something is halted, end in good order, and return what was."""
    latch = FileLatch(path=Places(root=desk.host.root, account="paper").latch, account="paper")

    def end_when_halted():
        until(lambda: bool(latch.read().halts))
        os.kill(os.getpid(), signal.SIGTERM)

    watching = threading.Thread(target=end_when_halted)
    watching.start()
    with contextlib.suppress(KeyboardInterrupt):
        assert desk.run("--json") == 0
    watching.join()

    (halted,) = latch.read().halts
    return halted


def test_a_strangers_position_halts_the_symbol_and_nothing_is_sent(desk, capsys):
    made = desk.sim.account()
    order = CreateOrder(symbol="BTCUSDT", side="Buy", order_type="Market", qty=Decimal("0.010"))
    desk.sim.do(lambda: desk.sim.site.exchange.create(made.uid, order))
    before = desk.sim.orders(made.uid)
    desk.give(made)

    halted = run_until_halted(desk)

    assert isinstance(halted, Halted)
    assert halted.symbol in {"", "BTCUSDT"}
    assert desk.sim.orders(made.uid) == before
    assert '"positions": {}' in capsys.readouterr().out


def test_a_strangers_order_halts_the_symbol_and_stays(desk, monkeypatch):
    monkeypatch.setattr("live.trading.executor.Patience", lambda: Patience(reconcile_ms=2_000, confirm_ms=3_000))
    made = desk.sim.account()
    exchange = desk.sim.site.exchange
    price = Decimal(int(exchange.quotes["BTCUSDT"].last * 0.97))
    order = CreateOrder(symbol="BTCUSDT", side="Buy", order_type="Limit", qty=Decimal("0.010"), price=price)
    strange = desk.sim.do(lambda: exchange.create(made.uid, order))
    desk.give(made)

    halted = run_until_halted(desk)

    assert "that is not ours; cancel it or use another account" in halted.why
    assert strange.order_id in desk.sim.do(lambda: set(exchange.accounts[made.uid].open_orders))


def with_other_step(contract):
    return replace(contract, instrument=dataclasses.replace(contract.instrument, qty_step=Decimal("0.01")))


def delisted(contract):
    return replace(contract, status="Closed")


@pytest.mark.parametrize(
    ("change", "says"),
    [(with_other_step, "filters have changed (qty_step"), (delisted, "not traded at the venue now")],
    ids=["changed filters", "delisting"],
)
def test_what_happens_to_a_contract_mid_run_halts_it_and_nothing_is_sent(desk, monkeypatch, change, says):
    soon = Patience(reconcile_ms=2_000, confirm_ms=3_000)  # the same looks, sooner one after the other
    monkeypatch.setattr("live.trading.executor.Patience", lambda: soon)
    made = desk.sim.account()
    desk.give(made)
    exchange = desk.sim.site.exchange
    contract = exchange.quotes["BTCUSDT"].contract
    latch = FileLatch(path=Places(root=desk.host.root, account="paper").latch, account="paper")
    changed_ms = []

    def change_and_end():
        until(lambda: heartbeat_path(desk.host, "paper").exists())  # its loop runs, what was looked at was right
        changed_ms.append(desk.sim.do(lambda: (exchange.list_as(change(contract)), exchange.now_ms)[1]))
        until(lambda: bool(latch.read().halts))
        os.kill(os.getpid(), signal.SIGTERM)

    watching = threading.Thread(target=change_and_end)
    watching.start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            assert desk.run("--json") == 0
    finally:
        watching.join()
        desk.sim.do(lambda: exchange.list_as(contract))

    (halted,) = latch.read().halts
    assert halted.symbol == "BTCUSDT"
    assert says in halted.why
    rows = desk.sim.do(lambda: [row for rows in exchange.accounts[made.uid].orders.values() for row in rows])
    assert all(row.created_ms < changed_ms[0] + 3_000 for row in rows)  # doubted at the next look, two seconds later
