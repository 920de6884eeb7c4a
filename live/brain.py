"""One strategy's decisions, from a confined worker, with a digest of everything it was shown.

Two ways to ask, one answer. `Stepwise` asks at every bar for that bar, as a market that is still
happening must. `Blockwise` asks once for whole blocks of recorded bars and hands the rows out: the same
bytes if `decide` is causal. The gate has proved that on other bars; here it is proved again on these.
"""

from __future__ import annotations

import hashlib
import math
from functools import cached_property

import numpy as np

from autarch.canonical import Sha256, canonical_digest
from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import Cut, Frames, decide_at, decide_blocks, decide_live, frames_of
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.protocol import WINDOW_COLUMNS
from autarch.sandbox.session import Session
from autarch.sandbox.worker import Worker
from live.ports.brain import Decided

PROVED_ROWS_MAX = 128


class Inputs:
    """Digests of all a decision may depend on: the strategy, and every bar of its symbols up to its own."""

    def __init__(self, source: StrategySource, market: Market, frames: Frames) -> None:
        """Stand before the first row."""
        # A row's columns lie together in these bytes, so that a bar is one slice of them.
        self._bytes = [memoryview(array.T.astype("<f8").tobytes()) for array in frames.columns.values()]
        self._width = 8 * len(WINDOW_COLUMNS)
        self._first_bar = frames.first_bar
        self._hashed = 0
        named = {
            "strategy": source.digest,
            "dataset": f"{market.dataset}@{market.dataset_digest}",
            "split": market.split,
            "interval": market.interval,
            "first_bar": frames.first_bar,
            "symbols": list(frames.columns),
        }
        start = canonical_digest(named).encode()
        self._running = [hashlib.sha256(start) for _ in self._bytes]

    def of(self, row: int) -> Sha256:
        """Return the digest of everything up to `row`; rows must ascend."""
        for content, hasher in zip(self._bytes, self._running, strict=True):
            hasher.update(content[self._hashed * self._width : (row + 1) * self._width])
        self._hashed = max(self._hashed, row + 1)
        both = "\n".join((str(self._first_bar + row), *(hasher.hexdigest() for hasher in self._running)))
        return Sha256(hashlib.sha256(both.encode()).hexdigest())


class Stepwise:
    """Asks bar after bar, and never holds a later bar than the one asked about.

    One child answers within a block of bars; the next block is another child.
    """

    def __init__(self, worker: Worker, source: StrategySource, market: Market) -> None:
        """Prepare the columns of `market`; no child is forked yet."""
        self._worker = worker
        self._source = source
        self._frames: Frames = frames_of(source.manifest, market)
        self._inputs = Inputs(source, market, self._frames)
        self._session: Session | None = None
        self._block = -1

    def close(self) -> None:
        """End the child."""
        if self._session is not None:
            self._session.close()
            self._session = None

    async def decide(self, row: int) -> Decided | None:
        """See `Brain`."""
        return self.answer(row)

    def answer(self, row: int) -> Decided | None:
        """Return what `decide` does, for whoever can wait."""
        frames, manifest = self._frames, self._source.manifest
        if all(frames.anchoring(target).prefix(row) is None for target in frames.targets()):
            return None
        block = (frames.first_bar + row) // manifest.block
        if self._session is None or block != self._block:
            self.close()
            self._session, self._block = self._worker.session(self._source), block
        found = decide_live(self._session, frames, row=row)
        return Decided(inputs=self._inputs.of(row), symbols=wanted_of(found, 0))


class Blockwise:
    """Asks once for every block of recorded bars; the first decision waits for all of them."""

    def __init__(self, worker: Worker, source: StrategySource, market: Market) -> None:
        """Prepare the columns of `market`; nothing is asked yet."""
        self._worker = worker
        self._source = source
        self._market = market
        self._inputs = Inputs(source, market, frames_of(source.manifest, market))

    def close(self) -> None:
        """Do nothing: the child ended with its answer."""

    async def decide(self, row: int) -> Decided | None:
        """See `Brain`; the decision is there at once, but for the first."""
        return self.answer(row)

    def answer(self, row: int) -> Decided | None:
        """Return what `decide` does, for whoever can wait.

        Raises:
            StrategyError: also when a decision is another one without the bars after it.
        """
        if not self._table.counts[row].any():
            return None
        return Decided(inputs=self._inputs.of(row), symbols=wanted_of(self._table, row))

    @cached_property
    def _table(self) -> Decisions:
        table = decide_blocks(self._worker, self._source, self._market)
        self._prove(table)
        return table

    def _prove(self, table: Decisions) -> None:
        """Ask again, without the bars after them, for decisions that change something, spread over the feed.

        Raises:
            StrategyError: one of them is different.
        """
        cuts = changing(table)
        if not cuts:
            return
        alone = decide_at(self._worker, self._source, self._market, cuts)
        for at, cut in enumerate(cuts):
            columns = slice(None) if table.mode == "panel" else slice(cut.symbol_index, cut.symbol_index + 1)
            for name in ("exposure", "stop_loss", "take_profit"):
                whole, past = getattr(table, name)[cut.row, columns], np.atleast_1d(getattr(alone, name)[at])
                if not np.array_equal(whole, past, equal_nan=True):
                    raise StrategyError(
                        f"{self._source.manifest.name}: {name} at bar {int(self._market.ts[cut.row])} is "
                        f"{whole.tolist()} with the bars after it and {past.tolist()} without them: decide looks "
                        "ahead, so nothing is traded. Find out why its causality check passed"
                    )


def changing(table: Decisions) -> list[Cut]:
    """Return at most PROVED_ROWS_MAX cuts whose exposure is not the bar's before, evenly spread, ascending."""
    moved = np.zeros_like(table.counts)
    moved[1:] = table.counts[1:] & (table.exposure[1:] != table.exposure[:-1])
    found = np.argwhere(np.any(moved, axis=1, keepdims=True) if table.mode == "panel" else moved)
    picked = np.unique(np.linspace(0, len(found) - 1, min(len(found), PROVED_ROWS_MAX)).astype(int))
    return [Cut(row=int(row), symbol_index=int(column)) for row, column in found[picked]]


def wanted_of(table: Decisions, row: int) -> dict[str, dict[str, float | None]]:
    """Return one row of decisions as `Decided.symbols`; symbols whose bar does not count are left out."""
    return {
        symbol: {
            "exposure": float(table.exposure[row, column]),
            "stop_loss": _present(float(table.stop_loss[row, column])),
            "take_profit": _present(float(table.take_profit[row, column])),
        }
        for column, symbol in enumerate(table.symbols)
        if table.counts[row, column]
    }


def _present(value: float) -> float | None:
    return None if math.isnan(value) else value
