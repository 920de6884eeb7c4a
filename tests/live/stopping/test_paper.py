"""Kill and resume on paper: the venue is built again from its book, and the next executor finds what was done there."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal

import pytest

from autarch.market.build import build, write_blobs
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from live.host import Host
from live.journal import Draft, Journal
from live.orders import KILL_PREFIX
from live.ports.venue import OrderRequest
from live.running import RunOptions, run_release
from live.simulator.core.prices import Traded
from live.stopping.flattening import Patience
from live.stopping.killing import Kill
from live.stopping.latch import FileLatch, Release
from live.stopping.paper import open_paper
from live.stopping.places import Places
from live.stopping.record import KillRecord
from tests.live.test_replaying import installed_release

pytestmark = pytest.mark.slow
BARS = 60
AT_ONCE = Patience(apart_s=0.0, rounds_s=(0.0,), follow_every_s=0.0)


class Stands:
    now = 7

    def now_ms(self):
        return self.now


class Desk:
    def __init__(self, root):
        built = build(synth_recipe(default_spec(n_bars=4000), name="tiny", shares=(10, 10, 80)))
        self.stores, self.host = Stores.under(root / "data"), Host(root=root / "host")
        write_blobs(built, self.stores)
        self.installed = installed_release(self.host, built.lock, root / "repo.git")
        places = Places(root=self.host.root, account="paper")
        self.host.root.chmod(0o700)
        places.make()
        self.latch, self.clock = FileLatch(path=places.latch, account="paper"), Stands()

    def trade(self, bars=BARS):
        options = RunOptions(bars_max=bars, allow_weak=True)
        return run_release(self.installed, self.host, self.stores, options)

    def kill(self, run="1"):
        async def opened():
            return await open_paper(self.host, "paper", self.stores, clock=self.clock)

        record = KillRecord(
            path=None, account="paper", by="kill", who="ann", why="drill", clock=self.clock, tell=lambda _: None
        )
        kill = Kill(
            account="paper", journal=self.host.journal_path("paper"), latch=self.latch, record=record,
            open_venue=opened, run=run, patience=AT_ONCE,
        )  # fmt: skip
        return asyncio.run(kill.carry_out())

    def events(self, kind, after=0):
        with Journal(self.host.journal_path("paper"), account="paper", read_only=True) as journal:
            return list(journal.events(kind, after=after))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("paper"))


def entered_only_after_a_change_of_sign(desk, symbol, *, after):
    """Whether the first order of `symbol` came at the first decision that wants another sign than all before it."""
    decisions = desk.events("decision", after=after)
    first = next(event for event in desk.events("intent", after=after) if event.body["symbol"] == symbol)
    wanted = [event.body["symbols"][symbol]["exposure"] for event in decisions if event.seq < first.seq]
    return wanted[-1] * wanted[0] < 0 and all(each * wanted[0] > 0 for each in wanted[:-1])


def test_killed_on_paper_it_stays_flat_until_resumed_and_re_enters_only_after_a_change_of_sign(desk):
    held = desk.trade()["positions"]
    assert set(held) == {"BTCUSDT", "ETHUSDT"}

    killed = desk.kill()
    again = desk.kill(run="2")

    assert killed.done, killed.problems
    assert {s: format(q, "f") for s, q in killed.flattened.before.items()} == held
    assert (again.done, again.flattened.sent, again.flattened.before) == (True, 0, {})

    sent = len(desk.events("intent"))
    halted = desk.trade()

    assert (halted["state"], halted["positions"]) == ("HALTED", {})
    assert "halted by kill (ann): drill" in halted["reason"]
    assert len(desk.events("intent")) == sent
    fills = [event.body for event in desk.events("execution") if event.body["order_link_id"].startswith(KILL_PREFIX)]
    assert {fill["symbol"] for fill in fills} == set(held)

    after = desk.events("decision")[-1].seq
    desk.latch.ask(Release(start="flat", who="ann", at_ms=9))
    resumed = desk.trade()

    assert resumed["state"] == "ACTIVE"
    assert desk.latch.read().blocks("") is None
    assert all(entered_only_after_a_change_of_sign(desk, symbol, after=after) for symbol in held)


def test_a_release_that_waits_for_the_next_start_is_carried_out_after_the_kills_fills_are_booked(desk):
    held = desk.trade(5)["positions"]
    assert held
    assert desk.kill(run="3").done
    after = desk.events("decision")[-1].seq

    desk.latch.ask(Release(start="flat", who="ann", at_ms=2**52))
    resumed = desk.trade()

    assert (resumed["state"], resumed["states"]) == ("ACTIVE", {})
    assert desk.latch.read().halts == ()
    assert desk.events("foreign") == []
    assert all(entered_only_after_a_change_of_sign(desk, symbol, after=after) for symbol in held)


def test_killed_on_a_live_feed_it_is_closed_at_the_last_price_its_book_kept(desk, tmp_path):
    host, clock = Host(root=tmp_path / "host"), Stands()
    clock.now = 1_700_000_000_000
    shutil.copytree(desk.host.releases, host.releases)
    host.root.chmod(0o700)
    live = Desk.__new__(Desk)
    live.host, live.stores, live.clock = host, desk.stores, clock
    Places(root=host.root, account="paper").make()
    live.latch = FileLatch(path=Places(root=host.root, account="paper").latch, account="paper")
    with Journal(host.journal_path("paper"), account="paper") as journal:
        journal.append([Draft(time_ms=1, kind="opened", body={"tag": "v0.1.0", "feed": "bybit-public"})])

    async def trade():
        venue = await open_paper(host, "paper", desk.stores, clock=clock)
        venue.move(Traded(time_ms=clock.now, symbol="BTCUSDT", price=30_000.0))
        order = OrderRequest(
            order_link_id="at-1", symbol="BTCUSDT", side="Buy", qty=Decimal("0.01"), reduce_only=False,
            stop_loss=Decimal(29_000),
        )  # fmt: skip
        await venue.place(order)

    asyncio.run(trade())
    clock.now += 60_000

    killed = live.kill()

    assert killed.done, killed.problems
    assert {s: format(q, "f") for s, q in killed.flattened.before.items()} == {"BTCUSDT": "0.010"}
    assert live.kill(run="2").flattened.before == {}
