"""`live run` against the simulated venue over real sockets: what is wrong is a sentence, a state, and nothing sent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import sqlite3
import subprocess
import threading
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.cli.main import main
from autarch.engine.costs import CostModel
from autarch.market.load import load_market
from autarch.market.lock import read_lock
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.host import Host
from live.journal import Draft, Journal
from live.observing.heartbeat import heartbeat_path
from live.simulator.core.requests import CreateOrder
from live.simulator.serving.replay import Replay, shifted, site_of
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.keys import ApiKey
from live.stopping.latch import FileLatch, Halted
from live.stopping.places import Places
from live.trading.release import Patience

from . import release_yard

pytestmark = pytest.mark.slow

ENGINE = "e" * 64
DAY_MS = 86_400_000
TRADING = {"ContractTrade": ("Order", "Position"), "Derivatives": ("DerivativesTrade",)}
CODE = b'''"""Hold half.

Thesis: none.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Hold half, whatever happens."""
    return Targets(exposure=np.full(bars.close.shape, 0.5), stop_loss=np.full(bars.close.shape, 0.05))
'''
POLICY = (
    b'schema = 1\nwalkthrough = false\n[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
    b"[tiers]\nprobe_capital_frac = 0.02\nprobe_together_frac = 0.05\n[sandbox]\nrequired = []\n"
)


def wall_ms():
    return time.time_ns() // 1_000_000


class Sim:
    """A served simulator; `do` runs a function on its loop, where alone it may be touched."""

    def __init__(self, market, costs):
        now = wall_ms()
        self.site = site_of(shifted(market, now_ms=now, history_ms=2 * DAY_MS), Replay(costs=costs))
        self.site.advance(now)
        self.server = SimulatorServer(self.site, lambda: wall_ms() + self.ahead_ms, ServerOptions(port=0))
        self.ahead_ms = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(20)

    def do(self, function):
        async def there():
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(20)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def account(self, **key):
        """Open an account with a key of its own."""
        uid = str(len(self.site.exchange.accounts) + 1)
        made = ApiKey(**{"key": f"key-of-{uid}-0000", "secret": f"secret-of-{uid}-0000", "uid": uid, **key})
        self.do(lambda: self.site.add_key(made, deposit=Decimal(100_000)))
        return made

    def orders(self, uid):
        return self.do(lambda: list(self.site.exchange.accounts[uid].orders))


def traded_at(yard):
    """Return a simulator that plays a project's minute bars, where its portfolio trades from now on."""
    lock = read_lock(yard.repo.blob_at(yard.main, "ci/datasets/tiny.toml"))
    market = load_market(lock, split="train", symbols=("BTCUSDT",), interval="1m", stores=yard.stores)
    sim = Sim(market, CostModel.from_lock(lock))
    where = f'venue = "bybit"\nenvironment = "sim"\nurl = "{sim.server.url}"'
    text = release_yard.PORTFOLIO.replace('venue = "{venue}"\nenvironment = "mainnet"', where)
    yard.advance(yard.commit({"live/portfolio.toml": text.encode()}))
    return sim


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A project whose release trades minute bars on a simulator, and that simulator."""
    root = tmp_path_factory.mktemp("live yard")
    with pytest.MonkeyPatch.context() as patch:
        spec = release_yard.default_spec(n_bars=12_000)
        patch.setattr(release_yard, "default_spec", lambda n_bars: dataclasses.replace(spec, interval="1m"))  # noqa: ARG005
        patch.setattr(release_yard, "MANIFEST", release_yard.MANIFEST.replace('"15m"', '"1m"'))
        patch.setattr(release_yard, "CODE", CODE)
        patch.setattr(release_yard, "POLICY", POLICY)
        patch.setattr(release_yard, "WALKTHROUGH", POLICY.replace(b"walkthrough = false", b"walkthrough = true"))
        yard = release_yard.make_yard(root)
        sim = traded_at(yard)
        yard.release("v0.2.0", trials=2)
        yield yard, sim
        sim.close()


@pytest.fixture
def desk(released, tmp_path, monkeypatch):
    """A workspace with the release, and a way to hand it a key."""
    yard, sim = released
    root = tmp_path / "clone"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    command = ["git", "clone", "--quiet", "--mirror", str(yard.root / "repo.git"), str(root / ".git")]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    (root / CONFIG_NAME).parent.mkdir(mode=0o700)
    (root / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(root))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("autarch.numerics.ensure_pinned", lambda _argv: None)
    monkeypatch.setattr("autarch.repo.engine.engine_digest", lambda: ENGINE)
    monkeypatch.setattr("live.rederive.rederive_all", lambda *_, **__: None)
    for split in ("train", "forward"):
        monkeypatch.setenv(f"AUTARCH_DATA_{split.upper()}", str(yard.root / "data" / split))
    Host(root=root / ".autarch/host").save_trust(dataclasses.replace(yard.host.trust(), ledger_floor=None))
    return Desk(sim=sim, host=Host(root=root / ".autarch/host"), keys=tmp_path / "config/autarch/keys")


def fetch(yard, desk):
    """Let a desk's clone have what the yard has made since."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    clone = desk.host.root.parent.parent / ".git"
    command = ["git", "-C", str(clone), "fetch", "--quiet", str(yard.root / "repo.git"), "+refs/*:refs/*"]
    subprocess.run(command, check=True, capture_output=True, env=environment)


