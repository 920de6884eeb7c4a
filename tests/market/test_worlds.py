"""Placebo worlds: each takes away one thing, keeps the rest, and is a market that could be traded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.canonical import Sha256
from autarch.market.types import Market, SymbolSeries
from autarch.market.worlds import Shuffler, drift_removed, inverted, newest, noisy

HOUR = 3_600_000
FIRST = 480_000 * HOUR
PRICES = ("open", "high", "low", "close")


def a_series(symbol: str, close: list[float], *, first_row: int = 0) -> SymbolSeries:
    closes = np.array(close)
    opened = np.concatenate([closes[:1], closes[:-1]])
    high, low = np.maximum(opened, closes) * 1.01, np.minimum(opened, closes) * 0.98
    volume = 1.0 + np.arange(closes.size)
    stamps = np.arange(FIRST, FIRST + closes.size * HOUR, 4 * HOUR, dtype=np.int64)
    return SymbolSeries(
        symbol=symbol,
        open=opened,
        high=high,
        low=low,
        close=closes,
        volume=volume,
        turnover=volume * (high + low + closes) / 3,
        traded=np.arange(closes.size) >= first_row,
        first_row=first_row,
        funding_ms=stamps,
        funding_rate=1e-4 * (1.0 + np.arange(stamps.size)),
        mark_ms=stamps.copy(),
        mark_close=closes[::4].copy(),
        funding_schedule=(),
    )


def a_market(*series: SymbolSeries) -> Market:
    return Market(
        dataset="little",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="1h",
        interval_ms=HOUR,
        ts=FIRST + HOUR * np.arange(series[0].close.size, dtype=np.int64),
        series=series,
        instruments=(),
    )


def walk(seed: int, n: int = 60) -> list[float]:
    return (100.0 * np.cumprod(1.0 + np.random.default_rng(seed).normal(0.001, 0.02, n))).tolist()


def could_be(series: SymbolSeries) -> bool:
    highest, lowest = np.maximum(series.open, series.close), np.minimum(series.open, series.close)
    return bool(
        (series.high >= highest).all()
        and (series.low <= lowest).all()
        and (series.low > 0.0).all()
        and (series.turnover == series.volume * (series.high + series.low + series.close) / 3).all()
    )


def test_inverted_prices_fall_by_the_factor_they_rose_and_funding_changes_sides():
    market = a_market(a_series("AAAUSDT", [100.0, 200.0, 50.0, 80.0]))

    (found,) = inverted(market).series

    assert found.close.tolist() == [100.0, 50.0, 200.0, 125.0]  # 100 ** 2 / p
    assert found.high.tolist() == pytest.approx([10_000 / low for low in market.series[0].low])
    assert found.funding_rate.tolist() == [-1e-4]
    assert could_be(found)
    assert found.turnover == pytest.approx(market.series[0].turnover)
    assert found.mark_ms.size == 0


def test_without_drift_prices_end_where_they_began_and_each_bar_keeps_its_shape():
    market = a_market(a_series("AAAUSDT", [100.0, 110.0, 90.0, 800.0]))

    (found,) = drift_removed(market).series

    # eightfold over three bars: each bar is divided by another factor of two
    assert found.close == pytest.approx([100.0, 55.0, 22.5, 100.0])
    assert found.high / found.close == pytest.approx(market.series[0].high / market.series[0].close)
    assert could_be(found)


def test_a_symbol_listed_late_loses_its_drift_from_there_on():
    market = a_market(a_series("AAAUSDT", [100.0, 100.0, 100.0, 200.0, 400.0], first_row=2))

    (found,) = drift_removed(market).series

    assert found.close == pytest.approx([100.0, 100.0, 100.0, 100.0, 100.0])


@given(seed=st.integers(0, 2**32 - 1), block=st.integers(1, 70))
def test_a_shuffled_market_holds_the_same_returns_in_another_order(seed, block):
    market = a_market(a_series("AAAUSDT", walk(1)), a_series("BBBUSDT", walk(2)))

    world = Shuffler(market, block_bars=block).world(np.random.default_rng(seed))

    for before, after in zip(market.series, world.series, strict=True):
        assert np.sort(steps_of(after)) == pytest.approx(np.sort(steps_of(before)), rel=1e-12)
        assert after.close[-1] == pytest.approx(before.close[-1])
        assert np.sort(after.turnover) == pytest.approx(np.sort(before.turnover))
        assert could_be(after)


def steps_of(series: SymbolSeries) -> np.ndarray:
    return series.close / np.concatenate([series.open[:1], series.close[:-1]])


def test_symbols_keep_together_and_blocks_keep_their_inner_order():
    market = a_market(a_series("AAAUSDT", walk(1)), a_series("BBBUSDT", walk(2)))

    world = Shuffler(market, block_bars=10).world(np.random.default_rng(5))

    first, second = (
        [int(np.argmin(np.abs(steps_of(before) - step))) for step in steps_of(after)]
        for before, after in zip(market.series, world.series, strict=True)
    )
    assert first == second
    assert [first[row] - first[row - row % 10] for row in range(60)] == [row % 10 for row in range(60)]
    assert sorted(first) == list(range(60)) != first


def test_a_funding_rate_moves_with_the_bars_that_led_to_it_and_its_stamps_stay():
    market = a_market(a_series("AAAUSDT", walk(1, 8)))  # stamps at rows 0 and 4, rates 1e-4 and 2e-4
    swapped = next(
        world
        for world in (Shuffler(market, block_bars=4).world(np.random.default_rng(seed)) for seed in range(50))
        if world.series[0].funding_rate[0] != 1e-4
    )

    (found,) = swapped.series

    # row 0 is now the old row 4, whose next stamp was the second; row 4 the old row 0, whose was the first
    assert found.funding_rate.tolist() == [2e-4, 1e-4]
    assert found.funding_ms.tolist() == market.series[0].funding_ms.tolist()


def test_rows_before_the_last_listing_stay_where_they_are():
    market = a_market(a_series("AAAUSDT", walk(1)), a_series("BBBUSDT", [100.0] * 20 + walk(2, 40), first_row=20))

    world = Shuffler(market, block_bars=3).world(np.random.default_rng(1))

    assert (world.series[0].close[:20] == pytest.approx(market.series[0].close[:20])) is True
    assert world.series[0].close[20:-1] != pytest.approx(market.series[0].close[20:-1])
    assert world.series[1].first_row == 20


def test_the_same_seed_gives_the_same_bytes_and_another_another_order():
    market = a_market(a_series("AAAUSDT", walk(1)))
    shuffler = Shuffler(market, block_bars=4)

    one, same, other = (shuffler.world(np.random.default_rng(seed)).series[0].close for seed in (1, 1, 2))

    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_the_newest_rows_begin_later_with_the_funding_from_there_on():
    market = a_market(a_series("AAAUSDT", walk(1, 10), first_row=7))

    found = newest(market, 5)

    assert found.ts.tolist() == market.ts[5:].tolist()
    assert found.series[0].close.tolist() == market.series[0].close[5:].tolist()
    assert found.series[0].first_row == 2
    assert found.series[0].funding_ms.tolist() == [FIRST + 8 * HOUR]
    assert newest(market, 10) is market


def test_noise_moves_the_prices_of_a_bar_together_and_never_beyond_its_share():
    market = a_market(a_series("AAAUSDT", walk(1)))

    (found,) = noisy(market, np.random.default_rng(3), price=1e-3, volume=0.1, funding=0.5).series

    (before,) = market.series
    factors = found.close / before.close
    assert np.abs(factors - 1.0).max() <= 1e-3
    assert np.unique(factors).size == factors.size
    for name in PRICES:
        assert getattr(found, name) == pytest.approx(getattr(before, name) * factors)
    assert 0.0 < np.abs(found.turnover / before.turnover - 1.0).max() <= 0.1 + 1e-12
    assert 0.0 < np.abs(found.funding_rate / before.funding_rate - 1.0).max() <= 0.5
    assert could_be(found)


def test_rows_without_trading_stay_untraded_wherever_they_go():
    series = a_series("AAAUSDT", walk(1, 12))
    halted = replace(series, traded=np.array([True] * 5 + [False] * 2 + [True] * 5))

    world = Shuffler(a_market(halted), block_bars=1).world(np.random.default_rng(2))

    assert int((~world.series[0].traded).sum()) == 2


def test_a_funding_rate_that_many_settlements_share_is_left_alone():
    series = a_series("AAAUSDT", walk(1, 800))  # 200 stamps
    rates = np.where(np.arange(200) % 2 == 0, 1e-4, series.funding_rate)

    (found,) = noisy(
        a_market(replace(series, funding_rate=rates)), np.random.default_rng(1), price=0.0, volume=0.0, funding=0.01
    ).series

    assert (found.funding_rate[::2] == 1e-4).all()
    assert (found.funding_rate[1::2] != rates[1::2]).all()
