"""Live form: decisions made on windows that end with their own bar, one bar or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from autarch.decisions import Decisions, empty_decisions
from autarch.errors import UsageError
from autarch.evaluation.blocks import Anchoring, Block
from autarch.evaluation.frames import Frames, frames_of
from autarch.evaluation.sets import columns_of
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Market
from autarch.sandbox.answers import Group
from autarch.sandbox.session import Session
from autarch.sandbox.worker import Worker

Step = dict[Block, list[str | None]]
"""The windows that end with one bar, and who is decided on each."""


def decide_live(session: Session, frames: Frames, *, row: int) -> Decisions:
    """Return the decisions for all symbols at `row` in live form: one row, asked in prefix form.

    The same bytes as `decide_blocks` gives for that row, if `decide` is causal. A symbol whose bar
    does not count is flat.

    Args:
        session: A fresh child, or one that was last asked about an earlier row of the same bars.
        frames: Bars up to `row` at least; later ones are not shown.
        row: Row of the bar that has just closed.

    Raises:
        StrategyError, SandboxError: as `decide_blocks`.
    """
    found = empty_decisions(frames.manifest, n_bars=1)
    for _, step in _steps(frames, range(row, row + 1)):
        _put(found, session, frames, step, at=0)
    return found


def decide_stepwise(
    workers: Sequence[Worker],
    source: StrategySource,
    market: Market,
    *,
    rows: range | None = None,
    params: Mapping[str, ParamValue] | None = None,
) -> Decisions:
    """Return the decisions of every counting bar in live form.

    The same bytes as `decide_blocks`, if `decide` is causal; where it is not, what it would do live. Each of
    `workers` has one child, which answers one stretch of the rows in ascending order and so never holds a
    later bar than it is asked about. Symbols share a question, since their bar is the same.

    Args:
        workers: At least one; name one twice to have two of its children answer side by side.
        source: The strategy.
        market: As in `decide_blocks`.
        rows: Which to ask about; by default all. What is not asked about does not count.
        params: Values that replace the manifest's.

    Raises:
        StrategyError, SandboxError: as `decide_blocks`.
        UsageError: the market does not fit the manifest, or there is no worker.
    """
    if not workers:
        raise UsageError("there is no worker to ask; name at least one")
    frames = frames_of(source.manifest, market)
    found = empty_decisions(source.manifest, n_bars=frames.n_bars)
    wanted = range(frames.n_bars) if rows is None else rows
    share = max(1, -(-len(wanted) // len(workers)))
    parts = [wanted[first : first + share] for first in range(0, len(wanted), share)]

    def answer(worker: Worker, part: range) -> None:
        with worker.session(source, params) as session:
            asked = [(row, each) for row, step in _steps(frames, part) for each in step.items()]
            questions = ((frames.question(tuple(targets), block), 1) for _, (block, targets) in asked)
            for place, places, _, group in session.ask_each(questions):
                row, (_, targets) = asked[place]
                _write(found, frames, targets[places], group, at=row)

    with ThreadPoolExecutor(max_workers=len(workers)) as pool:
        asked = [pool.submit(answer, worker, part) for worker, part in zip(workers, parts, strict=False)]
        for each in asked:
            each.result()
    return found


def _steps(frames: Frames, rows: range) -> Iterator[tuple[int, Step]]:
    """Yield each row on which something counts with its windows; targets in the manifest's order."""
    alike: dict[Anchoring, list[str | None]] = {}
    for target in frames.targets():
        alike.setdefault(frames.anchoring(target), []).append(target)
    places = {target: place for place, target in enumerate(frames.targets())}
    for row in rows:
        step: Step = {}
        for anchoring, targets in alike.items():
            block = anchoring.prefix(row)
            if block is not None:
                step[block] = sorted([*step.get(block, ()), *targets], key=places.__getitem__)
        if step:
            yield row, step


def _put(found: Decisions, session: Session, frames: Frames, step: Step, *, at: int) -> None:
    """Write into row `at` of `found` what `session` decides on the windows of `step`."""
    for block, targets in step.items():
        for places, _, group in session.ask(frames.question(tuple(targets), block), keep=1):
            _write(found, frames, targets[places], group, at=at)


def _write(found: Decisions, frames: Frames, targets: list[str | None], group: Group, *, at: int) -> None:
    """Write into row `at` of `found` what was decided on `targets`."""
    columns = columns_of(targets, frames.manifest.symbols)
    found.exposure[at, columns] = group.exposure.reshape(-1)
    for name, given in (("stop_loss", group.stop_loss), ("take_profit", group.take_profit)):
        if given is not None:
            getattr(found, name)[at, columns] = given.reshape(-1)
    found.counts[at, columns] = True
