"""Ask one confined child for whole blocks under many parameter sets, each window sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation.blocks import Anchoring, Block
from autarch.evaluation.frames import Frames
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Bools, Floats, Ints
from autarch.sandbox.answers import Group
from autarch.sandbox.failure import StrategyRunError
from autarch.sandbox.session import Session, merge_params
from autarch.sandbox.worker import Worker

ParameterSet = Mapping[str, ParamValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlan:
    """Which windows of a market are asked about: each block once, with every target that counts there.

    `asked` ascends in time, so that a child never holds a later bar than it is asked about, nor, in whole
    blocks, a bar of a later block. `counts` (n_bars, n_symbols) marks the rows that are decided, `nothing`
    (likewise) is NaN: the distances of whoever gives none. It cannot be written. `partly` are the rows on which not
    every symbol is decided, `first_row` the first on which one is.
    """

    frames: Frames
    nothing: Floats
    asked: tuple[tuple[Block, tuple[str | None, ...]], ...]
    counts: Bools
    partly: Ints
    first_row: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the decisions."""
        return self.frames.n_bars, len(self.frames.manifest.symbols)


def plan_of(frames: Frames, *, anchor_shift: int = 0, history: int = 1) -> BlockPlan:
    """Return the plan for all blocks of `frames` that count; the arguments are those of `decide_blocks`."""
    targets: dict[Block, list[str | None]] = {}
    alike: dict[Anchoring, list[str | None]] = {}
    for target in frames.targets():
        alike.setdefault(frames.anchoring(target, anchor_shift=anchor_shift, history=history), []).append(target)
    for anchoring, sharing in alike.items():
        for block in anchoring.blocks():
            targets.setdefault(block, []).extend(sharing)
    symbols = frames.manifest.symbols
    counts = np.zeros((frames.n_bars, len(symbols)), dtype=np.bool_)
    partly = np.ones(frames.n_bars, dtype=np.bool_)
    for block, asked in targets.items():
        asked.sort(key=lambda target: 0 if target is None else symbols.index(target))
        counts[block.first : block.end, columns_of(asked, symbols)] = True
        partly[block.first : block.end] = len(asked) < len(frames.targets())
    ascending = sorted(targets, key=lambda block: block.first)
    return BlockPlan(
        frames=frames,
        nothing=np.broadcast_to(np.nan, counts.shape),
        asked=tuple((block, tuple(targets[block])) for block in ascending),
        counts=counts,
        partly=np.flatnonzero(partly),
        first_row=ascending[0].first if ascending else 0,
    )


def decide_sets(
    worker: Worker, source: StrategySource, plan: BlockPlan, params: Sequence[ParameterSet]
) -> list[Decisions | StrategyError]:
    """Return for each parameter set its decisions on every block of `plan`, or why it has none.

    One fresh child answers a window for every set before it sees the next. A set that raises or answers
    wrongly fails alone. Where the whole process ends, the sets it may have been the fault of are asked again
    one by one, each in a child of its own, and the others together.

    Where no set gave a distance, decisions hold the plan's `nothing`.

    Raises:
        SandboxError: a child could not be confined, or was killed from outside.
    """
    found: list[Decisions | StrategyError | None] = [_misfit(source, each) for each in params]
    fitting = [index for index, error in enumerate(found) if error is None]
    waiting = [fitting] if fitting else []
    while waiting:
        batch = waiting.pop()
        try:
            session = worker.session_of_sets(source, [params[index] for index in batch])
        except StrategyError as error:  # it does not load, whatever the parameters
            found = [error if index in batch else given for index, given in enumerate(found)]
            continue
        with session:
            answered, again = _ask_all(session, plan, n_sets=len(batch))
        for index, answer in zip(batch, answered, strict=True):
            found[index] = answer
        waiting += [[batch[place] for place in places] for places in again]
    return [each for each in found if each is not None]


