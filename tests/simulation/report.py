"""Write docs/reliability.md: `python -m tests.simulation.report --date 2026-11-22 --write docs/reliability.md`.

Lives seeds, dies everywhere, hunts every plant, and writes what it found; an hour on two idle cores. The parts may be
measured one by one (`--part`); what was measured is kept in a folder, and the page is written from it.
"""

# ruff: noqa: T201  a command prints

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from typing import Any

from .crashes import LIVES, awaits_of_code, die_at, points_of, summed
from .faults import PAIRS
from .planting import Hunt, hunt
from .plants import PLANTS
from .running import Summary, live, spread

PAGE = Path(__file__).with_name("reliability.md.in")
KEPT = Path(".autarch/reliability")
EACH, FEWER, UNMET_MAX = 50, 20, 30
REAL = ("latency", "throughput", "month", "deciding", "rollback")
AGAINST = "fills against the open of their bar, half spread and impact included"
Rows = list[tuple[str, str]]


def main(argv: list[str]) -> int:
    """Measure what is asked for, keep it, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=sorted(PARTS), action="append", help="measure this alone; default: all")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--each", type=int, default=2, help="visits to each place at which a process dies")
    parser.add_argument("--rounds", type=int, default=3, help="hunts for each plant")
    parser.add_argument("--most", type=int, default=300, help="seeds that one hunt may take")
    parser.add_argument("--deaths", type=int, default=200, help="real processes that are killed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of what was measured")
    parser.add_argument("--date", help="of the page")
    parser.add_argument("--write", type=Path, help="the page; without it nothing is written")
    asked = parser.parse_args(argv)
    asked.kept.mkdir(parents=True, exist_ok=True)
    if asked.part or asked.write is None:
        parts = asked.part or sorted(PARTS)
    else:
        parts = [name for name in sorted(PARTS) if not (asked.kept / f"{name}.json").exists()]
    for name in parts:
        print(name, file=sys.stderr)
        measured = PARTS[name](asked)
        (asked.kept / f"{name}.json").write_text(json.dumps(measured), encoding="utf-8")
    if asked.write is not None:
        asked.write.write_text(page(asked.kept, date=asked.date), encoding="utf-8")
    return 0


def page(kept: Path, *, date: str) -> str:
    """Return the page that tells what is kept."""
    found = {name: kept / f"{name}.json" for name in PARTS}
    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "lives": ("lives", lambda kept: _table(("", ""), lives_told(kept))),
        "crashes": ("crashes", lambda kept: _table(("", ""), crashes_told(kept))),
        "plants": ("plants", lambda kept: _table(("planted fault", "median seeds to find it"), plants_told(kept))),
        "found": ("plants", _summed),
        "measured": ("real", real_told),
        "fills": ("fills", lambda kept: _table((AGAINST, "mean (median) bp"), fills_told(kept))),
    }
    tables = {"date": date}
    for name, (part, told) in shown.items():
        missing = f"Not measured for this page; `python -m tests.simulation.report --part {part}` does."
        is_there = found[part].exists()
        tables[name] = told(json.loads(found[part].read_text(encoding="utf-8"))) if is_there else missing
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = text.replace("{" + name + "}", table)
    return text


def _lives(asked: argparse.Namespace) -> Mapping[str, Any]:
    found = Summary()
    for outcome in spread(live, range(asked.start, asked.start + asked.seeds), jobs=asked.jobs):
        found.add(outcome)
        if outcome.broken:
            print(outcome.seed, outcome.broken[0], flush=True)
        if found.lives % EACH == 0:  # what was lived is kept, however it ends
            (asked.kept / "lives.json").write_text(json.dumps(_said(found, asked.start)), encoding="utf-8")
    return _said(found, asked.start)


def _said(found: Summary, first: int) -> Mapping[str, Any]:
    return {
        "first": first, "lives": found.lives, "broken": {str(k): v for k, v in found.broken.items()},
        "starts": found.starts, "decisions": found.decisions, "orders": found.orders, "dropped": found.dropped,
        "ended": dict(found.ended), "met": sorted(found.met & set(PAIRS)),
    }  # fmt: skip


def lives_told(found: Mapping[str, Any]) -> Rows:
    """Return what lives showed, row by row."""
    ended = ", ".join(f"{name} {count}" for name, count in sorted(found["ended"].items()))
    met = len(found["met"]) / len(PAIRS)
    unmet = sorted(set(PAIRS) - {(state, kind) for state, kind in found["met"]})
    share = found["dropped"] / max(1, found["decisions"])
    return [
        ("lives, of seeds that follow one another", f"{found['lives']} from {found['first']}"),
        ("of which showed what no life may show", f"{len(found['broken'])}"),
        ("processes started", f"{found['starts']}"),
        ("decisions", f"{found['decisions']}"),
        ("orders sent", f"{found['orders']}"),
        ("decisions of a bar or its entry dropped for being late", f"{found['dropped']} ({share:.1%})"),
        ("symbols ended", ended),
        ("pairs of state and fault that met, of those possible", f"{len(found['met'])} of {len(PAIRS)} ({met:.1%})"),
        (
            "pairs that did not meet in so many lives",
            ", ".join(f"{state} x {kind}" for state, kind in unmet[:UNMET_MAX]) or "none",
        ),
    ]


def _crashes(asked: argparse.Namespace) -> Mapping[str, Any]:
    points = [point for name in LIVES for point in points_of(name, each=asked.each)]
    cut = summed(points, spread(die_at, points, jobs=asked.jobs))
    for point, broken in cut.broken.items():
        print(point, broken)
    ours = awaits_of_code()
    appends = sum(1 for point in points if point.append >= 0)
    return {
        "points": cut.points, "appends": appends, "broken": len(cut.broken), "awaits": len(ours),
        "met": len(ours & cut.awaits), "each": asked.each,
    }  # fmt: skip


def crashes_told(found: Mapping[str, Any]) -> Rows:
    """Return what dying everywhere showed, row by row."""
    return [
        ("places at which a process died, one life each", f"{found['points']}"),
        ("of which just before or after an append of the journal", f"{found['appends']}"),
        ("lives that then showed what no life may show", f"{found['broken']}"),
        ("awaits in executor and venue", f"{found['awaits']}"),
        ("of which a process died waiting there", f"{found['met']} ({found['met'] / found['awaits']:.0%})"),
    ]


def _plants(asked: argparse.Namespace) -> Mapping[str, Any]:
    hunts = []
    for found in _hunts(rounds=asked.rounds, most=asked.most, jobs=asked.jobs):
        hunts.append({"name": found.plant.name, "seeds": found.seeds, "shown": found.shown})
        print(found.seeds, found.plant.name, found.shown[:100], file=sys.stderr, flush=True)
        told = {"rounds": asked.rounds, "most": asked.most, "hunts": hunts}
        (asked.kept / "plants.json").write_text(json.dumps(told), encoding="utf-8")  # kept, however it ends
    return told


def _hunts(*, rounds: int, most: int, jobs: int) -> Iterator[Hunt]:
    if jobs == 1:
        yield from (hunt(plant, rounds=rounds, most=most) for plant in PLANTS)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        yield from pool.map(partial(hunt, rounds=rounds, most=most), PLANTS)


def plants_told(found: Mapping[str, Any]) -> Rows:
    """Return each plant with the median number of seeds that found it."""
    return [(one["name"], _median(one["seeds"], most=found["most"])) for one in found["hunts"]]


def _median(seeds: list[int | None], *, most: int) -> str:
    numbers = [most + 1 if one is None else one for one in seeds]
    found = median(numbers)
    return f"more than {most}" if found > most else f"{found:g}"


def _summed(found: Mapping[str, Any]) -> str:
    every = [one for one in found["hunts"] if None not in one["seeds"]]
    numbers = [one for each in found["hunts"] for one in each["seeds"] if one is not None]
    hunts = "one hunt" if found["rounds"] == 1 else f"{found['rounds']} hunts"
    left = len(PLANTS) - len(found["hunts"])
    rest = f" {left} more were not hunted for this page." if left else ""
    return (
        f"{len(every)} of {len(found['hunts'])} were found, each in {hunts} over fresh seeds, "
        f"of at most {found['most']}; the median over all that were found is {median(numbers):g}.{rest}"
    )


def _table(head: tuple[str, str], rows: Rows) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join(lines)


def _fills(asked: argparse.Namespace) -> Mapping[str, Any]:
    seeds = range(asked.start, asked.start + max(1, asked.seeds // FEWER))
    told = {}
    for name, faults in (("with faults", True), ("without", False)):
        costs = [cost for seed in seeds for cost in live(seed, faults=faults).shortfalls_bps]
        told[name] = {"fills": len(costs), "mean": mean(costs), "median": median(costs)}
    return {"lives": len(seeds), "told": told}


def fills_told(found: Mapping[str, Any]) -> Rows:
    """Return what fills cost beside the open of their bar, row by row."""
    return [
        (f"{name}: {one['fills']} fills of {found['lives']} lives", f"{one['mean']:.1f} ({one['median']:.1f})")
        for name, one in found["told"].items()
    ]


def _real(asked: argparse.Namespace) -> Mapping[str, Any]:
    """Run the benchmarks whose processes and sockets are real, and keep what they print."""
    runs = []
    for name, more in (("deaths", ["--deaths", str(asked.deaths)]), *((name, ()) for name in REAL)):
        words = ["live." + name, *more]
        load, _, _ = os.getloadavg()
        print(*words, file=sys.stderr)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, check=True, timeout=7200
        )
        runs.append({"words": " ".join(words), "load": load, "said": done.stdout})
    return {"cores": os.cpu_count(), "runs": runs}


def real_told(found: Mapping[str, Any]) -> str:
    """Return what they printed, each with the load of the machine when it began."""
    blocks = []
    for one in found["runs"]:
        busy = f"load {one['load']:.1f} on {found['cores']} cores when it began"
        blocks.append(f"`python -m benchmarks {one['words']}`, {busy}:\n\n```\n{one['said'].strip()}\n```")
    return "\n\n".join(blocks)


PARTS: dict[str, Callable[[argparse.Namespace], Mapping[str, Any]]] = {
    "crashes": _crashes,
    "fills": _fills,
    "lives": _lives,
    "plants": _plants,
    "real": _real,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
