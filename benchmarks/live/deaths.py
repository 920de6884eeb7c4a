"""SIGKILL a trading process again and again, at random moments, and look whether an order or a fill got lost.

Real processes over real sockets; the venue is the simulated one, so what this shows holds against our model of Bybit.
Prints how long a restart takes from a new process to reconciled books.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.live.latency import INTERVAL_MS
from benchmarks.live.trader import BEGINS, RECONCILED
from benchmarks.live.venue import ROOT, new_site, wall_ms
from live.journal import Journal
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.site import Site

UID = "1"
LONGEST_S = 60.0
LIVES_MS = 4_000
"""Most that a process lives on after it has begun: into its second bar."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What many deaths showed. `restarts_s`: from a new process to reconciled, of those that came so far."""

    deaths: int = 0
    orders: int = 0
    fills: int = 0
    restarts_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Venue:
    """A simulated venue in this process; `do` runs a function on its loop, where alone it may be touched."""

    site: Site
    port: int
    loop: asyncio.AbstractEventLoop

    def do(self, function: Callable[[], Any]) -> Any:
        """Return what `function` does there."""

        async def there() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(LONGEST_S)


@contextmanager
def venue() -> Iterator[Venue]:
    """Serve within a block."""
    site, loop = new_site(), asyncio.new_event_loop()
    server = SimulatorServer(site, wall_ms, ServerOptions())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(LONGEST_S)
    try:
        yield Venue(site, server.port, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(LONGEST_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def start(at: Venue, path: Path, *, start_ms: int, n_bars: int, file_bytes: int | None = None) -> subprocess.Popen[str]:
    """Start a trader; no file of its may grow beyond `file_bytes`, as on a disk that is full."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    words = [sys.executable, "-m", "benchmarks.live.trader", str(at.port), str(path), str(start_ms), str(n_bars)]
    words += [] if file_bytes is None else [str(file_bytes)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def says(process: subprocess.Popen[str], word: str, *, within_s: float = LONGEST_S) -> bool:
    """Return whether a process says a word in time."""
    told = process.stdout
    if told is None:
        return False
    ready, _, _ = select.select([told], [], [], within_s)
    return bool(ready) and told.readline().strip() == word


def die(times: int, folder: Path, *, seed: int = 0) -> Found:
    """Kill so many processes, let one more live for three bars, and compare journal and venue."""
    rng, found, path = random.Random(seed), Found(), folder / "journal.sqlite3"  # noqa: S311  not for secrets
    with venue() as at:
        start_ms = wall_ms() + 3000
        for _ in range(times):
            began = time.monotonic()
            process = start(at, path, start_ms=start_ms, n_bars=10**6)
            if not says(process, BEGINS):
                found.wrong.append("a process did not begin")
            left_s = rng.uniform(0, LIVES_MS) / 1000
            ends = time.monotonic() + left_s
            if says(process, RECONCILED, within_s=left_s):
                found.restarts_s.append(time.monotonic() - began)
            time.sleep(max(0.0, ends - time.monotonic()))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=10)
            found.deaths += 1
        n_bars = (wall_ms() - start_ms) // INTERVAL_MS + 8
        last = start(at, path, start_ms=start_ms, n_bars=n_bars)
        _, complaint = last.communicate(timeout=3 * LONGEST_S)  # it also lives through some bars
        if last.returncode != 0:
            found.wrong.append(f"the last process ended with {last.returncode}: {complaint[-500:]}")
        rows = at.do(lambda: list(at.site.exchange.accounts[UID].executions))
        held = at.do(lambda: {s: h.qty for s, h in at.site.exchange.accounts[UID].holdings.items()})
    compare(path, rows, held, found)
    return found


def compare(path: Path, rows: list[Any], held: dict[str, Decimal], found: Found) -> None:
    """Note where journal and venue differ."""
    with Journal(path, account="sim") as journal:
        journal.verify()
        intents = {event.ref: event.body for event in journal.events("intent")}
        booked = Counter(event.ref for event in journal.events("execution"))
        states = [event.body["reason"] for event in journal.events("state")]
    found.orders, found.fills = len(intents), len(rows)
    filled: dict[str, Decimal] = {}
    for row in rows:
        filled[row.order_link_id] = filled.get(row.order_link_id, Decimal(0)) + row.exec_qty
    found.wrong += [f"{link} is in no journal" for link in filled if link and link not in intents]
    found.wrong += [
        f"{link} filled {qty}, asked {intents[link]['qty']}"
        for link, qty in filled.items()
        if link in intents and qty > Decimal(str(intents[link]["qty"]))
    ]
    found.wrong += [f"{row.exec_id} is booked {booked[row.exec_id]} times" for row in rows if booked[row.exec_id] != 1]
    signed = dict.fromkeys(held, Decimal(0))
    for row in rows:
        signed[row.symbol] += row.exec_qty if row.side == "Buy" else -row.exec_qty
    found.wrong += [f"{s}: fills make {signed[s]}, held {qty}" for s, qty in held.items() if signed[s] != qty]
    found.wrong += [f"state: {reason}" for reason in states]


def main(argv: list[str] | None = None) -> None:
    """Print what so many deaths showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = die(asked.deaths, Path(folder), seed=asked.seed)
    print(f"{'processes killed':<44}{found.deaths:>10}")
    print(f"{'orders written down':<44}{found.orders:>10}")
    print(f"{'fills at the venue':<44}{found.fills:>10}")
    print(f"{'lost, doubled or unexplained':<44}{len(found.wrong):>10}")
    for name, share in (("p50", 50), ("p99", 99)):
        if found.restarts_s:
            print(f"{f'new process to reconciled, s, {name}':<44}{np.percentile(found.restarts_s, share):>10.2f}")
    for text in found.wrong[:20]:
        print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
