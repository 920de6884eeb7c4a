"""Small markets on disk and in memory, written by hand so that a test knows every number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autarch.market.build import Built, RawSeries, Recipe, build, split_spans, write_blobs
from autarch.market.importer import ImportRequest
from autarch.market.lock_types import Gap
from autarch.market.stores import Stores
from autarch.market.synth_dataset import SYMBOLS, _instrument

from .bybit_server import DAY, Bybit, Listing
from .sync_yard import SYNC_NOW, Runner

DAY0 = 1_704_067_200_000  # 2024-01-01T00:00Z, a Monday
MINUTE = 60_000
HOUR = 3_600_000
NOW = DAY0 + 400 * 24 * HOUR


def bars(n: int, *, start: int = DAY0, step: int = 15 * MINUTE, base: float = 100.0) -> dict[str, np.ndarray]:
    """Bars whose close is base + i, open base + i - 0.5, high one above and low one below both; volume i + 1."""
    close = base + np.arange(n, dtype=np.float64)
    return {
        "ts": start + step * np.arange(n, dtype=np.int64),
        "open": close - 0.5,
        "high": close + 1,
        "low": close - 1.5,
        "close": close,
        "volume": 1.0 + np.arange(n),
    }


def settlements(n_hours: int, *, start: int = DAY0, every: int = 8) -> dict[str, np.ndarray]:
    ts = start + HOUR * np.arange(every, n_hours + every, every, dtype=np.int64)
    return {"ts": ts, "rate": 1e-4 * np.arange(1.0, ts.size + 1)}


@dataclass
class Tree:
    """A folder shaped like the real one: two symbols, four days of 15m bars, hourly mark, 8h funding."""

    root: Path
    n: int = 384
    tables: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for symbol, base in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0)):
            self.tables[f"{symbol}/kline-15m.parquet"] = bars(self.n, base=base)
            mark = bars(self.n // 4, step=HOUR, base=base)
            self.tables[f"{symbol}/mark-1h.parquet"] = {k: v for k, v in mark.items() if k != "volume"}
            self.tables[f"{symbol}/funding-8h.parquet"] = settlements(self.n // 4)
        self.instruments = instruments_toml("BTCUSDT") + instruments_toml("ETHUSDT")

    def write(self) -> Path:
        for name, table in self.tables.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(table), file)
        (self.root / "instruments.toml").write_text(self.instruments)
        return self.root

    def request(self, **changes: object) -> ImportRequest:
        values: dict[str, object] = {
            "source": self.write(),
            "name": "tiny",
            "venue": "bybit",
            "symbols": ("BTCUSDT", "ETHUSDT"),
            "intervals": ("15m",),
            "shares": (50, 25, 25),
        }
        return ImportRequest(**{**values, **changes})


def instruments_toml(symbol: str) -> str:
    return f"""
[{symbol}]
tick_size = {{value = "0.1", source = "inferred"}}
qty_step = {{value = "0.001", source = "inferred"}}
min_order_qty = {{value = "0.001", source = "assumed"}}
max_market_qty = {{value = "100.0", source = "exchange"}}
min_notional_value = {{value = "5", source = "assumed"}}
taker_fee = {{value = "0.00055", source = "assumed"}}
maker_fee = {{value = "0.0002", source = "assumed"}}
[{symbol}.risk_tiers]
source = "assumed"
tiers = [[2000000, 0.005, 0.01, 0.00], [8000000, 0.01, 0.02, 10000.00]]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "bars")


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores.under(tmp_path / "stores")


@pytest.fixture
def make_built(stores: Stores) -> Callable[..., Built]:
    """Build and store a data set from klines by symbol; one split of 50, 25, 25 percent, funding every 8 h."""

    def make(
        klines: dict[str, dict[str, np.ndarray]],
        *,
        gaps: tuple[Gap, ...] = (),
        funding: dict[str, np.ndarray] | None = None,
        mark: dict[str, np.ndarray] | None = None,
    ) -> Built:
        end = max(int(t["ts"][-1]) for t in klines.values()) + 15 * MINUTE
        start = min(int(t["ts"][0]) for t in klines.values())
        raws: list[RawSeries] = []
        for symbol, table in klines.items():
            raws.append(RawSeries(venue="bybit", symbol=symbol, kind="kline", interval="15m", table=table))
            if mark is not None:
                raws.append(RawSeries(venue="bybit", symbol=symbol, kind="mark", interval="1h", table=mark))
            first = start // (8 * HOUR) * 8 * HOUR
            rates = settlements((end - first) // HOUR, start=first) if funding is None else funding
            raws.append(RawSeries(venue="bybit", symbol=symbol, kind="funding", interval=None, table=rates))
        specs = {s.symbol: s for s in SYMBOLS}
        recipe = Recipe(
            name="tiny",
            origin="made by hand",
            raws=tuple(raws),
            splits=split_spans(start, end, shares=(50, 25, 25), interval_ms=15 * MINUTE),
            instruments=tuple(_instrument(specs[symbol]) for symbol in klines),
            gaps=gaps,
        )
        built = build(recipe)
        write_blobs(built, stores)
        return built

    return make


@pytest.fixture(scope="module")
def server():
    bybit = Bybit([], now_ms=SYNC_NOW)
    yield bybit
    bybit.close()


@pytest.fixture
def bybit(server):
    """Two perpetuals, one listed inside a bar five hours into the range and turning to 4 h funding."""
    listings = [
        Listing("BTCUSDT", DAY0 - 100 * DAY),
        Listing(
            "ETHUSDT", DAY0 + 5 * HOUR + 7 * MINUTE, base=50.0, funding_hours=((0, 8), (DAY0 + 3 * DAY, 4))
        ),
    ]  # fmt: skip
    server.listings = {listing.symbol: listing for listing in listings}
    server.now_ms = SYNC_NOW
    for memory in (server.faults, server.changes, server.requests):
        memory.clear()
    return server


@pytest.fixture
def run(bybit, tmp_path):
    return Runner(bybit, tmp_path / "pages")


@pytest.fixture
def again(bybit, tmp_path):
    """Another machine: no page kept."""
    return Runner(bybit, tmp_path / "elsewhere")


@pytest.fixture(scope="module")
def first_lock():
    """What BTCUSDT was, filled by the first test that wants it."""
    return []


@pytest.fixture
def plain(first_lock, again):
    """The lock of BTCUSDT over an untroubled connection."""
    if not first_lock:
        first_lock.append(again.lock())
        again.bybit.requests.clear()
    return first_lock[0]
