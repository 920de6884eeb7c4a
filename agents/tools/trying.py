"""Play a draft on train bars: the only bars a proposer's code ever meets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from autarch.canonical import Sha256
from autarch.engine import CostModel
from autarch.errors import DataError, StrategyError
from autarch.evaluation import decide_blocks
from autarch.evaluation.playing import Played, likeness, play_decisions
from autarch.manifest import INTERVAL_MS, ParamValue, StrategySource
from autarch.market import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep import score_of

MARKETS_KEPT = 3
PLAYED_KEPT = 8
Metrics = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one version came to on train; `score` is `autarch.sweep.OBJECTIVE`, None where it cannot be scored."""

    metrics: Metrics
    score: float | None
    sharpe: float | None
    decisions: Sha256
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions side by side; None where there is nothing to compare."""

    other: Metrics
    correlation: float | None
    alike: float | None


class Bench(Protocol):
    """Where drafts are tried."""

    @property
    def dataset(self) -> str:
        """`name@digest` of the data set."""

    def words(self) -> str:
        """Say in a few lines which symbols, intervals and days there are."""

    def warmup_max(self, interval: str) -> int:
        """Return how many bars of warm-up leave enough of train to judge."""

    def play(self, source: StrategySource, params: Mapping[str, ParamValue]) -> Tried:
        """Play a version.

        Raises:
            StrategyError: it broke its contract.
            DataError: there are no such bars, or too few.
        """

    def compare(self, source: StrategySource, params: Mapping[str, ParamValue], other: StrategySource) -> Compared:
        """Set a version beside another strategy's own; both were or are played."""


class TrainBench:
    """The train split of one data set, one confined worker, and the markets that were loaded last."""

    def __init__(self, *, lock: DatasetLock, stores: Stores, capital: float, allow_weak: bool = False) -> None:
        """Use `stores` for bars; the worker starts with the first version that is played."""
        self._lock, self._stores, self._capital, self._allow_weak = lock, stores, capital, allow_weak
        self._closing = ExitStack()
        self._worker: Worker | None = None
        self._markets: OrderedDict[tuple[tuple[str, ...], str], Market] = OrderedDict()
        self._played: OrderedDict[tuple[str, tuple[tuple[str, ParamValue], ...]], Played] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        self._worker = None
        self._closing.close()

    @property
    def dataset(self) -> str:
        """`name@digest` of the data set."""
        return self._lock.ref

    def words(self) -> str:
        """Say which symbols, intervals and days there are."""
        start_ms, end_ms = self._lock.splits.span("train")
        days = (end_ms - start_ms) // 86_400_000
        return (
            f"Data set: {self._lock.name}\nSymbols: {', '.join(self._lock.symbols)}\n"
            f"Intervals stored: {', '.join(self._lock.intervals)} (longer ones are made of them)\nTrain: {days} days"
        )

    def warmup_max(self, interval: str) -> int:
        """Return a fifth of train, in bars: beyond about that a warm-up cannot be tested."""
        start_ms, end_ms = self._lock.splits.span("train")
        return (end_ms - start_ms) // INTERVAL_MS[interval] // 5

    def play(self, source: StrategySource, params: Mapping[str, ParamValue]) -> Tried:
        """Play a version; see `Bench.play`."""
        played = self._play(source, params)
        decisions = played.decisions.digest()
        try:
            scored = score_of(played.result.equity, played.market.ts, interval_ms=played.market.interval_ms)
        except StrategyError as error:
            return Tried(metrics=played.metrics, score=None, sharpe=None, decisions=decisions, detail=str(error))
        return Tried(metrics=played.metrics, score=scored.score, sharpe=scored.sharpe, decisions=decisions)

    def compare(self, source: StrategySource, params: Mapping[str, ParamValue], other: StrategySource) -> Compared:
        """Set a version beside another strategy's own."""
        mine, theirs = self._play(source, params), self._play(other, {})
        like = None
        if mine.market.interval == theirs.market.interval:
            like = likeness(mine, theirs)
        return Compared(
            other=theirs.metrics,
            correlation=None if like is None else like.correlation,
            alike=None if like is None else like.alike,
        )

    def _play(self, source: StrategySource, params: Mapping[str, ParamValue]) -> Played:
        key = (source.digest, tuple(sorted(params.items())))
        if key in self._played:
            self._played.move_to_end(key)
            return self._played[key]
        manifest = source.manifest
        market = self._market((*manifest.symbols, *manifest.context), manifest.interval)
        decisions = decide_blocks(self._running(), source, market, params=params)
        costs = CostModel.from_lock(self._lock)
        played = play_decisions(source, decisions, market, costs=costs, capital=self._capital, params=params)
        self._played[key] = played
        if len(self._played) > PLAYED_KEPT:
            self._played.popitem(last=False)
        return played

    def _market(self, symbols: tuple[str, ...], interval: str) -> Market:
        key = (symbols, interval)
        if key not in self._markets:
            absent = [symbol for symbol in symbols if symbol not in self._lock.symbols]
            if absent:
                known = ", ".join(self._lock.symbols)
                raise DataError(f"{self._lock.name} has no bars of {', '.join(absent)}; there are {known}")
            self._markets[key] = load_market(
                self._lock, split="train", symbols=symbols, interval=interval, stores=self._stores
            )
            if len(self._markets) > MARKETS_KEPT:
                self._markets.popitem(last=False)
        self._markets.move_to_end(key)
        return self._markets[key]

    def _running(self) -> Worker:
        if self._worker is None:
            self._worker = self._closing.enter_context(Worker(allow_weak=self._allow_weak))
        return self._worker
