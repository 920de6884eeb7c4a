"""`python -m benchmarks security`: measure what stops what, and write the tables of docs/security.md.

Runs the whole corpus of escapes, every canary and every honest strategy: some ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autarch.numerics import is_pinned, pinned_environment
from benchmarks.mutation.again import is_killed, is_untried
from benchmarks.mutation.known import explained
from tests.canaries import table as canaries
from tests.escapes import table as escapes
from tests.honest import table as honest
from tests.honest.ground import CHECKS

ROOT = Path(__file__).resolve().parent.parent
MESSAGE_MAX = 110


def main(argv: list[str]) -> int:
    """Write the tables; exit code 1 when there is a hole or a false alarm."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks security", description=__doc__)
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced; else they are printed")
    parser.add_argument("--mutants", type=Path, help="what `python -m benchmarks mutation --json` wrote")
    parser.add_argument("--only", default="", help="this table alone: escapes, canaries, honest, forge or mutants")
    asked = parser.parse_args(argv)
    if not is_pinned():
        again = [sys.executable, "-m", "benchmarks.security", *argv]
        os.execve(sys.executable, again, pinned_environment(os.environ))  # noqa: S606  the same again, pinned
    tables, faults = {}, []
    for name, measure in (("escapes", _escapes), ("canaries", _canaries), ("honest", _honest), ("forge", _forge)):
        if asked.only in {"", name}:
            sys.stderr.write(f"measuring {name}\n")
            tables[name], found = measure()
            faults += found
    if asked.mutants is not None:
        rows = [explained(ROOT, row) for row in json.loads(asked.mutants.read_text())]
        tables["mutants"], found = mutants_table(rows)
        faults += found
    if asked.write is None:
        print("\n\n".join(tables.values()))
    else:
        asked.write.write_text(replaced(asked.write.read_text(), tables))
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return int(bool(faults))


def replaced(page: str, tables: dict[str, str]) -> str:
    """Return the page with each table between its marks.

    Raises:
        ValueError: the page lacks a table's marks.
    """
    for name, table in tables.items():
        marks = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        page, count = marks.subn(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", page)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"the page has {count} places for {name}; expected <!-- {name}: begin --> and end once")
    return page


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; a bar within a cell is written as a broken one."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += ["| " + " | ".join(str(cell).replace("|", "¦").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _forge() -> tuple[str, list[str]]:
    """Try every attack on a forge made for it, and return the table with what each was told."""
    from tests.forge import attacks, yards  # noqa: PLC0415  it serves forges

    rows, faults = [], []
    for attack in attacks.ATTACKS:
        try:
            told = yards.tried(attack)
        except attacks.HoleError as hole:
            told = f"NOT STOPPED: {hole}"
            faults.append(f"{attack.name}: nothing stopped it")
        rows.append((attack.name, attack.by, attack.wall, told[:MESSAGE_MAX], attack.github))
    return markdown(("attempt", "with whose token", "stopped by", "told", "on GitHub"), rows), faults


def mutants_table(rows: Sequence[dict[str, Any]]) -> tuple[str, list[str]]:
    """Return the mutants by area, then the living ones with what they outlived and what is known of each."""
    tried = [row for row in rows if not is_untried(row)]
    counted = []
    for area in dict.fromkeys(row["area"] for row in rows):
        own = [row for row in tried if row["area"] == area]
        drawn = sum(row["area"] == area for row in rows)
        counted.append((area, drawn, len(own), sum(is_killed(row) for row in own)))
    counted.append(("all", *(sum(column) for column in list(zip(*counted, strict=True))[1:])))
    living = [row for row in tried if not is_killed(row)]
    table = markdown(("area", "drawn", "tried", "killed"), counted)
    if living:
        table += "\n\n" + markdown(
            ("area", "lives", "runs of tests outlived", "why"),
            [
                (
                    row["area"],
                    f"`{row['mutant']}`",
                    f"{row['outlived']} of {row['of']}",
                    row.get("why", "not explained"),
                )
                for row in living
            ],
        )
    return table, [f"mutant lives unexplained: `{row['mutant']}`" for row in living if "why" not in row]


def _escapes() -> tuple[str, list[str]]:
    found = escapes.rows(_say)
    table = markdown(
        ("class", "snippets", "refused by policy", "stopped", "left", *escapes.WALLS),
        [
            (row.kind, row.snippets, row.refused, row.stopped, row.left, *(row.by_wall[wall] for wall in escapes.WALLS))
            for row in escapes.by_class(found)
        ],
    )
    holes = [f"escape {row.kind}/{row.name} gets through" for row in found if not (row.stopped or row.left_to)]
    return table, holes + [f"escape {row.kind}/{row.name} passes the policy" for row in found if not row.rule]


def _canaries() -> tuple[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = canaries.measured_rows(Path(folder))
    table = markdown(
        ("canary", "kind", "what it does", "must be caught by", "caught by", "what the check says"),
        [
            (r.name, r.kind, r.does, r.expected, r.caught_by or "nothing", _short(r.message or f"known: {r.through}"))
            for r in found
        ],
    )
    missed = [row for row in found if row.expected not in row.caught_by.split(", ") and not row.through]
    return table, [
        f"canary {row.name} is not caught by {row.expected} ({row.caught_by or 'nothing'})" for row in missed
    ]


def _honest() -> tuple[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = honest.measured_rows(ROOT, Path(folder))
    table = markdown(
        ("strategy", "what it uses", *CHECKS),
        [(row.slug, ", ".join(row.features), *(row.verdicts.get(name, "") for name in CHECKS)) for row in found],
    )
    return table, [f"false alarm: {row.slug}: {alarm}" for row in found for alarm in row.alarms]


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_MAX else text[: MESSAGE_MAX - 1].rsplit(" ", 1)[0] + " …"


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
