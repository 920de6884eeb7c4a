from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import DataError
from autarch.market.build import RawSeries, _cut
from autarch.market.grid import Grid, coarsen, fill_flat, place
from autarch.market.load import load_market
from autarch.market.lock_types import Gap

DAY0 = 1_704_067_200_000
MINUTE = 60_000
HOUR = 3_600_000
STEP = 15 * MINUTE


def test_a_split_is_dense_and_holds_no_bar_of_another(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})

    found = {
        split: load_market(built.lock, split=split, symbols=["BTCUSDT"], interval="15m", stores=stores)
        for split in ("train", "holdout", "forward")
    }

    # 384 bars cut at 50 and 75 percent: 192, 96, 96
    assert [m.n_bars for m in found.values()] == [192, 96, 96]
    assert found["train"].of("BTCUSDT").close[-1] == 100 + 191
    assert found["holdout"].of("BTCUSDT").close[0] == 100 + 192
    assert found["forward"].ts[0] == DAY0 + 288 * STEP
    assert (np.diff(found["train"].ts) == STEP).all()
    assert found["train"].dataset_digest == built.lock.digest


def test_funding_and_mark_are_those_inside_the_split_alone(make_built, stores):
    hours = np.arange(96)
    mark = {"ts": DAY0 + HOUR * hours} | dict.fromkeys(("open", "high", "low", "close"), 100.0 + hours)
    built = make_built({"BTCUSDT": _bars(384)}, mark=mark)

    train = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores).of("BTCUSDT")
    holdout = load_market(built.lock, split="holdout", symbols=["BTCUSDT"], interval="15m", stores=stores).of("BTCUSDT")

    # train is [0 h, 48 h), holdout [48 h, 72 h); the settlement at 48 h belongs to the holdout
    assert ((train.funding_ms - DAY0) // HOUR).tolist() == [8, 16, 24, 32, 40]
    assert ((holdout.funding_ms - DAY0) // HOUR).tolist() == [48, 56, 64]
    assert train.mark_ms[0] == DAY0 + HOUR  # known when its bar had closed
    assert train.mark_ms[-1] == DAY0 + 48 * HOUR
    assert train.mark_close[-1] == 147
    assert holdout.mark_close[0] == 148


def test_turnover_is_volume_times_the_typical_price(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})

    series = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores).of("BTCUSDT")

    # bar 2: volume 3, high 103, low 100.5, close 102 -> 3 * 305.5 / 3
    assert series.turnover[2] == 305.5


def test_coarser_bars_are_made_of_full_buckets_of_the_finest(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384, start=DAY0 + STEP)})

    market = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="1h", stores=stores)
    series = market.of("BTCUSDT")

    # bars begin at 00:15, so the hour from 00:00 is partial: the grid begins at 01:00, with bars 3 to 6
    assert market.ts[0] == DAY0 + HOUR
    assert series.open[0] == 102.5
    assert series.high[0] == 107.0
    assert series.low[0] == 101.5
    assert series.close[0] == 106.0
    assert series.volume[0] == 4 + 5 + 6 + 7
    assert series.traded.all()


def test_a_later_listing_is_flat_at_its_first_open_before_it(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384), "ETHUSDT": _bars(374, start=DAY0 + 10 * STEP, base=50)})

    series = load_market(built.lock, split="train", symbols=["ETHUSDT"], interval="15m", stores=stores).of("ETHUSDT")

    assert series.first_row == 10
    assert not series.traded[:10].any()
    assert series.traded[10:].all()
    assert set(series.close[:10]) == {49.5}
    assert series.volume[:10].sum() == 0
    assert series.turnover[:10].sum() == 0


def test_a_listing_inside_a_bucket_begins_with_the_next_full_one(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384), "ETHUSDT": _bars(374, start=DAY0 + 10 * STEP, base=50)})

    series = load_market(built.lock, split="train", symbols=["ETHUSDT"], interval="1h", stores=stores).of("ETHUSDT")

    assert series.first_row == 3  # listed at 02:30, first full hour from 03:00
    assert series.open[3] == 51.5


