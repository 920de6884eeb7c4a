"""What one gate costs, all its processes together: `python -m benchmarks.gate`.

Judges strategies/ema_trend, as committed, in a scratch clone with this tree's code: on the synthetic data
set (3 x 21,000 bars of train) and on one of 3 x 70,000 that is made on the way, in temporary stores. Prints
wall time, processor time and the largest memory at any moment: proportional set size (proc_pid_smaps(5)),
which counts a page that several processes share once. A first run that is not counted warms the caches.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARS_BIG = 116_700  # 60 % of them in train
SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one command and all its descendants; `answer` is its last line."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    answer: str


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as name:
        clone, stores = Path(name) / "clone", Path(name) / "data"
        subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for split in ("train", "holdout", "forward"):
            environment[f"AUTARCH_DATA_{split.upper()}"] = str(stores / split)
        make(["--name", "synthetic"], clone, environment)
        make(["--name", "big", "--bars", str(BARS_BIG)], clone, environment)
        gate("synthetic", clone, environment)
        print(f"{'gate of ema_trend':24s} {'wall s':>7s} {'cpu s':>7s} {'MiB':>6s}")
        for dataset, bars in (("synthetic", "3 x 21,000"), ("big", "3 x 70,000")):
            cost = gate(dataset, clone, environment)
            print(f"{bars:24s} {cost.wall_s:7.1f} {cost.cpu_s:7.1f} {cost.peak_mib:6.0f}  {cost.answer}")


def make(options: list[str], clone: Path, environment: dict[str, str]) -> None:
    """Make one synthetic data set in the temporary stores and its lock in the clone."""
    command = [sys.executable, "-P", "-m", "autarch", "data", "synth", *options]
    subprocess.run(command, cwd=clone, env=environment, check=True, capture_output=True)


def gate(dataset: str, clone: Path, environment: dict[str, str]) -> Cost:
    """Run one gate, sampling the memory of its process tree."""
    command = [sys.executable, "-P", "-m", "autarch", "gate", "strategies/ema_trend", "--dataset", dataset]
    with tempfile.TemporaryFile() as answer:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=clone, env=environment, stdout=answer, stderr=subprocess.DEVNULL)
        peak = 0
        while True:
            pid, _, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, sum(map(resident_kib, family(process.pid))))
            time.sleep(SAMPLE_S)
        wall_s = time.perf_counter() - began
        process.returncode = 0  # reaped above, for its usage
        answer.seek(0)
        lines = answer.read().decode().splitlines()
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=peak / 1024,
        answer=lines[-1] if lines else "no answer",
    )


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in family(int(child)))]


def resident_kib(pid: int) -> int:
    """Return a process's proportional set size, 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
