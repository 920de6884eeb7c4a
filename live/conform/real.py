"""A conformance run over pybit, against a test network, demo trading or a simulated venue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import autarch
from autarch.errors import ConfigError
from live.conform.bench import Bench, Ways
from live.conform.record import write_record
from live.conform.running import Told, body_of, run_steps
from live.ports.clock import Clock
from live.venue.bybit.asking import Asker
from live.venue.bybit.checks import check_clock, check_key
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.places import Place
from live.venue.bybit.pybit_http import PybitTransport
from live.venue.bybit.pybit_streams import PybitStreams
from live.venue.bybit.timing import VenueTime

if TYPE_CHECKING:
    from live.credentials import Credentials

LATE_MS: Final = -6_000
EARLY_MS: Final = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: where, with which key, on what, and how long a bar is waited for."""

    place: Place
    credentials: Credentials
    symbol: str
    bar_wait_s: float = 130.0


def conform(run: Run, root: Path, *, clock: Clock, told: Told) -> tuple[dict[str, Any], Path]:
    """Play every step and keep the record in the host folder `root`; return its body and where it lies.

    Raises:
        ConfigError: mainnet, a key that may move money, a clock that is off, or a symbol that is in use.
        VenueError: the venue does not answer, or something could not be tidied up.
        StreamDown: the private stream cannot be had.
    """
    if run.place.environment == "mainnet":
        raise ConfigError("a conformance run trades; it is made on demo trading or a test network, never on mainnet")
    now_ms = clock.now_ms()
    body = asyncio.run(_played(run, clock, now_ms, told))
    return body, write_record(root, body)


async def _played(run: Run, clock: Clock, now_ms: int, told: Told) -> dict[str, Any]:
    normal, late, early = (
        PybitTransport(run.place, run.credentials, stamp_off_ms=off_ms) for off_ms in (0, LATE_MS, EARLY_MS)
    )
    options = BybitOptions(environment=run.place.environment)
    asker = Asker(normal, options, told=lambda reason, _fatal: told(reason))
    ways = Ways(transport=normal, streams=PybitStreams(run.place, run.credentials), late=late, early=early)
    bench = Bench(ways, asker, symbol=run.symbol)
    bench.bar_wait_s = run.bar_wait_s
    try:
        await check_clock(VenueTime(clock), asker, off_ms_max=options.clock_off_ms_max)
        await check_key(asker, options)
        results = await run_steps(bench, run=format(now_ms, "x"), told=told)
    finally:
        for transport in (normal, late, early):
            await transport.close()
    facts = {"environment": run.place.environment, "symbol": run.symbol, "time_ms": str(now_ms)}
    return body_of(results, **facts, rest=run.place.rest, runtime=autarch.__version__)