def test_a_declared_gap_is_carried_flat_and_does_not_trade(make_built, stores):
    table = _without(_bars(384), 20, 24)
    gap = Gap(symbol="BTCUSDT", from_ms=DAY0 + 20 * STEP, to_ms=DAY0 + 24 * STEP, reason="halt")
    built = make_built({"BTCUSDT": table}, gaps=(gap,))

    series = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores).of("BTCUSDT")

    assert np.flatnonzero(~series.traded).tolist() == [20, 21, 22, 23]
    for name in ("open", "high", "low", "close"):
        assert set(getattr(series, name)[20:24]) == {119.0}
    assert series.close[24] == 124.0
    assert series.volume[20:24].sum() == 0


def test_a_coarser_bar_that_touches_a_gap_does_not_trade(make_built, stores):
    gap = Gap(symbol="BTCUSDT", from_ms=DAY0 + 21 * STEP, to_ms=DAY0 + 22 * STEP, reason="halt")
    built = make_built({"BTCUSDT": _without(_bars(384), 21, 22)}, gaps=(gap,))

    series = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="1h", stores=stores).of("BTCUSDT")

    assert np.flatnonzero(~series.traded).tolist() == [5]
    assert series.close[5] == series.close[4]


def test_a_hole_that_the_lock_does_not_declare_is_refused(make_built, stores):
    built = make_built({"BTCUSDT": _without(_bars(384), 20, 24)})

    with pytest.raises(DataError, match=f"no bar at ts {DAY0 + 20 * STEP} and no declared gap"):
        load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores)


def test_a_stored_interval_is_read_and_not_made(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})
    hourly = _bars(96) | {"ts": DAY0 + HOUR * np.arange(96)}
    raw = RawSeries(venue="bybit", symbol="BTCUSDT", kind="kline", interval="1h", table=hourly)
    stored = _cut(raw, built.lock.splits, blobs := [])
    for split, content in blobs:
        stores.write(split, content)
    lock = msgspec.structs.replace(built.lock, series=(*built.lock.series, stored), intervals=("15m", "1h"))

    one, two = (
        load_market(lock, split="train", symbols=["BTCUSDT"], interval=i, stores=stores).of("BTCUSDT")
        for i in ("1h", "2h")
    )

    assert one.close[1] == 101  # the stored hour's, where four quarters would give 107
    assert two.close[0] == 107  # made of the finest


def test_a_split_knows_no_funding_schedule_of_a_later_one(make_built, stores):
    hours = np.array([8, 16, 24, 32, 40, 48, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92])
    built = make_built({"BTCUSDT": _bars(384)}, funding={"ts": DAY0 + HOUR * hours, "rate": np.full(16, 1e-4)})

    found = {
        split: load_market(built.lock, split=split, symbols=["BTCUSDT"], interval="15m", stores=stores).of("BTCUSDT")
        for split in ("train", "holdout", "forward")
    }

    # four-hourly from hour 56: train ends at 48, holdout at 72
    assert [[e.interval_min for e in s.funding_schedule] for s in found.values()] == [[480], [480, 240], [240]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbols": ["XRPUSDT"]}, "has no symbol XRPUSDT; it has BTCUSDT"),
        ({"symbols": []}, "name at least one"),
        ({"symbols": ["BTCUSDT", "BTCUSDT"]}, "each once"),
        ({"interval": "5m"}, "stores BTCUSDT at 15m, none of which divides 5 minutes"),
        ({"interval": "7m"}, "not one of 1m"),
        ({"interval": "1d"}, "shorter than one 1d bar"),
        ({"split": "tomorrow"}, "not one of train, holdout, forward"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(make_built, stores, changes, expected):
    built = make_built({"BTCUSDT": _bars(100)})
    asked = {"split": "train", "symbols": ["BTCUSDT"], "interval": "15m"} | changes

    with pytest.raises(DataError, match=expected):
        load_market(built.lock, **asked, stores=stores)


def test_a_symbol_without_bars_in_a_split_is_refused(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384), "ETHUSDT": _bars(100, start=DAY0 + 284 * STEP)})

    with pytest.raises(DataError, match="ETHUSDT has no bars in train of tiny"):
        load_market(built.lock, split="train", symbols=["BTCUSDT", "ETHUSDT"], interval="15m", stores=stores)


