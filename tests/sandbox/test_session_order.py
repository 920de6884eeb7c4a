"""What a session sends when: the next question only once every answer to the one before has come whole."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from autarch.errors import UsageError
from autarch.sandbox import StrategyRunError, WorkerLimits, answers
from autarch.sandbox.session import Session
from autarch.sandbox.values import Question

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


class Pipes:
    """Answers every decide call with `exposure` and writes down what happened."""

    def __init__(self, exposure: float) -> None:
        self.log: list[str] = []
        self._frame = answers.encode_group([(1, struct.pack("<d", exposure))])

    def send(self, parts: Sequence[bytes | memoryview], *, deadline: float) -> None:  # noqa: ARG002  the port's
        phase = struct.unpack_from("<cI", b"".join(parts))[1]
        self.log.append(f"sent {phase}")

    def receive(self, *, bytes_max: int, deadline: float) -> memoryview:  # noqa: ARG002  the port's
        assert len(self._frame) <= bytes_max
        self.log.append("received")
        return memoryview(self._frame)


def session_on(source_of, pipes: Pipes) -> Session:
    child = SimpleNamespace(pipes=pipes, close=lambda: 0)
    # an answer may take 20 s, so each is awaited alone: a group is as many as fit into a fifth of a second
    limits = WorkerLimits(request_seconds=20.0)
    source = source_of("return bars.close", symbols=SYMBOLS)
    return Session(child, source, params=[{}], limits=limits, forget=lambda _: None)


def question(first_bar: int) -> Question:
    return Question(targets=SYMBOLS, first_bar=first_bar, n_rows=4, column=lambda *_: np.zeros(4))


def test_the_next_question_is_sent_after_the_last_answer_and_before_anybody_looks_at_it(source_of) -> None:
    pipes = Pipes(0.5)
    session, looked = session_on(source_of, pipes), []

    for place, places, _, group in session.ask_each((question(bar), 1) for bar in (7, 8)):
        looked.append((place, places.start, float(group.exposure[0, 0, 0]), len(pipes.log)))

    # three answers each: the first two are looked at before the next is awaited, the last when 8 has been sent
    assert pipes.log == ["sent 7", *["received"] * 3, "sent 8", *["received"] * 3]
    assert looked == [(0, 0, 0.5, 2), (0, 1, 0.5, 3), (0, 2, 0.5, 5), (1, 0, 0.5, 6), (1, 1, 0.5, 7), (1, 2, 0.5, 8)]


def test_questions_are_made_one_ahead_and_no_further(source_of) -> None:
    made = []

    def questions():
        for bar in range(5):
            made.append(bar)
            yield question(bar), 1

    asking = session_on(source_of, Pipes(0.5)).ask_each(questions())
    next(asking)

    assert made == [0, 1]


def test_a_wrong_answer_ends_a_session_although_the_next_question_is_on_its_way(source_of) -> None:
    session = session_on(source_of, Pipes(7.0))  # beyond max_leverage = 1

    with pytest.raises(StrategyRunError, match=r"exposure is 7\.0"):
        list(session.ask_each((question(bar), 1) for bar in range(3)))
    with pytest.raises(StrategyRunError, match=r"exposure is 7\.0"):
        list(session.ask(question(9), keep=1))


def test_a_question_that_goes_back_in_time_is_refused_before_it_is_sent(source_of) -> None:
    pipes = Pipes(0.5)

    with pytest.raises(UsageError, match="ascending"):
        list(session_on(source_of, pipes).ask_each((question(bar), 1) for bar in (7, 6)))

    assert "sent 6" not in pipes.log
