"""A clone with a small synthetic market, three strategies, one commit in the past and a portfolio."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from autarch.market.build import build, write_blobs, write_lock
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe

N_BARS = 12_000  # train: 7,200 bars of 15 minutes, two blocks after the warm-up

HEAD = '''"""Do one thing, for a test.

Thesis: none; it shows what a backtest says of it.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Decide as the test wants."""
'''
TREND = """\
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.where(gap > 0, p.size - 0.5 * p.quick, 0.0))
"""
FADE = TREND.replace("np.where(gap > 0, p.size - 0.5 * p.quick, 0.0)", "np.where(gap > 0, 0.5 * p.quick - p.size, 0.0)")
BROKEN = "    x = 1\n    return Targets(exposure=bars.close * (1 // (x - 1)))\n"
PORTFOLIO = """\
schema = 1

[[account]]
name = "paper"
venue = "paper"
capital = 40_000
[account.limits]
max_gross_leverage = 2.0
max_order_notional = 250_000
orders_per_minute = 60
max_daily_loss_frac = 0.25
max_drawdown_frac = 0.6
[[account.sleeves]]
strategy = "probe"
weight = 0.5
tier = "T1"
[[account.sleeves]]
strategy = "fade"
weight = 0.25
tier = "T1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    """Where the clone and its bars are; `first` is the commit before `probe` was turned round."""

    root: Path
    stores: Stores
    first: str


def manifest(name: str, *, symbols: str = '["BTCUSDT"]', interval: str = "15m", params: str | None = None) -> str:
    return (
        f'schema = 1\nname = "{name}"\ntitle = "A {name}"\nsymbols = {symbols}\ninterval = "{interval}"\n'
        'mode = "each"\nwarmup = 400\nmax_leverage = 1.0\n[params]\n'
        + ("fast = 10\nslow = 40\nsize = 1.0\nquick = false\n" if params is None else params)
    )


def write_strategy(root: Path, name: str, body: str, *, head: str = HEAD, **keys: str) -> Path:
    folder = root / "strategies" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.toml").write_text(manifest(name, **keys))
    (folder / "strategy.py").write_text(head + body)
    return folder


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def make_yard(folder: Path, project: Path) -> Yard:
    root, stores = folder / "clone", Stores.under(folder / "stores")
    built = build(synth_recipe(default_spec(seed=11, n_bars=N_BARS), name="hills"))
    write_blobs(built, stores)
    (root / "ci/datasets").mkdir(parents=True)
    (root / "live").mkdir()
    write_lock(built.lock, root / "ci/datasets/hills.toml")
    (root / "ci/policy.toml").write_text((project / "ci/policy.toml").read_text().replace('"synthetic"', '"hills"'))
    (root / "live/portfolio.toml").write_text(PORTFOLIO)
    write_strategy(root, "probe", FADE)
    write_strategy(root, "fade", FADE, symbols='["ETHUSDT"]')
    write_strategy(root, "broken", BROKEN, params="")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "Begin")
    first = git(root, "rev-parse", "HEAD")
    write_strategy(root, "probe", TREND)
    git(root, "commit", "-q", "-a", "-m", "Turn it round")
    return Yard(root=root, stores=stores, first=first)
