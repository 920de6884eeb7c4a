"""A small made-up market and an account that trades it; one released project in Git."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.engine.costs import CostModel
from autarch.manifest import parse_manifest
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from live.assembling import recorded_venue
from live.brain import wanted_of
from live.feeds.recorded import RecordedBars
from live.journal import Journal
from live.lines import lines_of
from live.portfolio import Limits
from live.ports.brain import Decided
from live.stopping.latch import MemoryLatch
from live.trading.executor import Executor
from live.trading.release import RECORDED, Release, SleeveTerms, World
from live.venue.paper.book import RequestBook

from .release_yard import make_yard

INTERVAL_MS = 900_000
START_MS = 1_700_006_400_000  # a multiple of 8 h
COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
WIDE = Limits(
    max_gross_leverage=100.0,
    max_order_notional=Decimal(10**12),
    orders_per_minute=600,
    max_daily_loss_frac=1.0,
    max_drawdown_frac=1.0,
    max_price_deviation_frac=1e9,
)
STEPS = replace(RECORDED, batch=0)  # every step durable at once


def instrument(symbol, **changes):
    facts = {
        "symbol": symbol,
        "tick_size": Decimal("0.05"),
        "qty_step": Decimal("0.001"),
        "min_order_qty": Decimal("0.001"),
        "max_market_qty": Decimal(40),
        "min_notional": Decimal(5),
        "taker_fee": Decimal("0.00055"),
        "maker_fee": Decimal("0.0002"),
        "risk_tiers": (
            RiskTier(
                notional_max=Decimal(10**7),
                maintenance_margin_rate=Decimal("0.005"),
                initial_margin_rate=Decimal("0.01"),
                mm_deduction=Decimal(0),
            ),
        ),
        "sources": (),
    }
    return Instrument(**{**facts, **changes})


def series(symbol, n_bars, rng):
    close = 1000.0 * np.exp(np.cumsum(rng.standard_t(3, n_bars) * 0.01))
    open_ = np.concatenate([[1000.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, n_bars))
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high, low = top * (1 + rng.exponential(0.004, n_bars)), bottom * (1 - rng.exponential(0.004, n_bars))
    ticks = [np.round(a / 0.05) * 5 / 100 for a in (open_, high, low, close)]
    traded = np.ones(n_bars, dtype=np.bool_)
    traded[n_bars // 2 : n_bars // 2 + 3] = False
    volume = rng.lognormal(3, 1, n_bars)
    stamps = np.arange(START_MS, START_MS + n_bars * INTERVAL_MS, 7_200_000) + np.where(rng.random() < 0.5, 0, 60_000)
    return SymbolSeries(
        symbol=symbol,
        open=ticks[0],
        high=ticks[1],
        low=ticks[2],
        close=ticks[3],
        volume=volume,
        turnover=volume * (ticks[1] + ticks[2] + ticks[3]) / 3,
        traded=traded,
        first_row=0,
        funding_ms=stamps.astype(np.int64),
        funding_rate=rng.normal(1e-4, 2e-4, stamps.size),
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=START_MS, interval_min=120),),
    )


def market(symbols=("AAAUSDT", "BBBUSDT"), n_bars=400, seed=1):
    rng = np.random.default_rng(seed)
    return Market(
        dataset="made_up",
        dataset_digest="0" * 64,
        split="forward",
        interval="15m",
        interval_ms=INTERVAL_MS,
        ts=START_MS + INTERVAL_MS * np.arange(n_bars, dtype=np.int64),
        series=tuple(series(symbol, n_bars, rng) for symbol in symbols),
        instruments=tuple(instrument(symbol) for symbol in symbols),
    )


def manifest(symbols=("AAAUSDT", "BBBUSDT"), name="one_idea", mode="each"):
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    return parse_manifest(
        f'schema = 1\nname = "{name}"\ntitle = "x"\nsymbols = [{listed}]\ninterval = "15m"\n'
        f'mode = "{mode}"\nwarmup = 10\nmax_leverage = 2.0\n'.encode(),
        slug=name,
    )


def decisions(made, *, seed=2, counts_from=20, mode="each"):
    """Exposures that jump, flip, fade and hold, with and without stops and take-profits."""
    rng = np.random.default_rng(seed)
    shape = (made.n_bars, len(made.symbols))
    held = rng.choice([-1.5, -0.4, 0.0, 0.3, 0.8, 1.9], shape) * np.ones(shape)
    keep = rng.random(shape) < 0.7
    for row in range(1, shape[0]):
        held[row] = np.where(keep[row], held[row - 1], held[row])
    if mode == "panel":
        held = held / len(made.symbols)
    stop = np.where(rng.random(shape) < 0.6, rng.uniform(0.005, 0.05, shape), np.nan)
    take = np.where(rng.random(shape) < 0.4, rng.uniform(0.005, 0.05, shape), np.nan)
    counts = np.zeros(shape, dtype=np.bool_)
    counts[counts_from:] = True
    return Decisions(
        symbols=made.symbols,
        interval="15m",
        mode=mode,
        max_leverage=2.0,
        exposure=np.where(counts, held, 0.0),
        stop_loss=np.where(counts, stop, np.nan),
        take_profit=np.where(counts, take, np.nan),
        counts=counts,
    )


class Scripted:
    """A brain that reads a table of decisions."""

    def __init__(self, table):
        self.table = table

    async def decide(self, row):
        symbols = wanted_of(self.table, row)
        return Decided(inputs=f"{row:064x}", symbols=symbols) if symbols else None

    def close(self):
        pass


class Desk:
    """One account on one made-up market, whose journal and book of requests outlive its executors."""

    def __init__(  # noqa: PLR0913  all but one are options
        self, folder, *, made=None, table=None, limits=WIDE, mode="each", margin_mode="isolated"
    ):
        self.folder, self.limits, self.capital = folder, limits, 100_000
        self.market = market() if made is None else made
        self.table = decisions(self.market, mode=mode) if table is None else table
        self.manifest = manifest(self.market.symbols, mode=mode)
        self.costs = replace(COSTS, margin_mode=margin_mode)
        self.lines = lines_of(self.market, self.manifest, self.costs)
        self.latch = MemoryLatch()

    def release(self, *, tag="v0.1.0", account="paper"):
        terms = SleeveTerms(strategy="one_idea", tag=tag, lines=self.lines, capital=float(self.capital))
        return Release(
            tag=tag,
            account=account,
            sleeves={"one_idea": terms},
            limits=self.limits,
            capital=Decimal(self.capital),
            margin_mode=self.costs.margin_mode,
            opened={"tag": tag},
        )

    def executor(self, journal, *, venue=None, patience=STEPS, brain=None, **named):
        """Return an executor over `journal`; `venue` may wrap the paper venue."""
        release, markets = self.release(**named), {"one_idea": self.market}
        book = None if self.folder is None else RequestBook(self.folder / "book.sqlite3")
        paper = recorded_venue(release, markets, self.costs, book)
        newest = journal.last("decision", "plan", "intent")
        bars = RecordedBars(markets, after_ms=None if newest is None else newest.time_ms, move=paper.advance)
        world = World(
            journal=journal,
            venue=paper if venue is None else venue(paper),
            bars=bars,
            brains={"one_idea": Scripted(self.table) if brain is None else brain},
            clock=bars,
            latch=self.latch,
        )
        return Executor(release, world, patience)

    def journal(self):
        return Journal(self.folder / "journal.sqlite3", account="paper")

    def run(self, *, bars_max=None, **how):
        with self.journal() as journal:
            executor = self.executor(journal, **how)
            asyncio.run(executor.run(bars_max=bars_max))
            return executor


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def base_yard(tmp_path_factory):
    """One released project, for tests to read or to copy, never to change."""
    return make_yard(tmp_path_factory.mktemp("base yard"))
