"""Random building blocks of the synthetic market, made of additions, products and roots alone.

Exponentials, logarithms and the usual normal draws differ in their last bits from one processor to
another; uniform draws, +, -, *, / and square roots do not. So the same seed gives the same bytes on
any machine, pinned or not.
"""

from __future__ import annotations

import numpy as np

from autarch.market.types import Floats, Ints

IRWIN_HALL = 12  # uniforms to a bell-shaped draw: their sum less 6 has variance 1
VOLATILITY_LEVELS = (0.65, 1.0, 2.0)  # calm, usual, stressed
HOURLY = tuple(
    percent / 100
    for percent in (
        85,
        95,
        90,
        80,
        75,
        75,
        80,
        90,
        100,
        100,
        95,
        95,
        105,
        125,
        140,
        130,
        120,
        110,
        100,
        95,
        95,
        95,
        90,
        90,
    )
)
"""Volatility by UTC hour: quiet in Asia's afternoon, busiest when New York opens (own choice)."""


def stream(seed: int, purpose: int) -> np.random.Generator:
    """Return the generator of one purpose, so that one more draw here moves nothing there."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))


def bell(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return bell-shaped draws, mean 0, variance 1, within [-6, 6]."""
    total = np.zeros(shape)
    for _ in range(IRWIN_HALL):
        total += rng.random(shape)
    return total - IRWIN_HALL / 2


def fat_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return draws of mean 0 and variance near 1 whose kurtosis is about 7: a mixture of three widths."""
    pick = rng.random(shape)
    width = np.where(pick < 0.02, 2.8, np.where(pick < 0.2, 1.4, 0.76))
    return bell(rng, shape) * width


def held(rng: np.random.Generator, *, n_bars: int, columns: int, mean_bars: int) -> Floats:
    """Return uniform draws of shape (n_bars, columns), each held for `mean_bars` bars on average."""
    values = rng.random((n_bars, columns))
    renewed = rng.random((n_bars, columns)) < 1 / mean_bars
    renewed[0] = True
    source = np.maximum.accumulate(np.where(renewed, np.arange(n_bars)[:, None], 0), axis=0)
    found: Floats = np.take_along_axis(values, source, axis=0)
    return found


def volatility_regimes(rng: np.random.Generator, *, n_bars: int) -> Floats:
    """Return the market-wide volatility multiplier of each bar, (n_bars,): spells of about three days."""
    pick = held(rng, n_bars=n_bars, columns=1, mean_bars=288)[:, 0]
    calm, usual, stressed = VOLATILITY_LEVELS
    return np.where(pick < 0.4, calm, np.where(pick < 0.85, usual, stressed))


def extremes(rng: np.random.Generator, opens: Floats, closes: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Return high and low of a path of eight steps from each open to its close, each (n_bars,).

    `sigma` (n_bars,) is the standard deviation of a bar's return, a fraction.
    """
    steps = 8
    noise = bell(rng, (opens.size, steps))
    walk = np.cumsum(noise, axis=1)
    part = np.arange(1, steps + 1) / steps
    bridge = walk - part * walk[:, -1:]
    path = opens[:, None] + part * (closes - opens)[:, None] + bridge * (opens * sigma / np.sqrt(steps))[:, None]
    return np.maximum(path.max(axis=1), opens), np.minimum(path.min(axis=1), opens)


def to_steps(amounts: Floats, steps_per_unit: int) -> Ints:
    """Return `amounts` as whole numbers of steps, the nearest, at least one."""
    return np.maximum(np.rint(amounts * steps_per_unit), 1.0).astype(np.int64)
