"""Results remembered within one window: equal bytes, own copies, and only where the inputs cannot change."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from autarch.sandbox.memo import RESULTS_MAX, Memo


@pytest.fixture
def counted():
    module, calls = ModuleType("indicators"), []

    def scale(x, by=1, *, shift=0.0):
        calls.append((by, shift))
        return x * by + shift

    def both(x):
        calls.append("both")
        return x + 1, x - 1

    module.scale, module.both = scale, both
    memo = Memo()
    memo.install(module, ["scale", "both"])
    column = np.arange(4.0)
    memo.begin([column])
    return module, memo, column, calls


def test_the_same_question_is_computed_once_and_every_caller_may_change_its_answer(counted) -> None:
    module, _, column, calls = counted

    first = module.scale(column, 2)
    first[:] = 99.0
    second = module.scale(column, 2)
    second[:] = 98.0

    assert module.scale(column, 2).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert calls == [(2, 0.0)]


def test_several_results_come_as_several_copies(counted) -> None:
    module, _, column, calls = counted

    up, _down = module.both(column)
    up[:] = 0.0

    assert [part.tolist() for part in module.both(column)] == [[1.0, 2.0, 3.0, 4.0], [-1.0, 0.0, 1.0, 2.0]]
    assert calls == ["both"]


def test_zero_and_minus_zero_are_other_questions(counted) -> None:
    module, _, column, _ = counted

    assert not np.signbit(module.scale(column, 0.0, shift=0.0)).any()
    assert np.signbit(module.scale(column, -0.0, shift=-0.0)).all()


def test_equal_numbers_of_other_types_and_names_are_other_questions(counted) -> None:
    module, _, column, calls = counted

    for arguments, named in (((1,), {}), ((1.0,), {}), ((True,), {}), ((), {"by": 1}), ((), {"shift": 1})):
        module.scale(column, *arguments, **named)

    assert len(calls) == 5


def test_an_array_that_is_no_column_is_computed_each_time(counted) -> None:
    module, _, column, calls = counted

    for _ in range(2):
        module.scale(column + 0.0, 2)
        module.scale(column[:2], 2)
        module.scale((column, 1)[0][::2], 2)

    assert len(calls) == 6


def test_another_window_begins_anew_even_where_an_array_lies_in_the_same_place(counted) -> None:
    module, memo, column, calls = counted
    module.scale(column, 2)

    memo.begin([column])
    module.scale(column, 2)

    assert len(calls) == 2


def test_what_raises_raises_again(counted) -> None:
    module, _, column, _ = counted

    for _ in range(2):
        with pytest.raises(TypeError):
            module.scale(column, None)


def test_what_is_remembered_is_bounded(counted) -> None:
    module, _, column, calls = counted

    for _ in range(2):
        for by in range(RESULTS_MAX + 10):
            module.scale(column, by)

    assert len(calls) == RESULTS_MAX + 20
