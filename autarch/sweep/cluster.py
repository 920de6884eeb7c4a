"""The same sweep on a Dask cluster: each machine starts its own confined worker and keeps the market it was sent.

Whoever can reach a scheduler can run code on its workers: keep it on a network you trust, or give it TLS.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import autarch
from autarch.canonical import Sha256
from autarch.engine import CostModel
from autarch.errors import UndecidedError, UsageError
from autarch.machine_code import sources_digest
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep.stage import ParameterSet, Stage
from autarch.sweep.trial import SweptTrial

CONNECT_SECONDS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that a machine needs to answer parameter sets."""

    strategy: StrategySource
    market: Market
    costs: CostModel
    capital: float
    digests: bool
    allow_weak: bool

    @property
    def bytes_a_set(self) -> int:
        """Bytes of one set's decisions, distances included."""
        return 3 * 8 * max(1, self.market.n_bars) * len(self.strategy.manifest.symbols)

    def stage(self) -> Stage:
        """Return the stage, for whoever plays."""
        return Stage(self.strategy, self.market, costs=self.costs, capital=self.capital, digests=self.digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Trials, and who computed them with what arithmetic."""

    trials: list[SweptTrial]
    numerics: Sha256
    machine: str


class Cluster:
    """A connection to a scheduler whose workers hold the task; use it as a context manager."""

    def __init__(self, scheduler: str, task: Task) -> None:
        self._scheduler, self._task = scheduler, task
        self._client: Any = None
        self._held: Any = None
        self._numerics: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            import distributed  # noqa: PLC0415  only here, since most installations lack it
        except ImportError as error:
            raise UsageError("a cluster needs Dask: install autarch with its extra `cluster`") from error
        try:
            connect: Any = distributed.Client
            self._client = connect(self._scheduler, timeout=CONNECT_SECONDS_MAX, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UndecidedError(
                f"no Dask scheduler answers at {self._scheduler} ({error}); start one with: dask scheduler"
            ) from error
        if self.lanes == 0:
            self._client.close()
            raise UndecidedError(
                f"the scheduler {self._scheduler} has no workers; start some with: dask worker {self._scheduler}"
            )
        self._held = self._client.scatter(self._task, broadcast=True, hash=False)  # once a worker, not once a batch
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = None
        with suppress(OSError, TimeoutError):
            self._client.close()

    @property
    def lanes(self) -> int:
        """Batches that the cluster works on at once: threads of all its workers."""
        return sum(self._client.nthreads().values())

    def run(self, batches: Sequence[Sequence[ParameterSet]]) -> list[list[SweptTrial]]:
        """Return the trials of each batch, in order.

        Raises:
            UndecidedError: a machine has other code or other arithmetic, or was lost.
            DataError, SandboxError: as `Stage.trials`.
        """
        import distributed  # noqa: PLC0415  __enter__ has shown that it is there

        futures = self._client.map(_answer, batches, task=self._held, code=code_digest(), pure=False, retries=0)
        try:
            answers: list[Answer] = self._client.gather(futures)
        except (distributed.KilledWorker, distributed.CancelledError, OSError) as error:
            raise UndecidedError(f"the cluster lost a worker: {error}; run again") from error
        self._numerics.update({answer.machine: answer.numerics for answer in answers})
        if len(set(self._numerics.values())) > 1:
            named = ", ".join(f"{machine} {digest[:12]}" for machine, digest in sorted(self._numerics.items()))
            raise UndecidedError(f"the cluster's machines compute different numbers ({named}); use one environment")
        return [answer.trials for answer in answers]


@lru_cache(maxsize=1)
def code_digest() -> Sha256:
    """Return the digest of this installation's code; a machine with another would answer another question."""
    return sources_digest(Path(autarch.__file__).resolve().parent)


class _Machine:
    """A Dask worker process's own confined worker and the stage it has prepared; both outlive a batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._prepared: tuple[Task, Stage] | None = None

    def of(self, task: Task) -> tuple[Worker, Stage]:
        """Return a running worker and the stage of `task`; another task replaces the last."""
        with self._lock:
            if self._worker is None or self._worker.allow_weak != task.allow_weak:
                self._worker = Worker(allow_weak=task.allow_weak).__enter__()
                atexit.register(self._worker.close)
            if self._prepared is None or self._prepared[0] is not task:
                self._prepared = (task, task.stage())
            return self._worker, self._prepared[1]


_MACHINE = _Machine()


def _answer(batch: Sequence[ParameterSet], *, task: Task, code: Sha256) -> Answer:
    """Answer one batch, in a process of the cluster."""
    import distributed  # noqa: PLC0415  only ever run there

    machine = str(distributed.get_worker().address)
    if code_digest() != code:
        raise UndecidedError(f"{machine} has another version of autarch; install the same one everywhere")
    worker, stage = _MACHINE.of(task)
    return Answer(trials=stage.trials(worker, batch), numerics=Sha256(worker.numerics), machine=machine)
