"""How long a user waits for `autarch backtest`: one year of minutes on one symbol, whole processes.

`python benchmarks/cold_backtest.py [RUNS] [--json]` makes a synthetic market of minutes and a strategy in a
clone of its own, warms the caches once, and prints where the time of each step went, medians over the runs;
with --json one object: wall seconds of each run, medians by step.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from autarch.market.build import build, write_blobs, write_lock
from autarch.market.stores import Stores
from autarch.market.synth_dataset import SYMBOLS, default_spec, synth_recipe

ROOT = Path(__file__).resolve().parent.parent
YEAR_OF_MINUTES = 525_600
RUNS = 5
STEP = re.compile(r"^(?P<name>.+?) {2,}(?:(?P<wall>\d+\.\d+) s)?(?: *(?P<cpu>\d+\.\d+) s of processor)?$")
MANIFEST = """\
schema = 1
name = "minute_trend"
title = "EMA trend on minutes"
symbols = ["BTCUSDT"]
interval = "1m"
mode = "each"
warmup = 2400
max_leverage = 1.0
[params]
fast = 60
slow = 200
"""
CODE = '''"""Follow the trend of minutes.

Thesis: trends last for hours.
Source: own choice.
Dies when: the market only swings.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the sign of fast over slow."""
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.where(gap > 0.001, 1.0, np.where(gap < -0.001, -1.0, 0.0)))
'''


def make_clone(folder: Path) -> Stores:
    """Write a clone with the strategy and a data set whose train is one year of minutes; return its stores."""
    spec = replace(default_spec(n_bars=YEAR_OF_MINUTES * 10 // 8), interval="1m", symbols=SYMBOLS[:1])
    built = build(synth_recipe(spec, name="minutes", shares=(80, 10, 10)))
    stores = Stores.under(folder / "stores")
    write_blobs(built, stores)
    for name, content in (
        ("strategies/minute_trend/manifest.toml", MANIFEST),
        ("strategies/minute_trend/strategy.py", CODE),
        ("ci/policy.toml", (ROOT / "ci/policy.toml").read_text("utf-8").replace('"synthetic"', '"minutes"')),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    (folder / "ci/datasets").mkdir()
    write_lock(built.lock, folder / "ci/datasets/minutes.toml")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return stores


def run_once(folder: Path, stores: Stores) -> dict[str, tuple[float | None, float | None]]:
    """Return seconds of wall and of processors by step, of one `autarch backtest`; None where it does not say."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autarch", "backtest", "minute_trend", "--timings"],
        cwd=folder,
        env={**environment, "AUTARCH_DATA_TRAIN": stores.train},
        capture_output=True,
        text=True,
        check=True,
    )
    found = (STEP.match(line) for line in done.stderr.splitlines())
    return {m["name"]: (_seconds(m["wall"]), _seconds(m["cpu"])) for m in found if m and (m["wall"] or m["cpu"])}


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)


def median(values: list[float | None]) -> float | None:
    """Return the median of what is known, None when nothing is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def main() -> None:
    """Measure and print."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--json"]
    runs = int(arguments[0]) if arguments else RUNS
    found, walls = [], []
    with tempfile.TemporaryDirectory() as name:
        stores = make_clone(Path(name))
        run_once(Path(name), stores)  # compiles what no cache holds yet
        for _ in range(runs):
            began = time.perf_counter()
            found.append(run_once(Path(name), stores))
            walls.append(time.perf_counter() - began)
    steps = {step: tuple(median([run[step][i] for run in found]) for i in (0, 1)) for step in found[0]}
    if "--json" in sys.argv:
        print(json.dumps({"wall_s": walls, "steps": {step: wall for step, (wall, _) in steps.items()}}))
        return
    print(f"autarch backtest, {YEAR_OF_MINUTES:,} bars of one symbol, median of {runs} processes, caches warm\n")
    print(f"{'step':56} {'wall s':>8} {'processor s':>12}")
    for step, (wall, cpu) in steps.items():
        print(f"{step:56} {'' if wall is None else f'{wall:.2f}':>8} {'' if cpu is None else f'{cpu:.2f}':>12}")


if __name__ == "__main__":
    main()
