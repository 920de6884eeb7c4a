"""How fast the kernel plays bars beside a bare loop: `python -m benchmarks.engine_kernel [rounds]`.

Three columns a shape of work, interleaved in one process and told in CPU time, the least of `rounds`: a loop
that inlines one fixed strategy and reports nothing (`benchmarks.peers.floor`), the kernel with every rule on
wanted quantities, and `backtest_quantities` from a market in memory to tables. Then how the kernel grows from
a month of minutes to ten years, and the bytes that a bar keeps, results included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autarch.engine.prepared import prepare
from benchmarks.peers import engine_autarch, floor
from benchmarks.peers.measure import resident_bytes
from benchmarks.peers.outcome import Laps
from benchmarks.peers.work import CASH, Work, read_prices, works, write_prices

GROWTH = (52_560, 525_600, 5_256_000)


def cpu_seconds(play: Callable[[], Any]) -> float:
    """Return the CPU seconds of one call."""
    begin = time.process_time()
    play()
    return time.process_time() - begin


def ways(folder: Path, work: Work, *, bars: int) -> dict[str, Callable[[], Any]]:
    """Return the three ways to play `work`, ready to be called again and again."""
    prices = read_prices(folder, work, bars=bars)
    ours = engine_autarch.prepare(prices, work)
    qty = engine_autarch.wanted(ours, work.pairs[0])
    ready = prepare(ours.market, ours.market.symbols, costs=engine_autarch.FREE, max_leverage=1.0, mode="panel")
    wish = ready.wish(qty, ours.stops, None, in_coins=True)
    bare = floor.prepare(prices, work)
    return {
        "bare": lambda: floor.run(bare, Laps()),
        "kernel": lambda: ready.run(wish, capital=CASH),
        "whole": lambda: engine_autarch.play(ours, qty),
    }


def least(found: dict[str, Callable[[], Any]], *, rounds: int) -> dict[str, float]:
    """Return the least CPU seconds of each way, one round after the other; compiling is not counted."""
    for play in found.values():
        play()
    laps = [{name: cpu_seconds(play) for name, play in found.items()} for _ in range(rounds)]
    return {name: min(lap[name] for lap in laps) for name in found}


def main(rounds: int) -> None:
    """Print one line a shape of work, then growth and memory."""
    known = works()
    with tempfile.TemporaryDirectory() as folder:
        one, ten = Path(folder) / "one", Path(folder) / "ten"
        write_prices(one, bars=GROWTH[-1], symbols=1, seed=7)
        write_prices(ten, bars=known["W4"].bars, symbols=10, seed=7)
        print("work   symbol-bars  bare M/s  kernel M/s  x bare  whole M/s  x bare")
        for name in ("W1", "W1f", "W2", "W4"):
            work = known[name]
            s = least(ways(ten if work.symbols > 1 else one, work, bars=work.bars), rounds=rounds)
            rate = {way: work.bars * work.symbols / seconds / 1e6 for way, seconds in s.items()}
            print(
                f"{name:<4} {work.bars * work.symbols:>13,} {rate['bare']:>9.1f} {rate['kernel']:>11.1f} "
                f"{s['kernel'] / s['bare']:>7.2f} {rate['whole']:>10.1f} {s['whole'] / s['bare']:>7.2f}"
            )
        before, first = 0, 0.0
        print("\nW1f grown: bars, kernel ns a bar, x the first, whole ns a bar, resident bytes a bar")
        for bars in GROWTH:
            before = resident_bytes()
            found = ways(one, known["W1f"], bars=bars)
            s = least(found, rounds=max(2, rounds // 3))
            kept = found["whole"]()
            held = resident_bytes() - before
            first = first or s["kernel"] / bars
            print(
                f"{bars:>10,} {s['kernel'] / bars * 1e9:>8.2f} {s['kernel'] / bars / first:>6.2f} "
                f"{s['whole'] / bars * 1e9:>8.2f} {held / bars:>8.0f}  ({kept.fills.size:,} fills)"
            )
            del found, kept


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
