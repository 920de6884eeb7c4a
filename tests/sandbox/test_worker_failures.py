"""Every way a strategy can fail ends its child, names the cause, and leaves the worker whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from autarch.errors import StrategyError, UsageError
from autarch.sandbox import StrategyRunError

FLAT = "return Targets(exposure=np.zeros(n))"


@pytest.fixture
def hasty(worker):
    worker.limits = dataclasses.replace(worker.limits, request_seconds=0.4)
    return worker


def failure(worker, source_of, window_of, body: str) -> StrategyRunError:
    with worker.session(source_of(body)) as session:
        pid = session.pid
        with pytest.raises(StrategyRunError) as caught:
            session.decide(window_of(), keep=2)
    assert not Path(f"/proc/{pid}").exists()
    return caught.value


def test_an_exception_is_told_with_its_line_and_its_text(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "x = 1\nreturn 1 / 0")

    assert (found.cause, found.line) == ("raised", 12)  # ten lines of header, then x = 1
    assert str(found) == "decide() raised at strategy.py line 12: ZeroDivisionError: division by zero"


def test_the_line_is_the_innermost_of_the_strategy_itself(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, f"def late():\n    return np.zeros(3).reshape(2)\nlate()\n{FLAT}")

    assert (found.cause, found.line) == ("raised", 12)


def test_a_text_that_would_ruin_a_terminal_is_made_printable_and_cut(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "raise_ = [][chr(27) * 9 + 'x' * 9000] if True else 0")

    assert str(found).isprintable()
    assert len(str(found)) < 600


def test_an_endless_loop_is_stopped(hasty, source_of, window_of) -> None:
    found = failure(hasty, source_of, window_of, "while True: pass")

    assert found.cause == "timeout"
    assert "0.4 s" in str(found)


def test_a_loop_that_swallows_every_exception_is_stopped_too(hasty, source_of, window_of) -> None:
    assert failure(hasty, source_of, window_of, "while True:\n    try: 1 / 0\n    except: pass").cause == "timeout"


def test_all_calls_together_have_a_limit_a_child_cannot_wait_out(worker, source_of, window_of) -> None:
    worker.limits = dataclasses.replace(worker.limits, session_seconds=0.3)
    waiting = "os.sys.modules['threading'].Lock().acquire()\nos.sys.modules['threading'].Event().wait()"

    found = failure(worker, source_of, window_of, waiting)

    assert found.cause == "timeout"
    assert "all decide() calls together took longer than 0.3 s" in str(found)


def test_a_warning_is_no_failure(worker, source_of, window_of) -> None:
    body = f"np.log(np.zeros(n) - 1.0) / np.zeros(n)\nos.sys.modules['warnings'].warn('x')\n{FLAT}"

    with worker.session(source_of(body)) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.0]


def test_a_hundred_gigabytes_are_refused_by_the_limit(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "np.ones(100 * 2**27)")

    assert found.cause == "memory"
    assert found.line == 11


@pytest.mark.parametrize("piece", ["'x' * 10**6", "np.zeros(10_000)"])
def test_memory_eaten_bit_by_bit_meets_the_same_limit(worker, source_of, window_of, piece) -> None:
    assert failure(worker, source_of, window_of, f"x = []\nwhile True: x.append({piece})").cause == "memory"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return Targets(exposure=np.zeros(n - 1))", "shape (7,), expected (8,)"),
        ("return Targets(exposure=0.5)", "shape (), expected (8,)"),
        ("return np.zeros(n)", "returned ndarray"),
        ("return None", "returned NoneType"),
        ("return Targets(exposure=np.full(n, np.nan))", "exposure is nan in row 6"),
        ("return Targets(exposure=np.full(n, 1.01))", "max_leverage = 1"),
        ("return Targets(exposure=np.zeros(n), stop_loss=1.5)", "stop_loss"),
        ("return Targets(exposure=np.array(['a'] * n))", "dtype"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_named(worker, source_of, window_of, body, told) -> None:
    found = failure(worker, source_of, window_of, body)

    assert found.cause == "answer"
    assert told in str(found)


def test_what_is_before_the_rows_asked_for_may_be_anything(worker, source_of, window_of) -> None:
    body = "x = np.zeros(n)\nx[:6] = np.nan\nreturn Targets(exposure=x)"

    with worker.session(source_of(body)) as session:
        assert session.decide(window_of(), keep=2).exposure.tolist() == [0.0, 0.0]


def test_printing_goes_nowhere_and_flooding_is_only_slow(worker, source_of, window_of) -> None:
    quiet = f"out = os.sys.stdout\nfor _ in range(1000): out.write('x' * 1000)\n{FLAT}"

    with worker.session(source_of(quiet)) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.0]
    worker.limits = dataclasses.replace(worker.limits, request_seconds=0.4)
    assert failure(worker, source_of, window_of, "while True: os.sys.stderr.write('x' * 1000)").cause == "timeout"


EVERY_PIPE = "for fd in range(64):\n    try: os.write(fd, {})\n    except OSError: pass\n"


def test_garbage_on_the_answer_pipe_is_no_answer(worker, source_of, window_of) -> None:
    body = EVERY_PIPE.format("b'\\\\x19\\\\0\\\\0\\\\0' + b'Q' * 25").replace("\\\\", "\\") + FLAT

    assert failure(worker, source_of, window_of, body).cause == "garbage"


def test_an_answer_larger_than_expected_is_not_even_read(worker, source_of, window_of) -> None:
    body = EVERY_PIPE.format("b'\\xff\\xff\\xff\\x7f' + b'Q' * 60000") + FLAT

    found = failure(worker, source_of, window_of, body)

    assert found.cause == "garbage"
    assert "2147483647 bytes" in str(found)


def test_half_an_answer_is_waited_for_no_longer_than_the_limit(hasty, source_of, window_of) -> None:
    body = EVERY_PIPE.format("b'\\x31\\0\\0\\0T'") + "while True: pass"

    assert failure(hasty, source_of, window_of, body).cause == "timeout"


def test_a_forged_answer_beyond_the_leverage_is_refused_by_the_evaluator(worker, source_of, window_of) -> None:
    # 24 bytes: T, one answer, of kind 1 in 16 bytes
    head = "b'\\x18\\0\\0\\0T\\1\\0\\1\\x10\\0\\0\\0'"
    forged, beyond = f"{head} + np.full(2, 0.7).tobytes()", f"{head} + np.full(2, 99.0).tobytes()"

    with worker.session(source_of(EVERY_PIPE.format(forged) + "while True: pass")) as session:
        assert session.decide(window_of(), keep=2).exposure.tolist() == [
            0.7,
            0.7,
        ]  # a well-formed lie is its own answer
    found = failure(worker, source_of, window_of, EVERY_PIPE.format(beyond) + "while True: pass")
    assert found.cause == "answer"
    assert "99.0" in str(found)


def test_ending_the_process_is_reported(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "os._exit(3)")

    assert found.cause == "closed"
    assert "exit code 3" in str(found)


def test_leaving_by_system_exit_is_an_exception_like_any_other(worker, source_of, window_of) -> None:
    assert failure(worker, source_of, window_of, "os.sys.exit(0)").cause == "raised"


def test_a_crash_is_named_by_its_signal(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "os.abort()")

    assert found.cause == "crashed"
    assert "SIG" in str(found)


def test_starting_a_program_kills(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "os.execv('/bin/true', ['true'])")

    assert found.cause == "forbidden"


def test_a_strategy_that_does_not_load_is_told_at_once(worker, source_of) -> None:
    with pytest.raises(StrategyRunError, match=r"loading strategy.py raised at strategy.py line 11: SyntaxError"):
        worker.session(source_of("return )"))


def test_a_module_without_decide_is_refused(worker, source_of) -> None:
    source = source_of("pass")
    renamed = type(source)(
        manifest=source.manifest, manifest_bytes=source.manifest_bytes, code=source.code.replace(b"decide", b"decides")
    )

    with pytest.raises(StrategyRunError, match="defines no function decide"):
        worker.session(renamed)


@pytest.mark.parametrize("module", ["os", "sys", "time", "autarch.sandbox", "numpy.lib", "pickle"])
def test_only_a_short_list_can_be_imported(worker, source_of, window_of, module) -> None:
    found = failure(worker, source_of, window_of, f"import {module}")

    assert found.cause == "raised"
    assert "it may import" in str(found)


@pytest.mark.parametrize("name", ["open", "eval", "exec", "print", "getattr", "globals", "hash", "id", "type"])
def test_builtins_that_reach_outside_are_not_there(worker, source_of, window_of, name) -> None:
    assert f"name '{name}' is not defined" in str(failure(worker, source_of, window_of, f"{name}(1)"))


def test_the_first_failure_is_final(worker, source_of, window_of) -> None:
    with worker.session(source_of("return 1 / 0")) as session:
        for _ in range(2):
            with pytest.raises(StrategyRunError, match="ZeroDivisionError"):
                session.decide(window_of(), keep=1)


def test_after_all_that_the_worker_still_works(worker, source_of, window_of) -> None:
    failure(worker, source_of, window_of, "os.abort()")

    with worker.session(source_of(FLAT)) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.0]


def test_a_closed_session_writes_to_no_descriptor(worker, source_of, window_of) -> None:
    with worker.session(source_of(FLAT)) as session:
        pass

    with pytest.raises(UsageError, match="closed"):
        session.decide(window_of(), keep=1)


def test_a_failure_is_the_author_s_move(worker, source_of, window_of) -> None:
    found = failure(worker, source_of, window_of, "return 1 / 0")

    assert isinstance(found, StrategyError)
    assert found.exit_code == 1
