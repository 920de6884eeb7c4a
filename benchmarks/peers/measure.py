"""One engine, one work, one fresh process.

`python -m benchmarks.peers.measure ENGINE WORK FOLDER BARS PAIRS REPEATS` prints one JSON object. The engine
is imported and run on a few bars first, so that nothing is compiled inside the measured runs; what
importing and compiling cost is told apart.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from benchmarks.peers.outcome import Laps
from benchmarks.peers.plan import part_of
from benchmarks.peers.work import Work, read_prices, works

_WARM_BARS = 3_000
_MODULES = {
    "autarch": "benchmarks.peers.engine_autarch",
    "floor": "benchmarks.peers.floor",
    "vectorbt": "benchmarks.peers.engine_vectorbt",
    "backtesting": "benchmarks.peers.engine_backtesting",
    "backtrader": "benchmarks.peers.engine_backtrader",
}


def resident_bytes(field: str = "VmRSS") -> int:
    """Return what this process holds in memory now; VmHWM is the most it ever did, without its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def measured(engine: str, work: Work, *, folder: Path, bars: int, repeats: int) -> dict[str, object]:
    """Return times of `repeats` runs, what they came to, and the memory it took.

    Resident bytes are told from before the prices are read to after the last run, its result still held.
    """
    began = time.perf_counter()
    module = importlib.import_module(_MODULES[engine])
    imported = time.perf_counter() - began
    few = part_of(work, pairs=min(2, len(work.pairs)))
    module.run(module.prepare(read_prices(folder, few, bars=min(bars, _WARM_BARS)), few), Laps())
    warmed = time.perf_counter() - began - imported
    before = resident_bytes()
    prepared = module.prepare(read_prices(folder, work, bars=bars), work)
    runs, outcome = [], None
    for _ in range(repeats):
        outcome = None  # what the last run returned is freed before the next begins
        laps = Laps()
        outcome = module.run(prepared, laps)
        runs.append({"cpu": laps.cpu, "wall": laps.wall})
    return {
        "import_s": imported,
        "warm_s": warmed,
        "runs": runs,
        "equity": None if outcome is None else outcome.equity,
        "fills": None if outcome is None else outcome.fills,
        "resident_before": before,
        "resident_after": resident_bytes(),
        "resident_peak": resident_bytes("VmHWM"),
    }


def main(argv: list[str]) -> int:
    """Measure what the command line names."""
    engine, name, folder, bars, pairs, repeats = argv
    work = part_of(works()[name], pairs=int(pairs))
    found = measured(engine, work, folder=Path(folder), bars=int(bars), repeats=int(repeats))
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
