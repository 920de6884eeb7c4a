"""The backtest engine: rules of one bar, state across bars, the kernel that plays them."""

from autarch.engine.account import AccountBacktest, Sleeve, backtest_account
from autarch.engine.costs import CostModel
from autarch.engine.result import Backtest, Totals
from autarch.engine.run import WantedQuantities, backtest, backtest_quantities

__all__ = [
    "AccountBacktest",
    "Backtest",
    "CostModel",
    "Sleeve",
    "Totals",
    "WantedQuantities",
    "backtest",
    "backtest_account",
    "backtest_quantities",
]
