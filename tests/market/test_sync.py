"""A download from a Bybit on loopback: what it makes of what the venue says, and what of it is refused."""

from __future__ import annotations

import pytest

from autarch.errors import DataError
from autarch.market.build import build, write_blobs
from autarch.market.importer import parse_gap
from autarch.market.load import load_market

from .bybit_server import DAY, HOUR, MINUTE
from .sync_yard import D0, END, STEP, SYNC_NOW


def test_a_download_becomes_a_market_and_a_second_one_has_the_same_digest(run, again, stores):
    built = build(run.recipe("BTCUSDT", "ETHUSDT"))
    write_blobs(built, stores)

    market = load_market(built.lock, split="train", symbols=["ETHUSDT", "BTCUSDT"], interval="15m", stores=stores)

    listing = run.bybit.listings["BTCUSDT"]
    assert market.of("BTCUSDT").close[7] == listing.close(D0 + 7 * STEP, STEP)
    assert market.of("BTCUSDT").volume[7] == 1000 + (D0 // STEP + 7) % 11
    assert market.of("ETHUSDT").first_row == 20  # 05:00, the bar in which it was listed
    assert [(e.from_ms, e.interval_min) for e in built.lock.schedule("ETHUSDT")] == [(D0, 480), (D0 + 3 * DAY, 240)]
    assert again.lock("BTCUSDT", "ETHUSDT") == built.lock


def test_filters_and_tiers_are_the_venues_and_fees_are_said_to_be_assumed(run):
    lock = run.lock("ETHUSDT")

    entry = lock.instruments[0]
    assert (str(entry.tick_size.value), entry.tick_size.source) == ("0.01", "exchange")
    assert (str(entry.max_market_qty.value), entry.risk_tiers.source) == ("500", "exchange")
    assert [str(tier[3]) for tier in entry.risk_tiers.tiers] == ["0", "5000"]
    assert (entry.listed_ms.value, entry.delisted_ms) == (D0 + 5 * HOUR + 7 * MINUTE, None)
    assert [name for name in lock.assumed if name.startswith("ETHUSDT")] == ["ETHUSDT.taker_fee", "ETHUSDT.maker_fee"]


def test_deductions_the_venue_leaves_blank_are_inferred_and_say_so(run):
    run.bybit.listings["BTCUSDT"].tiers = (
        ("4000000", "0.01", "0.02", "50.00", ""),
        ("1000000", "0.005", "0.01", "100.00", ""),
    )

    tiers = run.lock().instruments[0].risk_tiers

    # 1,000,000 x (0.01 - 0.005) = 5,000, ascending whatever the order of the answer
    assert [(str(t[0]), str(t[3])) for t in tiers.tiers] == [("1000000", "0"), ("4000000", "5000.000")]
    assert tiers.source == "inferred"


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ((("1000000", "0.5", "1", "100.00", ""),), "another unit"),
        ((("1000000", "0.2", "1", "100.00", ""),), "another unit"),
        ((("1000000", "0.01", "0.02", "50.00", "0"), ("4000000", "0.005", "0.01", "100", "0")), "tiers must increase"),
        ((("1000000", "zero", "0.02", "50.00", "0"),), "maintenanceMargin is 'zero'"),
        ((), "states no risk limits"),
    ],
)
def test_tiers_that_cannot_be_meant_are_refused(run, tiers, expected):
    run.bybit.listings["BTCUSDT"].tiers = tiers

    with pytest.raises(DataError, match=expected):
        run.recipe()


def test_the_open_bar_is_left_out_and_so_is_what_lies_after_both_clocks(run):
    ends = [
        run.recipe(end_ms=None).splits.forward[1],  # where today begins
        run.recipe(end_ms=END + DAY).splits.forward[1],  # the venue is at 00:07
        run.recipe(end_ms=END + DAY, now_ms=END - 4 * MINUTE).splits.forward[1],  # this host is at 23:56
    ]

    assert ends == [END, END, END - STEP]


def test_an_open_bar_that_comes_unasked_is_nobodys_price(run, plain, bybit):
    opened = bybit.listings["BTCUSDT"].bar(END, STEP, mark=False)
    moving = ([*opened[:4], f"{100 + i}.00", *opened[5:]] for i in range(99))  # another close at each request
    bybit.changes.append(lambda path, rows: [next(moving), *rows] if "/kline" in path else rows)

    assert run.lock() == plain


