"""Ask one confined child about many worlds, one after another: what placebo tests need by the dozen.

A child is never shown a bar before one it holds, so each world is put behind the one before it, by a whole
number of blocks and days: blocks, hours and weekdays of a world are those of the market it was made from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation.frames import Frames, frames_of
from autarch.evaluation.sets import BlockPlan, Table, plan_of
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Market
from autarch.sandbox.failure import StrategyRunError
from autarch.sandbox.session import Session
from autarch.sandbox.values import Question
from autarch.sandbox.worker import Worker

WEEK_MS = 604_800_000


def decide_worlds(
    worker: Worker,
    source: StrategySource,
    worlds: Iterable[Market],
    *,
    params: Mapping[str, ParamValue] | None = None,
) -> Iterator[tuple[Market, Decisions | StrategyError]]:
    """Yield each world with its decisions on every block that counts, or why it has none.

    One child answers for as long as it lives; where it ends, the next world gets another. Worlds are taken
    one at a time, so that they may be made when they are needed.

    Args:
        worker: Where the strategy runs.
        source: The strategy, whose statelessness somebody else has proved.
        worlds: Each with every symbol of the manifest and its context, at its interval.
        params: Values that replace the manifest's.

    Raises:
        UsageError: a world does not fit the manifest.
        StrategyError: the strategy does not load.
        SandboxError: a child could not be confined, or was killed from outside.
    """
    behind = 0
    with ExitStack() as stack:
        session: Session | None = None
        for world in worlds:
            frames = frames_of(source.manifest, world)
            plan = plan_of(frames)
            session = session or stack.enter_context(worker.session(source, params))
            try:
                yield world, _decided(session, plan, behind=behind)
            except StrategyRunError as error:
                session.close()
                session, behind = None, 0
                yield world, error
            else:
                behind += _stride(frames)


def _decided(session: Session, plan: BlockPlan, *, behind: int) -> Decisions:
    table = Table(plan, 1)
    session.expect(sum(len(targets) for _, targets in plan.asked))
    for block, targets in plan.asked:
        asked = plan.frames.question(targets, block)
        moved = Question(
            targets=asked.targets, first_bar=asked.first_bar + behind, n_rows=asked.n_rows, column=asked.column
        )
        for places, sets, group in session.ask(moved, keep=block.keep):
            table.put(block, targets[places], sets, group)
    return table.decisions(0)


def _stride(frames: Frames) -> int:
    """Return a number of bars, whole blocks and whole weeks, beyond which no window of `frames` reaches."""
    manifest = frames.manifest
    unit = math.lcm(manifest.block, WEEK_MS // manifest.interval_ms)
    return unit * math.ceil((frames.n_bars + manifest.warmup) / unit)
