"""How long `autarch demo` takes, twice: the second run finds warm caches. Prints the seconds of each step."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEP = re.compile(r"^== (.*)  \[(\d+) s\]$", re.MULTILINE)


def main() -> int:
    """Run the demo twice; returns 1 when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        for label in ("first", "warm"):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-P", "-m", "autarch", "demo", "--dir", str(Path(folder) / "workspace")],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            took = time.perf_counter() - began
            if done.returncode != 0:
                print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
                return 1
            print(f"{label}: {took:.1f} s")
            steps = [(int(at), text) for text, at in STEP.findall(done.stdout)]
            for (start, text), end in zip(steps, [at for at, _ in steps[1:]] + [round(took)], strict=True):
                print(f"  {end - start:>4} s  {text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
