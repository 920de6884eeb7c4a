"""The loop measured without a model: `python -m benchmarks.evolve [planted|empty|pace] [--option N ...]`.

planted  On markets with several planted edges each a blind grammar writes and edits strategies: the loop beside as many
         drawn anew (IID). Paired differences with a bootstrap interval, on train and on bars neither saw.
empty    On markets without any edge a scripted human asks the test for promotion about every finalist of every night.
         All promotions are false; the share of epochs with one is held to the epoch's alpha.
pace     How many candidates an hour are fully gated on 5 symbols x 70,000 bars, in one process and two, and by one Dask
         worker and two, with CPU seconds a candidate. Wall time: an idle machine.

`planted` and `empty` play in one process without a journal (benchmarks/evolve_planted.py): what is measured is the
search, and neither Git nor confinement makes a difference to it.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.evolution.assessing import Terms
from agents.evolution.blind import KIND, Grammar
from agents.evolution.fields import Cluster, Field, Here, Processes
from agents.evolution.journal import Journal
from agents.evolution.looping import Evolution, Wanted, begin, candidates_on
from agents.evolution.parties import Gate, Parties, Standing
from agents.evolution.population import Candidate
from agents.evolution.settings import Settings
from autarch.cli.evolve_gate import WarmGate
from autarch.evidence.epoch import rule_of
from autarch.market import read_lock
from autarch.market.synth_dataset import SYMBOLS, default_spec
from autarch.numerics import pinned_environment, unpinned_variables
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.stats.online import Tested
from benchmarks.evolve_grounds import ROOT, Ground, ground, settings_with
from benchmarks.evolve_planted import Arm, Split, planted, unseen_returns
from ci.promotion.deciding import decide

WHO = Person(name="bench", email="bench@autarch.invalid", when_s=1_700_000_000)
NIGHT = 25
ASKED_A_NIGHT = 2
WARMING = 2


def run_loop(  # noqa: PLR0913  what a run is made of
    repo: GitRepo,
    where: Ground,
    *,
    settings: Settings,
    rounds: int,
    seed: int,
    base: str,
    standing: Sequence[Standing] = (),
    field: Field | None = None,
    gate: Gate | None = None,
) -> tuple[tuple[Candidate, ...], Journal]:
    """Run the loop with the grammar alone and return its candidates."""
    lock = read_lock(where.lock)
    terms = Terms(lock=where.lock, stores=where.stores, capital=100_000.0, bounds=settings.archive, sets=1, folds=2)
    journal = Journal(repo)
    parties = Parties(
        repo=repo,
        journal=journal,
        settings=settings,
        settings_digest="",
        terms=terms,
        field=field or Here(),
        proposers={KIND: Grammar(symbols=lock.symbols, interval=lock.interval)},
        numeric=frozenset(),
        own_numbers=frozenset({KIND}),
        gate=gate,
        publisher=None,
        clock_s=lambda: WHO.when_s,
        progress=lambda _line: None,
    )
    begun = begin(parties, Wanted(base=base, agents=(KIND,), rounds=rounds, seed=seed, nightly=False))
    Evolution(parties, begun, standing).run()
    return candidates_on(parties, begun.dataset), journal


# -- empty --------------------------------------------------------------------------------------------------


def empty(*, candidates: int, markets: int, bars: int) -> None:
    """Print how many epochs without any edge saw a promotion."""
    each = candidates // markets
    asked = false = spoilt = tried = 0
    alpha = 0.0
    for number in range(markets):
        with tempfile.TemporaryDirectory() as name:
            where = ground(Path(name) / "data", seed=5_000 + number, edges=(), bars=bars, symbols=SYMBOLS[:1])
            told = night_after_night(where, each, seed=number)
        alpha = read_lock(where.lock).epoch.alpha
        tried, asked, false = tried + told[0], asked + told[1], false + told[2]
        spoilt += told[2] > 0
        print(f"market {number + 1:3d}: {told[0]} candidates, {told[1]} asked, {told[2]} promoted", flush=True)
    low, high = clopper_pearson(spoilt, markets)
    print(
        f"{tried} candidates, {asked} tests for promotion, {false} false promotions; epochs with one: {spoilt} of "
        f"{markets} = {spoilt / markets:.3f}, 95 % interval [{low:.3f}, {high:.3f}], alpha {alpha}"
    )


def night_after_night(where: Ground, count: int, *, seed: int) -> tuple[int, int, int]:
    """Return candidates tried, tests asked for and promotions: each night's best two are asked about."""
    rule, so_far, promoted = rule_of(read_lock(where.lock).epoch), list[Tested](), 0
    settings = settings_with(per_round=NIGHT, baseline=0.2, gated=False)
    found, written = Arm(train=Split(where, "train"), settings=settings, seed=seed).run(max(NIGHT, count))
    holdout = Split(where, "holdout")
    for night in range(1, found[-1].answered.round + 1):
        tonight = [c for c in found if c.answered.round == night and c.is_member and c.score is not None]
        for one in sorted(tonight, key=lambda c: -(c.score or 0.0))[:ASKED_A_NIGHT]:
            unseen = unseen_returns(one, written[one.name], holdout)
            if unseen is None or unseen.size < 2 or float(np.ptp(unseen)) == 0.0:
                continue
            made = decide(unseen, None, rule=rule, so_far=so_far)
            so_far.append(Tested(p=made.numbers.get("p", 1.0), level=made.level, passed=made.passed))
            promoted += made.passed
    return len(found), len(so_far), promoted


