"""Calibrate the rules of promotion: `python -m benchmarks calibration [--quick] [--jobs 2] [--write PAGE]`.

Streams of proposals whose truth is known go through the gate's own statistics: none true; 1 % and 5 % true at four
Sharpe ratios; families of near copies; an adversary who learns from every answer. Returns are those of rules played
on real bars (AUTARCH_REAL_DATA, or --data DIR; --synthetic for a host without), in shuffled blocks. Seeded: the same
seed, sizes and bars give the same tables. Exit 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed  # type: ignore[import-untyped]

from benchmarks.calibration.adversary import Campaign, Climbed, attack
from benchmarks.calibration.capital import SHIPPED_DAYS, Waited, standard_policy, waited
from benchmarks.calibration.page import draw, written
from benchmarks.calibration.pool import MEMORY, Pool, pool_of
from benchmarks.calibration.streams import EDGES, correlated, independent
from benchmarks.calibration.tables import Figures, Found, figures_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is played: streams and proposals in each, adversaries (on four years; elsewhere a part) and rounds."""

    worlds: int
    proposals: int
    adversaries: int
    rounds: int
    waits: int


FULL = Size(worlds=40, proposals=100, adversaries=48, rounds=1000, waits=400)
QUICK = Size(worlds=2, proposals=20, adversaries=2, rounds=60, waits=10)


def main(argv: list[str] | None = None) -> int:
    """Play, print the tables, write the page when asked; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks calibration", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few streams, to see that it runs; decides nothing")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default=os.environ.get("AUTARCH_REAL_DATA", ""))
    parser.add_argument("--synthetic", action="store_true", help="bars of the synthetic market, without edges")
    parser.add_argument("--memory", type=float, default=MEMORY, help="share of the day before added to each day")
    parser.add_argument("--write", type=Path, help="renew the tables of this page")
    asked = parser.parse_args(argv)
    if not asked.synthetic and not asked.data:
        print("no real bars: name a folder with --data or AUTARCH_REAL_DATA, or pass --synthetic", file=sys.stderr)
        return 2
    began, size = time.monotonic(), QUICK if asked.quick else FULL
    pool = pool_of(None if asked.synthetic else Path(asked.data), memory=asked.memory)
    found = played(pool, size, seed=asked.seed, jobs=asked.jobs)
    figures = figures_of(found, origin=pool.origin, pool=pool)
    print(figures.text)
    print(f"{time.monotonic() - began:.0f} s wall on {asked.jobs} processes", file=sys.stderr)
    if asked.write is not None:
        asked.write.write_text(written(asked.write.read_text(encoding="utf-8"), figures), encoding="utf-8")
        draw(asked.write, figures)
    return 0 if asked.quick or _told(figures) else 1


def _told(figures: Figures) -> bool:
    for line in figures.missed:
        print(f"missed: {line}", file=sys.stderr)
    return not figures.missed


def played(pool: Pool, size: Size, *, seed: int, jobs: int) -> Found:
    """Return what every world told; each is a task of its own, so that `jobs` changes nothing but the time."""
    tasks = list(_tasks(pool, size, seed))
    runner = Parallel(n_jobs=jobs, return_as="generator", max_nbytes="1M")
    kinds: dict[str, list[Any]] = {"stream": [], "attack": [], "wait": []}
    told = runner(delayed(work)() for _, work in tasks)
    for number, ((kind, _), one) in enumerate(zip(tasks, told, strict=True), 1):
        kinds[kind].append(one)
        if number % 20 == 0:
            print(f"{number} of {len(tasks)}", file=sys.stderr, flush=True)
    return Found(streams=kinds["stream"], attacks=kinds["attack"], waits=kinds["wait"])


def _tasks(pool: Pool, size: Size, seed: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    policy = standard_policy()
    for world in range(size.worlds):
        own = seed * 1_000_000 + world
        yield "stream", partial(independent, pool, seed=own, count=size.proposals)
        yield "stream", partial(correlated, pool, seed=own, count=size.proposals // 2)
    for campaign, share in campaigns(size.rounds):
        for number in range(max(1, int(size.adversaries * share))):
            yield "attack", partial(_attacked, pool, campaign, seed=seed * 1_000_000 + number)
    for days in SHIPPED_DAYS:
        for edge in EDGES:
            one = partial(waited, pool, policy, edge=edge, holdout_days=days)
            yield "wait", partial(_repeated, one, first=seed * 1_000_000, count=size.waits)


def campaigns(rounds: int) -> Iterator[tuple[Campaign, float]]:
    """Yield how the adversary goes about it, and which part of all adversaries does so."""
    plans: tuple[Literal["add and subtract", "climb"], ...] = ("add and subtract", "climb")
    for days, is_parted, share in ((1460, True, 1.0), (365, True, 1.0), (365, False, 0.2)):
        for plan in plans:
            yield Campaign(days=days, rounds=rounds, plan=plan, is_parted=is_parted), share


def _attacked(pool: Pool, campaign: Campaign, *, seed: int) -> tuple[Campaign, Climbed]:
    return campaign, attack(pool, campaign, seed=seed)


def _repeated(one: Callable[..., Waited], *, first: int, count: int) -> list[Waited]:
    return [one(seed=first + number) for number in range(count)]


if __name__ == "__main__":
    raise SystemExit(main())
