"""Price levels known by heart are found, whatever hides them; honest arithmetic is not touched."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.market.load import load_market
from ci.checks.memory import JITTER, NUDGE, _judged, advice_scales, price_scales, prime_of, scaled
from ci.checks.opinions import Difference
from ci.policy import load_policy

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

HONEST = {
    "ratio of averages": """\
    gap = talib.EMA(bars.close, 10) / talib.EMA(bars.close, 40) - 1.0
    return Targets(exposure=np.clip(np.nan_to_num(gap) * 50.0, -1.0, 1.0), stop_loss=0.05)
""",
    "logs and a stop of true ranges": """\
    change = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
    stop = np.clip(np.nan_to_num(3.0 * talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close, nan=0.5), 0.01, 0.5)
    return Targets(exposure=np.sign(talib.SMA(np.nan_to_num(change), 48)), stop_loss=stop)
""",
    "a mean that ties": """\
    mean = talib.SMA(bars.close, 20)
    rising = np.append(False, mean[1:] > mean[:-1])
    return Targets(exposure=np.where(rising, 1.0, 0.0))
""",
    "volume against its own past": """\
    return Targets(exposure=np.where(bars.turnover > talib.SMA(bars.turnover, 96), 1.0, 0.0))
""",
}
LEVELS = {
    "a level": """\
    return Targets(exposure=np.where(bars.close < np.median(bars.close[:300]) * 0 + p.level, 1.0, 0.0))
""",
    "a level that powers of two do not move": """\
    place = np.log2(bars.close) % 1.0
    return Targets(exposure=np.where((place > 0.3) & (place < 0.6), 1.0, 0.0))
""",
    "the stop alone": """\
    stop = np.where(bars.close < p.level, 0.1, 0.2)
    return Targets(exposure=np.where(bars.close > bars.open, 1.0, 0.0), stop_loss=stop)
""",
    "digits": """\
    return Targets(exposure=np.where(np.sin(bars.close * 100000000.0 ) > 0.0, 1.0, 0.0))
""",
}


def of_check(kit, outcome):
    return kit.check(outcome, "memory")


@pytest.mark.parametrize("body", HONEST.values(), ids=HONEST)
def test_what_rests_on_ratios_does_not_notice(module_gate, kit, body) -> None:
    found = of_check(kit, module_gate(kit.candidate(body, symbols=SYMBOLS), only=["memory"]))

    assert found.verdict == "passed", found.detail


@pytest.mark.parametrize("body", LEVELS.values(), ids=LEVELS)
def test_levels_known_by_heart_are_found_with_the_bar_and_both_values(module_gate, kit, body) -> None:
    params = "[params]\nlevel = 50000.0" if "p.level" in body else ""

    found = of_check(kit, module_gate(kit.candidate(body, params=params), only=["memory"]))

    assert found.verdict == "failed", found.detail
    assert " of BTCUSDT at train row " in found.detail
    assert "compare with an average" in found.detail


def test_the_level_of_one_symbol_against_another_is_found_in_a_panel_and_through_context(module_gate, kit) -> None:
    panel = """\
    cheap = bars.close[:, 0] / bars.close[:, 1] < 15.0
    return Targets(exposure=np.where(cheap, 0.3, 0.0)[:, None] * np.ones(3))
"""
    through = """\
    cheap = bars.close / bars.context["ETHUSDT"].close < 15.0
    return Targets(exposure=np.where(cheap, 0.5, 0.0))
"""
    spread = """\
    gap = np.log(bars.close / bars.context["ETHUSDT"].close)
    z = (gap - talib.SMA(gap, 96)) / talib.STDDEV(gap, 96)
    return Targets(exposure=np.where(np.nan_to_num(z) < -1.0, 0.5, 0.0))
"""
    context = {"symbols": ("BTCUSDT",), "context": ("ETHUSDT",)}

    words = [
        of_check(kit, module_gate(kit.candidate(body, **manifest), only=["memory"]))
        for body, manifest in ((panel, {"symbols": SYMBOLS, "mode": "panel"}), (through, context), (spread, context))
    ]

    assert [found.verdict for found in words] == ["failed", "failed", "passed"], [found.detail for found in words]
    assert "prices of BTCUSDT x 3, ETHUSDT x 1/5" in words[1].detail


def test_levels_of_volume_and_of_funding_are_shown_and_block_nothing(module_gate, kit) -> None:
    body = """\
    busy = bars.volume > np.median(bars.volume[:200]) * 0 + p.level
    known = np.abs(bars.funding - 0.0001) < 1e-9
    return Targets(exposure=np.where(busy, 1.0, 0.0) * np.where(known, 0.5, 1.0))
"""
    found = of_check(kit, module_gate(kit.candidate(body, params="[params]\nlevel = 100.0"), only=["memory"]))

    shown = {measure.name: measure for measure in found.measures if measure.limit is None}
    assert found.verdict == "passed"
    assert list(shown) == ["volume_x16.differing", "volume_x1_4.differing", "funding_nudged.differing"]
    assert max(measure.value for measure in shown.values()) > 0.0
    assert "hang on volume x" in found.detail


def test_a_few_levels_that_earn_much_are_found_however_few_bars_they_are(module_gate, kit) -> None:
    few = """\
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    known = np.isclose(bars.close[:, None], LEVELS, rtol=0.000001, atol=0.0).any(axis=1)
    return Targets(exposure=np.where(known, 1.0, np.where(gap > 0.0, 0.1, -0.1)))
