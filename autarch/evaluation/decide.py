"""Ask a confined strategy about a market: whole blocks, or single bars in prefix form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError, UsageError
from autarch.evaluation.blocks import Block
from autarch.evaluation.frames import Frames, Transform, frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Market
from autarch.sandbox.values import TargetRows
from autarch.sandbox.worker import Worker

_NAMES = ("exposure", "stop_loss", "take_profit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One decision to ask for in prefix form. `symbol_index` is the manifest's column; 0 for a panel."""

    symbol_index: int
    row: int


def decide_blocks(  # noqa: PLR0913  all but three are named at the call
    worker: Worker,
    source: StrategySource,
    market: Market,
    *,
    params: Mapping[str, ParamValue] | None = None,
    anchor_shift: int = 0,
    history: int = 1,
    transform: Transform | None = None,
) -> Decisions:
    """Return the decisions of every counting block, from one fresh child.

    Args:
        worker: Where the strategy runs.
        source: The strategy.
        market: Any split; every symbol of the manifest and its context, at its interval.
        params: Values that replace the manifest's.
        anchor_shift: Moves the blocks by this many bars; for checks.
        history: Multiplies the warm-up; for checks.
        transform: Changes each symbol's columns before any is shown; for checks.

    Raises:
        StrategyError: the strategy failed; the text says how and where.
        UsageError: the market does not fit the manifest.
        SandboxError: it could not be confined, or its process was killed from outside.
    """
    frames = frames_of(source.manifest, market, transform=transform)
    plan = plan_of(frames, anchor_shift=anchor_shift, history=history)
    (found,) = decide_sets(worker, source, plan, [params or {}])
    if isinstance(found, StrategyError):
        raise found
    stop, take = (
        np.full(plan.shape, np.nan) if given is plan.nothing else given
        for given in (found.stop_loss, found.take_profit)
    )
    return replace(found, stop_loss=stop, take_profit=take)  # whoever asks for one set owns its arrays


def decide_at(  # noqa: PLR0913  all but four are named at the call
    worker: Worker,
    source: StrategySource,
    market: Market,
    cuts: Sequence[Cut],
    *,
    params: Mapping[str, ParamValue] | None = None,
    transform: Transform | None = None,
) -> TargetRows:
    """Return one decision for each cut, each made on a window that ends with the cut's bar.

    One fresh child answers all in ascending order of bars, so it never holds a later bar than it is
    asked about. Answers come in the order of `cuts`: arrays (n_cuts,), or (n_cuts, n_symbols) for a panel.

    Raises:
        StrategyError, SandboxError: as `decide_blocks`.
        UsageError: a cut names no symbol, or a bar that does not count.
    """
    frames = frames_of(source.manifest, market, transform=transform)
    blocks = [_block_of(frames, cut) for cut in cuts]
    width = (len(source.manifest.symbols),) if source.manifest.mode == "panel" else ()
    found = {name: np.full((len(cuts), *width), np.nan) for name in _NAMES}
    order = sorted(range(len(cuts)), key=lambda i: (cuts[i].row, cuts[i].symbol_index))
    with worker.session(source, params) as session:
        session.expect(len(cuts))
        asked = ((frames.question((frames.targets()[cuts[i].symbol_index],), blocks[i]), 1) for i in order)
        for place, _, _, group in session.ask_each(asked):
            for name, given in zip(_NAMES, (group.exposure, group.stop_loss, group.take_profit), strict=True):
                if given is not None:
                    found[name][order[place]] = given.reshape(-1) if width else given.item()
    return TargetRows(**found)


def _block_of(frames: Frames, cut: Cut) -> Block:
    targets = frames.targets()
    if not (0 <= cut.symbol_index < len(targets) and 0 <= cut.row < frames.n_bars):
        raise UsageError(f"{cut} is outside {len(targets)} columns and {frames.n_bars} rows")
    block = frames.anchoring(targets[cut.symbol_index]).prefix(cut.row)
    if block is None:
        raise UsageError(
            f"row {cut.row} of {targets[cut.symbol_index] or 'the panel'} does not count: no whole warm-up"
        )
    return block
