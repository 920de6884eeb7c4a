"""What the walls cost: `python -m benchmarks sandbox`.

Two goals, each p50 and p95 of several repetitions, best repetition first, since other work on the machine only adds:

- fork, confine, prove it, load a strategy, first result: p50 under 10 ms. What each part of it takes is shown below it,
  by the processor time of whoever does it.
- a new row into a window of 2,448 that the child keeps, and its decision back: p50 under 60 us beyond `decide` itself,
  which is timed in this process on the same bars.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from autarch.evaluation import frames_of
from autarch.market.types import Floats
from autarch.numerics import is_pinned, pinned_environment
from autarch.sandbox import Session, Worker
from autarch.sandbox.level import lines_of
from autarch.sandbox.protocol import WINDOW_COLUMNS
from autarch.sandbox.values import Question
from autarch.strategy import Bars, Params
from benchmarks.worker import BODIES, market, source

WINDOW, ROWS, SESSIONS, REPETITIONS = 2_448, 3_000, 60, 5
GOALS = {"first result": 10.0, "round trip": 60.0}
FLAT = "x = np.zeros(len(bars.close))"
SYMBOL = "BTCUSDT"
WARM = 200


def main() -> None:
    """Measure and print, under the numeric pin, so that `decide` costs here what it costs in a child."""
    if not is_pinned():
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.sandbox"], pinned_environment(os.environ))  # noqa: S606  the same again
    rows = _columns()
    with Worker() as worker:
        for line in lines_of(worker.level):
            print(line)
        runs = [_first_results(worker, rows) for _ in range(REPETITIONS)]
        _print("fork to first result", [first for first, _, _ in runs], unit="ms", goal=GOALS["first result"])
        _, mine, theirs = min(runs, key=lambda run: statistics.median(run[0]))
        print(
            f"  processor time a session: {mine:.1f} ms here, {theirs:.1f} ms in the child with its end, and the fork"
        )
        for name, body in {"flat": FLAT, **BODIES}.items():
            alone = [_alone(body, rows) for _ in range(REPETITIONS)]
            trips = [_round_trips(worker, body, rows) for _ in range(REPETITIONS)]
            times = [each for each, _, _ in trips]
            _print(f"{name}: decide itself", alone, unit="us")
            _print(f"{name}: round trip", times, unit="us")
            beyond = min(map(statistics.median, times)) - min(map(statistics.median, alone))
            print(f"{name + ': beyond decide':34s} {beyond:9.1f} us   goal p50 {GOALS['round trip']:g} us")
            mine, theirs = min((mine, theirs) for _, mine, theirs in trips)
            print(f"  processor time a row: {mine:.1f} us here, {theirs:.1f} us in the child, decide itself included")


def _first_results(worker: Worker, rows: dict[str, Floats]) -> tuple[list[float], float, float]:
    """Return milliseconds until the first answer of fresh children, and mean processor ms here and in the child."""
    strategy, times, theirs = source(BODIES["talib"], symbols=(SYMBOL,)), [], []
    began_here = time.process_time()
    for first in range(SESSIONS):
        began = time.perf_counter()
        with worker.session(strategy) as session:
            _ask(session, rows, first)
            times.append(1e3 * (time.perf_counter() - began))
        theirs.append(1e3 * session.processor_seconds)
    return times, 1e3 * (time.process_time() - began_here) / SESSIONS, statistics.mean(theirs)


def _round_trips(worker: Worker, body: str, rows: dict[str, Floats]) -> tuple[list[float], float, float]:
    """Return microseconds of each row sent and answered into a window that is there, and processor us on both sides."""
    with worker.session(source(body, symbols=(SYMBOL,))) as session:
        _ask(session, rows, 0)
        here, there = time.process_time(), session.processor_seconds
        times = _timed(lambda first: _ask(session, rows, first))
        mine, theirs = time.process_time() - here, session.processor_seconds - there
    return times, 1e6 * mine / ROWS, 1e6 * theirs / ROWS


def _alone(body: str, rows: dict[str, Floats]) -> list[float]:
    """Return microseconds of `decide` called here, on bars made beforehand."""
    names: dict[str, Callable[..., object]] = {}
    exec(source(body, symbols=(SYMBOL,)).code, names)  # noqa: S102  our own benchmark's source
    decide, params = names["decide"], Params({"fast": 20})
    shown = {name: column[:WINDOW].copy() for name, column in rows.items()}
    bars = Bars.of_named(shown, n_bars=WINDOW, first_bar=0, interval_ms=900_000, context={})
    return _timed(lambda _: decide(bars, params))


def _timed(call: Callable[[int], object]) -> list[float]:
    times = []
    for first in range(ROWS):
        began = time.perf_counter()
        call(first)
        times.append(1e6 * (time.perf_counter() - began))
    return times[WARM:]


def _ask(session: Session, rows: dict[str, Floats], first: int) -> None:
    question = Question(
        targets=(SYMBOL,),
        first_bar=first,
        n_rows=WINDOW,
        column=lambda _, name: rows[name][first : first + WINDOW],
    )
    for _ in session.ask(question, keep=1):
        pass


def _columns() -> dict[str, Floats]:
    bars = market()
    frames = frames_of(source(FLAT, symbols=(SYMBOL,)).manifest, bars)
    columns = frames.columns[SYMBOL]
    return {name: np.ascontiguousarray(columns[index]) for index, name in enumerate(WINDOW_COLUMNS)}


def _print(name: str, runs: Sequence[Sequence[float]], *, unit: str, goal: float | None = None) -> None:
    ordered = sorted(runs, key=statistics.median)
    shown = "  ".join(f"{statistics.median(run):.1f}/{statistics.quantiles(run, n=20)[-1]:.1f}" for run in ordered)
    told = "" if goal is None else f"   goal p50 {goal:g} {unit}"
    print(f"{name:34s} p50/p95 {unit} {shown}{told}")


if __name__ == "__main__":
    main()
