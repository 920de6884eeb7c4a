"""The arithmetic of anchored evaluation: which rows a decision may see. Pure.

Bars are numbered from the epoch (ts // interval). Blocks of `block` bars begin at multiples of it. The
decisions of a block are made on its own bars and the `warmup` before it, so the history behind a decision
depends on its bar alone, whoever asks and whenever.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of a series: window [start, end), of which [first, end) are the block's decisions."""

    start: int
    first: int
    end: int

    @property
    def keep(self) -> int:
        """Decisions of this block that are inside the series."""
        return self.end - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """How one series is cut into blocks, and which of its rows count.

    A block counts when its whole warm-up and its first bar are real rows. Rows in no block are flat.

    Attributes:
        first_bar: Bar number of row 0.
        n_bars: Rows of the series.
        block: Bars in a block, at least 1.
        warmup: Bars of history before a block.
        first_row: First real row, the latest over all symbols involved.
        shift: Moves every block's beginning by this many bars; zero in production.
    """

    first_bar: int
    n_bars: int
    block: int
    warmup: int
    first_row: int = 0
    shift: int = 0

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks that count, in ascending order; the last may be cut by the series' end."""
        offset = (self.shift - self.first_bar) % self.block  # the first row that begins a block
        return tuple(
            Block(start=first - self.warmup, first=first, end=min(first + self.block, self.n_bars))
            for first in range(offset, self.n_bars, self.block)
            if first - self.warmup >= self.first_row
        )

    def prefix(self, row: int) -> Block | None:
        """Return the window of the decision at `row`, ending with it; None when that row does not count."""
        first = row - (self.first_bar + row - self.shift) % self.block
        if not 0 <= row < self.n_bars or first < 0 or first - self.warmup < self.first_row:
            return None
        return Block(start=first - self.warmup, first=first, end=row + 1)
