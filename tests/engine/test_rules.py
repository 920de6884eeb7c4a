"""Rounding, slippage, triggers and liquidation, each against a sum done by hand."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.engine import rules
from autarch.engine.terms import unit_and_scale
from autarch.errors import ConfigError

ONE_TIER = np.array([[1e12, 0.005, 0.0]])


def test_a_step_is_kept_as_whole_numbers():
    assert unit_and_scale(Decimal("0.05"), name="tick") == (5.0, 100.0)
    assert unit_and_scale(Decimal(10), name="tick") == (10.0, 1.0)
    assert unit_and_scale(Decimal("1E+1"), name="tick") == (10.0, 1.0)
    assert unit_and_scale(Decimal("0.0010"), name="tick") == (1.0, 1000.0)


@pytest.mark.parametrize("step", ["0", "-0.1", "NaN", "Infinity", "1E-19"])
def test_a_step_that_means_nothing_is_refused(step):
    with pytest.raises(ConfigError, match="tick_size"):
        unit_and_scale(Decimal(step), name="tick_size")


def test_a_price_is_the_float_a_parser_would_read():
    # 600003 ticks of 0.1 are 60000.3; 600003 * 0.1 is 60000.299999999996 or so, which no quote equals
    assert rules.to_value(600003.0, 1.0, 10.0) == 60000.3
    assert rules.to_value(3.0, 1.0, 10.0) == 0.3


def test_a_count_a_rounding_error_below_a_step_is_on_it_and_a_real_shortfall_is_not():
    assert rules.steps_down(0.1 + 0.2, 1.0, 10.0) == 3.0  # 0.30000000000000004
    assert rules.steps_up(0.1 + 0.2, 1.0, 10.0) == 3.0
    assert rules.steps_down(0.7 + 0.1, 1.0, 10.0) == 8.0  # 0.7999999999999999 is a rounding error away from 0.8
    assert rules.steps_down(0.7999999, 1.0, 10.0) == 7.0
    assert rules.steps_up(0.8000001, 1.0, 10.0) == 9.0
    assert rules.steps_towards_zero(-0.7999999, 1.0, 10.0) == -7.0
    assert rules.steps_towards_zero(0.0009999, 1.0, 1000.0) == 0.0


@given(steps=st.integers(-(10**9), 10**9), unit=st.sampled_from([1, 5, 25]), digits=st.integers(0, 8))
def test_every_multiple_of_a_step_is_its_own_floor_and_ceiling(steps, unit, digits):
    price = float(Decimal(steps * unit).scaleb(-digits))

    assert rules.steps_down(price, float(unit), 10.0**digits) == steps
    assert rules.steps_up(price, float(unit), 10.0**digits) == steps
    assert rules.to_value(float(steps), float(unit), 10.0**digits) == price


@given(value=st.decimals("0.0001", "1000000", places=7), tick=st.sampled_from(["0.1", "0.05", "0.001", "2.5"]))
def test_rounding_agrees_with_exact_decimals(value, tick):
    unit, scale = unit_and_scale(Decimal(tick), name="tick")
    exact = value / Decimal(tick)

    assert rules.steps_down(float(value), unit, scale) == int(exact.to_integral_value(ROUND_FLOOR))
    assert rules.steps_up(float(value), unit, scale) == int(exact.to_integral_value(ROUND_CEILING))


def test_wanted_quantity_is_cut_towards_zero_on_both_sides():
    # 0.5 * 1000 / 300 = 1.6666 coins
    assert rules.wanted_steps(0.5, 1.0, 1000.0, 300.0, 1.0, 1000.0) == 1666.0
    assert rules.wanted_steps(-0.5, 1.0, 1000.0, 300.0, 1.0, 1000.0) == -1666.0
    # a third of the sleeve each: 0.9 * (1/3) * 1000 / 100 = 3.0 coins, though the floats fall short of it
    assert rules.wanted_steps(0.9, 1.0 / 3.0, 1000.0, 100.0, 1.0, 10.0) == 30.0


@pytest.mark.parametrize(
    ("position", "wanted", "lower", "higher"),
    [
        (0, 0, 0, 0),
        (0, 5, 0, 5),
        (0, -5, 0, -5),
        (5, 5, 0, 0),
        (5, 8, 0, 3),
        (5, 2, -3, 0),
        (5, 0, -5, 0),
        (5, -4, -5, -4),
        (-5, -8, 0, -3),
        (-5, -2, 3, 0),
        (-5, 4, 5, 4),
    ],
)
def test_the_way_to_a_position_is_a_reduce_only_leg_and_a_raising_leg(position, wanted, lower, higher):
    assert rules.lowering(float(position), float(wanted)) == lower
    assert rules.raising(float(position), float(wanted)) == higher


def test_an_order_too_large_for_one_is_split_evenly_and_adds_up():
    # 10 steps, at most 4 an order: 3 orders of 4, 3, 3, and no dusty rest of 2
    assert rules.order_count(10.0, 4.0) == 3
    assert [rules.order_steps(-10.0, 3, i) for i in range(3)] == [-4.0, -3.0, -3.0]
    assert rules.order_count(8.0, 4.0) == 2


def test_slippage_is_half_spread_and_a_square_root_up_to_its_cap():
    # 1 bp + 10 bp * sqrt(250000 / 1000000) = 1 + 5 = 6 bp
    assert rules.slippage_frac(250_000.0, 1e6, 1e-4, 1e-3, 5e-3) == pytest.approx(6e-4, rel=1e-15)
    # 10 bp * sqrt(100) = 100 bp, capped at 50: 51 bp
    assert rules.slippage_frac(1e8, 1e6, 1e-4, 1e-3, 5e-3) == pytest.approx(51e-4, rel=1e-15)
    assert rules.slippage_frac(1.0, 0.0, 1e-4, 1e-3, 5e-3) == pytest.approx(51e-4, rel=1e-15)
    assert rules.slippage_frac(1.0, 0.0, 1e-4, 0.0, 5e-3) == 1e-4


def test_median_of_odd_even_one_and_none():
    assert rules.median(np.array([5.0, 1.0, 3.0])) == 3.0
    assert rules.median(np.array([4.0, 1.0, 3.0, 10.0])) == 3.5
    assert rules.median(np.array([7.0])) == 7.0
    assert rules.median(np.empty(0)) == 0.0


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=96))
def test_median_agrees_with_numpy(values):
    assert rules.median(np.array(values)) == np.median(values)


def test_a_fill_rounds_away_from_the_trader():
    # 100 * (1 + 0.00015) = 100.015 -> 100.1 bought, 99.985 -> 99.9 sold, on a tick of 0.1
    assert rules.fill_price(100.0, 1.0, 0.00015, 1.0, 10.0) == 100.1
    assert rules.fill_price(100.0, -1.0, 0.00015, 1.0, 10.0) == 99.9
    # no slippage on a tick stays there
    assert rules.fill_price(100.1, 1.0, 0.0, 1.0, 10.0) == 100.1
    assert rules.fill_price(100.1, -1.0, 0.0, 1.0, 10.0) == 100.1
    # 100 * 1.001 = 100.1 exactly a tick, not the next one, whatever the float says
    assert rules.fill_price(100.0, 1.0, 0.001, 1.0, 10.0) == 100.1
    # a sale never goes to zero
    assert rules.fill_price(0.1, -1.0, 0.5, 1.0, 10.0) == 0.1


def test_a_trigger_lies_on_the_tick_nearer_the_entry():
    # 100.3 * 0.98 = 98.294 -> 98.3; 100.3 * 1.02 = 102.306 -> 102.3
    assert rules.trigger_price(100.3, -1.0, 0.02, 1.0, 10.0) == 98.3
    assert rules.trigger_price(100.3, 1.0, 0.02, 1.0, 10.0) == 102.3
    # exactly on a tick stays there: 100 * 0.98 = 98, 100 * 1.07 = 107 (107.00000000000001 as floats)
    assert rules.trigger_price(100.0, -1.0, 0.02, 1.0, 10.0) == 98.0
    assert rules.trigger_price(100.0, 1.0, 0.07, 1.0, 10.0) == 107.0


def test_a_trigger_is_never_the_entry_itself():
    # 0.01 % of 100 is a tenth of a tick: the first tick beyond the entry
    assert rules.trigger_price(100.0, -1.0, 0.0001, 1.0, 10.0) == 99.9
    assert rules.trigger_price(100.0, 1.0, 0.0001, 1.0, 10.0) == 100.1
    # an average entry between ticks: 100.04 -> 100.0 below, 100.1 above
    assert rules.trigger_price(100.04, -1.0, 0.0001, 1.0, 10.0) == 100.0
    assert rules.trigger_price(100.04, 1.0, 0.0001, 1.0, 10.0) == 100.1
    assert math.isnan(rules.trigger_price(100.0, 1.0, math.nan, 1.0, 10.0))


def test_average_entry_weighs_by_quantity_on_both_sides():
    # (2 * 100 + 1 * 130) / 3 = 110
    assert rules.average_entry(2.0, 100.0, 1.0, 130.0) == 110.0
    assert rules.average_entry(-2.0, 100.0, -1.0, 130.0) == 110.0


def test_a_long_pays_a_positive_rate_and_a_short_receives_it():
    # the published record: short 3.00238 at 26898.2, rate 0.0001: receives 8.0758617716
    assert rules.funding_payment(-3.00238, 26898.2, 0.0001) == pytest.approx(-8.0758617716, rel=1e-9)
    assert rules.funding_payment(2.0, 100.0, 0.01) == 2.0


def test_liquidation_is_the_nearer_of_the_two_published_forms():
    # long 1 at 20,000, 50x, 0.5 %, no fee: at entry 19,600 + 100 = 19,700; at mark 19,600 / 0.995 = 19,698.49
    assert rules.liquidation_price(1.0, 20_000.0, 1.0, 50.0, 0.0, ONE_TIER) == pytest.approx(19_700.0, rel=1e-12)
    # short: at entry 20,400 - 100 = 20,300; at mark 20,400 / 1.005 = 20,298.507: the nearer is the lower
    assert rules.liquidation_price(1.0, 20_000.0, -1.0, 50.0, 0.0, ONE_TIER) == pytest.approx(20_400 / 1.005, rel=1e-12)


def test_liquidation_counts_the_fee_to_close_at_bankruptcy():
    # long 1 at 100, 2x: bankrupt at 50, fee 0.1 % of 50 = 0.05, maintenance 0.5: 50.55
    assert rules.liquidation_price(1.0, 100.0, 1.0, 2.0, 0.001, ONE_TIER) == pytest.approx(50.55, rel=1e-12)


def test_liquidation_uses_the_tier_of_the_notional_and_its_deduction():
    tiers = np.array([[1_000.0, 0.01, 0.0], [10_000.0, 0.02, 10.0]])

    # 5 at 100 = 500: first tier: 50 + 1 = 51
    assert rules.liquidation_price(5.0, 100.0, 1.0, 2.0, 0.0, tiers) == pytest.approx(51.0, rel=1e-12)
    # 10 at 100 = 1,000: still the first
    assert rules.liquidation_price(10.0, 100.0, 1.0, 2.0, 0.0, tiers) == pytest.approx(51.0, rel=1e-12)
    # 20 at 100 = 2,000: 50 + 2 - 10/20 = 51.5
    assert rules.liquidation_price(20.0, 100.0, 1.0, 2.0, 0.0, tiers) == pytest.approx(51.5, rel=1e-12)
    # above the last bracket: the last
    assert rules.liquidation_price(1000.0, 100.0, 1.0, 2.0, 0.0, tiers) == pytest.approx(50 + 2 - 0.01, rel=1e-12)


def test_a_short_that_grows_into_the_next_tier_is_held_to_it():
    tiers = np.array([[1_000.0, 0.01, 0.0], [10_000.0, 0.50, 490.0]])

    # short 9 at 100 = 900, 2x: first tier at mark 150 / 1.01 = 148.51, worth 1,336: second tier:
    # (150 + 490/9) / 1.5 = 136.296
    assert rules.liquidation_price(9.0, 100.0, -1.0, 2.0, 0.0, tiers) == pytest.approx((150 + 490 / 9) / 1.5, rel=1e-12)


def test_the_nearer_of_stop_and_liquidation_comes_first_and_a_tie_liquidates():
    assert rules.stop_comes_first(1.0, 52.0, 51.0)
    assert not rules.stop_comes_first(1.0, 50.0, 51.0)
    assert not rules.stop_comes_first(1.0, 51.0, 51.0)
    assert rules.stop_comes_first(-1.0, 148.0, 149.0)
    assert rules.stop_comes_first(1.0, 52.0, math.nan)


def test_the_latch_lets_go_at_zero_or_the_other_sign_only():
    assert rules.latch_after(1.0, 0.7) == 1.0
    assert rules.latch_after(1.0, 0.0) == 0.0
    assert rules.latch_after(1.0, -0.2) == 0.0
    assert rules.latch_after(-1.0, -0.2) == -1.0
    assert rules.latch_after(0.0, 0.5) == 0.0


def test_too_small_is_below_either_minimum_and_not_at_it():
    assert not rules.below_minimum(0.05, 100.0, 0.05, 5.0)
    assert rules.below_minimum(0.049, 100.0, 0.05, 0.0)
    assert rules.below_minimum(-0.05, 99.9, 0.05, 5.0)
