"""One strategy's time for one verdict: counted over all its children, judged before it is spent."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.sandbox import StrategyRunError
from autarch.sandbox.budget import Budget

FLAT = "return Targets(exposure=np.zeros(n))"


def test_the_larger_of_processor_time_and_a_quarter_of_the_waiting_is_charged() -> None:
    budget = Budget(100.0)

    budget.charge(processor=3.0, waited=4.0, windows=1)  # 3, since 4 / 4 = 1
    budget.charge(processor=0.0, waited=8.0, windows=0)  # 8 / 4 = 2

    assert budget.left == 95.0
    assert budget.patience == 380.0  # 4 * 95


def test_a_spent_budget_affords_nothing_and_says_the_pace() -> None:
    budget = Budget(10.0)
    budget.charge(processor=10.0, waited=0.0, windows=4)

    with pytest.raises(StrategyRunError) as caught:
        budget.afford(0)

    assert caught.value.cause == "timeout"
    assert str(caught.value) == (
        "too slow: 2.5 s a window, 4 windows answered, 10 s used of the 10 s that one verdict may take, and not done; "
        "make decide() cheaper"
    )


def test_a_hair_below_the_budget_is_afforded_and_a_hair_above_is_not() -> None:
    budget = Budget(100.0)
    budget.charge(processor=20.0, waited=0.0, windows=40)  # half a second each; 80 are left, which is 160 windows

    assert budget.refusal(windows=160) is None
    refused = budget.refusal(windows=161)

    assert refused is not None
    assert "0.5 s a window" in str(refused)
    assert "161 more windows need 80 s" in str(refused)  # 80.5, rounded


def test_a_pace_is_not_taken_at_its_word_before_a_tenth_of_the_budget() -> None:
    budget = Budget(100.0)
    budget.charge(processor=9.9, waited=0.0, windows=1)

    assert budget.refusal(windows=10_000) is None
    budget.charge(processor=0.1, waited=0.0, windows=0)
    assert budget.refusal(windows=10_000) is not None


def test_loading_costs_time_and_says_nothing_of_the_pace() -> None:
    budget = Budget(100.0)
    budget.charge(processor=50.0, waited=0.0, windows=0)

    assert budget.left == 50.0
    assert budget.refusal(windows=10**9) is None


@pytest.fixture
def thrifty(worker):
    worker.budget = Budget(0.5)
    yield worker
    worker.budget = None


def ask_for_ever(session, window_of) -> None:
    for first_bar in range(10_000):
        session.decide(window_of(first_bar=first_bar), keep=1)


def open_for_ever(worker, source, window_of) -> None:
    for _ in range(10_000):
        with worker.session(source) as session:
            session.decide(window_of(), keep=1)


def test_many_short_calls_meet_the_budget_that_none_of_them_breaks(thrifty, source_of, window_of) -> None:
    busy = f"for _ in range(2_000_000): pass\n{FLAT}"

    with thrifty.session(source_of(busy)) as session, pytest.raises(StrategyRunError) as caught:
        ask_for_ever(session, window_of)

    assert caught.value.cause == "timeout"
    assert "too slow" in str(caught.value)
    assert thrifty.budget.left <= 0.0


def test_sessions_share_the_budget_and_an_empty_one_opens_none(thrifty, source_of, window_of) -> None:
    busy = f"for _ in range(2_000_000): pass\n{FLAT}"

    with pytest.raises(StrategyRunError, match="too slow"):
        open_for_ever(thrifty, source_of(busy), window_of)
    with pytest.raises(StrategyRunError, match="too slow"):
        thrifty.session(source_of(FLAT))


def test_who_waits_without_working_is_stopped_by_the_budget_too(thrifty, source_of, window_of) -> None:
    thrifty.budget = Budget(0.05)  # 0.2 s of waiting
    waiting = "os.sys.modules['threading'].Event().wait()"

    with thrifty.session(source_of(waiting)) as session, pytest.raises(StrategyRunError, match="too slow"):
        session.decide(window_of(), keep=1)


def test_who_tells_how_many_windows_are_to_come_is_refused_early(thrifty, source_of, window_of) -> None:
    thrifty.budget = Budget(2.0)
    busy = f"for _ in range(2_000_000): pass\n{FLAT}"

    with thrifty.session(source_of(busy)) as session:
        session.expect(1_000_000)
        with pytest.raises(StrategyRunError, match="more windows need"):
            ask_for_ever(session, window_of)

    assert thrifty.budget.left > 1.0


def test_quick_calls_use_hardly_any_of_it(worker, source_of, window_of) -> None:
    worker.budget = Budget(60.0)
    with worker.session(source_of(FLAT)) as session:
        for first_bar in range(200):
            session.decide(window_of(first_bar=first_bar), keep=1)
    left, worker.budget = worker.budget.left, None

    assert left > 50.0


@pytest.mark.parametrize(
    ("cause", "of_machine"),
    [("timeout", True), ("cpu", True), ("memory", True), ("raised", False), ("answer", False), ("forbidden", False)],
)
def test_want_of_time_or_memory_is_the_machine_s_as_well(cause, of_machine) -> None:
    assert StrategyRunError("x", cause).is_of_machine is of_machine


def test_a_session_s_own_limits_hold_under_a_budget(thrifty, source_of, window_of) -> None:
    thrifty.budget = Budget(600.0)
    thrifty.limits = dataclasses.replace(thrifty.limits, request_seconds=0.3)

    with thrifty.session(source_of("while True: pass")) as session, pytest.raises(StrategyRunError, match=r"0\.3 s"):
        session.decide(window_of(), keep=1)
