"""Many lives: run seeds, side by side in processes, and sum up what they showed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from live.trading.executor import Executor

from .faults import PAIRS
from .life import Kill, Life, Making, Outcome
from .scenario import scenario_of

REAL = Making(executor=Executor)
CHUNK = 20


def live(seed: int, *, making: Making = REAL, kill: Kill | None = None, faults: bool = True) -> Outcome:
    """Live one seed."""
    return Life(scenario_of(seed, faults=faults), making, kill).run()


@dataclass(slots=True, kw_only=True)
class Summary:
    """What many lives showed. `broken`: by seed; `met`: pairs of state and fault that have met."""

    lives: int = 0
    broken: dict[int, tuple[str, ...]] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    decisions: int = 0
    dropped: int = 0
    starts: int = 0
    steps: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one life."""
        self.lives += 1
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken
        self.met |= outcome.met
        self.ended.update(outcome.ended.values())
        self.orders += outcome.orders
        self.decisions += outcome.decisions
        self.dropped += outcome.dropped
        self.starts += outcome.starts
        self.steps += outcome.steps

    @property
    def dropped_share(self) -> float:
        """Entries, and runs of bars, that were dropped for being late, as a share of decisions."""
        return self.dropped / max(1, self.decisions)

    @property
    def coverage(self) -> float:
        """Share of the possible pairs of state and fault that have met."""
        return len(self.met & set(PAIRS)) / len(PAIRS)

    @property
    def unmet(self) -> list[tuple[str, str]]:
        """Possible pairs that have not met."""
        return sorted(set(PAIRS) - self.met)


def many(seeds: Iterable[int], *, jobs: int = 1, told: Callable[[Outcome], None] = lambda _outcome: None) -> Summary:
    """Live all of `seeds`; `told` hears each outcome as it comes."""
    summary = Summary()
    for outcome in spread(live, seeds, jobs=jobs):
        summary.add(outcome)
        told(outcome)
    return summary


def spread(do: Callable[[int], Outcome], items: Iterable[int], *, jobs: int) -> Iterator[Outcome]:
    """Yield what `do` makes of each item, from so many processes."""
    if jobs == 1:
        yield from map(do, items)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver"), initializer=gc.freeze) as pool:
        yield from pool.map(partial(_bare, do), items, chunksize=CHUNK)


def _bare(do: Callable[[int], Outcome], item: int) -> Outcome:
    """Leave the trace of a good life behind: it is long."""
    outcome = do(item)
    return outcome if outcome.broken else outcome.without_trace()
