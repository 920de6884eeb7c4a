"""A brain for a market that is still happening: the bars known so far, one more at each close."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from autarch.evaluation import decide_live, frames_of
from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.sandbox.session import Session
from autarch.sandbox.worker import Worker
from live.brain import Inputs, wanted_of
from live.ports.bars import Bars
from live.ports.brain import Decided


class Growing:
    """Asks a confined worker at every close, in a thread of its own so that sleeves are asked side by side.

    One child answers within a block of bars; the next block is another child. Implements `Brain`.
    """

    def __init__(self, worker: Worker, source: StrategySource, bars: Bars, key: str) -> None:
        """Ask nothing yet; `key` names the sleeve whose market is read."""
        self._worker, self._source, self._bars, self._key = worker, source, bars, key
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"asking {key}")
        self._session: Session | None = None
        self._block = -1

    async def decide(self, row: int) -> Decided | None:
        """See `Brain`."""
        market = self._bars.market(self._key)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, market, row)

    def close(self) -> None:
        """End the child."""
        self._thread.shutdown(wait=True)
        self._end()

    def _answer(self, market: Market, row: int) -> Decided | None:
        frames = frames_of(self._source.manifest, market)
        if all(frames.anchoring(target).prefix(row) is None for target in frames.targets()):
            return None
        block = (frames.first_bar + row) // self._source.manifest.block
        if self._session is None or block != self._block:
            self._end()
            self._session, self._block = self._worker.session(self._source), block
        found = decide_live(self._session, frames, row=row)
        return Decided(inputs=Inputs(self._source, market, frames).of(row), symbols=wanted_of(found, 0))

    def _end(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class Mute:
    """Decides nothing: for a sleeve that is only closed. Implements `Brain`."""

    async def decide(self, row: int) -> Decided | None:  # noqa: ARG002  the port's signature
        """See `Brain`."""
        return None

    def close(self) -> None:
        """Do nothing."""
