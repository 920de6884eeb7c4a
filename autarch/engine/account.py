"""Backtest all sleeves of one account together: what actually trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autarch.decisions import Decisions
from autarch.engine.costs import CostModel, MarginMode
from autarch.engine.result import Backtest, Table
from autarch.engine.run import backtest
from autarch.errors import ConfigError
from autarch.market.types import Floats, Market

_WEIGHT_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One strategy's part of an account: `weight` of its capital, in (0, 1], and what it decided."""

    name: str
    decisions: Decisions
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBacktest:
    """What the sleeves of one account would have earned together.

    Attributes:
        names: Sleeves, in order.
        sleeves: Each sleeve's own result, parallel to `names`; its capital is weight x account capital.
        symbols: Columns of `exposure`: the sleeves' symbols, sleeve by sleeve.
        capital: Quote the account starts with, what no sleeve has included.
        margin_mode: Whose margin liquidates: each position's (isolated) or the account's (cross).
        equity: (n,) at each close: capital no sleeve has + the sleeves' equities.
        exposure: (n, m) signed notional / account equity at each close; NaN while equity is not positive.
        drawdown: (n,) fraction below the highest account equity so far, the capital included.
        ruined_row: First row whose close left the account no equity; None if never.
    """

    names: tuple[str, ...]
    sleeves: tuple[Backtest, ...]
    symbols: tuple[str, ...]
    capital: float
    margin_mode: MarginMode
    equity: Floats
    exposure: Floats
    drawdown: Floats
    ruined_row: int | None

    @property
    def liquidations(self) -> tuple[Table, ...]:
        """Each sleeve's fills that the venue forced, parallel to `names`."""
        return tuple(sleeve.liquidations for sleeve in self.sleeves)

    def sleeve(self, name: str) -> Backtest:
        """Return the result of the sleeve `name`; KeyError when there is none."""
        if name not in self.names:
            raise KeyError(name)
        return self.sleeves[self.names.index(name)]


def backtest_account(
    market: Market, sleeves: Sequence[Sleeve], *, costs: CostModel, capital: float, margin_mode: MarginMode
) -> AccountBacktest:
    """Return what `sleeves` would have earned together on `market`, each sized from its own equity.

    Args:
        market: One split with every sleeve's symbols.
        sleeves: At least one; a symbol belongs to one of them.
        costs: Slippage assumptions; its `margin_mode` is replaced by the account's.
        capital: Quote the account starts with; a sleeve has weight x capital of it.
        margin_mode: The account's.

    Raises:
        ConfigError: no sleeve, a name or symbol twice, or weights that are not positive or exceed 1.
        StrategyError: as `backtest`.
        DataError: as `backtest`.
    """
    _check(sleeves)
    priced = replace(costs, margin_mode=margin_mode)
    results = tuple(backtest(market, s.decisions, costs=priced, capital=capital * s.weight) for s in sleeves)
    equity = np.full(market.n_bars, capital - sum(result.capital for result in results))
    for result in results:
        equity += result.equity
    notional = np.concatenate([r.exposure * r.equity[:, np.newaxis] for r in results], axis=1)
    peak = np.maximum.accumulate(np.maximum(equity, capital))
    ruined = np.flatnonzero(equity <= 0.0)
    return AccountBacktest(
        names=tuple(sleeve.name for sleeve in sleeves),
        sleeves=results,
        symbols=tuple(symbol for sleeve in sleeves for symbol in sleeve.decisions.symbols),
        capital=float(capital),
        margin_mode=margin_mode,
        equity=equity,
        exposure=np.where(equity[:, np.newaxis] > 0.0, notional / equity[:, np.newaxis], np.nan),
        drawdown=1.0 - equity / peak,
        ruined_row=int(ruined[0]) if ruined.size else None,
    )


def _check(sleeves: Sequence[Sleeve]) -> None:
    if not sleeves:
        raise ConfigError("the account has no sleeve; give it at least one strategy with a weight")
    for what, found in (
        ("sleeve", [sleeve.name for sleeve in sleeves]),
        ("symbol", [symbol for sleeve in sleeves for symbol in sleeve.decisions.symbols]),
    ):
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise ConfigError(f"{what} {', '.join(twice)} is in the account twice; a symbol belongs to one sleeve")
    weights = [sleeve.weight for sleeve in sleeves]
    if not (all(weight > 0.0 for weight in weights) and sum(weights) <= 1.0 + _WEIGHT_SLACK):
        raise ConfigError(f"the sleeves' weights are {weights}; each must be positive and their sum at most 1")
