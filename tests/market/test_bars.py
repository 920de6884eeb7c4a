from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.market.bars import bar_columns
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe

DAY0 = 1_704_067_200_000  # a Monday
HOUR = 3_600_000


@pytest.fixture(scope="module")
def market():
    stores = Stores(train="memory://bars/t", holdout="memory://bars/h", forward="memory://bars/f")
    built = build(synth_recipe(default_spec(n_bars=24_000), name="tiny"))
    write_blobs(built, stores)
    return load_market(built.lock, split="train", symbols=["BTCUSDT", "SOLUSDT"], interval="15m", stores=stores)


def test_funding_is_the_newest_rate_settled_strictly_before_the_close(market):
    series, columns = market.of("BTCUSDT"), bar_columns(market, "BTCUSDT")
    row = int((series.funding_ms[0] - DAY0) // (HOUR // 4))  # the bar that opens at the first settlement

    # the bar before it closes at the settlement: not yet known, that close comes first
    assert np.isnan(columns.funding[:row]).all()
    assert columns.funding[row] == series.funding_rate[0]
    assert columns.funding[row + 31] == series.funding_rate[0]  # closes at the second settlement
    assert columns.funding[row + 32] == series.funding_rate[1]


def test_the_calendar_speaks_of_the_close(market):
    columns = bar_columns(market, "BTCUSDT")

    # bar 0 is 00:00 to 00:15 on a Monday; bar 3 closes at 01:00, bar 95 at 00:00 on Tuesday
    assert columns.hour[[0, 2, 3, 94, 95]].tolist() == [0, 0, 1, 23, 0]
    assert columns.weekday[[0, 94, 95, 95 + 6 * 96]].tolist() == [0, 0, 1, 0]


def test_minutes_to_funding_follow_the_change_to_four_hours(market):
    btc, sol = bar_columns(market, "BTCUSDT"), bar_columns(market, "SOLUSDT")
    change = 121 * 96  # bars to 2024-05-01T00:00Z: 31 + 29 + 31 + 30 days

    assert btc.minutes_to_funding[[0, 31, 32]].tolist() == [465, 480, 465]
    assert sol.minutes_to_funding[[0, 31, 32]].tolist() == [465, 480, 465]
    assert sol.minutes_to_funding[change - 1] == 240  # closes at the change: the next is at 04:00
    assert btc.minutes_to_funding[change - 1] == 480
    assert sol.minutes_to_funding.min() == 15


def test_columns_own_their_memory_and_are_float64(market):
    columns = bar_columns(market, "BTCUSDT")

    for name in (f.name for f in fields(columns)):
        column = getattr(columns, name)
        assert column.dtype == np.float64
        assert column.shape == (market.n_bars,)
        assert column.flags.owndata
        assert not np.shares_memory(column, getattr(market.of("BTCUSDT"), name, np.zeros(1)))


@given(st.integers(1, 4000))
def test_truncating_the_future_changes_no_past_column(market, n):
    whole = bar_columns(market, "SOLUSDT")
    cut = bar_columns(_truncated(market, n), "SOLUSDT")

    for name in (f.name for f in fields(whole)):
        assert getattr(cut, name).tobytes() == getattr(whole, name)[:n].tobytes()


def test_a_stranger_is_a_key_error(market):
    with pytest.raises(KeyError):
        bar_columns(market, "XRPUSDT")


def _truncated(market, n):
    """The market as it was known when bar n - 1 had closed."""
    now = int(market.ts[n - 1]) + market.interval_ms
    series = []
    for s in market.series:
        rows = {name: getattr(s, name)[:n] for name in ("open", "high", "low", "close", "volume", "turnover", "traded")}
        k, m = np.searchsorted(s.funding_ms, now), np.searchsorted(s.mark_ms, now, side="right")
        series.append(
            replace(
                s,
                **rows,
                funding_ms=s.funding_ms[:k],
                funding_rate=s.funding_rate[:k],
                mark_ms=s.mark_ms[:m],
                mark_close=s.mark_close[:m],
                funding_schedule=tuple(e for e in s.funding_schedule if e.from_ms <= now),
            )
        )
    return replace(market, ts=market.ts[:n], series=tuple(series))
