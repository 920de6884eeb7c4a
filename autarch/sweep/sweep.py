"""Play many parameter sets of one strategy on one market: here in threads, or on a Dask cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from autarch.engine import CostModel
from autarch.errors import UsageError
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep.cluster import Cluster, Task
from autarch.sweep.stage import ParameterSet, Stage
from autarch.sweep.trial import SweptTrial

JOBS_MAX = 256
SETS_A_CHILD_MAX = 128
BYTES_TOGETHER_MAX = 512 << 20
"""Decisions held at once, all jobs together; a child's sets are as many as fit, so that its start is shared."""

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sweep runs.

    Attributes:
        jobs: Threads here, each with a confined child of one worker; the compiled kernel is shared.
        scheduler: Address of a Dask scheduler, such as tcp://host:8786, whose workers run it instead.
        allow_weak: Run even where a required layer of confinement is missing.
    """

    jobs: int = 1
    scheduler: str | None = None
    allow_weak: bool = False


class Sweep:
    """One strategy on one market, asked about parameter sets in batches; use it as a context manager.

    The trials do not depend on how many jobs or machines there are: every set is decided on the same
    windows in the same order, and sets share nothing but a process that the gate proves to keep no state.

    Args:
        strategy: Whose parameters vary.
        market: The bars; train, unless nothing will be proposed.
        costs: What trading costs beside fees.
        capital: Quote each set starts with.
        place: Where it runs.
        worker: One that runs already, for a sweep here; without one it starts its own.
        digests: Whether each trial names its decisions by digest.
        progress: Told how many sets are done.
    """

    def __init__(  # noqa: PLR0913  a sweep is named by all of these
        self,
        strategy: StrategySource,
        market: Market,
        *,
        costs: CostModel,
        capital: float,
        place: Place | None = None,
        worker: Worker | None = None,
        digests: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self._place, self._worker, self._progress = place or Place(), worker, progress or (lambda _line: None)
        if not 1 <= self._place.jobs <= JOBS_MAX:
            raise UsageError(f"jobs is {self._place.jobs}; 1 to {JOBS_MAX} are allowed")
        self._task = Task(
            strategy=strategy,
            market=market,
            costs=costs,
            capital=capital,
            digests=digests,
            allow_weak=self._place.allow_weak,
        )
        self._stack = ExitStack()
        self._stage: Stage | None = None
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        if self._place.scheduler is not None:
            self._cluster = self._stack.enter_context(Cluster(self._place.scheduler, self._task))
        elif self._worker is None:
            self._worker = self._stack.enter_context(Worker(allow_weak=self._place.allow_weak))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, parameter_sets: Sequence[ParameterSet]) -> list[SweptTrial]:
        """Return one trial for each parameter set, in order.

        What is wrong with one set is in its trial and stops no other.

        Raises:
            UsageError: the market does not fit the manifest.
            DataError: the market cannot be played.
            SandboxError: a child could not be confined, or was killed from outside.
            UndecidedError: the cluster cannot be reached, or one of its machines computes otherwise.
        """
        lanes = self._cluster.lanes if self._cluster is not None else self._place.jobs
        batches = batches_of(parameter_sets, lanes=lanes, bytes_a_set=self._task.bytes_a_set)
        answered: list[Sequence[SweptTrial]] = []
        for batch in self._answers(batches):
            answered.append(batch)
            self._progress(f"{sum(map(len, answered))}/{len(parameter_sets)} parameter sets")
        return gathered(answered)

    def _answers(self, batches: Sequence[Sequence[ParameterSet]]) -> Iterable[list[SweptTrial]]:
        if self._cluster is not None:
            return self._cluster.run(batches)
        worker = self._worker
        if worker is None:
            raise UsageError("the sweep is closed; use it inside its `with` block")
        stage = self._stage = self._stage or self._task.stage()
        if self._place.jobs == 1 or len(batches) == 1:
            return (stage.trials(worker, batch) for batch in batches)
        import joblib  # type: ignore[import-untyped]  # noqa: PLC0415  a tenth of a second that one job does not need

        work = joblib.Parallel(n_jobs=self._place.jobs, prefer="threads", return_as="generator")
        answered: Iterable[list[SweptTrial]] = work(joblib.delayed(stage.trials)(worker, batch) for batch in batches)
        return answered


def batches_of(parameter_sets: Sequence[ParameterSet], *, lanes: int, bytes_a_set: int) -> list[Sequence[ParameterSet]]:
    """Return parts for `lanes` to work through: as few as fit in memory, even in length and in number.

    Sets are dealt out one by one, since neighbours in a grid take about as long.
    """
    together = max(1, min(SETS_A_CHILD_MAX, BYTES_TOGETHER_MAX // (lanes * bytes_a_set)))
    rounds = math.ceil(len(parameter_sets) / (together * lanes))
    count = min(len(parameter_sets), rounds * lanes)
    return [parameter_sets[index::count] for index in range(count)]


def gathered(dealt: Sequence[Sequence[T]]) -> list[T]:
    """Return what was answered to the parts of `batches_of`, in the order of the sets."""
    whole: dict[int, T] = {}
    for index, part in enumerate(dealt):
        whole.update(zip(range(index, index + len(part) * len(dealt), len(dealt)), part, strict=True))
    return [whole[index] for index in sorted(whole)]


def sweep(  # noqa: PLR0913  all but three are named at the call
    strategy: StrategySource,
    market: Market,
    parameter_sets: Sequence[ParameterSet],
    *,
    costs: CostModel,
    capital: float,
    scheduler: str | None = None,
    jobs: int = 1,
    worker: Worker | None = None,
) -> list[SweptTrial]:
    """Return one trial for each parameter set, in order; see `Sweep`, whose arguments and errors these are."""
    place = Place(jobs=jobs, scheduler=scheduler)
    with Sweep(strategy, market, costs=costs, capital=capital, place=place, worker=worker) as running:
        return running.run(parameter_sets)
