"""`python -m benchmarks mutation`: try mutants of what judges, and say which of them nothing noticed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

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
    asked = parser.parse_args(argv)
    drawn = [item for item in chosen(ROOT, count=asked.count, seed=asked.seed) if asked.only in item[1].label]
    if asked.list:
        print("\n".join(f"{area.name:9} {mutant.label}" for area, mutant in drawn))
        return 0
    tried = try_all(ROOT, drawn, jobs=asked.jobs, told=_told)
    living = [one for one in tried if one.killed_by is None]
    print(f"{len(tried) - len(living)} of {len(tried)} mutants killed")
    if asked.json is not None:
        asked.json.write_text(json.dumps([_row(one) for one in tried], indent=1) + "\n")
    return int(len(living) * 20 > len(tried))


def _told(tried: Tried) -> None:
    print(
        f"{'LIVES ' if tried.killed_by is None else 'killed'} {tried.mutant.label}  {tried.killed_by or ''}", flush=True
    )


def _row(tried: Tried) -> dict[str, str | None]:
    return {"area": tried.area, "mutant": tried.mutant.label, "killed_by": tried.killed_by}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
