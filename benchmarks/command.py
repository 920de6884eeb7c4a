"""How long a user waits for the command line itself: whole processes, fresh each time, bytecode compiled."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
ROOT = Path(__file__).resolve().parent.parent
LINES = (("--help",), ("gate", "--help"), ("data", "ls"), ("nosuch",))


def wall_ms(arguments: tuple[str, ...]) -> float:
    """Return the wall time of one `autarch` process in milliseconds."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-m", "autarch", *arguments], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print minimum and median of each command line, and of a bare interpreter for comparison."""
    compileall.compile_dir(ROOT / "autarch", quiet=2)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    print(f"{'bare python':<24}{(time.perf_counter() - began) * 1000:8.0f} ms")
    print(f"{'command':<24}{'min':>8}{'median':>10}")
    for arguments in LINES:
        times = [wall_ms(arguments) for _ in range(RUNS)]
        print(f"autarch {' '.join(arguments):<16}{min(times):>8.0f}{statistics.median(times):>10.0f} ms")


if __name__ == "__main__":
    main()
