"""A market as a strategy may see it: one array of columns a symbol, and which rows are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from autarch.errors import UsageError
from autarch.evaluation.blocks import Anchoring, Block
from autarch.manifest import Manifest
from autarch.market.bars import bar_columns
from autarch.market.types import Floats, Market
from autarch.sandbox.protocol import WINDOW_COLUMNS
from autarch.sandbox.values import Question, Window

Transform = Callable[[str, Floats], Floats]
"""symbol, (len(WINDOW_COLUMNS), n_bars) -> the same shape: what a check shows instead, as a poisoned future."""

_AS_STORED = ("open", "high", "low", "close", "volume", "turnover")
"""Columns that a market holds as a strategy sees them; the others are worked out."""


class SymbolColumns(Mapping[str, Floats]):
    """All columns of each symbol as one array (len(WINDOW_COLUMNS), n_bars), or one column; made when asked for."""

    def __init__(self, market: Market, symbols: tuple[str, ...], *, transform: Transform | None) -> None:
        self._market, self._symbols, self._transform = market, symbols, transform
        self._whole: dict[str, Floats] = {}

    def __getitem__(self, symbol: str) -> Floats:
        if symbol not in self._symbols:
            raise KeyError(symbol)
        if symbol not in self._whole:
            columns = window_columns(self._market, symbol)
            self._whole[symbol] = columns if self._transform is None else self._transform(symbol, columns)
        return self._whole[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)

    def column(self, symbol: str, name: str) -> Floats:
        """Return one column (n_bars,), the same bytes as its row of the whole array."""
        if self._transform is None and name in _AS_STORED:
            stored: Floats = getattr(self._market.of(symbol), name)
            return stored
        row: Floats = self[symbol][WINDOW_COLUMNS.index(name)]
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Columns by symbol, each (len(WINDOW_COLUMNS), n_bars), on one grid whose row 0 is bar `first_bar`."""

    manifest: Manifest
    columns: SymbolColumns
    first_rows: Mapping[str, int]
    first_bar: int
    n_bars: int

    def targets(self) -> tuple[str | None, ...]:
        """Return what one decide call may be asked about: each symbol, or None for the whole panel."""
        return (None,) if self.manifest.mode == "panel" else self.manifest.symbols

    def involved(self, target: str | None) -> tuple[str, ...]:
        """Return the symbols whose bars a decision on `target` sees."""
        shown = self.manifest.symbols if target is None else (target,)
        return (*shown, *self.manifest.context)

    def anchoring(self, target: str | None, *, anchor_shift: int = 0, history: int = 1) -> Anchoring:
        """Return how the series of `target` is cut; `history` multiplies the warm-up."""
        return Anchoring(
            first_bar=self.first_bar,
            n_bars=self.n_bars,
            block=self.manifest.block,
            warmup=history * self.manifest.warmup,
            first_row=max(self.first_rows[symbol] for symbol in self.involved(target)),
            shift=anchor_shift,
        )

    def window(self, target: str | None, block: Block) -> Window:
        """Return the bars of `block`'s window as views."""
        return Window(
            target=target,
            first_bar=self.first_bar + block.start,
            columns={s: self.columns[s][:, block.start : block.end] for s in self.involved(target)},
        )

    def question(self, targets: tuple[str | None, ...], block: Block) -> Question:
        """Return the same bars for several targets at once, column by column."""
        rows = slice(block.start, block.end)
        return Question(
            targets=targets,
            first_bar=self.first_bar + block.start,
            n_rows=block.end - block.start,
            column=lambda symbol, name: self.columns.column(symbol, name)[rows],
        )


def window_columns(market: Market, symbol: str) -> Floats:
    """Return what a strategy may see of every row of `symbol`, (len(WINDOW_COLUMNS), n_bars)."""
    columns = bar_columns(market, symbol)
    return np.stack([getattr(columns, name) for name in WINDOW_COLUMNS])


def frames_of(manifest: Manifest, market: Market, *, transform: Transform | None = None) -> Frames:
    """Return `market` as a strategy with `manifest` sees it.

    Raises:
        UsageError: the market has another interval or lacks a symbol.
    """
    named = (*manifest.symbols, *manifest.context)
    lacking = [symbol for symbol in named if symbol not in market.symbols]
    if lacking or market.interval != manifest.interval:
        raise UsageError(
            f"{manifest.name} reads {', '.join(named)} at {manifest.interval}; this market has "
            f"{', '.join(market.symbols)} at {market.interval}. Load it with the manifest's symbols and interval"
        )
    return Frames(
        manifest=manifest,
        columns=SymbolColumns(market, named, transform=transform),
        first_rows={symbol: market.of(symbol).first_row for symbol in named},
        first_bar=int(market.ts[0]) // market.interval_ms if market.n_bars else 0,
        n_bars=market.n_bars,
    )
