"""Every strategy in the tree: passes the policy, looks only back, and needs no more warm-up than it declares.

They claim no profit, so none is tested for it.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from autarch.manifest import parse_source
from autarch.sandbox.source_policy import check_source
from autarch.strategy import Bars, Params, check_targets

ROOT = Path(__file__).parents[2] / "strategies"
SEEDS = sorted(p.parent.name for p in ROOT.glob("*/manifest.toml"))
N_BARS = 10_000
BAR_MS = 900_000
EPOCH_BAR = 1_900_000


@cache
def source_of(slug):
    folder = ROOT / slug
    return parse_source(
        slug=slug,
        manifest_bytes=(folder / "manifest.toml").read_bytes(),
        code=(folder / "strategy.py").read_bytes(),
    )


@cache
def walk(column):
    """One symbol's columns: a walk with spells of volatility and of drift, and funding that follows it."""
    rng = np.random.default_rng(100 + column)
    sigma = 0.002 * np.exp(np.repeat(rng.normal(0, 0.5, N_BARS // 100), 100))
    drift = 0.0002 * np.repeat(rng.integers(-1, 2, N_BARS // 250), 250)
    close = 100.0 * np.exp(np.cumsum(drift + sigma * rng.standard_t(4, N_BARS) / 1.4))
    start = np.concatenate([[100.0], close[:-1]])
    wick = sigma * np.abs(rng.normal(0, 1, N_BARS))
    settled = np.round(1e-4 + 3e-4 * rng.normal(0, 1, N_BARS // 32 + 1), 6)
    number = EPOCH_BAR + np.arange(N_BARS)
    return {
        "open": start,
        "high": np.maximum(start, close) * (1 + wick),
        "low": np.minimum(start, close) * (1 - wick),
        "close": close,
        "volume": rng.lognormal(3, 1, N_BARS),
        "turnover": rng.lognormal(8, 1, N_BARS),
        "funding": np.concatenate([[np.nan] * 9, np.repeat(settled, 32)])[:N_BARS],
        "minutes_to_funding": 480.0 - number % 32 * 15.0,
        "hour": (number + 1) // 4 % 24.0,
        "weekday": ((number + 1) // 96 + 3) % 7.0,
    }


def exposure_of(slug, start, end, **how):
    """Return what decide wants on rows [start, end), shape (rows, columns of one answer)."""
    return answer_of(slug, start, end, **how)[0]


def answer_of(slug, start, end, *, scale=1.0, params=None):
    """Return exposure, stop_loss and take_profit on rows [start, end)."""
    manifest = source_of(slug).manifest
    wide = manifest.mode == "panel"
    columns = {}
    for name in walk(0):
        shown = [walk(c)[name][start:end] for c in range(len(manifest.symbols) if wide else 1)]
        columns[name] = np.stack(shown, axis=1) if wide and name not in {"hour", "weekday"} else shown[0]
    for name in ("open", "high", "low", "close", "turnover"):
        columns[name] = columns[name] * scale
    bars = Bars.build(columns, first_bar=EPOCH_BAR + start, interval_ms=BAR_MS)
    space = {}
    exec(compile(source_of(slug).code, "strategy.py", "exec"), space)  # noqa: S102  this project's own strategies
    return check_targets(
        space["decide"](bars, Params({**manifest.params, **(params or {})})),
        n_rows=end - start,
        n_symbols=len(manifest.symbols) if wide else 1,
        mode=manifest.mode,
        max_leverage=manifest.max_leverage,
        counts_from=manifest.warmup,
    )


def apart(long, short, max_leverage):
    """Return the share of rows on which two histories disagree, as the gate's warm-up check counts it."""
    return ((np.sign(long) != np.sign(short)) | (np.abs(long - short) > 1e-3 * max_leverage)).mean()


def upper_ends(slug):
    manifest = source_of(slug).manifest
    return {name: type(manifest.params[name])(span.high) for name, span in manifest.search.items()}


def test_there_are_six_families():
    assert set(SEEDS) >= {
        "ema_trend",
        "band_reversion",
        "funding_carry",
        "donchian_breakout",
        "mtf_trend",
        "xs_momentum",
    }


@pytest.mark.parametrize("slug", SEEDS)
def test_the_policy_finds_nothing(slug):
    assert [str(f) for f in check_source(source_of(slug))] == []


@pytest.mark.parametrize("slug", SEEDS)
def test_a_window_fits_a_forward_split_of_eight_weeks_twice(slug):
    manifest = source_of(slug).manifest

    # 55 days of 15m bars are 5,280; anchoring may cost one block short of whole
    assert manifest.warmup + manifest.block <= 5_280 - manifest.warmup


@pytest.mark.parametrize("slug", SEEDS)
def test_the_warmup_suffices_at_the_defaults_and_at_the_upper_ends_of_the_search(slug):
    manifest = source_of(slug).manifest
    keep, first = 2_048, 4 * manifest.warmup + 1_000

    for params in ({}, upper_ends(slug)):
        long = exposure_of(slug, first - 4 * manifest.warmup, first + keep, params=params)[-keep:]
        short = exposure_of(slug, first - manifest.warmup, first + keep, params=params)[-keep:]
        assert apart(long, short, manifest.max_leverage) <= 0.0005, params


def test_the_warmup_test_sees_a_strategy_that_remembers_for_ever():
    def every_third_rise_since(start):
        close = walk(0)["close"][start:8_448]
        return (np.cumsum(np.diff(close) > 0) % 3 == 0)[-2_048:] * 1.0

    assert apart(every_third_rise_since(0), every_third_rise_since(4_801), 1.0) > 0.0005


@pytest.mark.parametrize("slug", SEEDS)
def test_truncating_the_future_changes_no_past_decision(slug):
    warmup = source_of(slug).manifest.warmup
    whole = exposure_of(slug, 0, warmup + 2_048)
    changes = warmup + np.flatnonzero(np.abs(np.diff(whole[warmup:], axis=0)).any(axis=1))

    for row in [*changes[:12].tolist(), *range(warmup, warmup + 2_048, 173)]:
        part = exposure_of(slug, 0, row + 1)
        assert part[-1].tobytes() == whole[row].tobytes()


@pytest.mark.parametrize("slug", SEEDS)
@pytest.mark.parametrize("scale", [16.0, 0.25])
def test_a_price_in_other_units_changes_no_decision(slug, scale):
    warmup = source_of(slug).manifest.warmup
    plain, scaled = (exposure_of(slug, 0, N_BARS, scale=s)[warmup:] for s in (1.0, scale))

    assert (np.abs(plain - scaled) > 1e-6).mean() <= 0.001


@pytest.mark.parametrize("slug", SEEDS)
def test_it_trades_both_ways_and_seldom_enough_to_pay_its_costs(slug):
    warmup = source_of(slug).manifest.warmup
    exposure = exposure_of(slug, 0, N_BARS)[warmup:]

    turnover_per_day = np.abs(np.diff(exposure, axis=0)).sum(axis=1).mean() * 96
    assert exposure.max() > 0 > exposure.min()
    assert 0.01 < turnover_per_day < 6.0


@pytest.mark.parametrize("slug", SEEDS)
def test_every_parameter_matters_somewhere_in_its_range(slug):
    manifest = source_of(slug).manifest
    plain = answer_of(slug, 0, N_BARS)

    for name, span in manifest.search.items():
        kind = type(manifest.params[name])
        moved = [answer_of(slug, 0, N_BARS, params={name: kind(end)}) for end in (span.low, span.high)]
        assert any(not np.array_equal(plain, m, equal_nan=True) for m in moved), name