@dataclasses.dataclass
class Desk:
    sim: Sim
    host: Host
    keys: object

    def give(self, key, *, secret=None):
        self.keys.mkdir(parents=True, exist_ok=True)
        path = self.keys / "paper.trade"
        path.write_text(f"{key.key}\n{secret or key.secret}\n")
        path.chmod(0o600)

    def run(self, *more):
        return main(["live", "run", "--tag", "v0.2.0", *more])


def test_a_key_that_may_withdraw_starts_nothing(desk, capsys):
    made = desk.sim.account(permissions={**TRADING, "Wallet": ("Withdraw",)})
    desk.give(made)

    assert desk.run() == 2

    assert "Withdraw" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_a_wrong_secret_is_refused_and_never_shown(desk, capsys):
    made = desk.sim.account()
    desk.give(made, secret="not-the-secret-0000")

    assert desk.run() == 2

    said = capsys.readouterr()
    assert "the secret does not belong to the key" in said.err
    assert "not-the-secret" not in said.err + said.out
    assert all(b"not-the-secret" not in path.read_bytes() for path in desk.host.root.rglob("*") if path.is_file())


def unknown(exchange, uid):  # noqa: ARG001  nothing changes at the venue
    return {"key": "nobody-knows-this-key"}


def shares_margin(exchange, uid):
    exchange.set_margin_mode(uid, "REGULAR_MARGIN")


@pytest.mark.parametrize(
    ("rights", "change", "says"),
    [
        ({}, unknown, "the key is unknown there"),
        ({"permissions": {"ContractTrade": ("Position",)}}, None, "it lacks the contract permission Order"),
        ({"read_only": True}, None, "may only read"),
        ({}, shares_margin, "the account is in cross margin, the portfolio says isolated"),
    ],
    ids=["an unknown key", "no permission to trade", "a key that reads", "another margin mode"],
)
def test_what_is_wrong_with_key_or_account_is_a_sentence_and_starts_nothing(desk, capsys, rights, change, says):
    made = desk.sim.account(**rights)
    named = None if change is None else desk.sim.do(lambda: change(desk.sim.site.exchange, made.uid))
    desk.give(replace(made, **named) if named else made)

    assert desk.run() == 2

    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert desk.sim.orders(made.uid) == []


def test_without_a_key_the_ways_to_give_one_are_named(desk, capsys):
    assert desk.run() == 2

    said = capsys.readouterr().err
    assert "LoadCredential=paper.trade:FILE" in said
    assert "paper.trade, mode 0600" in said


