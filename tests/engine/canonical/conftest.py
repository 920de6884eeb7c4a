"""Canonical cases: what happens bar by bar, in one table that a human can check with a pencil.

    bar             | decide        | happens                               | equity
    100             | +1 stop 2%    |                                       | 1000
    100 101 98 100  |               | entry +10 @ 100; stop_loss -10 @ 98   | 1000 - 10*2

One line is one bar. Columns, of which a table names those it needs, in any order:

- `bar`: open high low close, or one price for all four; `x` before it: the bar is not traded.
- `n`: how often the line is repeated; `turnover`: quote of the bar (1,000,000 unless given).
- `stamps`: minutes after the bar's open and a funding rate, `0m 1%; 7m -0.5%`, or a mark, `mark 0m 120`.
- `decide`: exposure (or coins) decided at the bar's close, then `stop 2%` and `take 5%` if any; an empty cell
  decides the same again, and zero before anything was decided.
- `happens`: everything that happens during the bar, in order, `;` between events:
  `KIND ±coins @ price` and, if wanted, `fee`, `slip`, `real` (realised) and `left` (position after) with a number;
  `funding payment` (and `mark`, `rate`), `skip REASON ±coins`. `3x` before an event: three times the same.
- `equity`, `drawdown`, `exposure`: at the bar's close; an empty cell is not looked at.

A column of one of several symbols carries its letter, `bar B`, and so does an event, `B entry +1 @ 50`.
Numbers may be sums, `1000 - 10*2`. Everything is free of charge, a tick is 0.1, a step 0.001 coins, the
capital 1,000 and the leverage 1 unless a case says otherwise. What is decided as exposure is played by the
referee too, and must come out the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from autarch.engine import (
    AccountBacktest,
    Backtest,
    CostModel,
    Sleeve,
    backtest,
    backtest_account,
    backtest_quantities,
)
from autarch.referee import disagreement, referee

from .table import differences, lines_of, marked, read, told
from .world import decisions_of, market_of, wanted_of


@dataclass(frozen=True)
class AccountPlayed:
    """What the engine made of the sleeves of an account, and where it differs from the table."""

    result: AccountBacktest
    differences: list[str]


@dataclass(frozen=True)
class Played:
    """What the engine made of a table, and where it differs from it."""

    result: Backtest
    differences: list[str]


@dataclass(frozen=True)
class Canon:
    """Plays tables. Keyword arguments are the contract's `terms` and what follows; `of` has terms by letter."""

    quantities: bool = False

    def coins(self) -> Canon:
        """Return the same for tables whose decisions are coins, not exposures."""
        return replace(self, quantities=True)

    def __call__(  # noqa: PLR0913  a case names everything it varies
        self,
        table: str,
        *,
        costs: tuple[float, float, float] = (0.0, 0.0, 0.0),
        stress: float = 1.0,
        capital: float = 1000.0,
        leverage: float = 1.0,
        mode: str = "panel",
        interval: str = "15m",
        trade: str | None = None,
        **terms: object,
    ) -> Played:
        """Play `table`; `costs` are half spread, k and cap in basis points; `trade` the letters that are traded."""
        letters, lines = read(table)
        market = market_of(lines, letters, interval, terms)
        chosen = letters if trade is None else trade
        half, k, cap = costs
        model = CostModel(half_spread_bps=half, impact_k=k, impact_cap_bps=cap).scaled(stress)
        exposures = decisions_of(lines, chosen, market, leverage=leverage, mode=mode)
        opinions: list[str] = []
        if self.quantities:
            coins = wanted_of(exposures)
            result = backtest_quantities(market, coins, costs=model, capital=capital)
        else:
            result = backtest(market, exposures, costs=model, capital=capital)
            second = disagreement(result, referee(market, exposures, costs=model, capital=capital))
            opinions = [] if second is None else [f"the referee: {second}"]
        return Played(result, [*differences(lines, chosen, result), *opinions])

    def account(
        self,
        table: str,
        weights: Mapping[str, float],
        *,
        margin_mode: str = "isolated",
        capital: float = 1000.0,
        leverage: float = 1.0,
        **terms: object,
    ) -> AccountPlayed:
        """Play the sleeves of one account: `weights` by the letters each sleeve trades, as a panel.

        The table's `equity`, `drawdown` and `exposure` are the account's; the events of one bar are compared
        sleeve by sleeve.
        """
        letters, lines = read(table)
        market = market_of(lines, letters, "15m", terms)
        sleeves = [
            Sleeve(name=own, decisions=decisions_of(lines, own, market, leverage=leverage), weight=weight)
            for own, weight in weights.items()
        ]
        free = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)
        result = backtest_account(market, sleeves, costs=free, capital=capital, margin_mode=margin_mode)
        found = list(marked(lines, "".join(weights), result))
        for own, sleeve in zip(weights, result.sleeves, strict=True):
            found += [f"sleeve {own}, {text}" for text in told(lines_of(lines, own, letters), sleeve)]
        return AccountPlayed(result, found)


@pytest.fixture(scope="session")
def canon() -> Canon:
    return Canon()
