"""One executor in a process of its own, that somebody may kill: pybit, real sockets, a journal on disk.

`python -m benchmarks.live.trader PORT JOURNAL START_MS N_BARS [BYTES]` trades from where the journal ends. It says on
standard output when it begins and when it has reconciled, and ends after the last bar. No file of its may grow beyond
BYTES, as on a disk that is full. It holds no capability, so that file modes bind it even where uid 0 runs it.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from autarch.sandbox.kernel import drop_capabilities
from benchmarks.live.latency import INTERVAL_MS, Paced, Turning, Wall, market, release
from benchmarks.live.venue import KEY, SECRET, SYMBOLS
from live.credentials import Credentials
from live.journal import Journal
from live.ports.alerts import Severity
from live.trading.executor import Executor
from live.trading.release import Patience, World
from live.trading.reserve import ReserveFile
from live.venue.bybit.places import sim
from live.venue.bybit.real import bybit_venue

LINGER_S = 5.0
BEGINS, RECONCILED = "begins", "reconciled"


class Saying(Executor):
    """Says when it has reconciled."""

    async def start(self) -> None:
        """See `Executor`."""
        await super().start()
        print(RECONCILED, flush=True)


class Shouting:
    """Says on standard error what somebody should come for. Implements `live.ports.alerts.Alerts`."""

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """See `live.ports.alerts.Alerts`."""
        if severity == "critical":
            print(f"{severity} {subject}: {text}", file=sys.stderr, flush=True)


async def trade(port: int, path: Path, *, start_ms: int, n_bars: int) -> None:
    """Trade two symbols from where the journal ends."""
    markets = {f"s_{symbol[:1].lower()}": market(symbol, start_ms, n_bars) for symbol in SYMBOLS[:2]}
    with Journal(path, account="sim") as journal:
        last = journal.last("decision")
        row = 0 if last is None else (int(str(last.body["bar"])) - start_ms) // INTERVAL_MS + 1
        venue = bybit_venue(sim(f"http://127.0.0.1:{port}"), Credentials(key=KEY, secret=SECRET), clock=Wall())
        brains = {key: Turning(one.symbols[0]) for key, one in markets.items()}
        world = World(
            journal=journal,
            venue=venue,
            bars=Paced(markets=markets, row=row, linger_s=LINGER_S),
            brains=brains,
            clock=Wall(),
            alerts=Shouting(),
            reserve=ReserveFile(path.with_suffix(".reserve"), size=200_000),
        )
        executor = Saying(release(markets), world, Patience())
        print(BEGINS, flush=True)
        try:
            await executor.run()
        finally:
            await venue.close()


if __name__ == "__main__":
    drop_capabilities()
    port, path, start_ms, n_bars, *most = sys.argv[1:]
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most[0]), int(most[0])))
    asyncio.run(trade(int(port), Path(path), start_ms=int(start_ms), n_bars=int(n_bars)))
