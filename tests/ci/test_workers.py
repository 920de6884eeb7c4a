"""Two workers serve a run; whoever interrupts it does not wait for a strategy to answer."""

from __future__ import annotations

import threading

import pytest

from ci.workers import asking_threads


class Ringing:
    """Answers only once it is closed, as a session of a slow strategy does."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_an_interrupt_closes_the_workers_so_that_their_threads_end() -> None:
    worker = Ringing()

    def interrupted() -> None:
        with asking_threads(2, worker) as pool:
            pool.submit(worker.closed.wait)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert worker.closed.is_set()


def test_another_failure_leaves_warm_workers_open() -> None:
    worker = Ringing()

    with pytest.raises(ValueError, match="of ours"), asking_threads(1, worker):
        raise ValueError("a bug of ours")

    assert not worker.closed.is_set()


def test_both_workers_reach_full_confinement_and_the_same_arithmetic(workers) -> None:
    assert workers.level.is_full
    assert workers.numerics[0] == workers.numerics[1]
    assert workers.level.summary().startswith("full on Linux ")


def test_the_workers_memory_is_laid_out_otherwise_so_that_a_strategy_of_addresses_disagrees_with_itself(
    workers,
) -> None:
    assert not workers.main.shifted_addresses
    assert workers.other.shifted_addresses
