"""Which rows are refereed when not all can be, and how a market is cut down to them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Final

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Ints, Market, SymbolSeries

_WINDOWS_MAX: Final = 8
_ROWS_MIN: Final = 96  # a window shorter than what depth is reckoned on would say little


def choose_windows(decisions: Decisions, *, bars: int, seed: bytes) -> tuple[range, ...]:
    """Return up to eight ranges of rows, ascending and apart, of at most `bars` bars of a symbol in all.

    The counting rows are parted evenly, one window to a part, laid so that a change of decision, drawn
    among the part's, stands a quarter into it: a window then holds fills, and the bars that follow
    hold what becomes of them. Where all rows fit, or parts would be no longer than their windows,
    there is one window; it ends at the last row.

    Args:
        decisions: Of all rows.
        bars: Bars of a symbol to spend, over all symbols.
        seed: What the draw depends on; the base commit, so that nobody can choose it.
    """
    n, m = decisions.exposure.shape
    first, rows = decisions.first_row(), max(1, bars // m)
    count = min(_WINDOWS_MAX, max(1, rows // _ROWS_MIN))
    length = rows // count
    edges = np.linspace(first, n, count + 1).astype(np.int64).tolist()
    if length >= min(b - a for a, b in itertools.pairwise(edges)):
        return (range(max(0, n - rows), n),)
    rng = np.random.default_rng(list(seed))
    changes = np.flatnonzero((np.diff(decisions.exposure, axis=0) != 0.0).any(axis=1)) + 1
    return tuple(_laid(changes, range(a, b), length, rng) for a, b in itertools.pairwise(edges))


def cut(market: Market, decisions: Decisions, rows: range) -> tuple[Market, Decisions]:
    """Return `rows` of both: a market that begins there, flat, and knows the marks from before.

    Turnover before the first row is gone too, so that depth is reckoned on what both engines see.
    """
    part = slice(rows.start, rows.stop)
    since, until = int(market.ts[rows.start]), int(market.ts[rows.stop - 1]) + market.interval_ms
    return (
        dataclasses.replace(
            market, ts=market.ts[part], series=tuple(_cut_series(s, part, since, until) for s in market.series)
        ),
        dataclasses.replace(
            decisions,
            exposure=decisions.exposure[part],
            stop_loss=decisions.stop_loss[part],
            take_profit=decisions.take_profit[part],
            counts=decisions.counts[part],
        ),
    )


def _laid(changes: Ints, part: range, length: int, rng: np.random.Generator) -> range:
    inside = changes[(changes >= part.start) & (changes < part.stop)]
    around = int(rng.choice(inside)) if inside.size else int(rng.integers(part.start, part.stop))
    start = min(max(around - length // 4, part.start), part.stop - length)
    return range(start, start + length)


def _cut_series(series: SymbolSeries, part: slice, since: int, until: int) -> SymbolSeries:
    stamps = slice(*np.searchsorted(series.funding_ms, (since, until)).tolist())
    return dataclasses.replace(
        series,
        open=series.open[part],
        high=series.high[part],
        low=series.low[part],
        close=series.close[part],
        volume=series.volume[part],
        turnover=series.turnover[part],
        traded=series.traded[part],
        first_row=max(0, series.first_row - part.start),
        funding_ms=series.funding_ms[stamps],
        funding_rate=series.funding_rate[stamps],
    )
