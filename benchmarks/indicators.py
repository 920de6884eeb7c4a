"""Each output of each TA-Lib function as a strategy of one line: its place in its own spread is the exposure."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import numpy as np
import talib
from talib import abstract

from autarch.manifest import StrategySource, parse_source
from autarch.market.types import Floats, SymbolSeries

SAMPLE_BARS = 6_000
"""First bars of train that centre and spread are measured on."""
POWERS = (0, 1, 2)
"""Powers of the price that an output may be measured in: none, as RSI; one, as an average; two, as a variance."""

_UNIT = "(2.0 * (bars.close - bars.low) / np.maximum(bars.high - bars.low, 1e-9 * bars.close) - 1.0)"
_POSITIVE = f"(1.5 + {_UNIT})"
_NEED_POSITIVE = frozenset({"LN", "LOG10", "SQRT"})
_PERIODS = "(5.0 + bars.hour)"

_CODE = string.Template('''"""TA-Lib's $name, output $output, as an exposure.

Thesis: none; it shows how much history the function needs.
Source: generated from the library's own description of it.
Dies when: it is traded.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Place the output within its usual spread."""
    x = $call * np.ones(len(bars))
    place = (x$over - p.centre) / p.spread
    return Targets(exposure=place / (1.0 + np.abs(place)))
''')
_MANIFEST = string.Template("""schema = 1
name = "indicator"
title = "$name"
symbols = ["$symbol"]
interval = "15m"
mode = "each"
warmup = $warmup
max_leverage = 1.0
[params]
centre = $centre
spread = $spread
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One output of one function, with what it takes to turn it into an exposure.

    Attributes:
        name: The function's.
        output: Which of its outputs.
        call: The expression that computes it.
        power: Of the price, that the output is divided by.
        centre: Its median on the sample, so divided.
        spread: Half of what lies between its twentieth and its last twentieth.
        lookback: Bars before its first answer, by the library's own word.
        speaks: Whether it takes more than one value on the sample.
    """

    name: str
    output: int
    call: str
    power: int
    centre: float
    spread: float
    lookback: int
    speaks: bool


def indicators_of(name: str, series: SymbolSeries) -> tuple[Indicator, ...]:
    """Return every output of the function `name`, measured on the first bars of `series`."""
    function = abstract.Function(name)
    inputs = _inputs(name, function)
    calls = [f"talib.{name}({', '.join(inputs)})"]
    if len(function.output_names) > 1:
        calls = [f"{calls[0]}[{k}]" for k in range(len(function.output_names))]
    return tuple(_measured(name, k, call, int(function.lookback), series) for k, call in enumerate(calls))


def source_of(indicator: Indicator, *, symbol: str, warmup: int) -> StrategySource:
    """Return the strategy that trades `indicator`."""
    over = "" if indicator.power == 0 else " / bars.close" if indicator.power == 1 else " / bars.close / bars.close"
    code = _CODE.substitute(name=indicator.name, output=indicator.output, call=indicator.call, over=over)
    manifest = _MANIFEST.substitute(
        name=indicator.name, symbol=symbol, warmup=warmup, centre=indicator.centre, spread=indicator.spread
    )
    return parse_source(slug="indicator", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


def _inputs(name: str, function: Any) -> list[str]:
    """Return the expressions of a function's inputs, in the order of its arguments."""
    if name in talib.get_function_groups()["Math Transform"]:
        return [_POSITIVE if name in _NEED_POSITIVE else _UNIT]
    named: list[str] = []
    for given in dict(function.input_names).values():
        named += [given] if isinstance(given, str) else list(given)
    return [_PERIODS if each == "periods" else f"bars.{each}" for each in named]


def _measured(name: str, output: int, call: str, lookback: int, series: SymbolSeries) -> Indicator:
    values, doubled = _compute(call, series, factor=1.0), _compute(call, series, factor=2.0)
    known = np.isfinite(values)
    power = next((each for each in POWERS if np.allclose(doubled[known], values[known] * 2.0**each, rtol=1e-6)), 0)
    scaled = (values / series.close[:SAMPLE_BARS] ** power)[known]
    low, middle, high = np.percentile(scaled, (5, 50, 95)) if scaled.size else (0.0, 0.0, 0.0)
    spread = (high - low) / 2.0 or float(np.abs(scaled - middle).max(initial=0.0))
    return Indicator(
        name=name,
        output=output,
        call=call,
        power=power,
        centre=_rounded(middle),
        spread=_rounded(spread) or 1.0,
        lookback=lookback,
        speaks=bool(np.unique(scaled).size > 1),
    )


def _compute(call: str, series: SymbolSeries, *, factor: float) -> Floats:
    bars = _Columns(series, factor)
    found = eval(call, {"talib": talib, "np": np, "bars": bars})  # noqa: S307  an expression made in this file
    return np.asarray(found, dtype=np.float64)


class _Columns:
    """The first bars of a symbol with its prices multiplied, spelled as `Bars` spells them."""

    def __init__(self, series: SymbolSeries, factor: float) -> None:
        rows = slice(None, SAMPLE_BARS)
        for name in ("open", "high", "low", "close"):
            setattr(self, name, getattr(series, name)[rows] * factor)
        self.volume = series.volume[rows]
        self.hour = np.arange(self.volume.size) // 4 % 24.0


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
