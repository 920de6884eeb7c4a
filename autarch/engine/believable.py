"""Whether a market's numbers can be traded on at all: one compiled look, and a slow one that names the row.

A loader refuses such rows; this is for markets that no loader made, and it is the last look before money is
reckoned: a NaN would pass every comparison of a stop unnoticed.
"""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from autarch.engine.jit import compiled
from autarch.errors import DataError
from autarch.market.types import Floats, SymbolSeries

_CURE = "A data set is checked by: autarch data verify"


def check_series(series: SymbolSeries) -> None:
    """Refuse bars, marks and rates that are no market's.

    Raises:
        DataError: a price that is not finite and above zero, a high below or a low above another price of
            its bar, a turnover that is not finite or below zero, a mark price or a rate that is no number.
    """
    columns = [np.require(getattr(series, name), np.float64, ["C", "W", "A"]) for name in _COLUMNS]
    if not are_bars(*columns):
        _refuse_row(series.symbol, columns)
    for what, values in (("mark price", series.mark_close), ("funding rate", series.funding_rate)):
        wrong = ~np.isfinite(values) | ((values <= 0.0) & (what == "mark price"))
        if wrong.any():
            place = int(np.argmax(wrong))
            raise DataError(f"{series.symbol}: {what} {place} is {values[place]}. {_CURE}")


_COLUMNS = ("open", "high", "low", "close", "turnover")


@compiled
def are_bars(open_: Floats, high: Floats, low: Floats, close: Floats, turnover: Floats) -> bool:
    """Return whether every bar is finite, above zero, in order, with a turnover of zero or more; NaN fails."""
    sound = True
    for i in range(close.size):
        sound &= (low[i] > 0.0) & (high[i] < math.inf) & (turnover[i] >= 0.0) & (turnover[i] < math.inf)
        sound &= (low[i] <= open_[i]) & (low[i] <= close[i]) & (open_[i] <= high[i]) & (close[i] <= high[i])
    return sound


def _refuse_row(symbol: str, columns: list[Floats]) -> NoReturn:
    row = next(i for i in range(columns[0].size) if not are_bars(*(column[i : i + 1] for column in columns)))
    found = ", ".join(f"{name} {column[row]}" for name, column in zip(_COLUMNS, columns, strict=True))
    raise DataError(
        f"{symbol} row {row}: {found}; prices must be finite, above zero and between low and high, turnover finite "
        f"and zero or more. {_CURE}"
    )
