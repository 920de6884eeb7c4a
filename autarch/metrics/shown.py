"""How each metric is grouped, named and written for eyes; machines read the plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Unit = Literal["fraction", "ratio", "quote", "days", "hours", "count", "times", "times a day"]

GROUPS: Final[tuple[tuple[str, Mapping[str, tuple[str, Unit]]], ...]] = (
    (
        "Return",
        {
            "total_return": ("total return", "fraction"),
            "annual_return": ("return a year", "fraction"),
            "buy_and_hold_return": ("buy and hold", "fraction"),
            "excess_return": ("over buy and hold", "fraction"),
            "final_equity": ("final equity", "quote"),
            "days": ("days counted", "days"),
        },
    ),
    (
        "Risk",
        {
            "volatility": ("volatility a year", "fraction"),
            "max_drawdown": ("deepest drawdown", "fraction"),
            "max_drawdown_days": ("longest drawdown", "days"),
            "worst_day": ("worst day", "fraction"),
            "expected_shortfall_95": ("expected shortfall 95", "fraction"),
            "expected_shortfall_99": ("expected shortfall 99", "fraction"),
            "min_liquidation_gap": ("nearest liquidation", "fraction"),
            "liquidations": ("liquidations", "count"),
            "ruined": ("ruined (1: yes)", "count"),
        },
    ),
    (
        "Ratios, daily returns",
        {
            "sharpe": ("Sharpe", "ratio"),
            "buy_and_hold_sharpe": ("Sharpe, buy and hold", "ratio"),
            "sortino": ("Sortino", "ratio"),
            "calmar": ("Calmar", "ratio"),
            "beta": ("beta to buy and hold", "ratio"),
            "skew": ("skew", "ratio"),
            "kurtosis": ("kurtosis (normal 3)", "ratio"),
        },
    ),
    (
        "Trades",
        {
            "n_fills": ("fills", "count"),
            "n_skipped": ("orders skipped", "count"),
            "round_trips": ("round trips", "count"),
            "independent_bets": ("independent bets", "count"),
            "hit_rate": ("hit rate", "fraction"),
            "profit_factor": ("profit factor", "ratio"),
            "average_trade": ("average trade", "quote"),
            "mean_holding_hours": ("mean holding", "hours"),
        },
    ),
    (
        "Exposure and size",
        {
            "time_in_market": ("time in market", "fraction"),
            "mean_exposure": ("mean exposure", "times"),
            "max_exposure": ("largest exposure", "times"),
            "turnover_per_day": ("turnover", "times a day"),
            "max_participation": ("largest share of a bar", "fraction"),
            "capacity_participation": ("capacity, 10 % of a bar", "quote"),
            "capacity_impact": ("capacity, impact = profit", "quote"),
        },
    ),
    (
        "Costs paid",
        {
            "fees": ("fees", "quote"),
            "slippage": ("slippage", "quote"),
            "funding": ("funding (- received)", "quote"),
        },
    ),
)
"""Title -> metric -> (label, unit), in reading order."""

_KNOWN: Final = {name: known for _, rows in GROUPS for name, known in rows.items()}
_SUFFIX: Final[dict[Unit, str]] = {
    "fraction": " %",
    "ratio": "",
    "quote": " USDT",
    "days": " days",
    "hours": " h",
    "count": "",
    "times": " x",
    "times a day": " x a day",
}
UNDEFINED: Final = "not defined"


def grouped(metrics: Mapping[str, float | None]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return (title, names) of the metrics there are, in reading order; what nobody placed comes last."""
    parts = [(title, tuple(name for name in rows if name in metrics)) for title, rows in GROUPS]
    parts.append(("Other", tuple(name for name in metrics if name not in _KNOWN)))
    return tuple((title, names) for title, names in parts if names)


def label(name: str) -> str:
    """Return the words for a metric, its own name when it has none."""
    return _KNOWN[name][0] if name in _KNOWN else name.replace("_", " ")


def shown(name: str, value: float | None) -> str:
    """Return the value with its unit: fractions as per cent, quote whole from 1,000 on, ratios to two decimals."""
    if value is None:
        return UNDEFINED
    unit: Unit = _KNOWN[name][1] if name in _KNOWN else "ratio"
    return f"{_digits(value, unit)}{_SUFFIX[unit]}"


def _digits(value: float, unit: Unit) -> str:
    if unit == "fraction":
        value *= 100.0
    if unit == "count" or (unit == "quote" and abs(value) >= 1_000.0):
        text = f"{value:,.0f}"
    elif abs(value) >= 1e6 or 0.0 < abs(value) < 0.005:
        text = f"{value:.3g}"
    else:
        text = f"{value:,.2f}"
    return "0" if text in {"-0", "-0.00"} else text
