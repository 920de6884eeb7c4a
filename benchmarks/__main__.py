"""Run every benchmark: `python -m benchmarks [name ...]`. Figures are of this machine at this hour.

Each runs in a process of its own. `demo` builds a whole workspace and takes a minute or more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = ("command", "market", "engine_kernel", "worker", "gate", "demo")


def main(named: list[str]) -> int:
    """Run the named benchmarks, or all; returns the number that failed."""
    unknown = [name for name in named if name not in NAMES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in named or NAMES:
        print(f"\n== {name}", flush=True)
        root = Path(__file__).resolve().parent.parent
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=root, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
