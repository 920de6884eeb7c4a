"""What a strategy knows by heart: it is lost when bars are a hair off, or the numbers it was written with are.

A table of days that paid must recognise them: by exact returns, rates or shapes. A thesis does not care
whether a price was a basis point higher, or whether a threshold was written 0.0125 or 0.0126.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable
from typing import Final

import numpy as np

from autarch.manifest import StrategySource
from autarch.market.types import Market
from autarch.market.worlds import noisy

PRICE_NOISE: Final = 1e-4
VOLUME_NOISE: Final = 1e-2
FUNDING_NOISE: Final = 1e-2
"""Shares that bars are off by at most: a price by less than a spread and a fee (own choice)."""

DIGITS_MIN: Final = 3
"""Significant digits from which a number may be a key to something known, not a choice (own choice)."""

NUDGE: Final = 0.01

Number = float


def off_by_a_hair(market: Market, rng: np.random.Generator) -> Market:
    """Return the market with noise on every bar that no thesis should feel."""
    return noisy(market, rng, price=PRICE_NOISE, volume=VOLUME_NOISE, funding=FUNDING_NOISE)


def code_moved(source: StrategySource, rng: np.random.Generator) -> StrategySource | None:
    """Return the strategy with every number of three or more digits in its code off by a hundredth, None without any.

    The same number moves alike wherever it stands. Whole numbers move towards zero, by one at least, so that no
    length outgrows the warm-up; others either way.
    """
    moved: dict[Number, Number] = {}

    def move(value: Number) -> Number:
        if value not in moved:
            moved[value] = _moved(value, rng)
        return moved[value]

    tree = _Numbers(move).visit(ast.parse(source.code))
    return dataclasses.replace(source, code=ast.unparse(tree).encode("ascii")) if moved else None


def params_moved(source: StrategySource, rng: np.random.Generator) -> StrategySource | None:
    """Return the strategy with all such numbers of [params] off at once, None without any; see `code_moved`.

    Apart from the code, so that a key written in both does not fit itself again.
    """
    given = source.manifest.params
    keys = {name: value for name, value in given.items() if not isinstance(value, bool) and is_key(value)}
    if not keys:
        return None
    params = {**given, **{name: _moved(value, rng) for name, value in keys.items()}}
    return dataclasses.replace(source, manifest=dataclasses.replace(source.manifest, params=params))


def is_key(value: Number) -> bool:
    """Return whether a number is written with enough digits to be a key to something known."""
    return significant_digits(value) >= DIGITS_MIN


def significant_digits(value: Number) -> int:
    """Return how many digits are needed to write a number, leading and trailing zeros aside."""
    mantissa = format(abs(value), "d") if isinstance(value, int) else repr(abs(value)).partition("e")[0]
    return len(mantissa.replace(".", "").strip("0"))


class _Numbers(ast.NodeTransformer):
    """Replaces numbers that may be keys."""

    def __init__(self, move: Callable[[Number], Number]) -> None:
        self._move = move

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Replace one."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_key(value):
            return node
        return ast.copy_location(ast.Constant(value=self._move(value)), node)


def _moved(value: Number, rng: np.random.Generator) -> Number:
    if isinstance(value, int):
        step = max(1, round(abs(value) * NUDGE))
        return value - step if value > 0 else value + step
    return value * (1.0 + NUDGE) if rng.random() < 0.5 else value * (1.0 - NUDGE)