def test_a_gap_is_refused_until_it_is_declared(run, bybit):
    bybit.listings["BTCUSDT"].holes = ((D0 + 300 * STEP, D0 + 340 * STEP),)

    with pytest.raises(DataError, match=r"Bybit BTCUSDT kline 15m row 300, .* 40 bars are missing before it") as caught:
        run.recipe()
    hint = str(caught.value).split("--declare-gap ")[1].removesuffix("REASON")
    gap = parse_gap(hint + "the venue was down")
    lock = run.lock(gaps=(gap,))

    assert (gap.from_ms, gap.to_ms) == (D0 + 300 * STEP, D0 + 340 * STEP)
    assert lock.gaps == (gap,)


@pytest.mark.parametrize(
    ("hole", "expected"),
    [((D0 - DAY, D0 + 2 * HOUR), rf"no rows from {D0} .*--from"), ((END - 2 * HOUR, SYNC_NOW), r"no rows from .*--to")],
)
def test_bars_that_begin_late_or_end_early_are_refused(run, bybit, hole, expected):
    bybit.listings["BTCUSDT"].holes = (hole,)

    with pytest.raises(DataError, match=expected):
        run.recipe()


def test_a_listing_in_silence_and_a_delisting_are_taken_as_they_are(run, bybit):
    listing = bybit.listings["ETHUSDT"]
    listing.holes = ((D0, D0 + 9 * HOUR),)  # first trade four hours after the listing
    listing.delivery_ms, listing.status = D0 + 6 * DAY + 7 * MINUTE, "Closed"

    built = build(run.recipe("BTCUSDT", "ETHUSDT"))

    series = built.lock.series_of("ETHUSDT", "kline")[0]
    assert (series.first_ms, series.last_ms) == (D0 + 9 * HOUR, D0 + 6 * DAY - STEP)
    assert built.lock.instruments[1].delisted_ms.value == listing.delivery_ms


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbols": ("XRPUSDT",)}, "lists no linear perpetual XRPUSDT"),
        ({"symbols": ("BTC/USDT",)}, "not a USDT perpetual"),
        ({"intervals": ("7m",)}, "interval '7m' is not one of 1m"),
        ({"intervals": ("30m",)}, r"retCode 10001: Invalid period!"),
        ({"start_ms": END}, "swap them"),
        ({"start_ms": END, "end_ms": None}, "not before 2024-01-09T00:00Z"),
        ({"symbols": ("ETHUSDT",), "end_ms": D0 + 4 * HOUR}, "listed at 2024-01-01T05:07Z; nothing of it lies between"),
        ({"end_ms": D0 + STEP}, "mark 1h: no rows between"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(run, changes, expected):
    with pytest.raises(DataError, match=expected):
        build(run.recipe(**changes))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["100", "101", "102", "100", "5"], "row 7, .* high is below low"),
        (["100", "101", "-1", "100", "5"], "row 7, .* low is not above zero"),
        (["0", "101", "99", "100", "5"], "row 7, .* open is not above zero"),
        (["nan", "101", "99", "100", "5"], "NaN"),
        (["many", "101", "99", "100", "5"], "'many', which is no number"),
        (["100", "101", "99", "100", "-5"], "row 7, .* volume is negative"),
    ],
)
def test_prices_that_cannot_be_are_refused_by_row(run, bybit, cells, expected):
    bybit.listings["BTCUSDT"].overrides[D0 + 7 * STEP] = cells

    with pytest.raises(DataError, match=expected) as caught:
        run.recipe()

    assert str(D0 + 7 * STEP) in str(caught.value)


def test_a_perpetual_without_funding_is_refused_and_a_missing_settlement_named(run, bybit):
    bybit.changes.append(lambda path, rows: [] if path == "funding" else rows)
    with pytest.raises(DataError, match=r"no funding history of BTCUSDT.* one row of rate 0 at each settlement"):
        run.recipe()

    lost = str(D0 + 3 * DAY)
    bybit.changes[:] = [
        lambda path, rows: (
            [r for r in rows if r["fundingRateTimestamp"] != lost] if path == "funding" else rows
        )
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"Bybit BTCUSDT funding: row \d+, .*a row is missing"):
        run.recipe()


def test_two_intervals_are_downloaded_side_by_side(run, stores):
    built = build(run.recipe(intervals=("15m", "4h")))
    write_blobs(built, stores)

    assert built.lock.intervals == ("15m", "4h")
    market = load_market(built.lock, split="train", symbols=["BTCUSDT"], interval="4h", stores=stores)
    assert market.n_bars == 24  # 4 days
