"""Answer blocks again with their future replaced by nonsense: nothing before the cut may move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import Block, Frames
from autarch.market.types import Bools, Floats
from autarch.sandbox.session import Session
from autarch.sandbox.values import Window
from ci.checks.asking import groups_of, retold, stacked
from ci.checks.busy import require_its_own
from ci.checks.peeks import Peek, find_peeks
from ci.context import Evaluated

OPEN, HIGH, LOW, CLOSE, VOLUME, TURNOVER, FUNDING = range(7)
"""Rows of a window that are replaced. The schedule and the calendar after them are known ahead and stay."""

Poison = Callable[[Floats, np.random.Generator], None]
"""Replaces, in place, rows OPEN to FUNDING of the bars given: (n_columns, n)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisoned:
    """What came of it. Raising on NaN is counted and forgiven: bars are never NaN in life."""

    blocks: int
    raised_on_nan: int
    peeks: tuple[Peek, ...]


def noise(bars: Floats, rng: np.random.Generator) -> None:
    """Continue from the first price as a random walk of 1 % a bar, with wild volume and funding."""
    n = bars.shape[1]
    close = bars[CLOSE, 0] * np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    start = np.concatenate([bars[OPEN, :1], close[:-1]])
    bars[OPEN], bars[CLOSE] = start, close
    bars[HIGH] = np.maximum(start, close) * (1.0 + rng.uniform(0.0, 0.01, n))
    bars[LOW] = np.minimum(start, close) * (1.0 - rng.uniform(0.0, 0.01, n))
    bars[VOLUME] = bars[VOLUME].mean() * rng.exponential(3.0, n)
    bars[TURNOVER] = bars[VOLUME] * (bars[HIGH] + bars[LOW] + bars[CLOSE]) / 3.0
    bars[FUNDING] = rng.normal(0.0, 0.001, n)


def spikes(bars: Floats, rng: np.random.Generator) -> None:
    """Leave most bars alone and move one in ten by a factor of up to five, either way."""
    hit: Bools = np.asarray(rng.random(bars.shape[1]) < 0.1)
    hit[0] = True
    factor = np.where(hit, np.exp(rng.uniform(-np.log(5.0), np.log(5.0), bars.shape[1])), 1.0)
    bars[OPEN : CLOSE + 1] *= factor
    bars[TURNOVER] *= factor


def absence(bars: Floats, rng: np.random.Generator) -> None:
    """Make every price, volume and rate NaN."""
    del rng
    bars[OPEN : FUNDING + 1] = np.nan


CURE = "what decide() answers must hold for any bars, these too: bound it, e.g. np.clip(stop, 0.005, 0.5)"

KINDS: dict[str, Poison] = {"noise": noise, "spikes": spikes, "NaN": absence}


def ask_poisoned(evaluated: Evaluated, decisions: Decisions, frames: Frames, *, n_blocks: int) -> Poisoned:
    """Ask about up to `n_blocks` blocks in all, spread over groups and kinds of poison.

    Every block may be drawn; within one child windows never overlap, since it keeps the bars it was shown.

    Raises:
        StrategyError: `decide` failed on noise or spikes, which are bars like any other.
    """
    rng = np.random.default_rng([*evaluated.seed, len(KINDS)])
    groups = groups_of(decisions)
    share = max(1, n_blocks // (len(groups) * len(KINDS)))
    asked, raised, peeks = 0, 0, []
    for group in groups:
        for kind in KINDS:
            outcome = _Series(evaluated=evaluated, decisions=decisions, frames=frames, group=group, kind=kind, rng=rng)
            outcome.ask(share)
            asked, raised = asked + outcome.blocks, raised + outcome.raised
            peeks += outcome.peeks
    return Poisoned(blocks=asked, raised_on_nan=raised, peeks=tuple(peeks))


@dataclass(kw_only=True)
class _Series:
    """One kind of poison for one group of columns: one session while it lives, reopened after a raise on NaN."""

    evaluated: Evaluated
    decisions: Decisions
    frames: Frames
    group: tuple[int, ...]
    kind: str
    rng: np.random.Generator
    blocks: int = 0
    raised: int = 0
    peeks: list[Peek] = field(default_factory=list)
    _session: Session | None = None

    def ask(self, budget: int) -> None:
        blocks = [block for block in self.frames.anchoring(self._target).blocks() if block.keep > 2]
        for offset in self.rng.permutation(_overlapping(blocks)):
            spans = _apart(blocks[offset:])
            chosen = sorted(self.rng.choice(len(spans), size=min(budget, len(spans)), replace=False))
            budget -= len(chosen)
            try:
                for index in chosen:
                    self._ask_block(spans[index])
            finally:
                self._close()

    @property
    def _target(self) -> str | None:
        return None if self.decisions.mode == "panel" else self.decisions.symbols[self.group[0]]

    def _ask_block(self, block: Block) -> None:
        cut = int(self.rng.integers(block.first, block.end - 1))  # the last bar before the poison
        window = self._poisoned(self.frames.window(self._target, block), cut + 1 - block.start)
        self.blocks += 1
        try:
            answered = stacked(self._open().decide(window, keep=block.keep))
        except StrategyError as error:
            self._close()
            require_its_own(error)
            if self.kind != "NaN":
                raise retold(error, asked=f"with later bars replaced by {self.kind}", cure=CURE) from error
            self.raised += 1
            return
        rows = np.arange(block.first, cut + 1)
        how = f"when bars from row {cut + 1} on are replaced by {self.kind}"
        self.peeks += find_peeks(self.decisions, self.group, rows, answered[:, : rows.size], how=how)

    def _poisoned(self, window: Window, position: int) -> Window:
        columns = {}
        for symbol, rows in window.columns.items():
            changed = rows.copy()
            KINDS[self.kind](changed[:, position:], self.rng)
            columns[symbol] = changed
        return Window(target=window.target, first_bar=window.first_bar, columns=columns)

    def _open(self) -> Session:
        if self._session is None:
            self._session = self.evaluated.main.session(self.evaluated.source)
        return self._session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _overlapping(blocks: list[Block]) -> int:
    """Return how many of the first blocks have windows that overlap the first one's, itself included."""
    return sum(block.start < blocks[0].end for block in blocks)


def _apart(blocks: list[Block]) -> list[Block]:
    """Return the first block and each later one whose window begins after the last chosen one's end."""
    chosen = blocks[:1]
    for block in blocks[1:]:
        if block.start >= chosen[-1].end:
            chosen.append(block)
    return chosen
