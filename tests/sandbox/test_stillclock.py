"""The clock stands still, and only its shift tells two workers apart."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autarch.sandbox import Worker

CLOCKS = """\
import time, datetime
from autarch.sandbox import stillclock
problem = stillclock.stop_clock(shift_s=5)
print(repr(problem), time.time(), time.time_ns(), datetime.datetime.fromtimestamp(time.time(), datetime.UTC).year)
print(int(time.monotonic()), int(time.clock_gettime(time.CLOCK_REALTIME)))
"""


def test_every_clock_of_a_process_stands_at_the_fixed_instant() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", CLOCKS], capture_output=True, text=True, check=True, timeout=60)

    first, second = done.stdout.splitlines()
    if first.startswith("''"):
        assert first == "'' 1000000005.0 1000000005000000000 2001"
        assert second == "1000000005 1000000005"
    else:
        pytest.skip(f"no vDSO to stop here: {first}")


def test_a_clock_or_a_set_s_order_tells_two_workers_apart_and_nothing_else_does(source_of, window_of) -> None:
    body = """\
seconds = int(np.datetime64('now').astype('int64')) % 1000
order = int(list({*[f'{i}' for i in range(50)]})[0])
return Targets(exposure=np.full(n, seconds / 1000.0), stop_loss=(order + 1) / 100.0)
"""
    answers = []
    with Worker() as plain, Worker(hash_seed=1, clock_shift_s=77) as other:
        for worker in (plain, plain, other):
            with worker.session(source_of(body)) as session:
                row = session.decide(window_of(), keep=1)
                answers.append((row.exposure[0], row.stop_loss[0]))

    assert answers[0] == answers[1]
    assert [clock for clock, _ in answers] == [0.0, 0.0, 0.077]
    assert answers[0][1] != answers[2][1]
