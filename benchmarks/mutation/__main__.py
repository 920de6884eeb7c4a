"""`python -m benchmarks mutation`: try mutants of what judges, and say which of them nothing noticed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutation.again import again, is_killed, is_untried, merged, to_try
from benchmarks.mutation.known import why_of
from benchmarks.mutation.plan import chosen
from benchmarks.mutation.run import Effort, Tried, try_all

ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str]) -> int:
    """Try the mutants; exit code 1 when more than one in twenty lives, or not all are tried."""
    asked = _asked(argv)
    if asked.again is None:
        found = {item: item[1].label for item in chosen(ROOT, count=asked.count, seed=asked.seed)}
        rows = [
            {"area": area.name, "mutant": label, "killed_by": None, "outlived": 0} for (area, _), label in found.items()
        ]
    else:
        rows = json.loads(asked.again.read_text())
        found = {again(ROOT, row): str(row["mutant"]) for row in to_try(rows)}
    drawn = [item for item in found if asked.only in item[1].label]
    if asked.list:
        print("\n".join(f"{area.name:9} {mutant.label}" for area, mutant in drawn))
        return 0
    whys = {mutant: why_of(mutant, (ROOT / mutant.path).read_text(encoding="utf-8")) for _, mutant in drawn}
    labels = {mutant: label for (_, mutant), label in found.items()}

    def told(tried: Tried) -> None:
        row = row_of(tried, whys[tried.mutant])
        rows[:] = merged(rows, row, was=labels[tried.mutant])
        if asked.json is not None:
            _kept(asked.json, rows)
        said = f"killed {row['mutant']}  {row['killed_by']}" if row["killed_by"] else f"LIVES  {row['mutant']}"
        print(said, flush=True)

    try_all(ROOT, drawn, Effort(jobs=asked.jobs, stages=asked.stages, cache=asked.cache), told=told)
    n_killed = sum(is_killed(row) for row in rows)
    n_untried = sum(is_untried(row) for row in rows)
    print(f"{n_killed} of {len(rows) - n_untried} mutants killed, {n_untried} not tried")
    return int((len(rows) - n_killed) * 20 > len(rows))


def row_of(tried: Tried, why: str | None) -> dict[str, Any]:
    """Return what is written of a mutant: what killed it, or how many of the runs of tests it outlived, and why."""
    row: dict[str, Any] = {"area": tried.area, "mutant": tried.mutant.label, "killed_by": tried.killed_by}
    if is_killed(row):
        return row
    row |= {"outlived": tried.passed[0], "of": tried.passed[1]}
    return row if why is None else {**row, "why": why}


def _kept(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows at once, so that a run that is broken off can go on with `--again`."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(rows, indent=1) + "\n")
    os.replace(beside, path)  # noqa: PTH105  the one call that replaces atomically


def _asked(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only mutants whose place contains this")
    parser.add_argument("--stages", type=int, help="at most so many runs of tests for each; the first kill most")
    parser.add_argument("--cache", type=Path, help="folder of machine code, to be kept for the next run")
    parser.add_argument("--list", action="store_true", help="list them and try none")
    parser.add_argument("--json", type=Path, help="write what became of each to this file, after each")
    parser.add_argument(
        "--again", type=Path, help="a former --json: go on with what it had not tried, then try its survivors again"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
