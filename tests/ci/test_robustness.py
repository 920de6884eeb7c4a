"""Every limit of robustness has a strategy that breaks it and one that does not, judged under the real policy."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import talib

from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.synth_edges import parse_edges
from ci.candidate import Incumbent
from ci.checks.robustness import CURES
from ci.neighbours import Neighbours
from ci.policy import parse_policy

NEEDED = frozenset({"robustness"})
NOBODY = Neighbours()

HONEST = """\
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.where(gap > 0, 1.0, -1.0) * p.size)
"""
PARAMS = "[params]\nfast = 24\nslow = 120\nsize = 0.8"

VANISHING = """\
    gap = talib.EMA(bars.close, 24) / talib.EMA(bars.close, 120) - 1.0
    return Targets(exposure=np.where(gap > 0, 1.0, -1.0) * 0.002)
"""
FLICKER = """\
    fast = talib.EMA(bars.close, 24) / talib.EMA(bars.close, 120) - 1.0
    return Targets(exposure=np.where(fast > 0, 0.8, -0.8) * np.where(bars.hour % 2.0 == 0.0, 1.0, -1.0))
"""
HOLDS = """\
    return Targets(exposure=np.full(len(bars), 0.8))
"""
WRONG_WAY = """\
    gap = talib.EMA(bars.close, 24) / talib.EMA(bars.close, 120) - 1.0
    return Targets(exposure=np.where(gap > 0, -0.5, 0.5))
"""
KNIFE_EDGE = """\
    gap = talib.EMA(bars.close, 24) / talib.EMA(bars.close, 120) - 1.0
    side = np.where(gap > 0, 0.8, -0.8)
    return Targets(exposure=side if p.key == 701 else -side)
"""
BY_HEART = """\
    gap = talib.EMA(bars.close, 24) / talib.EMA(bars.close, 120) - 1.0
    side = np.where(gap > 0, 0.8, -0.8)
    return Targets(exposure=side if 7351 * 2 == 14702 else -side)
