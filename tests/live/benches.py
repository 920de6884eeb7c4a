"""Benches for tests of the executor: one opens, all close with the test."""

from __future__ import annotations

import pytest

from .bench import SYMBOL, Bench

OPEN = []


def bench(*wanted, **how):
    OPEN.append(Bench(list(wanted), **how))
    return OPEN[-1]


def no_more():
    while OPEN:
        OPEN.pop().loop.close()


@pytest.fixture(autouse=True)
def no_loop_is_left_open():
    yield
    no_more()


def sent(found):
    return [(order.side, order.qty, order.reduce_only) for _, order in found.venue.placed]


def state_of(executor):
    return executor.core.books.state_of(SYMBOL)[0]
