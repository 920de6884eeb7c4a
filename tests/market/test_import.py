from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autarch.errors import DataError
from autarch.market.build import build, write_blobs
from autarch.market.importer import import_recipe, parse_gap
from autarch.market.load import load_market

DAY0 = 1_704_067_200_000
MINUTE = 60_000
HOUR = 3_600_000
STEP = 15 * MINUTE
NOW = DAY0 + 400 * 24 * HOUR
KLINE = "BTCUSDT/kline-15m.parquet"
MARK = "BTCUSDT/mark-1h.parquet"
FUNDING = "BTCUSDT/funding-8h.parquet"


def put(table, row, **values):
    """Return `table` with one row changed."""
    changed = {name: column.copy() for name, column in table.items()}
    for name, value in values.items():
        changed[name][row] = value
    return changed


def drop(table, start, end=None):
    keep = np.ones(table["ts"].size, dtype=bool)
    keep[start : start + 1 if end is None else end] = False
    return {name: column[keep] for name, column in table.items()}


def swap(table, row):
    order = np.arange(table["ts"].size)
    order[[row, row + 1]] = order[[row + 1, row]]
    return {name: column[order] for name, column in table.items()}


def repeat(table, row):
    order = np.sort(np.append(np.arange(table["ts"].size), row))
    return {name: column[order] for name, column in table.items()}