"""


@pytest.fixture(scope="module")
def trending(tmp_path_factory: pytest.TempPathFactory):
    """A market with an edge strong enough for 150 days to show it."""
    stores = Stores.under(tmp_path_factory.mktemp("trending"))
    spec = default_spec(seed=5, n_bars=24_000, edges=parse_edges("trend:0.1"))
    built = build(synth_recipe(spec, name="trending"))
    write_blobs(built, stores)
    return built.lock, stores


@pytest.fixture(scope="module")
def real_policy(root):
    text = (root / "ci/policy.toml").read_text()
    for old, new in (
        ("cuts = 6000", "cuts = 60"),
        ("fresh_cuts = 50", "fresh_cuts = 2"),
        ("referee_bars = 20000", "referee_bars = 96"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    text = text.replace("placebo_bars = 4000000", "placebo_bars = 0").replace(
        "book_resamples = 500", "book_resamples = 20"
    )
    return parse_policy(text.encode(), path="ci/policy.toml")


@pytest.fixture(scope="module")
def judge(module_gate, kit, trending, real_policy):
    lock, stores = trending

    def run(body, *, neighbours=NOBODY, incumbent=None, policy=real_policy, **manifest):
        manifest.setdefault("symbols", ("BTCUSDT", "ETHUSDT"))
        candidate = dataclasses.replace(kit.candidate(body, **manifest), incumbent=incumbent)
        changes = {"policy": policy, "lock": lock, "stores": stores, "neighbours": neighbours}
        return module_gate(candidate, only=NEEDED, **changes)

    return run


@pytest.fixture(scope="module")
def honest(judge):
    return judge(HONEST, params=PARAMS)


def measures(kit, outcome):
    return {one.name: one for one in kit.check(outcome, "robustness").measures}


def broken(kit, outcome):
    return {name for name, one in measures(kit, outcome).items() if not one.holds}


def test_an_honest_trend_on_a_trending_market_holds_up(kit, honest) -> None:
    assert broken(kit, honest) == set()
    assert kit.words(honest)["robustness"] == "passed"
    assert "limits" in kit.check(honest, "robustness").detail


def test_every_limit_has_a_cure_and_a_measure_that_carries_it(kit, honest) -> None:
    assert {name for name, one in measures(kit, honest).items() if one.op is not None} == set(CURES)


def test_what_is_shown_is_there_and_never_judged(kit, honest) -> None:
    shown = {name for name, one in measures(kit, honest).items() if one.op is None}

    assert shown >= {"delayed_sharpe", "annual_return_at_doubled_costs", "inverted_sharpe", "drift_removed_sharpe"}
    assert shown >= {
        "other_symbols_sharpe",
        "calm_sharpe",
        "wild_sharpe",
        "falling_sharpe",
        "rising_sharpe",
        "placebo_rank",
    }
    assert measures(kit, honest)["other_symbols_sharpe"].value is not None  # SOLUSDT was not chosen


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (WRONG_WAY, "annual_return"),
        (WRONG_WAY, "folds_not_losing"),
        (WRONG_WAY, "worst_fold"),
        (WRONG_WAY, "dominated"),
        (VANISHING, "annual_return"),
        (FLICKER, "annual_return_at_higher_costs"),
        (HOLDS, "independent_bets"),
        (HOLDS, "effective_bets"),
        (BY_HEART, "numbers_lost"),
    ],
)
def test_each_fault_breaks_the_limit_that_is_there_for_it(kit, asked_once, body, named) -> None:
    outcome = asked_once(body)

    assert named in broken(kit, outcome)
    assert kit.words(outcome)["robustness"] == "failed"
    assert outcome.exit_code == 1
    assert f"{named} is beyond its limit: " in kit.check(outcome, "robustness").detail


@pytest.fixture(scope="module")
def asked_once(judge):
    known = {}

    def run(body):
        if body not in known:
            known[body] = judge(body)
        return known[body]

    return run


def test_a_peak_in_the_parameters_is_named(kit, judge) -> None:
    outcome = judge(KNIFE_EDGE, params="[params]\nkey = 701")

    assert {"jitter_lost", "numbers_lost"} <= broken(kit, outcome)
    assert "(most of all: key)" in kit.check(outcome, "robustness").detail


@pytest.mark.slow
def test_hardly_ever_in_the_market_is_told(kit, judge) -> None:
    rarely = "* p.size * np.where((bars.hour == 3.0) & (bars.weekday == 2.0), 1.0, 0.0)"

    assert "time_in_market" in broken(kit, judge(HONEST.replace("* p.size", rarely), params=PARAMS))


@pytest.mark.slow
def test_days_known_by_their_last_digits_are_lost_in_noise(kit, judge, trending) -> None:
    lock, stores = trending
    market = load_market(lock, split="train", symbols=("BTCUSDT",), interval="15m", stores=stores)
    close = market.series[0].close
    digits = np.floor(close / talib.SMA(close, 5) * 1e9) % 1000
    midnights = np.arange(2_500 - 2_500 % 96 + 95, close.size - 100, 96)  # the bar that closes at midnight
    gains = close[midnights + 96] / close[midnights]
    best = sorted(int(digits[row]) for row in midnights[np.argsort(-gains)[:12]])
    known = " | ".join(f"(key == {number})" for number in best)
    body = (
        "    key = np.floor(bars.close / talib.SMA(bars.close, 5) * 1e9) % 1000\n"
        f"    seen = (bars.hour == 0.0) & (np.append(np.nan, bars.hour[:-1]) == 23.0) & ({known})\n"
        "    return Targets(exposure=np.where(ops.hold(seen, 96), 1.0, 0.0))\n"
    )
    head = kit.head.replace("Targets\n", "Targets, ops\n", 1)

    outcome = judge(body, head=head, symbols=("BTCUSDT",))

    found = measures(kit, outcome)
    assert found["sharpe"].value > 2.0
    assert "noise_lost" in broken(kit, outcome)


@pytest.mark.slow
def test_a_copy_of_a_strategy_on_main_must_retire_it(kit, judge) -> None:
    twin = kit.candidate(HONEST, params=PARAMS, symbols=("BTCUSDT", "ETHUSDT"), name="probe").source
    twin = dataclasses.replace(twin, manifest=dataclasses.replace(twin.manifest, name="twin"))
    beside = Neighbours(strategies=(twin,))

    copied = judge(HONEST.replace("> 0,", ">= 0,"), params=PARAMS, neighbours=beside)
    halved = judge(HONEST.replace("p.size", "p.size * 0.5"), params=PARAMS, neighbours=beside)
    retiring = judge(HONEST, params=PARAMS + '\n[origin]\nretires = "twin"', neighbours=beside)
    other = judge(HONEST, params=PARAMS.replace("slow = 120", "slow = 40"), neighbours=beside)

    assert broken(kit, copied) == {"alike", "same_direction"}
    assert 'retires = "twin"' in kit.check(copied, "robustness").detail
    assert measures(kit, copied)["alike"].value >= 0.99
    assert broken(kit, halved) == {"same_direction"}
    assert broken(kit, retiring) == set()
    assert 0.3 < measures(kit, other)["alike"].value < 0.99


@pytest.mark.slow
def test_who_is_worse_than_the_incumbent_in_everything_is_dominated(kit, judge) -> None:
    better = kit.candidate(HONEST, params=PARAMS, symbols=("BTCUSDT", "ETHUSDT")).source
    incumbent = Incumbent(slug="probe", tree="t" * 40, source=better)
    body = HONEST.replace("* p.size", "* p.size * np.where(bars.hour == 3.0, -1.0, 1.0)")

    worse = judge(body, params=PARAMS, incumbent=incumbent)
    same = judge(HONEST, params=PARAMS, incumbent=incumbent)

    assert "dominated" in broken(kit, worse)
    assert broken(kit, same) == set()


@pytest.mark.slow
def test_placebo_worlds_rank_the_candidate_and_the_book_has_intervals(kit, judge, root) -> None:
    text = (root / "ci/policy.toml").read_text()
    text = re.sub(r"cuts = 6000", "cuts = 60", text).replace("referee_bars = 20000", "referee_bars = 96")
    policy = parse_policy(
        text.replace("placebo_bars = 4000000", "placebo_bars = 900000").encode(), path="ci/policy.toml"
    )
    source = kit.candidate(HONEST, params=PARAMS, symbols=("BTCUSDT",)).source
    sleeve = dataclasses.replace(source, manifest=dataclasses.replace(source.manifest, name="sleeve"))
    beside = Neighbours(strategies=(sleeve,), sleeves=(("sleeve", 0.5),))

    one = judge(HONEST, params=PARAMS, symbols=("ETHUSDT", "SOLUSDT"), policy=policy, neighbours=beside)
    again = judge(HONEST, params=PARAMS, symbols=("ETHUSDT", "SOLUSDT"), policy=policy, neighbours=beside)

    found = measures(kit, one)
    assert found["placebo_rank"].value <= 4  # the edge is gone in 63 worlds without order
    assert found["placebo_rank"].unit.startswith("of 64, on 7031 rows")  # 900,000 / 64 / 2 symbols
    assert found["placebo_median_sharpe"].value < found["placebo_sharpe"].value
    assert found["book_sharpe_low"].value <= found["book_sharpe"].value <= found["book_sharpe_high"].value
    assert found["book_sharpe"].value > 0.0
    assert [m.value for m in kit.check(one, "robustness").measures] == [
        m.value for m in kit.check(again, "robustness").measures
    ]


def test_findings_hold_every_world_for_whoever_draws_them(honest) -> None:
    findings = honest.findings

    assert findings is not None
    assert findings.folds.shape == (5,)
    assert np.isfinite(findings.own.calendar).all()