@pytest.mark.parametrize("kind", ["kline", "funding", "mark"])
def test_one_flipped_byte_of_any_series_is_refused_by_name(make_built, stores, kind):
    mark = {"ts": DAY0 + HOUR * np.arange(96)} | dict.fromkeys(("open", "high", "low", "close"), np.full(96, 5.0))
    built = make_built({"BTCUSDT": _bars(384)}, mark=mark)
    block = built.lock.series_of("BTCUSDT", kind)[0].train
    file = Path(stores.train, f"{block.sha256}.bin")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(DataError, match=f"tiny BTCUSDT {kind}.* train: .*SHA-256"):
        load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores)


def test_a_missing_store_file_is_refused_with_the_next_step(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})
    Path(stores.train, f"{built.lock.series[0].train.sha256}.bin").unlink()

    with pytest.raises(DataError, match="autarch data"):
        load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores)


def test_train_loads_where_the_holdout_store_does_not_exist(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})
    agent = type(stores)(train=stores.train, holdout="/nonexistent/holdout", forward="/nonexistent/forward")

    assert load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=agent).n_bars == 192
    with pytest.raises(DataError, match="AUTARCH_DATA_HOLDOUT"):
        load_market(built.lock, split="holdout", symbols=["BTCUSDT"], interval="15m", stores=agent)


def test_a_lock_that_points_train_at_holdout_rows_is_refused(make_built, stores):
    built = make_built({"BTCUSDT": _bars(384)})
    kline = built.lock.series[0]
    swapped = msgspec.structs.replace(kline, train=kline.holdout)
    lock = msgspec.structs.replace(built.lock, series=(swapped, *built.lock.series[1:]))
    stores.write("train", Path(stores.holdout, f"{kline.holdout.sha256}.bin").read_bytes())

    with pytest.raises(DataError, match="lie outside the split"):
        load_market(lock, split="train", symbols=["BTCUSDT"], interval="15m", stores=stores)


@given(st.lists(st.booleans(), min_size=8, max_size=60).filter(any), st.integers(2, 5), st.integers(0, 4))
def test_coarse_bars_equal_a_loop_over_their_rows(present, factor, offset):
    base = Grid(first_ms=offset * MINUTE, step_ms=MINUTE, n_bars=len(present))
    grid = Grid.covering(base.first_ms, base.first_ms + len(present) * MINUTE, factor * MINUTE)
    rows = np.flatnonzero(present)
    table = {"ts": base.ts[rows]} | {
        name: (rows * 7 % 5 + k + 1.0) for k, name in enumerate(("open", "high", "low", "close", "volume"))
    }

    placed, found = place(table, base, label="x")
    made, full = coarsen(placed, found, base, grid)

    by_ts = {int(t): i for i, t in enumerate(table["ts"])}
    for bar, start in enumerate(grid.ts):
        members = [by_ts.get(int(start) + k * MINUTE) for k in range(factor)]
        assert full[bar] == (None not in members)
        if full[bar]:
            assert made["open"][bar] == table["open"][members[0]]
            assert made["high"][bar] == max(table["high"][m] for m in members)
            assert made["low"][bar] == min(table["low"][m] for m in members)
            assert made["close"][bar] == table["close"][members[-1]]
            assert made["volume"][bar] == sum(table["volume"][m] for m in members)


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_a_flat_row_repeats_the_last_real_close(traded):
    mask = np.array(traded)
    real = {name: np.arange(mask.size) + k + 1.0 for k, name in enumerate(("open", "high", "low", "close", "volume"))}
    columns = {name: np.where(mask, column, np.nan) for name, column in real.items()}

    fill_flat(columns, mask)

    last = real["open"][int(np.argmax(mask))]
    for row, is_real in enumerate(mask):
        last = real["close"][row] if is_real else last
        assert columns["close"][row] == last
        assert columns["volume"][row] == (real["volume"][row] if is_real else 0)


def _bars(n, *, start=DAY0, base=100.0):
    close = base + np.arange(n, dtype=np.float64)
    return {
        "ts": start + STEP * np.arange(n, dtype=np.int64),
        "open": close - 0.5,
        "high": close + 1,
        "low": close - 1.5,
        "close": close,
        "volume": 1.0 + np.arange(n),
    }


def _without(table, start, end):
    keep = np.ones(table["ts"].size, dtype=bool)
    keep[start:end] = False
    return {name: column[keep] for name, column in table.items()}
