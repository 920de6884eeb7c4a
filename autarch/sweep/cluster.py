"""The same sweep on a Dask cluster: each machine starts its own confined worker and keeps the market it was sent.

Whoever can reach a scheduler can run code on its workers: keep it on a network you trust, or give it TLS.
"""

from __future__ import annotations

import atexit
import pickle
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import autarch
from autarch.canonical import Sha256, sha256_hex
from autarch.engine import CostModel
from autarch.errors import UndecidedError, UsageError
from autarch.machine_code import sources_digest
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep.stage import ParameterSet, Stage
from autarch.sweep.trial import SweptTrial

CONNECT_SECONDS_MAX = 20
TASKS_KEPT = 2
"""Markets a machine keeps ready, the newest: sweeps that follow one another on the same bars send them once."""
_SENDINGS_MAX = 3


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
    """A connection to a scheduler whose workers are given the task once; use it as a context manager.

    They keep it themselves, by its digest. Data that Dask keeps for them it also moves and drops as it sees fit,
    and each copy would be made ready anew.
    """

    def __init__(self, scheduler: str, task: Task) -> None:
        self._scheduler, self._task = scheduler, task
        self._client: Any = None
        self._key = Sha256("")
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
        self._key = sha256_hex(pickle.dumps(self._task))
        try:
            self._hand_out()
        except BaseException:
            self._client.close()
            raise
        return self

    def _hand_out(self) -> None:
        """Send the task to every machine that lacks it."""
        held: dict[str, bool] = self._client.run(_holds, self._key, code_digest())
        lacking = [machine for machine, holds in held.items() if not holds]
        if lacking:
            self._client.run(_hold, self._key, self._task, workers=lacking)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        answers: dict[int, Answer] = {}
        for _ in range(_SENDINGS_MAX):
            missing = [index for index in range(len(batches)) if index not in answers]
            found = self._ask([batches[index] for index in missing])
            answers.update({index: one for index, one in zip(missing, found, strict=True) if one is not None})
            if len(answers) == len(batches):
                break
            self._hand_out()  # a machine came later, began again, or has had too many other tasks since
        else:
            raise UndecidedError("the cluster's machines forget the market as fast as it is sent; run again")
        return self._checked([answers[index] for index in range(len(batches))])

    def _ask(self, batches: Sequence[Sequence[ParameterSet]]) -> list[Answer | None]:
        import distributed  # noqa: PLC0415  __enter__ has shown that it is there

        futures = self._client.map(_answer, batches, task=self._key, pure=False, retries=0)
        try:
            answers: list[Answer | None] = self._client.gather(futures)
        except (distributed.KilledWorker, distributed.CancelledError, OSError) as error:
            raise UndecidedError(f"the cluster lost a worker: {error}; run again") from error
        return answers

    def _checked(self, answers: Sequence[Answer]) -> list[list[SweptTrial]]:
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
    """A Dask worker process's own confined worker and the stages it has prepared; they outlive a batch and a sweep."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._tasks: OrderedDict[Sha256, tuple[Task, Stage | None]] = OrderedDict()

    def holds(self, key: Sha256) -> bool:
        """Return whether the task is kept, and keep it longer than others."""
        with self._lock:
            if key in self._tasks:
                self._tasks.move_to_end(key)
            return key in self._tasks

    def hold(self, key: Sha256, task: Task) -> None:
        """Keep the task and let go of the oldest beyond TASKS_KEPT."""
        with self._lock:
            self._tasks[key] = (task, None)
            while len(self._tasks) > TASKS_KEPT:
                self._tasks.popitem(last=False)

    def of(self, key: Sha256) -> tuple[Worker, Stage] | None:
        """Return a running worker and the stage of a task, None where it is not kept."""
        with self._lock:
            if key not in self._tasks:
                return None
            task, stage = self._tasks[key]
            if stage is None:
                stage = task.stage()
                self._tasks[key] = (task, stage)
            if self._worker is None or self._worker.allow_weak != task.allow_weak:
                self._worker = Worker(allow_weak=task.allow_weak).__enter__()
                atexit.register(self._worker.close)
            return self._worker, stage


_MACHINE = _Machine()


def _holds(key: Sha256, code: Sha256, dask_worker: Any) -> bool:
    """Return whether a machine of the cluster keeps a task; refuse one with other code."""
    if code_digest() != code:
        raise UndecidedError(f"{dask_worker.address} has another version of autarch; install the same one everywhere")
    return _MACHINE.holds(key)


def _hold(key: Sha256, task: Task) -> None:
    """Keep a task, in a process of the cluster."""
    _MACHINE.hold(key, task)


def _answer(batch: Sequence[ParameterSet], *, task: Sha256) -> Answer | None:
    """Answer one batch, in a process of the cluster; None where the task is not kept."""
    import distributed  # noqa: PLC0415  only ever run there

    found = _MACHINE.of(task)
    if found is None:
        return None
    worker, stage = found
    machine = str(distributed.get_worker().address)
    return Answer(trials=stage.trials(worker, batch), numerics=Sha256(worker.numerics), machine=machine)
