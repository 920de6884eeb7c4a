"""Two workers kept busy: each job is given whichever is free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from autarch.errors import StrategyError
from autarch.sandbox.failure import StrategyRunError
from autarch.sandbox.worker import Worker
from ci.workers import asking_threads

Job = Callable[[Worker], Any]


def require_its_own(error: StrategyError) -> None:
    """Raise a failure that another machine might not find; one that every machine finds is an answer.

    Raises:
        StrategyRunError: `error`, for want of time or memory: no number may rest on it.
    """
    if isinstance(error, StrategyRunError) and error.is_of_machine:
        raise error


def answered(jobs: Sequence[Job], *workers: Worker) -> list[Any]:
    """Return what each job answered, in their order; the first error in that order is raised when all have ended.

    What a job answers must not depend on which worker it was given, or the answer would depend on the machine.
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def run(job: Job) -> Any:
        worker = free.get()
        try:
            return job(worker)
        finally:
            free.put(worker)

    with asking_threads(len(workers), *workers) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]
