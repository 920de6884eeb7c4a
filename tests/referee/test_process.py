"""The referee in a process of its own: the same answer, and no answer where there is none."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.referee import referee
from autarch.referee.process import RefereeProcess
from autarch.referee.sheet import sheet_of


@pytest.fixture(scope="module")
def process():
    with RefereeProcess() as started:
        yield started


@pytest.fixture
def sheet(pitch):
    def make(seed: int = 3, **changes: object):
        market, decisions = pitch.case(seed, n=60)
        return dataclasses.replace(sheet_of(market, decisions, costs=pitch.dear, capital=1000.0), **changes)

    return make


def test_another_process_finds_the_same_bytes(pitch, process, sheet) -> None:
    here = [referee(*pitch.case(seed, n=60), costs=pitch.dear, capital=1000.0) for seed in (3, 4)]

    there = process.answer(process.ask([sheet(3), sheet(4)]))

    for one, other in zip(here, there, strict=True):
        assert one.equity.tobytes() == other.equity.tobytes()
        assert one.fills.tobytes() == other.fills.tobytes()
        assert one.positions.tobytes() == other.positions.tobytes()


def test_a_question_nobody_waits_for_does_not_delay_the_next(process, sheet) -> None:
    process.ask([sheet()] * 400)

    assert len(process.answer(process.ask([sheet()]))) == 1


def test_a_dropped_question_has_no_answer(sheet) -> None:
    with RefereeProcess() as process:
        question = process.ask([sheet()] * 400)
        process.drop()

        with pytest.raises(UndecidedError, match="the referee's process"):
            process.answer(question)


def test_what_cannot_be_played_is_undecided_and_the_next_question_is_answered(process, sheet) -> None:
    broken = sheet(exposure=np.full((60, 2), np.nan))

    with pytest.raises(UndecidedError, match=r"report this: (.|\n)*ValueError"):
        process.answer(process.ask([broken]))

    assert len(process.answer(process.ask([sheet()]))) == 1


def test_a_process_that_ends_is_undecided(sheet) -> None:
    with RefereeProcess(python="/bin/false") as process, pytest.raises(UndecidedError, match="the referee's process"):
        process.answer(process.ask([sheet()]))


def test_a_process_that_cannot_start_is_undecided(sheet, tmp_path) -> None:
    with (
        RefereeProcess(python=str(tmp_path / "absent")) as process,
        pytest.raises(UndecidedError, match="cannot be started"),
    ):
        process.ask([sheet()])


def test_a_process_that_takes_too_long_is_undecided(sheet) -> None:
    with (
        RefereeProcess(seconds_max=0.05) as process,
        pytest.raises(UndecidedError, match=r"did not answer within 0\.05 s"),
    ):
        process.answer(process.ask([sheet()] * 400))


def test_it_knows_neither_the_engine_nor_its_compiler() -> None:
    code = (
        "import sys, autarch.referee.replay; "
        "print([n for n in sys.modules if n.startswith(('autarch.engine', 'numba', 'autarch.sandbox'))])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