"""
    market = load_market(
        module_gate.inputs.lock, split="train", symbols=SYMBOLS[:1], interval="15m", stores=module_gate.inputs.stores
    )
    close = market.of("BTCUSDT").close
    best = np.argsort(close[3000:-1] / close[3001:])[:7] + 3000  # the bars before the seven best
    body = few.replace("LEVELS", str(tuple(close[best].tolist())))

    found = of_check(kit, module_gate(kit.candidate(body), only=["memory"]))

    share = {measure.name: measure for measure in found.measures}
    assert found.verdict == "failed", found.detail
    assert share["prices_x16.differing"].holds
    assert not share["prices_x16.earned"].holds
    assert "of the gain," in found.detail


def test_dust_that_hangs_on_digits_does_not_excuse_levels(module_gate, kit) -> None:
    body = """\
    place = np.log2(bars.close) / 2.0 * 40.0 % 10.0
    dust = np.where(bars.close / 7.0 * 1e9 % 24.0 < 1.0, 0.00001, 0.0)
    return Targets(exposure=np.where(place < 1.0, 1.0, dust))
"""
    found = of_check(kit, module_gate(kit.candidate(body), only=["memory"]))

    assert found.verdict == "failed", found.detail
    assert "x 3: first, exposure of BTCUSDT" in found.detail


def test_a_strategy_that_raises_on_another_level_fails_with_the_scale_named(module_gate, kit) -> None:
    body = "    return Targets(exposure=bars.close / 100000.0)\n"

    found = of_check(kit, module_gate(kit.candidate(body), only=["memory"]))

    assert found.verdict == "failed", found.detail
    assert "with every price x 16" in found.detail
    assert "max_leverage" in found.detail


def test_a_strategy_that_fails_on_another_volume_is_shown_to_hang_on_it_and_passes(module_gate, kit, inputs) -> None:
    market = load_market(inputs.lock, split="train", symbols=SYMBOLS[:1], interval="15m", stores=inputs.stores)
    unheard_of = 4.0 * float(market.series[0].volume.max())
    body = "    return Targets(exposure=np.where(bars.volume > p.level, 9.0, 0.5))\n"  # 9.0 is beyond max_leverage

    found = of_check(kit, module_gate(kit.candidate(body, params=f"[params]\nlevel = {unheard_of}"), only=["memory"]))

    shown = {measure.name: measure.value for measure in found.measures if measure.limit is None}
    assert found.verdict == "passed", found.detail
    assert (shown["volume_x16.differing"], shown["volume_x1_4.differing"]) == (1.0, 0.0)


def test_no_two_symbols_keep_their_ratio_nor_its_digits() -> None:
    factors = [prime_of(place) for place in range(50)]

    assert len({*factors}) == 50
    ratios = np.log2(np.divide.outer(factors, factors))[~np.eye(50, dtype=bool)]
    assert np.abs(ratios - np.round(ratios)).min() > 1e-6


def test_every_scale_gives_every_symbol_a_factor() -> None:
    for scale in (*price_scales(SYMBOLS), *advice_scales(SYMBOLS)):
        assert set(scale.factors) == set(SYMBOLS)
        assert all(factor not in (0.0, 1.0) for factor in scale.factors.values())


def test_nudges_are_below_any_tick_and_differ_from_symbol_to_symbol() -> None:
    nudged = next(scale for scale in price_scales(SYMBOLS) if scale.name == "prices_nudged")

    assert len({*nudged.factors.values()}) == len(SYMBOLS)
    assert all(1.0 < factor < 1.0 + 1e-11 for factor in nudged.factors.values())


def test_however_much_hangs_on_last_digits_no_more_than_all_exposure_may_move(root) -> None:
    by_primes = next(scale for scale in price_scales(SYMBOLS) if scale.name == "prices_by_primes")
    nowhere = Difference(compared_frac=1.0, differing_frac=0.0, first=None, moved_frac=0.0, earned_frac=0.0)

    moved, _ = _judged(load_policy(root).memory, by_primes, nowhere, rounding=0.9)

    assert moved.limit == 1.0


def test_a_scale_multiplies_its_columns_and_no_other(evaluated, kit) -> None:
    market = evaluated(kit.trend).market
    scales = {
        scale.name: scale for scale in (*price_scales(("BTCUSDT", "ETHUSDT")), *advice_scales(("BTCUSDT", "ETHUSDT")))
    }
    factors = {
        "prices_x16": (16.0, 1.0),
        "prices_x1_4": (0.25, 1.0),
        "volume_x16": (1.0, 16.0),
        "funding_nudged": (1.0, 1.0),
    }

    for name, (price, volume) in factors.items():
        series, was = scaled(market, scales[name]).of("BTCUSDT"), market.of("BTCUSDT")
        for column in ("open", "high", "low", "close"):
            np.testing.assert_array_equal(getattr(series, column), price * getattr(was, column))
        np.testing.assert_array_equal(series.volume, volume * was.volume)
        np.testing.assert_array_equal(series.turnover, price * volume * was.turnover)
        rate = 1.0 + JITTER if name == "funding_nudged" else 1.0
        np.testing.assert_array_equal(series.funding_rate, rate * was.funding_rate)

    assert scales["prices_nudged"].factors == {"BTCUSDT": 1.0 + NUDGE, "ETHUSDT": 1.0 + 2 * NUDGE}
    by_primes = scaled(market, scales["prices_by_primes"])
    assert by_primes.of("BTCUSDT").close[0] == 3.0 * market.of("BTCUSDT").close[0]
    assert by_primes.of("ETHUSDT").close[0] == pytest.approx(market.of("ETHUSDT").close[0] / 5.0)
