"""What a proposal changes about behaviour on train: numbers, a small picture, and trades added, removed and moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.engine import Backtest
from autarch.evaluation.playing import Played
from autarch.market.types import Floats
from autarch.metrics import round_trips

BLOCKS: Final = "▁▂▃▄▅▆▇█"
POINTS: Final = 48
SHOWN: Final = (
    ("sharpe", "annual Sharpe, daily clock"),
    ("total_return", "total return"),
    ("max_drawdown", "largest drawdown"),
    ("turnover_per_day", "turnover a day"),
    ("mean_holding_hours", "hours held, mean"),
    ("time_in_market", "share of bars with a position"),
    ("fees", "fees, quote"),
    ("funding", "funding paid, quote"),
)
"""Metrics that a body sets beside the parent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChange:
    """Closed round trips of both: the same, entered or left elsewhere but overlapping, and in one of both alone."""

    same: int
    moved: int
    added: int
    removed: int


def trades_changed(before: Backtest, after: Backtest) -> TradeChange:
    """Return how the round trips of `after` differ from those of `before`, both of one market.

    The same: symbol, side, entry and exit row agree. Moved: of what is left, two of the same symbol and side whose time
    in the market overlaps, paired in order of entry. Added and removed: the rest.
    """
    old, new = _trips(before), _trips(after)
    common = set(old) & set(new)
    moved = 0
    for place in sorted({trip[:2] for trip in old}):
        left = [t for t in old if t[:2] == place and t not in common]
        arrived = [t for t in new if t[:2] == place and t not in common]
        moved += _overlapping(left, arrived)
    same = len(common)
    return TradeChange(same=same, moved=moved, added=len(new) - same - moved, removed=len(old) - same - moved)


def _overlapping(left: Sequence[tuple[int, int, int, int]], arrived: Sequence[tuple[int, int, int, int]]) -> int:
    """Return how many pairs overlap; trips of one symbol follow one another, so one walk along both finds them."""
    i = j = pairs = 0
    while i < len(left) and j < len(arrived):
        if left[i][3] <= arrived[j][2]:
            i += 1
        elif arrived[j][3] <= left[i][2]:
            j += 1
        else:
            pairs, i, j = pairs + 1, i + 1, j + 1
    return pairs


def sparkline(equity: Floats, *, points: int = POINTS) -> str:
    """Return an equity curve (n,) as `points` blocks between its lowest and its highest; empty for no bars."""
    if equity.size == 0:
        return ""
    taken = equity[np.linspace(0, equity.size - 1, min(points, equity.size)).astype(np.int64)]
    low, high = float(taken.min()), float(taken.max())
    if high <= low:
        return BLOCKS[0] * taken.size
    steps = np.minimum(((taken - low) / (high - low) * len(BLOCKS)).astype(np.int64), len(BLOCKS) - 1)
    return "".join(BLOCKS[step] for step in steps)


def change_text(after: Played, before: Played | None, *, called: str) -> str:
    """Return Markdown that sets a proposal beside `before`, which is `called` so; None: cash.

    On train, each with the bars it counts; what one of both does not have is a dash.
    """
    old: Mapping[str, float | None] = {} if before is None else before.metrics
    lines = [
        f"| on train | {called} | proposed |",
        "|---|---|---|",
        *(f"| {label} | {_number(old.get(key))} | {_number(after.metrics.get(key))} |" for key, label in SHOWN),
        "",
        f"equity, proposed `{sparkline(after.result.equity)}`",
    ]
    if before is None:
        trips = len(_trips(after.result))
        return "\n".join([*lines, "", f"Nothing stands in its place; it makes {trips} round trips."])
    lines.append(f"equity, {called} `{sparkline(before.result.equity)}`")
    if not _is_comparable(before, after):
        return "\n".join([*lines, "", "The two trade other symbols or bars, so their trades are not compared."])
    found = trades_changed(before.result, after.result)
    told = f"{found.added} added, {found.removed} removed, {found.moved} moved, {found.same} the same"
    return "\n".join([*lines, "", f"Round trips: {told}."])


def _is_comparable(before: Played, after: Played) -> bool:
    return (
        before.market.interval == after.market.interval
        and before.decisions.symbols == after.decisions.symbols
        and before.market.n_bars == after.market.n_bars
    )


def _trips(result: Backtest) -> list[tuple[int, int, int, int]]:
    """Return symbol, side, entry row and exit row of each closed trip, by entry."""
    found = round_trips(result.fills, result.funding)
    columns: Sequence[list[int]] = [found[name].tolist() for name in ("symbol", "side", "entry_row", "exit_row")]
    return sorted(zip(*columns, strict=True), key=lambda trip: (trip[2], trip[3], trip[0]))


def _number(value: float | None) -> str:
    return "-" if value is None else format(value, ",.4g" if abs(value) < 1000 else ",.0f")
