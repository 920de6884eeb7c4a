"""Does the account earn what was promised? Live orders against the paper twin's, returns against the band. Pure.

Every band holds at all times at once: with probability 1 - ALPHA a process that keeps its promise never leaves it,
however often somebody looks. For a mean of n values with deviation at most s around the promised mean, it is

    s / n * sqrt((n + rho) * log((n + rho) / (rho * ALPHA^2)))

Source: the two-sided normal mixture of Robbins (1970), as in Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences" (2021), with rho chosen to be narrowest near n = TUNED.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autarch.engine import Backtest
from autarch.engine import layout as at

ALPHA: Final = 0.01
TUNED: Final = 60
SHORTFALL_DEVIATION_BP: Final = 25.0
"""Deviation of one order's price from the model's: the upper end of what a minute moves after a signal on 15 minute
bars of seven perpetuals (3 to 25 bp); what is traded faster or thinner shows itself by leaving the band."""
SHORTFALL_BIAS_BP: Final = 1.0
"""Mean that is nobody's fault: half a basis point was measured either way, twice that is allowed."""
MISSED_FRAC_MAX: Final = 0.02
_LEGS: Final = {at.CLOSE: "close", at.REDUCE: "reduce", at.ENTRY_FILL: "enter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrder:
    """All that filled of one leg of one symbol at one bar: signed coins, mean price, by the row it was meant for."""

    row: int
    symbol: str
    leg: str
    qty: float
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number beside what it may be; `n` values are behind it. Without limits it is shown and not judged."""

    name: str
    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None

    @property
    def drifts(self) -> bool:
        """Whether it lies outside."""
        return (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch live drift --json`."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "drifts": self.drifts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the evidence says of a day's return on train: mean and deviation, and the deepest drawdown."""

    mean: float
    deviation: float
    drawdown: float


def half_width(n: int, *, deviation: float, alpha: float = ALPHA) -> float:
    """Return the band around a promised mean that n values may not leave, at any time; infinite for none."""
    if n < 1:
        return math.inf
    rho = TUNED / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))
    return deviation / n * math.sqrt((n + rho) * math.log((n + rho) / (rho * alpha**2)))


def promise_of(metrics: Mapping[str, float | None]) -> Promise | None:
    """Return what a claim's train metrics promise, or None where they do not say enough.

    Mean = Sharpe ratio x volatility / 365, deviation = volatility / sqrt(365): both are of daily returns.
    """
    sharpe, volatility, drawdown = (metrics.get(name) for name in ("sharpe", "volatility", "max_drawdown"))
    if sharpe is None or volatility is None or drawdown is None or volatility <= 0.0:
        return None
    return Promise(mean=sharpe * volatility / 365, deviation=volatility / math.sqrt(365), drawdown=drawdown)


def against_twin(orders: Sequence[LiveOrder], twin: Backtest, *, first_row: int, last_row: int) -> tuple[Figure, ...]:
    """Return how live orders compare with the twin's of the same rows: price, missing ones, and ones too many.

    Args:
        orders: Live, on the twin's rows.
        twin: The backtest of the same decisions from the same equity.
        first_row: First row the two share.
        last_row: Last row whose open both have seen; later orders of the twin are not missing yet.
    """
    shared = [order for order in orders if first_row <= order.row <= last_row]
    ours = {(order.row, order.symbol, order.leg): order for order in shared}
    theirs = _twin_orders(twin, first_row, last_row)
    both = sorted(ours.keys() & theirs.keys())
    missing, extra = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
    costs = [_shortfall_bp(ours[key], theirs[key]) for key in both]
    mean = sum(costs) / len(costs) if costs else 0.0
    price_band = SHORTFALL_BIAS_BP + half_width(len(costs), deviation=SHORTFALL_DEVIATION_BP)
    asked = len(both) + len(missing)
    missed = len(missing) / asked if asked else 0.0
    return (
        _banded(
            "shortfall_bp", mean, "bp against the model's fill, mean; above 0 is worse", len(costs), 0.0, price_band
        ),
        Figure(
            name="missing_frac",
            value=missed,
            unit="of the twin's orders were not made",
            n=asked,
            high=_finite(MISSED_FRAC_MAX + half_width(asked, deviation=0.5)),  # a share's deviation is at most 1/2
        ),
        Figure(
            name="extra_orders",
            value=float(len(extra)),
            unit="orders the decisions do not lead to",
            n=len(ours),
            high=0.0,
        ),
    )


def against_promise(returns: Sequence[float], promise: Promise | None, *, drawdown: float) -> tuple[Figure, ...]:
    """Return how daily returns compare with what the evidence promised before the release was signed.

    Args:
        returns: Simple, one a whole UTC day.
        promise: None where the evidence is not at hand: then nothing is judged.
        drawdown: Live, fraction of peak.
    """
    n = len(returns)
    mean = sum(returns) / n if n else 0.0
    if promise is None:
        return (Figure(name="daily_return", value=mean, unit="mean of whole days", n=n),)
    width = half_width(n, deviation=promise.deviation)
    return (
        _banded("daily_return", mean, "mean of whole days", n, promise.mean, width),
        Figure(
            name="drawdown_frac",
            value=drawdown,
            unit="of peak equity; the limit is the deepest that was judged",
            n=n,
            high=promise.drawdown,
        ),
    )


def _banded(name: str, value: float, unit: str, n: int, middle: float, width: float) -> Figure:  # noqa: PLR0913, PLR0917  a table's row
    return Figure(name=name, value=value, unit=unit, n=n, low=_finite(middle - width), high=_finite(middle + width))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _twin_orders(twin: Backtest, first_row: int, last_row: int) -> dict[tuple[int, str, str], LiveOrder]:
    sums: dict[tuple[int, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for fill in twin.fills:
        row, kind = int(fill["row"]), float(fill["kind"])
        if kind in _LEGS and first_row <= row <= last_row:
            total = sums[row, twin.symbols[int(fill["symbol"])], _LEGS[kind]]
            total[0] += float(fill["qty"])
            total[1] += float(fill["qty"]) * float(fill["price"])
    return {
        (row, symbol, leg): LiveOrder(row=row, symbol=symbol, leg=leg, qty=qty, price=value / qty)
        for (row, symbol, leg), (qty, value) in sums.items()
        if qty != 0.0
    }


def _shortfall_bp(ours: LiveOrder, theirs: LiveOrder) -> float:
    """Return how much worse our mean price was than the twin's, in basis points of it."""
    side = 1.0 if theirs.qty > 0.0 else -1.0
    return side * (ours.price / theirs.price - 1.0) * 1e4
