"""No process outlives its worker, whoever dies first."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import autarch
from autarch.errors import SandboxError, StrategyError, UsageError
from autarch.sandbox import StrategyRunError, Worker, control

from .hostile import open_descriptors

FLAT = "return Targets(exposure=np.zeros(n))"
CLOSES = "return Targets(exposure=bars.close / 1000.0)"


def ends(handles: list[int]) -> bool:
    """Wait for every process behind `handles` to end, at most 20 s each."""
    for handle in handles:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        if not poller.poll(20_000):
            return False
    return True


def test_closing_a_worker_ends_its_zygote_and_all_children(source_of) -> None:
    with Worker() as running:
        sessions = [running.session(source_of(FLAT)) for _ in range(3)]
        pids = [running.zygote_pid, *(session.pid for session in sessions)]

    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    running.close()
    with pytest.raises(SandboxError, match="closed"):
        running.session(source_of(FLAT))


def test_when_the_evaluator_is_killed_everything_of_its_ends(tmp_path) -> None:
    script = tmp_path / "evaluator.py"
    script.write_text(
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "from conftest import build_source, build_window\nfrom autarch.sandbox import Worker\n"
        "with Worker() as w, w.session(build_source('while True: pass')) as s:\n"
        "    print(w.zygote_pid, s.pid, flush=True)\n"
        "    s.decide(build_window(), keep=1)\n",
        encoding="ascii",
    )
    evaluator = subprocess.Popen(
        [sys.executable, str(script), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    assert evaluator.stdout is not None
    handles = [os.pidfd_open(int(pid)) for pid in evaluator.stdout.readline().split()]

    evaluator.send_signal(signal.SIGKILL)
    evaluator.wait()
    evaluator.stdout.close()

    assert len(handles) == 2
    assert ends(handles)
    for handle in handles:
        os.close(handle)


def test_when_the_zygote_is_killed_its_children_end_and_the_worker_says_so(source_of, window_of) -> None:
    with Worker() as running:
        session = running.session(source_of(FLAT))
        handle = os.pidfd_open(session.pid)
        os.kill(running.zygote_pid, signal.SIGKILL)

        assert ends([handle])
        with pytest.raises(SandboxError):
            session.decide(window_of(), keep=1)
        with pytest.raises(SandboxError, match="zygote"):
            running.session(source_of(FLAT))
    os.close(handle)


def test_a_child_killed_from_outside_is_no_fault_of_the_strategy(worker, source_of, window_of) -> None:
    with worker.session(source_of(FLAT)) as session:
        os.kill(session.pid, signal.SIGKILL)

        with pytest.raises(SandboxError, match="nothing is concluded"):
            session.decide(window_of(), keep=1)


def test_an_interpreter_without_autarch_is_an_error_with_its_last_words() -> None:
    with Worker(python="/usr/bin/env") as running, pytest.raises(SandboxError, match="did not start"):
        running.level  # noqa: B018  asking is the act


def test_a_worker_that_would_import_another_tree_is_refused(tmp_path, monkeypatch) -> None:
    real, other = Path(autarch.__file__).parent, tmp_path / "autarch"
    (other / "sandbox").mkdir(parents=True)
    for package in (other, other / "sandbox"):
        (package / "__init__.py").write_text("", encoding="ascii")
    for name in ("canonical.py", "errors.py", "paths.py", "numerics"):
        (other / name).symlink_to(real / name)
    for name in ("control.py", "kernel.py", "doors.py", "namespaces.py", "pages.py", "stillclock.py", "zygote.py"):
        (other / "sandbox" / name).symlink_to(real / "sandbox" / name)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with Worker() as running, pytest.raises(SandboxError, match=f"it imported {other} instead of .*PYTHONPATH="):
        running.level  # noqa: B018  asking is the act


@pytest.mark.parametrize("known", [["0" * 64], []])
def test_a_worker_whose_code_was_edited_meanwhile_is_refused(monkeypatch, known) -> None:
    package, _ = control.running_code()
    monkeypatch.setattr("autarch.sandbox.worker._CODE", [package, *known])  # as an evaluator started earlier knows it

    with Worker() as running, pytest.raises(SandboxError, match=r"edited while the evaluator ran.*run again"):
        running.level  # noqa: B018  asking is the act


def test_a_worker_closed_before_it_has_started_ends_at_once() -> None:
    with Worker() as running:
        pid = running.zygote_pid
        process = running._process

    assert process is not None
    assert pid is not None
    assert process.returncode == -signal.SIGKILL


def test_a_processor_limit_is_named(worker, source_of, window_of) -> None:
    worker.limits = dataclasses.replace(worker.limits, cpu_seconds=1)

    with (
        worker.session(source_of("while True: pass")) as session,
        pytest.raises(StrategyRunError, match="more than 1 s of processor time") as caught,
    ):
        session.decide(window_of(), keep=1)

    assert caught.value.cause == "cpu"


def test_threads_may_share_a_worker_each_with_its_own_session(worker, source_of, window_of) -> None:
    def ask(first_bar: int) -> list[float]:
        with worker.session(source_of(CLOSES)) as session:
            return [
                session.decide(window_of(first_bar=bar), keep=1).exposure[0] for bar in range(first_bar, first_bar + 20)
            ]

    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(ask, (0, 100, 200, 300)))

    # the window from bar b has 8 rows, so its last closes at b + 8
    assert answers == [[(first + i + 8) / 1000.0 for i in range(20)] for first in (0, 100, 200, 300)]


def test_many_failing_sessions_leave_no_descriptor_behind(worker, source_of, window_of) -> None:
    for _ in range(2):  # from the second on there is one that waits
        worker.session(source_of(CLOSES)).close()
    before = open_descriptors()

    for _ in range(20):
        with worker.session(source_of("return 1 / 0")) as session, pytest.raises(StrategyRunError):
            session.decide(window_of(), keep=1)
        with pytest.raises(StrategyRunError):
            worker.session(source_of("return )"))

    assert open_descriptors() <= before


def test_a_growing_window_sends_each_row_once_and_reads_the_same(worker, source_of, window_of) -> None:
    with worker.session(source_of(CLOSES)) as session:
        first = session.decide(window_of(first_bar=0, n_rows=4), keep=4)
        grown = session.decide(window_of(first_bar=0, n_rows=6), keep=6)
        moved = session.decide(window_of(first_bar=5, n_rows=4), keep=4)
        apart = session.decide(window_of(first_bar=90, n_rows=2), keep=2)

    # bar number b closes at b + 1
    assert first.exposure.tolist() == [0.001, 0.002, 0.003, 0.004]
    assert grown.exposure.tolist() == [0.001, 0.002, 0.003, 0.004, 0.005, 0.006]
    assert moved.exposure.tolist() == [0.006, 0.007, 0.008, 0.009]
    assert apart.exposure.tolist() == [0.091, 0.092]


def test_bars_that_left_the_window_are_gone(worker, source_of, window_of) -> None:
    body = "return Targets(exposure=np.full(n, n / 100.0), stop_loss=np.full(n, bars.close[0] / 1000.0))"
    with worker.session(source_of(body)) as session:
        seen = [
            session.decide(window_of(first_bar=bar, n_rows=rows), keep=1) for bar, rows in ((0, 4), (2, 6), (90, 3))
        ]

    # rows shown, and the first bar's close b + 1
    assert [(x.exposure[0], x.stop_loss[0]) for x in seen] == [(0.04, 0.001), (0.06, 0.003), (0.03, 0.091)]


def test_going_back_in_time_is_refused_before_anything_is_sent(worker, source_of, window_of) -> None:
    with worker.session(source_of(CLOSES)) as session:
        session.decide(window_of(first_bar=5, n_rows=4), keep=1)

        with pytest.raises(UsageError, match="ascending"):
            session.decide(window_of(first_bar=4, n_rows=5), keep=1)
        with pytest.raises(UsageError, match="ascending"):
            session.decide(window_of(first_bar=5, n_rows=3), keep=1)
        assert session.decide(window_of(first_bar=5, n_rows=4), keep=1).exposure.tolist() == [0.009]


def test_a_window_for_the_wrong_mode_or_without_a_symbol_is_refused(worker, source_of, window_of) -> None:
    with worker.session(source_of(CLOSES, context=("ETHUSDT",))) as session:
        with pytest.raises(UsageError, match="expected"):
            session.decide(window_of("BTCUSDT"), keep=1)
        with pytest.raises(UsageError, match="each strategy"):
            session.decide(window_of("BTCUSDT", "ETHUSDT", target=None), keep=1)
        with pytest.raises(UsageError, match="keep"):
            session.decide(window_of("BTCUSDT", "ETHUSDT"), keep=9)


def test_context_and_panel_show_the_right_symbols(worker, source_of, window_of) -> None:
    each = source_of("return Targets(exposure=bars.context['ETHUSDT'].close / 1000.0)", context=("ETHUSDT",))
    panel = source_of("return Targets(exposure=bars.close / 1000.0)", symbols=("ETHUSDT", "BTCUSDT"), mode="panel")

    with worker.session(each) as session:
        assert session.decide(window_of("BTCUSDT", "ETHUSDT"), keep=1).exposure.tolist() == [0.108]
    with worker.session(panel) as session:
        rows = session.decide(window_of("BTCUSDT", "ETHUSDT", target=None), keep=2)
    # columns follow the manifest, ETHUSDT first, whatever the order of the window's
    assert rows.exposure.tolist() == [[0.107, 0.007], [0.108, 0.008]]


def test_parameters_replace_the_manifest_s_by_name_and_type(worker, source_of, window_of) -> None:
    source = source_of("return Targets(exposure=np.full(n, p.fast / 100.0 + (p.size if p.short else 0.0)))")

    with worker.session(source) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.7]  # 20 / 100 + 0.5
    with worker.session(source, {"fast": 40, "short": False}) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.4]
    with pytest.raises(StrategyError, match="no parameter 'slow'"):
        worker.session(source, {"slow": 1})
    with pytest.raises(StrategyError, match="fast is int"):
        worker.session(source, {"fast": 40.0})


def test_a_session_finds_a_child_that_waited_and_leaves_another_waiting(source_of, window_of) -> None:
    with Worker() as running:
        assert running.level.is_full
        waited = running.waiting_pid
        with running.session(source_of(CLOSES)) as session:
            assert session.pid == waited
            assert session.level.is_full  # measured anew, by /proc
            assert session.decide(window_of(n_rows=2), keep=2).exposure.tolist() == [0.001, 0.002]
        following = running.waiting_pid

    assert waited is not None
    assert following not in {None, waited}
    assert not any(Path(f"/proc/{pid}").exists() for pid in (waited, following))


def test_a_child_that_ended_while_it_waited_is_replaced(source_of, window_of) -> None:
    with Worker() as running:
        running.level  # noqa: B018  a child that waits
        handle = os.pidfd_open(running.waiting_pid)
        os.kill(running.waiting_pid, signal.SIGKILL)
        assert ends([handle])
        os.close(handle)

        with running.session(source_of(CLOSES)) as session:
            assert session.decide(window_of(n_rows=1), keep=1).exposure.tolist() == [0.001]


def test_a_child_that_waited_under_other_limits_is_not_taken(source_of, window_of) -> None:
    with Worker() as running:
        running.level  # noqa: B018  a child that waits
        waited = running.waiting_pid
        running.limits = dataclasses.replace(running.limits, cpu_seconds=1)

        with running.session(source_of("while True: pass")) as session:
            assert session.pid != waited
            with pytest.raises(StrategyRunError, match="more than 1 s of processor time"):
                session.decide(window_of(), keep=1)
