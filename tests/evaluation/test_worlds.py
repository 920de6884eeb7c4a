"""Many worlds in one child: the same bytes as a fresh child for each, and one failure is one world's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.evaluation.worlds import decide_worlds

from .conftest import build_market, build_source

TREND = """\
late = np.where(bars.hour > 11, -1.0, 0.0)
return Targets(exposure=np.where(bars.close > talib.SMA(bars.close, 20), 1.0, late))
"""
RANKS = """\
return Targets(exposure=np.where(ops.rank(bars.close / bars.open) > 0.5, 0.5, -0.5))
"""
FALLS_OVER = """\
if bars.close[-1] > 1000.0:
    return bars.too_dear
return Targets(exposure=np.ones(len(bars)))
"""


def times(market, factor):
    names = ("open", "high", "low", "close")
    return dataclasses.replace(
        market,
        series=tuple(
            dataclasses.replace(series, **{name: getattr(series, name) * factor for name in names})
            for series in market.series
        ),
    )


def turned(market):
    return dataclasses.replace(
        market,
        series=tuple(
            dataclasses.replace(series, close=series.close[::-1].copy(), open=series.open[::-1].copy())
            for series in market.series
        ),
    )


@pytest.mark.parametrize("mode", ["each", "panel"])
def test_each_world_is_decided_as_a_fresh_child_would(worker, mode):
    source = build_source(TREND if mode == "each" else RANKS, mode=mode, warmup=30)
    market = build_market()
    worlds = [market, turned(market), market]

    found = list(decide_worlds(worker, source, iter(worlds)))

    assert [world is given for (world, _), given in zip(found, worlds, strict=True)] == [True] * 3
    digests = [decided.digest() for _, decided in found if isinstance(decided, Decisions)]
    assert digests == [decide_blocks(worker, source, world).digest() for world in worlds]
    assert digests[0] != digests[1]


def test_a_world_in_which_it_fails_costs_the_others_nothing(worker):
    source = build_source(FALLS_OVER, warmup=30)
    market = build_market()

    found = [decided for _, decided in decide_worlds(worker, source, [market, times(market, 100.0), market])]

    assert isinstance(found[1], StrategyError)
    assert "too_dear" in str(found[1])
    assert found[0].digest() == found[2].digest()


def test_worlds_are_made_one_at_a_time(worker):
    source, market, made = build_source(TREND, warmup=30), build_market(), []

    def worlds():
        for number in range(3):
            made.append(number)
            yield market

    for number, _ in enumerate(decide_worlds(worker, source, worlds())):
        assert made == list(range(number + 1))


def test_params_replace_the_manifests(worker):
    source = build_source("return Targets(exposure=np.full(len(bars), p.size))", warmup=30, params="size = 0.5")

    ((_, found),) = decide_worlds(worker, source, [build_market()], params={"size": 0.25})

    assert np.unique(found.exposure[found.counts]).tolist() == [0.25]
