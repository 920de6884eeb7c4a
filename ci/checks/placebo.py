"""Placebo worlds: what the same strategy earns where its thesis cannot hold. Shown, never blocking."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from autarch.canonical import sha256_hex
from autarch.errors import DataError, StrategyError
from autarch.evaluation.worlds import decide_worlds
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market
from autarch.market.worlds import Shuffler, drift_removed, inverted, newest
from autarch.metrics.daily import DAY_MS
from autarch.sandbox.worker import Worker
from ci.checks.busy import require_its_own
from ci.checks.ground import Curve, Play

RANKED: Final = 64
"""The candidate on its own bars, and 63 worlds."""

JOBS: Final = 6
"""Parts the worlds are answered in; each needs a child."""

_HOLDING_PARTS: Final = 4
"""A block is this part of the mean holding time, so that no trade finds its whole course in one (own choice)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A kind of world before its order is taken away: whose decisions, on which bars."""

    kind: str
    source: StrategySource
    market: Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One world and what became of the strategy there, None where it failed."""

    kind: str
    curve: Curve | None


def rng_of(seed: bytes, *words: object) -> np.random.Generator:
    """Return a generator for one purpose, the same wherever the base commit is the same."""
    text = b"\0".join([seed, *(str(word).encode() for word in words)])
    return np.random.default_rng(int(sha256_hex(text), 16))


def block_bars(holding_bars: float | None, *, interval_ms: int) -> int:
    """Return how long shuffled blocks are: a quarter of the mean holding time, from one bar to one day."""
    day = max(1, DAY_MS // interval_ms)
    return day if holding_bars is None else int(min(max(holding_bars // _HOLDING_PARTS, 1), day))


def others(
    source: StrategySource, *, lock: DatasetLock, stores: Stores, rng: np.random.Generator
) -> tuple[StrategySource, Market] | None:
    """Return the strategy on symbols of the data set that it did not choose, None where there are too few.

    As many as it trades, drawn; where it asks for each symbol by itself, fewer will do.
    """
    manifest = source.manifest
    left = sorted(set(lock.symbols) - {*manifest.symbols, *manifest.context})
    wanted = len(manifest.symbols) if manifest.mode == "panel" else min(len(manifest.symbols), len(left))
    if not 0 < wanted <= len(left):
        return None
    chosen = tuple(left[index] for index in sorted(rng.permutation(len(left))[:wanted].tolist()))
    try:
        market = load_market(
            lock, split="train", symbols=(*chosen, *manifest.context), interval=manifest.interval, stores=stores
        )
    except DataError:  # they are not there at this interval, or not in train
        return None
    return dataclasses.replace(source, manifest=dataclasses.replace(manifest, symbols=chosen)), market


def settings_of(source: StrategySource, market: Market, other: tuple[StrategySource, Market] | None) -> list[Setting]:
    """Return every kind of world there is for a strategy: its own bars, upside down, without drift, other symbols."""
    found = [
        Setting(kind="shuffled", source=source, market=market),
        Setting(kind="inverted", source=source, market=inverted(market)),
        Setting(kind="drift_removed", source=source, market=drift_removed(market)),
    ]
    return [*found, Setting(kind="other_symbols", source=other[0], market=other[1])] if other is not None else found


def rows_within(market: Market, *, bars: int, warmup: int, block: int) -> int:
    """Return how many of the newest rows each of 64 worlds may have, 0 where that decides less than two blocks."""
    rows = min(market.n_bars, bars // (RANKED * len(market.series)))
    return rows if rows >= warmup + 3 * block else 0


def jobs_of(
    settings: Sequence[Setting], *, rows: int, shuffle_bars: int, seed: bytes, play: Play
) -> list[Callable[[Worker], list[Told]]]:
    """Return the work of all 64: the candidate's own newest rows first, then 63 worlds, kind after kind in turn."""
    cut = [dataclasses.replace(one, market=newest(one.market, rows)) for one in settings]
    shufflers = [Shuffler(one.market, block_bars=shuffle_bars) for one in cut]

    def world(index: int) -> Market:
        return shufflers[index % len(cut)].world(rng_of(seed, "placebo", index))

    def run(setting: Setting, worlds: Callable[[], Iterator[Market]], worker: Worker) -> list[Told]:
        return told(worker, setting, worlds(), play=play)

    own = dataclasses.replace(cut[0], kind="own")
    jobs: list[Callable[[Worker], list[Told]]] = [partial(run, own, lambda: iter((own.market,)))]
    for setting, shares in zip(cut, shares_of(len(cut)), strict=True):
        jobs += [partial(run, setting, partial(_worlds, world, numbers)) for numbers in shares]
    return jobs


def shares_of(kinds: int) -> list[list[range]]:
    """Return the numbers of the 63 worlds by kind, each kind's in the parts that are answered by a child each."""
    parts = max(1, JOBS // kinds)
    every = [range(place, RANKED - 1, kinds) for place in range(kinds)]
    return [[numbers[part::parts] for part in range(parts)] for numbers in every]


def told(worker: Worker, setting: Setting, worlds: Iterator[Market], *, play: Play) -> list[Told]:
    """Return what the strategy of `setting` earns in each world, without a curve where it fails or decides nothing."""
    found = []
    for market, decided in decide_worlds(worker, setting.source, worlds):
        curve = None
        if isinstance(decided, StrategyError):
            require_its_own(decided)
        elif decided.counts.any():
            curve = play(setting.source, market).curve(decided)
        found.append(Told(kind=setting.kind, curve=curve))
    return found


def rank(own: float, worlds: Sequence[float]) -> int:
    """Return the place of `own` among all, 1 for the best; a world as good stands before it."""
    return 1 + sum(one >= own for one in worlds)


def _worlds(world: Callable[[int], Market], numbers: range) -> Iterator[Market]:
    return (world(number) for number in numbers)
