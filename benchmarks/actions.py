"""From a pull request's event to its verdict: the four jobs of a push, by act on this host, with the local forge.

`python -m benchmarks actions`: one strategy on three symbols, 70,000 train bars each, the whole gate with every limit
open. Needs act in the environment, no Docker and no network. Target: below 60 s on two idle cores, warm caches.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.actions.ground import MANIFEST, ROOT, make_ground, strategy
from tests.actions.stage import Stage, staged

TRAIN_BARS = 70_000
BARS = -(-TRAIN_BARS * 100 // 60)
TARGET_S = 60.0


def main() -> int:
    """Run both halves and print seconds by workflow; returns 1 where a verdict is not green or the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=BARS, help="bars of 15 minutes of the whole data set")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autarch-bench-actions-") as folder:
        where = Path(folder)
        policy = (ROOT / "ci/policy.walkthrough.toml").read_bytes().replace(b'"bybit-15m"', b'"hills"')
        ground = make_ground(where, whole=True, n_bars=arguments.bars, policy=policy)
        with staged(ground, where) as stage:
            # A first push warms what GitHub's cache would hold: compiled code.
            _push(stage, "a_warm")
            spent, green = _push(stage, "a_trend")
    for name, seconds in spent.items():
        print(f"{name:<10} {seconds:6.1f} s")
    # `reserve` runs beside `gate`, on another runner.
    total = spent["gate"] + spent["publish"]
    print(
        f"{'together':<10} {total:6.1f} s  target {TARGET_S:.0f} s  jobs 4  verdict {'green' if green else 'NOT GREEN'}"
    )
    return 0 if green and total < TARGET_S else 1


def _push(stage: Stage, slug: str) -> tuple[dict[str, float], bool]:
    files = strategy(slug)
    manifest = MANIFEST.format(slug=slug).replace('["BTCUSDT"]', '["BTCUSDT", "ETHUSDT", "SOLUSDT"]')
    files[f"strategies/{slug}/manifest.toml"] = manifest.encode()
    number, head = stage.propose(files, branch=f"agent/tuner/{slug}-1")
    spent = {}
    for workflow, name, event in (
        ("gate", "pull_request", stage.pull_event(number, head)),
        ("reserve", "workflow_run", stage.run_event(number, head, conclusion=None)),
        ("publish", "workflow_run", stage.run_event(number, head)),
    ):
        began = time.perf_counter()
        done = stage.act(f"{workflow}.yml", name, event)
        spent[workflow] = time.perf_counter() - began
        if done.code != 0:
            print(done.said)
    return spent, set(stage.checks(head).values()) == {"success"}


if __name__ == "__main__":
    raise SystemExit(main())