FAULTS = {
    "gap": (KLINE, lambda t: drop(t, 7, 9), "row 7, ts {9}", "2 bars are missing"),
    "duplicate": (KLINE, lambda t: repeat(t, 7), "row 8, ts {7}", "duplicate"),
    "unsorted": (KLINE, lambda t: swap(t, 7), "row 8, ts {7}", "not sorted"),
    "off the grid": (KLINE, lambda t: put(t, 7, ts=DAY0 + 7 * STEP + 1), "row 7, ts {7+1}", "off the interval grid"),
    "seconds": (KLINE, lambda t: t | {"ts": t["ts"] // 1000}, "row 0", "epoch milliseconds"),
    "high below low": (KLINE, lambda t: put(t, 7, high=105.4), "row 7, ts {7}", "high is below low"),
    "close above high": (KLINE, lambda t: put(t, 7, close=109.0), "row 7, ts {7}", "outside low to high"),
    "open below low": (KLINE, lambda t: put(t, 7, open=105.0), "row 7, ts {7}", "outside low to high"),
    "zero price": (KLINE, lambda t: put(t, 7, low=0.0), "row 7, ts {7}", "low is not above zero"),
    "negative volume": (KLINE, lambda t: put(t, 7, volume=-1.0), "row 7, ts {7}", "volume is negative"),
    "NaN": (KLINE, lambda t: put(t, 7, close=np.nan), "row 7, ts {7}", "close is NaN"),
    "infinite": (KLINE, lambda t: put(t, 7, volume=np.inf), "row 7, ts {7}", "volume is NaN or infinite"),
    "no rows": (KLINE, lambda t: {k: v[:0] for k, v in t.items()}, "no rows", ""),
    "a column more": (KLINE, lambda t: t | {"vwap": t["open"]}, "columns", "vwap"),
    "a column less": (KLINE, lambda t: {k: v for k, v in t.items() if k != "volume"}, "columns", "volume"),
    "float stamps": (KLINE, lambda t: t | {"ts": t["ts"].astype(float)}, "column ts is double", "expected int64"),
    "integer prices": (KLINE, lambda t: t | {"open": t["open"].astype(int)}, "column open is int64", "expected double"),
    "mark gap": (MARK, lambda t: drop(t, 7, 8), "row 7, ts {32}", "1 bars are missing"),
    "mark ends early": (MARK, lambda t: drop(t, 80, 96), "ends at ts {316}", "--end"),
    "mark off": (MARK, lambda t: put(t, 7, low=np.nan), "row 7, ts {28}", "low is NaN"),
    "funding gap": (FUNDING, lambda t: drop(t, 3), "row 3, ts {160}", "a row is missing"),
    "funding begins late": (FUNDING, lambda t: drop(t, 0, 2), "row 0, ts {96}", "funding was due"),
    "funding ends early": (
        FUNDING,
        lambda t: drop(t, 9, 12),
        "row 8, ts {288}",
        "the next was due at 2024-01-04T08:00Z",
    ),
    "funding off": (FUNDING, lambda t: put(t, 3, ts=DAY0 + 32 * HOUR + 60_000), "row 3", "row is missing"),
    "funding in percent": (FUNDING, lambda t: put(t, 3, rate=0.3), "row 3, ts {128}", "in percent"),
    "funding NaN": (FUNDING, lambda t: put(t, 3, rate=np.nan), "row 3, ts {128}", "rate is NaN"),
}


def stamp(text):
    """Fill `{7}` with the ts of bar 7, `{7+1}` with one millisecond more."""
    head, brace, rest = text.partition("{")
    if not brace:
        return text
    inner = rest[:-1]
    bar, _, more = inner.partition("+")
    return head + str(DAY0 + int(bar) * STEP + int(more or 0))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_file_row_and_ts(tree, fault):
    name, plant, where, what = FAULTS[fault]
    tree.tables[name] = plant(tree.tables[name])

    with pytest.raises(DataError) as caught:
        import_recipe(tree.request(), now_ms=NOW)

    text = str(caught.value)
    assert name in text
    assert stamp(where) in text
    assert what in text


def test_a_null_is_refused_by_row(tree):
    tree.write()
    table = tree.tables[KLINE]
    nulls = np.zeros(tree.n, dtype=bool)
    nulls[7] = True
    arrow = pa.table(table | {"close": pa.array(table["close"], mask=nulls)})
    request = tree.request()
    pq.write_table(arrow, tree.root / KLINE)

    with pytest.raises(DataError, match=rf"row 7, ts {DAY0 + 7 * STEP}: close is null"):
        import_recipe(request, now_ms=NOW)


def test_a_bar_is_refused_until_it_has_closed(tree):
    last_close = DAY0 + tree.n * STEP

    with pytest.raises(DataError, match=rf"row {tree.n - 1}, ts {last_close - STEP} .*not closed yet"):
        import_recipe(tree.request(), now_ms=last_close - 1)

    assert import_recipe(tree.request(), now_ms=last_close).name == "tiny"


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet PAR1", b"ts,open\n1,2\n"])
def test_a_file_that_is_no_parquet_is_refused_by_name(tree, content):
    request = tree.request()
    (tree.root / KLINE).write_bytes(content)

    with pytest.raises(DataError, match=r"kline-15m\.parquet is not a Parquet file"):
        import_recipe(request, now_ms=NOW)


def test_a_settlement_after_now_is_refused(tree):
    hours = np.arange(8, 8 * 13 + 1, 8)  # the last one at hour 104, the bars end at hour 96
    tree.tables[FUNDING] = {"ts": DAY0 + HOUR * hours, "rate": np.full(hours.size, 1e-4)}

    with pytest.raises(DataError, match=r"row 12, .* is settled after now"):
        import_recipe(tree.request(), now_ms=DAY0 + 97 * HOUR)


def test_a_mark_file_of_an_unknown_interval_is_refused(tree):
    tree.tables["BTCUSDT/mark-9h.parquet"] = tree.tables[MARK]

    with pytest.raises(DataError, match=r"mark-9h\.parquet: the interval is not one of"):
        import_recipe(tree.request(), now_ms=NOW)


def test_files_of_another_interval_are_not_taken_for_parts(tree):
    whole = build(import_recipe(tree.request(), now_ms=NOW)).lock
    tree.tables["BTCUSDT/kline-15min.parquet"] = tree.tables[KLINE]
    tree.tables["BTCUSDT/kline-1d.parquet"] = tree.tables[KLINE]

    assert build(import_recipe(tree.request(), now_ms=NOW)).lock == whole


def test_the_settlement_at_the_last_close_belongs_to_the_next_bar_and_may_be_missing(tree):
    tree.tables[FUNDING] = drop(tree.tables[FUNDING], 11)  # hour 96, when the last bar closes
    assert import_recipe(tree.request(), now_ms=NOW).name == "tiny"

    tree.tables[FUNDING] = drop(tree.tables[FUNDING], 10)  # hour 88 is inside
    with pytest.raises(DataError, match="the next was due at 2024-01-04T16:00Z"):
        import_recipe(tree.request(), now_ms=NOW)


def test_a_mark_price_one_hour_short_is_refused_and_less_is_not(tree):
    mark = tree.tables[MARK]
    tree.tables[MARK] = drop(mark, 95)
    with pytest.raises(DataError, match="--end 2024-01-04T23:00"):
        import_recipe(tree.request(), now_ms=NOW)

    for name in (KLINE, "ETHUSDT/kline-15m.parquet"):
        tree.tables[name] = drop(tree.tables[name], 383)  # the bars now end at 23:45, the marks at 23:00 and 24:00
    assert import_recipe(tree.request(), now_ms=NOW).splits.forward[1] == DAY0 + 383 * STEP


def test_a_range_is_cut_to_bars_that_begin_and_close_inside_it(tree):
    request = tree.request(start_ms=DAY0 + 8 * HOUR + 1, end_ms=DAY0 + 90 * HOUR - 1)

    table = import_recipe(request, now_ms=NOW).raws[0].table

    assert table["ts"][0] == DAY0 + 8 * HOUR + STEP
    assert table["ts"][-1] == DAY0 + 90 * HOUR - 2 * STEP


@pytest.mark.parametrize("cut", [{"end_ms": DAY0 + 72 * HOUR}, {"start_ms": DAY0 + 81 * HOUR}])
def test_a_hole_outside_the_range_asked_for_is_no_fault(tree, cut):
    for name in (KLINE, "ETHUSDT/kline-15m.parquet"):
        tree.tables[name] = drop(tree.tables[name], 300, 310)

    assert import_recipe(tree.request(**cut), now_ms=NOW).gaps == ()


def test_a_good_tree_becomes_a_market(tree, stores):
    built = build(import_recipe(tree.request(), now_ms=NOW))
    write_blobs(built, stores)

    market = load_market(built.lock, split="train", symbols=["ETHUSDT", "BTCUSDT"], interval="15m", stores=stores)

    assert market.symbols == ("ETHUSDT", "BTCUSDT")
    assert market.n_bars == 192
    assert market.of("BTCUSDT").close[3] == 103
    assert market.instruments[0].sources[0] == ("tick_size", "inferred")
    assert built.lock.schedule("BTCUSDT")[0].interval_min == 480


def test_turnover_in_the_file_is_allowed_and_ignored(tree):
    plain = build(import_recipe(tree.request(), now_ms=NOW)).lock
    tree.tables[KLINE] |= {"turnover": np.full(tree.n, 5.0)}

    assert build(import_recipe(tree.request(), now_ms=NOW)).lock == plain


def test_parts_are_joined_in_order_of_time_and_may_not_overlap(tree):
    whole = build(import_recipe(tree.request(), now_ms=NOW)).lock
    table = tree.tables[KLINE]
    tree.tables["BTCUSDT/kline-15m.2024-01.parquet"] = {k: v[:100] for k, v in table.items()}
    tree.tables[KLINE] = {k: v[100:] for k, v in table.items()}

    assert build(import_recipe(tree.request(), now_ms=NOW)).lock == whole

    tree.tables[KLINE] = {k: v[99:] for k, v in table.items()}
    with pytest.raises(DataError, match="the parts overlap"):
        import_recipe(tree.request(), now_ms=NOW)


def test_a_hole_between_parts_names_the_row_of_the_later_part(tree):
    table = tree.tables[KLINE]
    tree.tables["BTCUSDT/kline-15m.2024-01.parquet"] = {k: v[:100] for k, v in table.items()}
    tree.tables[KLINE] = {k: v[105:] for k, v in table.items()}

    with pytest.raises(DataError, match=rf"kline-15m\.parquet row 0, ts {DAY0 + 105 * STEP} .* 5 bars are missing"):
        import_recipe(tree.request(), now_ms=NOW)


def test_a_declared_gap_is_accepted_and_kept_in_the_lock(tree):
    tree.tables[KLINE] = drop(tree.tables[KLINE], 7, 9)
    gap = parse_gap(f"BTCUSDT:{DAY0 + 7 * STEP}:{DAY0 + 9 * STEP}:exchange: maintenance")

    lock = build(import_recipe(tree.request(gaps=(gap,)), now_ms=NOW)).lock

    assert lock.gaps == (gap,)
    assert lock.gaps[0].reason == "exchange: maintenance"


@pytest.mark.parametrize(("start", "end"), [(7, 8), (8, 9)])
def test_a_gap_that_covers_only_a_part_of_the_hole_is_refused(tree, start, end):
    tree.tables[KLINE] = drop(tree.tables[KLINE], 7, 9)
    gap = parse_gap(f"BTCUSDT:{DAY0 + start * STEP}:{DAY0 + end * STEP}:halt")

    with pytest.raises(DataError, match="bars are missing"):
        import_recipe(tree.request(gaps=(gap,)), now_ms=NOW)


def test_a_gap_with_bars_in_it_is_refused(tree):
    gap = parse_gap(f"BTCUSDT:{DAY0 + 7 * STEP}:{DAY0 + 9 * STEP}:halt")

    with pytest.raises(DataError, match=r"row 7, .* lies in the gap declared"):
        import_recipe(tree.request(gaps=(gap,)), now_ms=NOW)


def test_gaps_are_written_as_iso_or_milliseconds():
    iso = parse_gap("BTCUSDT:2024-01-01T00:15:2024-01-01T00:30Z:halt")
    mixed = parse_gap(f"BTCUSDT:{DAY0 + STEP}:2024-01-01T01:30+01:00:halt: the long one")

    assert (iso.from_ms, iso.to_ms, iso.reason) == (DAY0 + STEP, DAY0 + 2 * STEP, "halt")
    assert (mixed.from_ms, mixed.to_ms, mixed.reason) == (DAY0 + STEP, DAY0 + 2 * STEP, "halt: the long one")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BTCUSDT",
        "BTCUSDT:1704067200000:1704067200000:x",
        "BTCUSDT:2024-01-01:2024-01-02",
        "BTCUSDT:2024-01-01:2024-01-02: ",
        "BTCUSDT:2024-13-01:2024-13-02:x",
    ],
)
def test_a_gap_written_otherwise_is_refused(text):
    with pytest.raises(DataError, match=r"gap|instant"):
        parse_gap(text)


