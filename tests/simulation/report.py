"""Write docs/reliability.md: `python -m tests.simulation.report --date 2026-11-22 --write docs/reliability.md`.

Lives seeds, dies everywhere, hunts every plant, and writes what it found; half an hour on two idle cores.
"""

# ruff: noqa: T201  a command prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from .crashes import LIVES, Cut, awaits_of_code, die_at, points_of, summed
from .planting import Hunt, hunt
from .plants import PLANTS
from .running import Summary, many, spread

PAGE = Path(__file__).with_name("reliability.md.in")


def main(argv: list[str]) -> int:
    """Measure and write; exit code 1 when a life broke or a plant was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--each", type=int, default=2, help="visits to each place at which a process dies")
    parser.add_argument("--rounds", type=int, default=3, help="hunts for each plant")
    parser.add_argument("--most", type=int, default=300, help="seeds that one hunt may take")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--date", required=True)
    parser.add_argument("--write", type=Path, required=True)
    asked = parser.parse_args(argv)
    print("lives", file=sys.stderr)
    lives = many(range(asked.seeds), jobs=asked.jobs)
    print("crashes", file=sys.stderr)
    points = [point for name in LIVES for point in points_of(name, each=asked.each)]
    cut = summed(points, spread(die_at, points, jobs=asked.jobs))
    print("plants", file=sys.stderr)
    hunts = list(_hunts(rounds=asked.rounds, most=asked.most, jobs=asked.jobs))
    text = PAGE.read_text(encoding="utf-8")
    tables = {"date": asked.date, "lives": _lives(lives), "crashes": _crashes(cut), "plants": _plants(hunts)}
    for name, table in tables.items():
        text = text.replace("{" + name + "}", table)
    asked.write.write_text(text, encoding="utf-8")
    return 1 if lives.broken or cut.broken or any(found.median is None for found in hunts) else 0


def _hunts(*, rounds: int, most: int, jobs: int) -> Iterator[Hunt]:
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        yield from pool.map(partial(hunt, rounds=rounds, most=most), PLANTS)


def _lives(found: Summary) -> str:
    ended = ", ".join(f"{name} {count}" for name, count in sorted(found.ended.items()))
    rows = (
        ("lives", f"{found.lives}"),
        ("of which showed what no life may show", f"{len(found.broken)}"),
        ("processes started", f"{found.starts}"),
        ("decisions", f"{found.decisions}"),
        ("orders sent", f"{found.orders}"),
        ("decisions of a bar or its entry dropped for being late", f"{found.dropped} ({found.dropped_share:.1%})"),
        ("symbols ended", ended),
        ("pairs of state and fault that met, of those possible", f"{found.coverage:.1%}"),
    )
    return _table(("", ""), rows)


def _crashes(cut: Cut) -> str:
    ours = awaits_of_code()
    rows = (
        ("places at which a process died, one life each", f"{cut.points}"),
        ("lives that then showed what no life may show", f"{len(cut.broken)}"),
        ("awaits in executor and venue", f"{len(ours)}"),
        ("of which a process died waiting there", f"{len(ours & cut.awaits)}"),
    )
    return _table(("", ""), rows)


def _plants(hunts: list[Hunt]) -> str:
    def said(found: Hunt) -> str:
        return "not found" if found.median is None else f"{found.median:g}"

    return _table(("planted fault", "median seeds to find it"), [(found.plant.name, said(found)) for found in hunts])


def _table(head: tuple[str, str], rows: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
