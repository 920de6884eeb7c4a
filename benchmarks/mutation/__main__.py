"""`python -m benchmarks mutation`: try mutants of what judges, and say which of them nothing noticed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.mutation.again import again, parted
from benchmarks.mutation.known import why_of
from benchmarks.mutation.plan import chosen
from benchmarks.mutation.run import Tried, try_all

ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str]) -> int:
    """Try the mutants; exit code 1 when more than one in twenty lives."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only mutants whose place contains this")
    parser.add_argument("--list", action="store_true", help="list them and try none")
    parser.add_argument("--json", type=Path, help="write what became of each to this file")
    parser.add_argument("--again", type=Path, help="a former --json: try its survivors again and keep the rest")
    asked = parser.parse_args(argv)
    kept: list[dict[str, Any]] = []
    if asked.again is not None:
        kept, living = parted(json.loads(asked.again.read_text()))
        drawn = [again(ROOT, row) for row in living]
    else:
        drawn = chosen(ROOT, count=asked.count, seed=asked.seed)
    drawn = [item for item in drawn if asked.only in item[1].label]
    if asked.list:
        print("\n".join(f"{area.name:9} {mutant.label}" for area, mutant in drawn))
        return 0
    tried = try_all(ROOT, drawn, jobs=asked.jobs, told=_told)
    rows = [*kept, *(_row(one) for one in tried)]
    n_killed = sum(row["killed_by"] is not None for row in rows)
    print(f"{n_killed} of {len(rows)} mutants killed")
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int((len(rows) - n_killed) * 20 > len(rows))


def _told(tried: Tried) -> None:
    print(
        f"{'LIVES ' if tried.killed_by is None else 'killed'} {tried.mutant.label}  {tried.killed_by or ''}", flush=True
    )


def _row(tried: Tried) -> dict[str, Any]:
    row = {"area": tried.area, "mutant": tried.mutant.label, "killed_by": tried.killed_by}
    source = (ROOT / tried.mutant.path).read_text(encoding="utf-8")
    why = why_of(tried.mutant, source) if tried.killed_by is None else None
    return row if why is None else {**row, "why": why}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
