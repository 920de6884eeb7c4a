"""Readers by rule: one sees the first screen's words and nothing else, the others a bare table of metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from ci.calibration.cases import Case

Metrics = Mapping[str, float | None]
Said = tuple[str, str | None]


def number(text: str, pattern: str) -> float:
    """Return what a pattern's group reads in a line, NaN where the line does not say."""
    found = re.search(pattern, text)
    return float(found.group(1).replace(",", "")) if found else math.nan


def of_screen(lines: Mapping[str, str]) -> Said:
    """Decide as a reader with a list of things to look for would; the first that is amiss is named."""
    earned, holds, book = (lines.get(label, "") for label in ("Earned", "Holds up", "My book"))
    sharpe, annual = number(earned, r"(-?[\d.]+) Sharpe"), number(earned, r"(-?[\d.,]+) % a year")
    was, now = (
        number(lines.get("Beside", ""), rf"in its place: Sharpe {p}") for p in (r"(-?[\d.]+)", r"\S+ -> (-?[\d.]+)")
    )
    amiss = {
        "by_heart": min(
            number(holds, r"(-?[\d.]+) with its numbers off"), number(holds, r"(-?[\d.]+) on bars off")
        ) < 0.6 * sharpe,
        "copy": number(book, r"on ([\d.]+) % of bars") >= 95.0,
        "worse": now < was - 0.1,
        "capacity": number(lines.get("Costs", ""), r"the largest ([\d.e+-]+) % of its bar") > 10.0,
        "ruin": number(earned, r"would take ([\d.]+) %") > 30.0,
        "costs": number(holds, r"(-?[\d.]+) at doubled costs") < 0.4 * sharpe,
        "one_trade": number(holds, r"(-?[\d.,]+) % a year without its best trade") < 0.25 * annual,
        "drift": abs(number(earned, r"\((\d+) % of it long") - 50.0) > 40.0
        and number(holds, r"(-?[\d.]+) without the market's drift") < 0.5 * sharpe,
        "overfit": number(lines.get("Luck", ""), r"without edge ([\d.]+)") > 0.3,
        "book": number(book, r"Sharpe \S+ \(\S+ to ([+-][\d.]+)\)") < 0.1,
    }  # fmt: skip
    found = [flaw for flaw, is_amiss in amiss.items() if is_amiss]
    return ("refuse", found[0]) if found else ("accept", None)


def _at_least(**limits: float) -> Callable[[Metrics], Said]:
    def reader(metrics: Metrics) -> Said:
        sound = all((metrics[name] or 0.0) >= limit for name, limit in limits.items())
        return ("accept" if sound else "refuse", None)

    return reader


OF_TABLE: Mapping[str, Callable[[Metrics], Said]] = {
    "a Sharpe ratio of one": _at_least(sharpe=1.0),
    "a Sharpe ratio of one and a half": _at_least(sharpe=1.5),
    "a Calmar ratio of one and a half": _at_least(calmar=1.5),
    "a profit factor, and trades": _at_least(profit_factor=1.2, round_trips=30.0),
    "all that a careful reader asks": _at_least(
        sharpe=1.0, sortino=1.5, calmar=1.0, profit_factor=1.1, round_trips=30.0, annual_return=0.1, average_trade=0.0
    ),
}
"""Rules for a bare table, as they are handed down; fixed before any case was made."""

OF_OUTSIDE: Mapping[str, Callable[[Sequence[Case]], list[bool]]] = {
    "more than one symbol": lambda cases: [case.outside.symbols > 1 for case in cases],
    "three symbols": lambda cases: [case.outside.symbols == 3 for case in cases],
    "leverage above one": lambda cases: [case.outside.leverage > 1.0 for case in cases],
    "leverage above two": lambda cases: [case.outside.leverage > 2.0 for case in cases],
    "three symbols at leverage one": lambda cases: [
        case.outside.symbols == 3 and case.outside.leverage == 1.0 for case in cases
    ],
    "a name of the alphabet's first half": lambda cases: [case.outside.slug < "i" for case in cases],
    "a long name": lambda cases: above([len(case.outside.slug) for case in cases]),
    "the first half of the list": lambda cases: [case.number <= len(cases) // 2 for case in cases],
    "every other place": lambda cases: [case.number % 2 == 0 for case in cases],
    "a long source": lambda cases: above([case.outside.bytes for case in cases]),
}
"""Rules for what shows before anything about worth: case by case, whether it is said to be flawed."""


def above(sizes: Sequence[int]) -> list[bool]:
    """Return which are above the middle."""
    return [size > median(sizes) for size in sizes]
