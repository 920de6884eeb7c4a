"""What a strategy that sees the future leaves behind: an answer that changes when the future does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Floats, Ints, Market
from ci.checks.asking import NAMES, same, when


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """One answer that differs: at a row and column of decisions, in block form and asked another way (`how`)."""

    row: int
    column: int
    name: str
    in_block: float
    asked_again: float
    how: str


def find_peeks(decisions: Decisions, group: tuple[int, ...], rows: Ints, again: Floats, *, how: str) -> list[Peek]:
    """Return where `again` differs from the decisions at `rows`, one peek a row and column at most.

    Args:
        decisions: Block form.
        group: Columns of decisions that `again` speaks of.
        rows: (k,) rows of the market.
        again: (3, k, len(group)): exposure, stop-loss, take-profit.
        how: In what way the strategy was asked again, for the reader.
    """
    block = np.stack([getattr(decisions, name)[rows][:, list(group)] for name in NAMES])
    apart = ~same(block, again)
    found = []
    for index, position in zip(*np.nonzero(apart.any(axis=0)), strict=True):
        kind = int(np.argmax(apart[:, index, position]))
        found.append(
            Peek(
                row=int(rows[index]),
                column=group[int(position)],
                name=NAMES[kind],
                in_block=float(block[kind, index, position]),
                asked_again=float(again[kind, index, position]),
                how=how,
            )
        )
    return found


def describe_first(peeks: Sequence[Peek], market: Market, symbols: Sequence[str]) -> str:
    """Return the sentence for the earliest peek, with the cure."""
    first = min(peeks, key=lambda peek: (peek.row, peek.column))
    return (
        f"{first.name} of {symbols[first.column]} at {when(market, first.row)} is {first.in_block!r} when later bars "
        f"are there and {first.asked_again!r} {first.how}; a decision may use its own bar and earlier ones only: "
        "look for shift(-n), centred windows, whole-series statistics, or state kept between calls"
    )
