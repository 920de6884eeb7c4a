"""Whom a gate asks: two workers that differ in all that must not matter to a strategy, referee and live path."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from autarch.referee.process import RefereeProcess, RehearsalProcess
from autarch.sandbox.budget import Budget
from autarch.sandbox.layers import DEMANDS
from autarch.sandbox.level import weakest
from autarch.sandbox.values import SandboxLevel
from autarch.sandbox.worker import Worker
from ci.policy_tables import SandboxPolicy

OTHER_HASH_SEED = 4_211
OTHER_CLOCK_SHIFT_S = 86_400 * 400
"""The second worker's clock stands 400 days later, another year and weekday; a strategy must not be able to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """`main` answers the decisions that count; `other` has another hash seed and clock; the rest replay them."""

    main: Worker
    other: Worker
    referee: RefereeProcess
    rehearsal: RehearsalProcess

    @property
    def numerics(self) -> tuple[str, str]:
        """The numeric self-test as each of them computed it."""
        return self.main.numerics, self.other.numerics

    @property
    def level(self) -> SandboxLevel:
        """The confinement that both reach."""
        return weakest(self.main.level, self.other.level)

    @contextmanager
    def under(self, policy: SandboxPolicy) -> Iterator[None]:
        """Hold both to one policy's demands, and to one budget together, for one verdict."""
        budget, demands = Budget(policy.strategy_seconds), policy.demands()
        for worker in (self.main, self.other):
            worker.budget, worker.demands = budget, demands
        try:
            yield
        finally:
            for worker in (self.main, self.other):
                worker.budget, worker.demands = None, DEMANDS


@contextmanager
def started_workers(*, allow_weak: bool = False) -> Iterator[Workers]:
    """Start both workers, which import in the background, and end them and whoever replayed afterwards."""
    with (
        Worker(hash_seed=0, allow_weak=allow_weak) as main,
        Worker(
            hash_seed=OTHER_HASH_SEED,
            clock_shift_s=OTHER_CLOCK_SHIFT_S,
            shifted_addresses=True,
            allow_weak=allow_weak,
        ) as other,
        RefereeProcess() as referee,
        RehearsalProcess() as rehearsal,
    ):
        yield Workers(main=main, other=other, referee=referee, rehearsal=rehearsal)


@contextmanager
def asking_threads(count: int, *workers: Worker) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads that ask `workers`; Ctrl-C ends the workers, so that no thread waits for an answer."""
    with ThreadPoolExecutor(max_workers=count) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.close()
            raise
