"""The crash check: the worst hours of train at the worst moment of what was held, each number worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autarch.engine import CostModel, backtest
from autarch.metrics.crash import HOURS, armed_stops, crash, worst_hours

from .by_hand import COSTS, decisions_of, market_of, play, series


def a_market(closes, *, lows=None, highs=None, second=None):
    first = series("AAAUSDT", closes, turnover=1e9)
    first = replace(first, open=np.concatenate([first.close[:1], first.close[:-1]]))
    first = replace(
        first,
        low=np.minimum(first.open, first.close) if lows is None else np.array(lows, dtype=float),
        high=np.maximum(first.open, first.close) if highs is None else np.array(highs, dtype=float),
    )
    return market_of(first) if second is None else market_of(first, series("BBBUSDT", second, turnover=1e9))


def test_a_long_held_at_any_time_meets_the_deepest_fall_of_train():
    # bar 2 falls from 100 to a low of 80, while nothing is held; later half the equity is long
    market = a_market([100, 100, 90, 100, 100, 100, 100], lows=[100, 100, 80, 90, 100, 100, 100])
    exposure = [0, 0, 0, 0, 0.5, 0.5, 0.5]
    result = play(market, exposure)

    found = crash(result, decisions_of(market, exposure), market, costs=COSTS, assumed=0.0)

    held = float(result.exposure.max())  # close to 0.5: the fee of the entry has made equity a little smaller
    assert found.loss == pytest.approx(held * 0.2)
    assert found.hour_ms == int(market.ts[2])
    assert found.row == int(np.argmax(result.exposure[:, 0]))
    assert (found.fall, found.rise) == (pytest.approx(0.2), pytest.approx(100 / 90 - 1))


def test_a_short_meets_the_highest_rise():
    market = a_market([100, 100, 100, 100, 100], highs=[100, 130, 100, 100, 100])
    exposure = [0, 0, -1.0, -1.0, -1.0]
    result = play(market, exposure)

    found = crash(result, decisions_of(market, exposure), market, costs=COSTS, assumed=0.0)

    assert found.loss == pytest.approx(-float(result.exposure.min()) * 0.3)


def test_an_assumed_hour_strikes_where_train_was_calm_and_counts_every_side():
    market = a_market([100] * 5, second=[50] * 5)
    exposure = [[0, 0], [0.6, -0.4], [0.6, -0.4], [0.6, -0.4], [0.6, -0.4]]
    result = play(market, exposure)

    found = crash(result, decisions_of(market, exposure), market, costs=COSTS, assumed=0.1)

    gross = np.abs(result.exposure).sum(axis=1).max()
    assert found.loss == pytest.approx(gross * 0.1)
    assert found.hour_ms is None


def test_symbols_are_struck_by_the_same_hour_and_a_hedge_gains_nothing():
    # AAA falls to 80 in bar 1 while BBB rises to 60 of 50; and BBB falls by half alone in bar 3
    market = a_market([100, 80, 80, 80, 80, 80], second=[50, 60, 60, 30, 30, 30])
    opened = np.array([50.0, 50, 60, 60, 30, 30])
    close = market.series[1].close
    second = replace(market.series[1], open=opened, high=np.maximum(opened, close), low=np.minimum(opened, close))
    market = replace(market, series=(market.series[0], second))
    exposure = [[0, 0]] * 4 + [[0.5, -0.5]] * 2
    result = play(market, exposure)

    found = crash(result, decisions_of(market, exposure), market, costs=COSTS, assumed=0.0)

    long, short = float(result.exposure[-1, 0]), -float(result.exposure[-1, 1])
    assert found.loss == pytest.approx(
        long * 0.2 + short * 0.2
    )  # both in bar 1; the fall of BBB pays the short nothing
    assert found.hour_ms == int(market.ts[1])


def test_a_stop_bounds_the_loss_at_its_trigger_and_slips_by_the_cap():
    lows = [100, 100, 80, 100, 100, 100]
    market = a_market([100] * 6, lows=lows)
    costs = CostModel(half_spread_bps=10.0, impact_k=0.0, impact_cap_bps=40.0)
    exposure = [0, 0, 0.5, 0.5, 0.5, 0.5]
    decided = decisions_of(market, exposure, stop=0.05)
    result = backtest(market, decided, costs=costs, capital=1000.0)
    entry = float(result.fills["price"][0])

    found = crash(result, decided, market, costs=costs, assumed=0.0)

    trigger = entry * 0.95 / 100.0  # as a fraction of the close
    assert found.loss == pytest.approx(float(result.exposure[-1, 0]) * (1.0 - trigger * (1.0 - 0.005)), rel=1e-3)


def test_a_gap_beyond_the_stop_fills_at_the_open_and_a_stop_never_makes_it_worse():
    closes = [100, 100, 70, 70, 70, 70, 70]
    first = series("AAAUSDT", closes, turnover=1e9)  # opens equal closes: bar 2 opens at 70, a gap of 30 %
    market = market_of(first)
    exposure = [0, 0, 0, 0.5, 0.5, 0.5, 0.5]
    decided = decisions_of(market, exposure, stop=0.05)
    result = backtest(market, decided, costs=COSTS, capital=1000.0)

    found = crash(result, decided, market, costs=replace(COSTS, impact_cap_bps=50.0), assumed=0.0)

    assert found.loss == pytest.approx(float(result.exposure[-1, 0]) * 0.3)


def test_a_stop_far_away_does_not_help():
    market = a_market([100] * 6, lows=[100, 100, 80, 100, 100, 100])
    exposure = [0, 0, 0, 0.5, 0.5, 0.5]
    decided = decisions_of(market, exposure, stop=0.3)
    result = play(market, exposure, stop=0.3)

    assert crash(result, decided, market, costs=COSTS, assumed=0.0).loss == pytest.approx(
        float(result.exposure[-1, 0]) * 0.2
    )


def test_stops_follow_the_average_entry_and_leave_with_the_position():
    market = market_of(series("AAAUSDT", [100, 100, 200, 200, 200, 200], turnover=1e9))
    exposure = [0.2, 0.2, 0.6, 0.3, 0.0, 0.0]
    decided = decisions_of(market, exposure, stop=0.1)
    result = play(market, exposure, stop=0.1)

    stops = armed_stops(result, decided)[:, 0]

    fills = result.fills
    first, added = fills["price"][0], fills["price"][1]
    average = (first * fills["qty"][0] + added * fills["qty"][1]) / (fills["qty"][0] + fills["qty"][1])
    assert np.isnan(stops[0])
    assert stops[1:3].tolist() == pytest.approx([first * 0.9] * 2)
    assert stops[3:5].tolist() == pytest.approx([average * 0.9] * 2)  # the reduction at row 4 leaves it
    assert np.isnan(stops[5])


def test_ten_hours_of_each_symbol_in_either_direction_are_looked_at():
    rng = np.random.default_rng(1)
    market = a_market((100 * np.cumprod(1 + rng.normal(0, 0.01, 200))).tolist())

    hours = worst_hours(list(market.series), market, assumed=0.05)

    falls = 1.0 - market.series[0].low[1:] / market.series[0].close[:-1]
    rises = market.series[0].high[1:] / market.series[0].close[:-1] - 1.0
    assert set(np.sort(falls)[-HOURS:].round(12)) <= set(hours.fall[:, 0].round(12))
    assert set(np.sort(rises)[-HOURS:].round(12)) <= set(hours.rise[:, 0].round(12))
    assert hours.start_ms.tolist()[:-1] == sorted(hours.start_ms.tolist()[:-1])
    assert (hours.fall[-1, 0], hours.rise[-1, 0], hours.start_ms[-1]) == (0.05, 0.05, -1)


def test_nothing_held_nothing_lost():
    market = a_market([100, 50, 100, 50])

    assert crash(play(market, [0] * 4), decisions_of(market, [0] * 4), market, costs=COSTS, assumed=0.5).loss == 0.0