def _ask_all(
    session: Session, plan: BlockPlan, *, n_sets: int
) -> tuple[Sequence[Decisions | StrategyError | None], list[list[int]]]:
    """Return what came of each set, and those to ask again, by those that share a child."""
    table, ended = Table(plan, n_sets), None
    session.expect(n_sets * sum(len(targets) for _, targets in plan.asked))
    try:
        asked = ((plan.frames.question(targets, block), block.keep) for block, targets in plan.asked)
        for place, places, sets, group in session.ask_each(asked):
            block, targets = plan.asked[place]
            table.put(block, targets[places], sets, group)
    except StrategyRunError as error:
        ended = error
    left = [place for place in range(n_sets) if place not in session.failed]
    if ended is None:
        return [session.failed.get(place) or table.decisions(place) for place in range(n_sets)], []
    if len(left) == 1:
        return [session.failed.get(place, ended) for place in range(n_sets)], []
    return [session.failed.get(place) for place in range(n_sets)], _apart(left, session)


def _apart(left: list[int], session: Session) -> list[list[int]]:
    """Return how the sets that are left are asked again after the process has ended under them."""
    if session.is_spent:  # nobody in particular: together they were too much for one child
        half = len(left) // 2
        return [left[half:], left[:half]]
    suspects = [place for place in left if place in session.awaited]
    others = [place for place in left if place not in session.awaited]
    return [*([place] for place in suspects), *([others] if others else [])]


class Table:
    """Answers of many sets, (n_sets, n_bars, n_symbols); distances only once one is given."""

    def __init__(self, plan: BlockPlan, n_sets: int) -> None:
        self._plan = plan
        self._exposure = np.empty((n_sets, *plan.shape))
        self._exposure[:, plan.partly] = 0.0
        self._distances: dict[str, Floats] = {}

    def put(self, block: Block, targets: tuple[str | None, ...], sets: tuple[int, ...], group: Group) -> None:
        """Write the answers of `sets` on `block`, of one target, or of several and a lone set."""
        columns = columns_of(targets, self._plan.frames.manifest.symbols)
        where = (_span(sets), slice(block.first, block.end), columns)
        self._exposure[where] = _laid_out(group.exposure, len(targets))
        for name, given in (("stop_loss", group.stop_loss), ("take_profit", group.take_profit)):
            if given is not None:
                if name not in self._distances:
                    self._distances[name] = np.full(self._exposure.shape, np.nan)
                self._distances[name][where] = _laid_out(given, len(targets))

    def decisions(self, place: int) -> Decisions:
        """Return one set's."""
        manifest = self._plan.frames.manifest
        stop, take = (self._distances.get(name) for name in ("stop_loss", "take_profit"))
        return Decisions(
            symbols=manifest.symbols,
            interval=manifest.interval,
            mode=manifest.mode,
            max_leverage=manifest.max_leverage,
            exposure=self._exposure[place],
            stop_loss=self._plan.nothing if stop is None else stop[place],
            take_profit=self._plan.nothing if take is None else take[place],
            counts=self._plan.counts,
        )


def columns_of(targets: Sequence[str | None], symbols: tuple[str, ...]) -> slice | list[int]:
    """Return the columns that `targets` decide, in manifest order; a panel all of them."""
    return (
        slice(None) if None in targets else _span([symbols.index(target) for target in targets if target is not None])
    )


def _span(places: Sequence[int]) -> slice | list[int]:
    """Return an index of ascending places: a slice where there are no holes, which is quick."""
    whole = places[-1] - places[0] + 1 == len(places)
    return slice(places[0], places[-1] + 1) if whole else list(places)


def _laid_out(given: Floats, n_targets: int) -> Floats:
    """Return answers (count, keep, columns) as sets, rows, columns: several targets are columns of one set."""
    return given if n_targets == 1 else given[:, :, 0].T[np.newaxis]


def _misfit(source: StrategySource, params: ParameterSet) -> StrategyError | None:
    try:
        merge_params(source.manifest.params, params)
    except StrategyError as error:
        return error
    return None
