"""determinism: two fresh children that differ in all that must not matter answer the same bytes."""

from __future__ import annotations

import dataclasses

import numpy as np

from autarch.decisions import Decisions
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource
from autarch.market.types import Floats
from autarch.verdict import Measure
from ci.checks.asking import NAMES, same, when
from ci.context import Answer, Evaluated
from ci.workers import asking_threads


def check(evaluated: Evaluated) -> tuple[Answer, Decisions | None]:
    """Pass when both workers decide the same; return the decisions then, None otherwise.

    The second child has another hash seed and a shifted clock, and is asked about the symbols in the
    opposite order. A panel keeps its columns: their order is part of the contract, and sums over
    columns round by it.

    Raises:
        StrategyError: `decide` raised, took too long or answered badly.
    """
    source = evaluated.source
    turned = _turned(source)
    with asking_threads(2, evaluated.main, evaluated.other) as pool:
        first = pool.submit(decide_blocks, evaluated.main, source, evaluated.market)
        second = pool.submit(decide_blocks, evaluated.other, turned, evaluated.market)
        decisions, again = first.result(), second.result()
    columns = [turned.manifest.symbols.index(symbol) for symbol in source.manifest.symbols]
    pairs = {name: (getattr(decisions, name), getattr(again, name)[:, columns]) for name in NAMES}
    differs = ~np.logical_and.reduce([same(*pair) for pair in pairs.values()])
    measures = (
        Measure(name="counting_bars", value=float(decisions.counts.sum()), op=">=", limit=1.0, unit="bars"),
        Measure(name="differing_bars", value=float(differs.sum()), op="<=", limit=0.0, unit="bars"),
    )
    if not decisions.counts.any():
        return Answer(verdict="failed", detail=_too_short(evaluated), measures=measures), None
    if differs.any():
        return Answer(verdict="failed", detail=_first(evaluated, differs, pairs), measures=measures), None
    detail = "two fresh children, other hash seed, clock and order of symbols: identical bytes"
    return Answer(verdict="passed", detail=detail, measures=measures), decisions


def _turned(source: StrategySource) -> StrategySource:
    manifest = source.manifest
    if manifest.mode == "panel":
        return source
    return dataclasses.replace(
        source, manifest=dataclasses.replace(manifest, symbols=tuple(reversed(manifest.symbols)))
    )


def _too_short(evaluated: Evaluated) -> str:
    manifest, n_bars = evaluated.source.manifest, evaluated.market.n_bars
    return (
        f"no decision counts: train has {n_bars} bars of {manifest.interval} and the first block needs "
        f"{manifest.warmup} bars of warm-up and {manifest.block} of its own; lower warmup or choose a longer data set"
    )


def _first(evaluated: Evaluated, differs: Floats, pairs: dict[str, tuple[Floats, Floats]]) -> str:
    row = int(np.argmax(differs.any(axis=1)))
    column = int(np.argmax(differs[row]))
    name = next(n for n, (one, other) in pairs.items() if not same(one[row, column], other[row, column]))
    one, other = (float(side[row, column]) for side in pairs[name])
    symbol = evaluated.source.manifest.symbols[column]
    return (
        f"{name} of {symbol} at {when(evaluated.market, row)} is {one!r} in one child and {other!r} in the other; "
        "decide must depend on bars and parameters alone: no hashing, randomness, clock or state between calls"
    )
