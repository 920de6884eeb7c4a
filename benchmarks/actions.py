"""From a pull request's event to its verdict: the four jobs of a push, by act on this host, with the local forge.

`python -m benchmarks actions`: one strategy on three symbols, 70,000 train bars each, the whole gate with every limit
open; a push before it warms what a cache would hold. The bare gate of the same proposal is run in the same minutes, so
that what the jobs add is seen on a busy host too. Needs act in the environment, no Docker and no network. Targets:
below 60 s on two idle cores, 20 calls a verdict (pages of remarks apart), 5 billed minutes a push.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.actions.ground import MANIFEST, ROOT, clean_environment, make_ground, strategy
from tests.actions.relay import Relay, relaying
from tests.actions.stage import Stage, staged

TRAIN_BARS = 70_000
TARGET_S, CALLS_MAX, MINUTES_MAX = 60.0, 20, 5
JOBS = {"gate": 1, "reserve": 1, "publish": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Of one step: elapsed and processor seconds of it and all it started, and requests to the REST API."""

    wall_s: float
    cpu_s: float
    calls: int = 0


def main() -> int:
    """Run both halves and print what each took; returns 1 where a verdict is not green or a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=TRAIN_BARS, help="bars of 15 minutes in train, of each symbol")
    parser.add_argument("--no-warm-up", action="store_true", help="without the push before: caches are warm already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autarch-bench-actions-") as folder:
        where = Path(folder)
        policy = (ROOT / "ci/policy.walkthrough.toml").read_bytes().replace(b'"bybit-15m"', b'"hills"')
        ground = make_ground(where, whole=True, n_bars=math.ceil(arguments.train / 0.6), policy=policy)
        with staged(ground, where) as stage, relaying(stage.url) as relay:
            stage.url = relay.url
            if not arguments.no_warm_up:
                push(stage, relay, "a_warm")
            bare = _spent(lambda: gate_alone(stage, where / "bare"))
            spent, green = push(stage, relay, "a_trend")
    return told(bare, spent, green=green, train=arguments.train)


def told(bare: Spent, spent: dict[str, Spent], *, green: bool, train: int) -> int:
    """Print the table and say whether every target is met."""
    print(f"3 symbols x {train:,} bars of train, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}")
    print(f"{'':<22} {'wall s':>7} {'cpu s':>7} {'calls':>6} {'billed min':>11}")
    print(f"{'gate alone':<22} {bare.wall_s:7.1f} {bare.cpu_s:7.1f}")
    minutes = 0
    for name, one in spent.items():
        # A job is billed by the started minute: of two that follow one another each may waste nearly one.
        billed = math.ceil(one.wall_s / 60.0) + JOBS[name] - 1
        minutes += billed
        print(f"{name:<22} {one.wall_s:7.1f} {one.cpu_s:7.1f} {one.calls:6d} {billed:11d}")
    # `reserve` runs beside `gate`, on another runner.
    wall, cpu = (sum(getattr(spent[name], field) for name in ("gate", "publish")) for field in ("wall_s", "cpu_s"))
    calls = spent["publish"].calls
    ratio = cpu / bare.cpu_s
    print(f"{'event to verdict':<22} {wall:7.1f} {cpu:7.1f} {calls:6d} {minutes:11d}  {ratio:.1f} x the gate's cpu")
    print(f"{'target':<22} {TARGET_S:7.1f} {'':7} {CALLS_MAX:6d} {MINUTES_MAX:11d}")
    print(f"verdict {'green' if green else 'NOT GREEN'}; calls are the publishing workflow's, both jobs of it")
    return 0 if green and wall < TARGET_S and calls <= CALLS_MAX and minutes <= MINUTES_MAX else 1


def push(stage: Stage, relay: Relay, slug: str) -> tuple[dict[str, Spent], bool]:
    """Propose a strategy, run the workflows its push starts, and return what each took and whether all is green."""
    number, head = stage.propose(files_of(slug), branch=f"agent/tuner/{slug}-1")
    spent = {}
    for workflow, name, event in (
        ("gate", "pull_request", stage.pull_event(number, head)),
        ("reserve", "workflow_run", stage.run_event(number, head, conclusion=None)),
        ("publish", "workflow_run", stage.run_event(number, head)),
    ):
        before = relay.calls
        one = _spent(lambda: _acted(stage, f"{workflow}.yml", name, event))  # noqa: B023  called before the next turn
        spent[workflow] = Spent(wall_s=one.wall_s, cpu_s=one.cpu_s, calls=relay.calls - before)
    return spent, set(stage.checks(head).values()) == {"success"}


def files_of(slug: str) -> dict[str, bytes]:
    """Return a strategy on three symbols."""
    files: dict[str, bytes] = dict(strategy(slug))
    manifest = MANIFEST.format(slug=slug).replace('["BTCUSDT"]', '["BTCUSDT", "ETHUSDT", "SOLUSDT"]')
    files[f"strategies/{slug}/manifest.toml"] = manifest.encode()
    return files


def gate_alone(stage: Stage, folder: Path) -> None:
    """Judge the same proposal by `autarch gate` in a clone of main, which no workflow and no ledger slows.

    Raises:
        SystemExit: it did not accept: what it took is no measure of what a gate takes.
    """
    env = clean_environment(stage.folder) | {
        "PYTHONPATH": str(stage.ground.tools.parent / "code"),
        "AUTARCH_CACHE": os.environ.get("AUTARCH_CACHE") or str(Path.home() / ".cache/autarch"),
        "AUTARCH_DATA_TRAIN": stage.ground.stores.train,
    }
    subprocess.run(["git", "clone", "--quiet", str(stage.state.repo), str(folder)], env=env, check=True)
    for name, content in files_of("a_trend").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    command = [sys.executable, "-P", "-m", "autarch", "gate", "strategies/a_trend", "--json"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the gate alone ended with {done.returncode}: {(done.stderr or done.stdout)[-400:]}")


def _acted(stage: Stage, workflow: str, name: str, event: dict[str, object]) -> None:
    done = stage.act(workflow, name, event)
    if done.code != 0:
        print(done.said, file=sys.stderr)


def _spent(work: Callable[[], None]) -> Spent:
    began, before = time.perf_counter(), _children_s()
    work()
    return Spent(wall_s=time.perf_counter() - began, cpu_s=_children_s() - before)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