def test_a_later_listing_is_taken_as_it_is(tree):
    for name in ("ETHUSDT/kline-15m.parquet", "ETHUSDT/mark-1h.parquet"):
        table = tree.tables[name]
        tree.tables[name] = {k: v[table["ts"].size // 4 :] for k, v in table.items()}

    lock = build(import_recipe(tree.request(), now_ms=NOW)).lock

    assert lock.splits.train[0] == DAY0
    assert lock.series_of("ETHUSDT", "kline")[0].first_ms == DAY0 + 96 * STEP


def test_a_symbol_that_stops_early_must_say_why(tree):
    for name in ("ETHUSDT/kline-15m.parquet", "ETHUSDT/mark-1h.parquet"):
        table = tree.tables[name]
        tree.tables[name] = {k: v[: table["ts"].size * 3 // 4] for k, v in table.items()}
    own, end = DAY0 + 288 * STEP, DAY0 + 384 * STEP

    with pytest.raises(DataError, match=rf"ETHUSDT kline 15m ends at .*--declare-gap ETHUSDT:{own}:{end}:REASON"):
        import_recipe(tree.request(), now_ms=NOW)

    declared = tree.request(gaps=(parse_gap(f"ETHUSDT:{own}:{end}:delisted"),))
    assert import_recipe(declared, now_ms=NOW).gaps[0].reason == "delisted"
    assert import_recipe(tree.request(end_ms=own), now_ms=NOW).splits.forward[1] == own
    tree.instruments = tree.instruments.replace(
        "[ETHUSDT]", f'[ETHUSDT]\ndelisted = {{value = {own}, source = "exchange"}}'
    )
    assert import_recipe(tree.request(), now_ms=NOW).instruments[1].delisted_ms.value == own


def test_a_change_of_funding_interval_is_read_off_the_stamps_whatever_the_label(tree):
    hours = np.array([8, 16, 24, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96])
    tree.tables[FUNDING] = {"ts": DAY0 + HOUR * hours, "rate": np.full(hours.size, 1e-4)}

    lock = build(import_recipe(tree.request(), now_ms=NOW)).lock

    assert [(e.from_ms, e.interval_min) for e in lock.schedule("BTCUSDT")] == [(DAY0, 480), (DAY0 + 32 * HOUR, 240)]
    assert [e.interval_min for e in lock.schedule("ETHUSDT")] == [480]


def test_a_funding_row_before_the_first_candle_is_no_fault(tree):
    for name in (KLINE, MARK, "ETHUSDT/kline-15m.parquet", "ETHUSDT/mark-1h.parquet"):
        start = np.searchsorted(tree.tables[name]["ts"], DAY0 + 12 * HOUR)
        tree.tables[name] = {k: v[start:] for k, v in tree.tables[name].items()}

    lock = build(import_recipe(tree.request(), now_ms=NOW)).lock

    assert lock.splits.train[0] == DAY0 + 12 * HOUR
    assert lock.series_of("BTCUSDT", "funding")[0].first_ms == DAY0 + 16 * HOUR


def test_funding_is_needed_and_mark_is_not(tree):
    del tree.tables[MARK]
    assert not build(import_recipe(tree.request(), now_ms=NOW)).lock.series_of("BTCUSDT", "mark")

    request = tree.request()
    (tree.root / FUNDING).unlink()
    with pytest.raises(DataError, match="BTCUSDT has no funding-"):
        import_recipe(request, now_ms=NOW)


def test_several_intervals_are_stored_side_by_side(tree, stores):
    hourly = {
        "ts": tree.tables[KLINE]["ts"][::4],
        "open": tree.tables[KLINE]["open"][::4],
        "high": tree.tables[KLINE]["high"].reshape(-1, 4).max(axis=1),
        "low": tree.tables[KLINE]["low"].reshape(-1, 4).min(axis=1),
        "close": tree.tables[KLINE]["close"][3::4],
        "volume": tree.tables[KLINE]["volume"].reshape(-1, 4).sum(axis=1),
    }
    tree.tables["BTCUSDT/kline-1h.parquet"] = hourly
    built = build(import_recipe(tree.request(symbols=("BTCUSDT",), intervals=("1h", "15m")), now_ms=NOW))
    write_blobs(built, stores)

    made = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="2h", stores=stores)

    assert built.lock.intervals == ("1h", "15m")
    assert built.lock.interval == "15m"
    assert made.of("BTCUSDT").close[0] == hourly["close"][1]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbols": ("XRPUSDT",)}, "no folder XRPUSDT; it has BTCUSDT, ETHUSDT"),
        ({"symbols": ("../BTCUSDT",)}, "not a USDT perpetual"),
        ({"symbols": ()}, "name at least one"),
        ({"intervals": ("5m",)}, r"no kline-5m\.parquet, .*; it has kline-15m\.parquet"),
        ({"intervals": ("15x",)}, "not one of 1m"),
        ({"shares": (60, 30, 15)}, "add up to 100"),
        ({"shares": (1, 98, 1)}, "empty split"),
        ({"name": "../x"}, "must match"),
        ({"start_ms": DAY0 + 390 * STEP}, "between --start and --end"),
        ({"instruments": Path("/nonexistent.toml")}, "--instruments"),
        ({"gaps": (parse_gap("XRPUSDT:2024-01-01:2024-01-02:x"),)}, "XRPUSDT, which is not imported"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(tree, changes, expected):
    with pytest.raises(DataError, match=expected):
        build(import_recipe(tree.request(**changes), now_ms=NOW))


def test_long_ranges_are_cut_at_whole_days(tree):
    tree = type(tree)(tree.root, n=96 * 40)

    splits = import_recipe(tree.request(shares=(60, 25, 15)), now_ms=NOW).splits

    # 40 days: 24, 34, 40
    edges = (*splits.train, splits.holdout[1], splits.forward[1])
    assert [(edge - DAY0) // (24 * HOUR) for edge in edges] == [0, 24, 34, 40]
