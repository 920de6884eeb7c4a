"""One strategy's decisions, from a confined worker, with a digest of everything it was shown."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from autarch.canonical import Sha256, canonical_digest
from autarch.evaluation import Frames, decide_live, frames_of
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.session import Session
from autarch.sandbox.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The decision of one bar: wanted exposure and distances by symbol, None for no distance.

    Symbols whose bar does not count yet are left out.
    """

    inputs: Sha256
    symbols: dict[str, dict[str, float | None]]


class Brain:
    """Asks one strategy, bar after bar. A recorded feed keeps one child within a block of bars.

    Never holds a later bar than the one asked about, and the next block is another child.
    """

    def __init__(self, worker: Worker, source: StrategySource, market: Market) -> None:
        """Prepare the columns of `market`; no child is forked yet."""
        self._worker = worker
        self._source = source
        self._market = market
        self._frames: Frames = frames_of(source.manifest, market)
        self._session: Session | None = None
        self._block = -1
        self._hashed = 0
        self._running = {symbol: hashlib.sha256() for symbol in self._frames.columns}

    def close(self) -> None:
        """End the child."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def decide(self, row: int) -> Decided | None:
        """Return the decision at the close of `row`; None when no symbol's bar counts yet.

        Rows must ascend.

        Raises:
            StrategyError: the strategy failed or broke its contract.
            SandboxError: its child could not be confined or was killed.
        """
        frames, manifest = self._frames, self._source.manifest
        self._hash_until(row)
        if all(frames.anchoring(target).prefix(row) is None for target in frames.targets()):
            return None
        block = (frames.first_bar + row) // manifest.block
        if self._session is None or block != self._block:
            self.close()
            self._session, self._block = self._worker.session(self._source), block
        found = decide_live(self._session, frames, row=row)
        symbols: dict[str, dict[str, float | None]] = {}
        for column, symbol in enumerate(manifest.symbols):
            if found.counts[0, column]:
                symbols[symbol] = {
                    "exposure": float(found.exposure[0, column]),
                    "stop_loss": _present(float(found.stop_loss[0, column])),
                    "take_profit": _present(float(found.take_profit[0, column])),
                }
        return Decided(inputs=self._inputs(row), symbols=symbols)

    def _hash_until(self, row: int) -> None:
        for at in range(self._hashed, row + 1):
            for symbol, hasher in self._running.items():
                hasher.update(self._frames.columns[symbol][:, at].astype("<f8").tobytes())
        self._hashed = max(self._hashed, row + 1)

    def _inputs(self, row: int) -> Sha256:
        return canonical_digest(
            {
                "strategy": self._source.digest,
                "dataset": f"{self._market.dataset}@{self._market.dataset_digest}",
                "split": self._market.split,
                "interval": self._market.interval,
                "first_bar": self._frames.first_bar,
                "bar": self._frames.first_bar + row,
                "columns": {symbol: hasher.hexdigest() for symbol, hasher in self._running.items()},
            }
        )


class Ahead:
    """A brain that thinks ahead on recorded bars, in a thread, while the executor waits for its disk.

    A decision depends on bars alone, never on fills, so asking early changes nothing: each is still
    made on a window that ends with its own bar. Only for recorded feeds; live there is no ahead.
    """

    def __init__(self, brain: Brain, *, n_rows: int, depth: int = 64) -> None:
        """Think at most `depth` rows ahead, up to `n_rows` in all."""
        self._brain = brain
        self._n_rows, self._depth = n_rows, depth
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decide")
        self._queue: deque[tuple[int, Future[Decided | None]]] = deque()

    def close(self) -> None:
        """Stop thinking and end the child."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._brain.close()

    def decide(self, row: int) -> Decided | None:
        """Return what `Brain.decide` does; rows must ascend one by one from the first asked."""
        following = self._queue[-1][0] + 1 if self._queue else row
        for ahead in range(following, min(row + self._depth, self._n_rows)):
            self._queue.append((ahead, self._pool.submit(self._brain.decide, ahead)))
        expected, answer = self._queue.popleft()
        if expected != row:
            raise ValueError(f"row {row} was asked for, row {expected} comes next")
        return answer.result()


def _present(value: float) -> float | None:
    return None if math.isnan(value) else value
