"""Kill and resume on paper: the venue is built again from its book, and the next executor finds what was done there."""

from __future__ import annotations

import asyncio

import pytest

from autarch.market.build import build, write_blobs
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from live.host import Host
from live.journal import Journal
from live.running import RunOptions, run_release
from live.stopping.flattening import KILL_PREFIX, Patience
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
    def now_ms(self):
        return 7


class Desk:
    def __init__(self, root):
        built = build(synth_recipe(default_spec(n_bars=4000), name="tiny", shares=(10, 10, 80)))
        self.stores, self.host = Stores.under(root / "data"), Host(root=root / "host")
        write_blobs(built, self.stores)
        self.installed = installed_release(self.host, built.lock, root / "repo.git")
        places = Places(root=self.host.root, account="paper")
        self.host.root.chmod(0o700)
        places.make()
        self.latch = FileLatch(path=places.latch, account="paper")

    def trade(self, bars=BARS):
        options = RunOptions(bars_max=bars, allow_weak=True)
        return run_release(self.installed, self.host, self.stores, options)

    def kill(self, run="1"):
        async def opened():
            return open_paper(self.host, "paper", self.stores)

        record = KillRecord(
            path=None, account="paper", by="kill", who="ann", why="drill", clock=Stands(), tell=lambda _: None
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
    for symbol in held:
        wanted = [event.body["symbols"][symbol]["exposure"] for event in desk.events("decision", after=after)]
        first = next(event for event in desk.events("intent", after=after) if event.body["symbol"] == symbol)
        before = sum(1 for event in desk.events("decision", after=after) if event.seq < first.seq)
        assert wanted[before - 1] * wanted[0] < 0, symbol
