"""Small things every check needs that asks a strategy twice: when two answers agree, and where a row is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.market.types import Bools, Floats, Market
from autarch.sandbox.failure import StrategyRunError
from autarch.sandbox.values import TargetRows

NAMES = ("exposure", "stop_loss", "take_profit")
"""What an answer consists of, in the order of the first axis of stacked answers."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def groups_of(decisions: Decisions) -> tuple[tuple[int, ...], ...]:
    """Return the columns that one call of `decide` answers: one symbol each, or the whole panel."""
    n_symbols = len(decisions.symbols)
    return (tuple(range(n_symbols)),) if decisions.mode == "panel" else tuple((c,) for c in range(n_symbols))


def stacked(answer: TargetRows) -> Floats:
    """Return an answer as (3, k, n_columns)."""
    arrays = (answer.exposure, answer.stop_loss, answer.take_profit)
    return np.stack([array.reshape(array.shape[0], -1) for array in arrays])


def same(left: Floats, right: Floats) -> Bools:
    """Return where two arrays of answers agree exactly; a distance that is absent on both sides agrees."""
    equal: Bools = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal


def when(market: Market, row: int) -> str:
    """Return `train row 812, 2024-03-01T12:15Z`: the bar by its open."""
    stamp = _EPOCH + timedelta(milliseconds=int(market.ts[row]))
    return f"{market.split} row {row}, {stamp:%Y-%m-%dT%H:%MZ}"


def retold(error: StrategyError, *, asked: str, cure: str = "") -> StrategyError:
    """Return `error` with what was asked before its text; whether another machine may find otherwise stays known."""
    text = f"{asked}: {error}" + (f"; {cure}" if cure else "")
    if isinstance(error, StrategyRunError):
        return StrategyRunError(text, error.cause, error.line)
    return StrategyError(text)
