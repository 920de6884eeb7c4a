"""A project whose release trades minute bars on a served simulator, and a workspace that is about to go live on it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import threading
import time
from decimal import Decimal

import pytest

from autarch.cli.main import main
from autarch.engine.costs import CostModel
from autarch.market.load import load_market
from autarch.market.lock import read_lock
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.host import Host
from live.simulator.serving.replay import Replay, shifted, site_of
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.keys import ApiKey

from . import release_yard

ENGINE = "e" * 64
DAY_MS = 86_400_000
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
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(120)

    def do(self, function):
        async def there():
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(120)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)
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