def clopper_pearson(hits: int, count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934), by bisection."""

    def tail(share: float, upto: int) -> float:
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(upto + 1))

    low = 0.0 if hits == 0 else _bisect(lambda p: 1 - tail(p, hits - 1) - 0.025)
    high = 1.0 if hits == count else _bisect(lambda p: 0.025 - tail(p, hits))
    return low, high


def _bisect(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


# -- pace ---------------------------------------------------------------------------------------------------


def pace(*, candidates: int, bars: int, cluster: bool) -> None:
    """Print candidates an hour, fully gated, in one process and two, and with `cluster` by Dask workers."""
    more = [replace(SYMBOLS[2], symbol=name, price=price) for name, price in (("XRPUSDT", 0.6), ("ADAUSDT", 0.5))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = ground(folder / "data", seed=42, edges=default_spec().edges, bars=2 * bars, symbols=(*SYMBOLS, *more))
        speeds: dict[str, float] = {}
        for label, field in fields(cluster=cluster):
            spent = cpu_seconds()
            with field as chosen:
                warm = one_pace(folder / f"warm-{label}", where, chosen, WARMING, seed=9)
                speeds[label] = one_pace(folder / label, where, chosen, candidates, seed=1)
            each = (cpu_seconds() - spent) / (candidates + WARMING)
            print(
                f"{label:18s} {speeds[label]:8.1f} candidates/h gated, {each:.1f} CPU s each with starting up  "
                f"(warming up: {warm:.1f})",
                flush=True,
            )
    for kind in ("processes", "dask"):
        if f"{kind}-2" in speeds:
            print(f"{kind}: two are {speeds[f'{kind}-2'] / speeds[f'{kind}-1']:.2f} times one")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all it started that have ended, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def fields(*, cluster: bool) -> Iterator[tuple[str, AbstractContextManager[Field]]]:
    """Yield where to work, by name, each a context manager."""

    @contextmanager
    def here(count: int) -> Iterator[Field]:
        from joblib.externals import loky  # type: ignore[import-untyped]  # noqa: PLC0415  only this part needs it

        yield Processes(count)
        loky.get_reusable_executor().shutdown(wait=True)  # so that its CPU time is counted

    @contextmanager
    def dask(count: int) -> Iterator[Field]:
        import distributed  # noqa: PLC0415  only this part needs it

        local: Any = distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=None
        )
        with local:
            field = Cluster(local.scheduler_address)
            yield field
            field.close()

    for count in (1, 2):
        yield f"processes-{count}", here(count)
    for count in (1, 2) if cluster else ():
        yield f"dask-{count}", dask(count)


def one_pace(clone: Path, where: Ground, field: Field, count: int, *, seed: int) -> float:
    """Return candidates that got a verdict an hour, in a fresh clone with this market on main."""
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)], check=True)
    repo, lock = GitRepo(clone), read_lock(where.lock)
    head = repo.rev_parse("HEAD")
    tree = repo.with_files(repo.tree_of(head), {f"ci/datasets/{lock.name}.toml": where.lock})
    base = repo.commit_tree(tree, parents=[head], message="Add a market\n", author=WHO)
    gate = WarmGate(root=clone, policy="ci/policy.toml", dataset=lock.name, stores=where.stores, allow_weak=False)
    settings = settings_with(per_round=count, baseline=1.0, gated=True)
    began = time.perf_counter()
    found, _ = run_loop(repo, where, settings=settings, rounds=1, seed=seed, base=base, field=field, gate=gate)
    gated = sum(c.judged is not None and c.judged.verdict != "" for c in found)
    return gated * 3600 / (time.perf_counter() - began)


def main(argv: list[str]) -> int:
    """Run one part, or `planted` and `empty` at reduced sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evolve", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("planted", "empty", "pace", "all"), default="all")
    parser.add_argument("--markets", type=int, default=6)
    parser.add_argument("--first", type=int, default=1_000, help="seed of the first planted market")
    parser.add_argument("--kinds", type=int, default=3, help="edges of each planted market")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--candidates", type=int, default=400)
    parser.add_argument("--bars", type=int, default=24_000)
    parser.add_argument("--dask", action="store_true")
    told = parser.parse_args(argv)
    if told.part in {"planted", "all"}:
        planted(markets=told.markets, evaluations=told.evaluations, bars=told.bars, first=told.first, kinds=told.kinds)
    if told.part in {"empty", "all"}:
        empty(candidates=told.candidates, markets=told.markets, bars=told.bars)
    if told.part == "pace":
        pace(candidates=min(told.candidates, 40), bars=max(told.bars, 70_000), cluster=told.dask)
    return 0


if __name__ == "__main__":
    if unpinned_variables():
        own = [sys.executable, "-m", "benchmarks.evolve", *sys.argv[1:]]
        os.execve(sys.executable, own, pinned_environment(os.environ))  # noqa: S606  becoming pinned is the point
    raise SystemExit(main(sys.argv[1:]))