def test_a_hedge_mode_account_is_refused_and_not_switched(desk, capsys):
    made = desk.sim.account()
    desk.sim.do(lambda: desk.sim.site.exchange.switch_mode(made.uid, 3))
    desk.give(made)

    assert desk.run() == 2

    assert "hedge" in capsys.readouterr().err
    assert desk.sim.site.exchange.accounts[made.uid].position_mode == 3


def test_a_clock_that_is_off_by_five_seconds_stops_the_start(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    desk.sim.ahead_ms = 5_000
    try:
        assert desk.run() == 2
    finally:
        desk.sim.ahead_ms = 0

    assert "ms behind the venue's" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_the_journal_of_another_account_or_a_newer_runtime_is_refused(desk, capsys):
    desk.give(desk.sim.account())
    path = desk.host.journal_path("paper")
    path.parent.mkdir(parents=True, mode=0o700)
    with Journal(path, account="other") as journal:
        journal.append([Draft(time_ms=1, kind="opened", body={"tag": "v0.2.0"})])

    assert desk.run() == 2

    assert "other" in capsys.readouterr().err


def test_the_journal_of_a_newer_runtime_is_refused(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    path = desk.host.journal_path("paper")
    path.parent.mkdir(parents=True, mode=0o700)
    Journal(path, account="paper").close()
    database = sqlite3.connect(path)
    database.execute("DROP TRIGGER meta_no_update")
    database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    database.commit()
    database.close()

    assert desk.run() == 2

    assert "has schema 99" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_a_leverage_that_the_venue_refuses_stops_the_start(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    exchange = desk.sim.site.exchange
    contract = exchange.quotes["BTCUSDT"].contract
    desk.sim.do(lambda: exchange.list_as(replace(contract, max_leverage=Decimal(1))))
    try:
        assert desk.run() == 2
    finally:
        desk.sim.do(lambda: exchange.list_as(contract))

    said = capsys.readouterr().err
    assert "leverage" in said
    assert "BTCUSDT" in said
    assert desk.sim.orders(made.uid) == []


def test_a_release_by_a_revoked_signer_is_refused_before_any_key_is_read(desk, capsys):
    trust = desk.host.trust()
    desk.host.save_trust(trust.without(trust.signers[0].fingerprint))

    assert desk.run() != 0

    assert "trusts no release key" in capsys.readouterr().err
    assert not desk.host.journal_path("paper").exists()


SLEEVE = '[[account.sleeves]]\nstrategy = "one_idea"\nweight = 0.5\n'


@pytest.mark.parametrize(
    "case",
    [
        ("v0.3.0", 'strategy = "one_idea"', 'strategy = "lost_idea"', "lost_idea"),
        ("v0.3.1", "weight = 0.5", "weight = 1.5", "weight of one_idea is 1.5"),
        ("v0.3.2", SLEEVE, SLEEVE + 'tier = "T1"\n' + SLEEVE, "two sleeves"),
    ],
    ids=["unknown strategy", "weights over 1", "one symbol in two sleeves"],
)
def test_a_portfolio_that_cannot_be_traded_is_refused_with_the_reason(released, desk, capsys, case):
    (yard, sim), (tag, old, new, says) = released, case
    whole = yard.repo.blob_at(yard.main, "live/portfolio.toml").decode()
    yard.advance(yard.commit({"live/portfolio.toml": whole.replace(old, new).encode()}))
    yard.release(tag, trials=2)
    yard.advance(yard.commit({"live/portfolio.toml": whole.encode()}))
    fetch(yard, desk)
    before = {uid: sim.orders(uid) for uid in sim.site.exchange.accounts}

    assert main(["live", "run", "--tag", tag]) != 0

    assert says in capsys.readouterr().err
    assert {uid: sim.orders(uid) for uid in sim.site.exchange.accounts} == before
    assert not desk.host.journal_path("paper").exists()


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
