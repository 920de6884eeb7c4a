"""Backtest decisions, or wanted quantities, on a market: check, play, name what came out."""

from __future__ import annotations

from dataclasses import dataclass

from autarch.decisions import Decisions
from autarch.engine.costs import CostModel
from autarch.engine.prepared import prepare
from autarch.engine.result import Backtest
from autarch.engine.soundness import check_quantities
from autarch.market.types import Floats, Market


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedQuantities:
    """Wanted positions in signed coins instead of exposures, each array (n_bars, n_symbols).

    For callers that size by themselves; everything else is as for `Decisions`. Distances may be one row
    (1, n_symbols) that stands for every bar; None means none on any bar.
    """

    symbols: tuple[str, ...]
    interval: str
    max_leverage: float
    qty: Floats
    stop_loss: Floats | None
    take_profit: Floats | None


def backtest(market: Market, decisions: Decisions, *, costs: CostModel, capital: float) -> Backtest:
    """Return what `decisions` would have earned on `market`, by the rules of `autarch.engine.state`.

    Args:
        market: One split; it may hold more symbols than are decided on.
        decisions: Exposures and distances on the market's rows.
        costs: Slippage and margin assumptions; fees come from the instruments.
        capital: Quote the sleeve starts with.

    Raises:
        StrategyError: an exposure is NaN or beyond max_leverage, or a distance outside (0, 1).
        DataError: a symbol is missing, the rows do not match, or the capital is not positive.
        ConfigError: an instrument cannot be traded.
    """
    prepared = prepare(
        market,
        decisions.symbols,
        interval=decisions.interval,
        costs=costs,
        max_leverage=decisions.max_leverage,
        mode=decisions.mode,
    )
    return prepared.play(decisions, capital=capital)


def backtest_quantities(market: Market, wanted: WantedQuantities, *, costs: CostModel, capital: float) -> Backtest:
    """Return what holding the wanted quantities would have earned; as `backtest` but for the sizing.

    Raises:
        StrategyError: a quantity is not finite, or a distance outside (0, 1).
        DataError: as `backtest`.
        ConfigError: as `backtest`.
    """
    prepared = prepare(
        market,
        wanted.symbols,
        interval=wanted.interval,
        costs=costs,
        max_leverage=wanted.max_leverage,
        mode="panel",
    )
    wish = prepared.wish(wanted.qty, wanted.stop_loss, wanted.take_profit, in_coins=True)
    check_quantities(wish)
    return prepared.result(prepared.run(wish, capital=capital), capital=capital)
