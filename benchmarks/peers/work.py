"""The work every engine is given, and the market it is given on: numpy alone, so that both environments import it.

Two moving averages of the close cross, the target is the sign of fast - slow, its size a fixed notional
at the close that decided; filled at the next open by a taker. No trades before bar 1,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOTIONAL, CASH, FEE = 10_000.0, 1_000_000.0, 0.00055
QTY_STEPS = 1_000  # a step is 0.001 coins
TICKS = 10  # a tick is 0.1
FIRST_BAR = 1_000
FAST, SLOW = 20, 100
FUNDING_BARS, FUNDING_RATE, STOP = 480, 0.0001, 0.004
MINUTE_MS, START_MS = 60_000, 1_700_006_400_000  # 2023-11-15T00:00Z

COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One shape of work.

    Attributes:
        name: As the tables call it.
        bars: How many bars each symbol has.
        symbols: How many symbols share one account.
        pairs: (fast, slow) spans, each played alone on the one market.
        funding: Whether funding is paid every 480 bars.
        stop: Distance of the stop-loss, a fraction of the entry; NaN without one.
    """

    name: str
    bars: int
    symbols: int = 1
    pairs: tuple[tuple[int, int], ...] = ((FAST, SLOW),)
    funding: bool = False
    stop: float = float("nan")

    @property
    def played(self) -> int:
        """Symbol-bars over all pairs."""
        return self.bars * self.symbols * len(self.pairs)


def works() -> dict[str, Work]:
    """Return every work by name. W1s is W1f without its funding, which two peers cannot pay."""
    grid = tuple((fast, slow) for fast in range(5, 55, 5) for slow in range(60, 260, 20))
    known = (
        Work(name="W1", bars=525_600),
        Work(name="W1s", bars=525_600, stop=STOP),
        Work(name="W1f", bars=525_600, stop=STOP, funding=True),
        Work(name="W2", bars=105_120),
        Work(name="W3", bars=105_120, pairs=grid),
        Work(name="W4", bars=105_120, symbols=10),
    )
    return {work.name: work for work in known}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Four float64 columns, each (n_bars, n_symbols), C-contiguous, on a 0.1 tick."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def write_prices(folder: Path, *, bars: int, symbols: int, seed: int) -> None:
    """Write `bars` of a seeded geometric random walk for each symbol, one .npy a column.

    Every price is a whole number of ticks; an open is the last close moved by up to three ticks either
    way, so that what was decided on and what is paid differ.
    """
    rng = np.random.default_rng(seed)
    columns = {name: np.empty((bars, symbols)) for name in COLUMNS}
    for symbol in range(symbols):
        walk = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0008, bars)))
        close = np.rint(walk * TICKS).astype(np.int64)
        moved = rng.integers(-3, 4, bars)
        open_ = np.concatenate([close[:1], close[:-1]]) + moved
        reach = np.rint(np.abs(rng.normal(0.0, 0.0005, (2, bars))) * close).astype(np.int64)
        ticks = (open_, np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1], close)
        for name, values in zip(COLUMNS, ticks, strict=True):
            columns[name][:, symbol] = values / TICKS
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", values)


def read_prices(folder: Path, work: Work, *, bars: int) -> Prices:
    """Return the first `bars` of the first symbols of what `write_prices` wrote."""
    mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in COLUMNS}
    return Prices(**{name: np.array(values[:bars, : work.symbols], order="C") for name, values in mapped.items()})
