"""Live simulated lives: `python -m tests.simulation --seed 7` shows one, `--seeds 2000` many.

Exit code 1 when a life showed what no life may show; each such seed is printed with the command that repeats it.
"""

# ruff: noqa: T201  a command prints

from __future__ import annotations

import argparse
import sys

from .life import Outcome
from .running import live, many


def main(argv: list[str]) -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="live this one and print its trace")
    parser.add_argument("--lines", type=int, default=60, help="of the trace, from its end")
    parser.add_argument("--seeds", type=int, default=2000, help="how many to live")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    asked = parser.parse_args(argv)
    if asked.seed is not None:
        return _one(asked.seed, asked.lines)
    summary = many(range(asked.start, asked.start + asked.seeds), jobs=asked.jobs, told=_told)
    print(f"lives {summary.lives}, of which broken {len(summary.broken)}")
    print(f"processes {summary.starts}, orders {summary.orders}, decisions {summary.decisions}")
    print(f"symbols ended: {', '.join(f'{name} {count}' for name, count in sorted(summary.ended.items()))}")
    print(f"pairs of state and fault that met: {summary.coverage:.1%}")
    print("did not meet: " + ", ".join(f"{state} x {kind}" for state, kind in summary.unmet[:20]))
    return 1 if summary.broken else 0


def _told(outcome: Outcome) -> None:
    if outcome.broken:
        print(f"seed {outcome.seed}: {outcome.broken[0]}")
        print(f"    python -m tests.simulation --seed {outcome.seed}", flush=True)


def _one(seed: int, lines: int) -> int:
    outcome = live(seed)
    print("\n".join(line[:300] for line in outcome.trace[-lines:]))
    print(f"ended: {dict(outcome.ended)}; {outcome.starts} processes, {outcome.steps} steps, {outcome.orders} orders")
    for text in outcome.broken:
        print(f"broken: {text}")
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
