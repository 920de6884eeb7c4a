"""How long the source policy takes for a file: user time of this process, median of many, honest and hostile files."""

from __future__ import annotations

import ast
import resource
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from autarch.manifest import StrategySource, parse_source
from autarch.sandbox.source_policy import check_source

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("strategies", "tests/honest/strategies")
RUNS, WARM = 41, 3
LIMIT_MS = 5.0
MANIFEST = b"""schema = 1
name = "largest"
title = "A file at every limit"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0
"""


def honest() -> list[StrategySource]:
    """Return the strategies of this project and of its honest set."""
    folders = sorted(path.parent for folder in FOLDERS for path in (ROOT / folder).glob("*/strategy.py"))
    return [
        parse_source(
            slug=folder.name,
            manifest_bytes=(folder / "manifest.toml").read_bytes(),
            code=(folder / "strategy.py").read_bytes(),
        )
        for folder in folders
    ]


def hostile() -> dict[str, StrategySource]:
    """Return files that would cost most: as long, deep and wide as they may be, or longer."""
    lines = {
        "65,536 bytes of brackets": "x = " + "[" * 65_500,
        "65,536 bytes of signs": "x = " + "-" * 65_500 + "1",
        "65,536 bytes of statements": "x = y\n" * 10_900,
        "65,536 bytes of attributes": "x = bars" + ".close" * 10_900,
        "65,536 bytes of texts": "x = " + "'a' " * 16_300,
        "65,536 bytes of quotes": 'x = """' + 'a"' * 32_700,
        "65,536 bytes of refused names": "open\n" * 13_100,
        "10 MiB": "x = 1\n" * 1_747_626,
    }
    return {
        name: parse_source(slug="largest", manifest_bytes=MANIFEST, code=text.encode("ascii"))
        for name, text in lines.items()
    }


def user_ms(action: Callable[[], object], *, runs: int = RUNS) -> float:
    """Return the median user time of one call in milliseconds."""
    times = []
    for _ in range(runs + WARM):
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        action()
        times.append(1e3 * (resource.getrusage(resource.RUSAGE_SELF).ru_utime - began))
    return statistics.median(times[WARM:])


def main() -> int:
    """Print the slowest honest files and every hostile one; return 1 when an honest one is above the limit."""
    rows = []
    for source in honest():
        checked = user_ms(lambda source=source: check_source(source))  # type: ignore[misc]
        parsed = user_ms(lambda source=source: ast.parse(source.code))  # type: ignore[misc]
        rows.append((checked, parsed, len(source.code), source.manifest.name))
    print(f"{len(rows)} honest files, the slowest:     check      of which Python's parser")
    for checked, parsed, size, name in sorted(rows, reverse=True)[:5]:
        print(f"  {name:26s} {size:6,d} bytes {checked:7.2f} ms {parsed:7.2f} ms")
    print(f"  median of all                           {statistics.median(row[0] for row in rows):7.2f} ms")
    print("hostile files")
    for name, source in hostile().items():
        print(f"  {name:39s} {user_ms(lambda source=source: check_source(source), runs=3):7.1f} ms")  # type: ignore[misc]
    slowest = max(rows)[0]
    print(f"slowest honest file {slowest:.2f} ms, limit {LIMIT_MS} ms")
    return int(slowest > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
