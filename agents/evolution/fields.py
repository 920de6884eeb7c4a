"""Where the loop's work is done: here, in processes of this machine, or on a Dask cluster. Answers come in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from autarch.errors import UndecidedError, UsageError

CONNECT_SECONDS_MAX = 20
JOBS_MAX = 256
T = TypeVar("T")
R = TypeVar("R")


class Field(Protocol):
    """Does the same work on many items."""

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield `work(item)` for each, in order, as they come; what one raises ends it all."""


@dataclass(frozen=True, slots=True)
class Here:
    """In this process, one after another."""

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield each answer when it is asked for."""
        return (work(item) for item in items)


@dataclass(frozen=True, slots=True)
class Processes:
    """In `jobs` processes, which stay for the next question."""

    jobs: int

    def __post_init__(self) -> None:
        """Refuse a number of processes that cannot be meant."""
        if not 1 <= self.jobs <= JOBS_MAX:
            raise UsageError(f"--jobs is {self.jobs}; 1 to {JOBS_MAX} are allowed")

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield each answer as soon as those before it are there."""
        import joblib  # type: ignore[import-untyped]  # noqa: PLC0415  a tenth of a second that one process saves

        shared = joblib.Parallel(n_jobs=self.jobs, backend="loky", return_as="generator", batch_size=1)
        answered: Iterator[R] = shared(joblib.delayed(work)(item) for item in items)
        for number, answer in enumerate(answered, 1):
            if number == len(items):  # joblib warns of an iterator that is let go one step before its end
                next(answered, None)
            yield answer


class Cluster:
    """On the workers of a Dask scheduler. Whoever reaches a scheduler runs code on them: keep it to yourself."""

    def __init__(self, scheduler: str) -> None:
        """Connect to `scheduler`, such as tcp://host:8786.

        Raises:
            UsageError: Dask is not installed.
            UndecidedError: no scheduler answers, or it has no workers.
        """
        try:
            import distributed  # noqa: PLC0415  most installations lack it
        except ImportError as error:
            raise UsageError("a cluster needs Dask: install autarch with its extra `cluster`") from error
        try:
            connect: Any = distributed.Client
            self._client: Any = connect(scheduler, timeout=CONNECT_SECONDS_MAX, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UndecidedError(
                f"no Dask scheduler answers at {scheduler} ({error}); start one with: dask scheduler"
            ) from error
        if not self._client.nthreads():
            self.close()
            raise UndecidedError(f"the scheduler {scheduler} has no workers; start some with: dask worker {scheduler}")

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield each answer in order.

        Raises:
            UndecidedError: a machine was lost.
        """
        import distributed  # noqa: PLC0415  __init__ has shown that it is there

        futures = self._client.map(work, list(items), pure=False, retries=0)
        for future in futures:
            try:
                answer: R = future.result()
            except (distributed.KilledWorker, distributed.CancelledError, OSError) as error:
                raise UndecidedError(f"the cluster lost a machine: {error}; run the same again to go on") from error
            yield answer

    def close(self) -> None:
        """Let go of the scheduler."""
        with suppress(OSError, TimeoutError):
            self._client.close()
