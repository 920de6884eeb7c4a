"""Run benchmarks: `python -m benchmarks [name ...]`, or one with its own arguments: `python -m benchmarks NAME --...`.

Each runs in a process of its own; without a name all but `actions`, `peers`, `referee`, `warmups`, `pictures`,
`mutation`, `security`, `calibration`, `evolve` and `live.*`, which take long, write pages of the documentation or
want an idle machine. `demo` builds a whole workspace and takes a minute or more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = (
    "command",
    "cold_backtest",
    "market",
    "engine_kernel",
    "source_policy",
    "sandbox",
    "worker",
    "time_checks",
    "sweep",
    "gate",
    "evidence",
    "ledger",
    "forge",
    "report",
    "demo",
)
ALONE = (
    "actions",
    "peers",
    "referee",
    "warmups",
    "pictures",
    "mutation",
    "security",
    "calibration",
    "evolve",
    "live.deciding",
    "live.latency",
    "live.throughput",
    "live.deaths",
    "live.month",
    "live.rollback",
)
ROOT = Path(__file__).resolve().parent.parent


def main(argv: list[str]) -> int:
    """Run the named benchmarks, or all; returns the number that failed."""
    split = next((i for i, argument in enumerate(argv) if argument.startswith("-")), len(argv))
    named, arguments = argv[:split], argv[split:]
    unknown = [name for name in named if name not in (*NAMES, *ALONE)]
    if unknown or (arguments and len(named) != 1):
        told = f"no benchmark {', '.join(unknown)}" if unknown else "arguments belong to one benchmark, named before"
        print(f"{told}; there are: {', '.join((*NAMES, *ALONE))}", file=sys.stderr)
        return 2
    if len(named) == 1:
        return _run(named[0], arguments)
    failed = 0
    for name in named or NAMES:
        print(f"\n== {name}", flush=True)
        failed += _run(name, []) != 0
    return failed


def _run(name: str, arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
