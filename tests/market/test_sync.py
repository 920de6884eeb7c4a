"""A download from a Bybit on loopback, real pybit between: what it makes, and what each fault does to it."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import DataError
from autarch.market.build import build, write_blobs
from autarch.market.bybit.client import BAN_WAIT_S, SPACING_S, TRIES_MAX, PublicClient
from autarch.market.bybit.partial import PageStore
from autarch.market.bybit.sync import SyncRequest, sync_recipe
from autarch.market.importer import parse_gap
from autarch.market.load import load_market

from .bybit_server import DAY, HOUR, MINUTE, Bybit, Listing, code, drop, http, send

D0 = 1_704_067_200_000  # 2024-01-01T00:00Z
STEP = 15 * MINUTE
NOW = D0 + 13 * DAY + 7 * MINUTE  # inside an open bar
END = D0 + 13 * DAY


@pytest.fixture(scope="module")
def server():
    bybit = Bybit([], now_ms=NOW)
    yield bybit
    bybit.close()


@pytest.fixture
def bybit(server):
    """Two perpetuals, one listed inside a bar five hours into the range and turning to 4 h funding."""
    listings = [
        Listing("BTCUSDT", D0 - 100 * DAY),
        Listing(
            "ETHUSDT", D0 + 5 * HOUR + 7 * MINUTE, base=50.0, funding_hours=((0, 8), (D0 + 3 * DAY, 4))
        ),
    ]  # fmt: skip
    server.listings = {listing.symbol: listing for listing in listings}
    server.now_ms = NOW
    for memory in (server.faults, server.changes, server.requests):
        memory.clear()
    return server


class Runner:
    """Downloads with waits that are noted and not waited for."""

    def __init__(self, bybit, root):
        self.bybit, self.pages = bybit, PageStore(root)
        self.waits, self.said = [], []

    def recipe(self, *symbols, now_ms=NOW + DAY, **changes):
        values = {
            "name": "tiny",
            "venue": "bybit",
            "symbols": symbols or ("BTCUSDT",),
            "intervals": ("15m",),
            "shares": (50, 25, 25),
            "start_ms": D0,
            "end_ms": END,
        }
        client = PublicClient(url=self.bybit.url, pause=self.waits.append, narrate=self.said.append)
        request = SyncRequest(**{**values, **changes})
        return sync_recipe(request, client=client, pages=self.pages, now_ms=now_ms, progress=self.said.append)

    def lock(self, *symbols, **changes):
        return build(self.recipe(*symbols, **changes)).lock

    @property
    def long_waits(self):
        return [wait for wait in self.waits if wait != SPACING_S]


@pytest.fixture
def run(bybit, tmp_path):
    return Runner(bybit, tmp_path / "pages")


@pytest.fixture
def again(bybit, tmp_path):
    """Another machine: no page kept."""
    return Runner(bybit, tmp_path / "elsewhere")


@pytest.fixture(scope="module")
def first_lock():
    """What BTCUSDT was, filled by the first test that wants it."""
    return []


@pytest.fixture
def plain(first_lock, again):
    """The lock of BTCUSDT over an untroubled connection."""
    if not first_lock:
        first_lock.append(again.lock())
        again.bybit.requests.clear()
    return first_lock[0]


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
    extra = bybit.listings["BTCUSDT"].bar(END, STEP, mark=False)
    bybit.changes.append(lambda path, rows: [extra, *rows] if "/kline" in path else rows)

    assert run.lock() == plain


def test_a_download_goes_on_from_the_pages_it_kept(run, again, bybit):
    plain = again.lock("BTCUSDT", "ETHUSDT")
    bybit.requests.clear()
    bybit.fault("kline ETHUSDT", drop, times=TRIES_MAX)

    with pytest.raises(DataError, match=r"6 tries failed.*no answer.*run the same command again to continue"):
        run.recipe("BTCUSDT", "ETHUSDT")
    done = bybit.asked("/kline?")
    bybit.requests.clear()
    resumed = run.lock("BTCUSDT", "ETHUSDT")

    assert done == 2 + TRIES_MAX  # the two pages of BTCUSDT: 1,248 bars cut at a multiple of 1,000
    assert bybit.asked("/kline?") == 1 + 2  # the newest of BTCUSDT is asked for again, and those of ETHUSDT
    assert "BTCUSDT kline 15m: 2 of 2 pages kept from before" in run.said
    assert resumed == plain


def test_a_page_cut_short_on_disk_is_downloaded_again(run, plain):
    run.recipe()
    pages = sorted(run.pages.root.rglob("*.page"))
    for page in pages[:2]:
        page.write_bytes(page.read_bytes()[:-9])

    assert run.lock() == plain


def test_a_kept_page_that_the_venue_contradicts_today_is_refused(run, bybit):
    run.recipe()
    bybit.listings["BTCUSDT"].overrides[END - STEP] = ["102.58"]

    with pytest.raises(DataError, match=rf"BTCUSDT kline 15m ts {END - STEP} .*revised its history.*--fresh"):
        run.recipe()

    run.pages.forget(("BTCUSDT",))
    assert run.recipe().name == "tiny"


@pytest.mark.parametrize(
    "fault",
    [
        http(429),
        http(500),
        http(503, "<html>busy</html>"),
        lambda handler, _: send(handler, b'{"retCode":0,"result":{"list":[["17'),  # JSON cut in the middle
        lambda handler, _: send(handler, b'{"retCode":0,"result":{"list":[]}}', cut=9),  # fewer bytes than promised
        lambda handler, _: send(handler, b"<html>hello</html>"),
        lambda handler, _: send(handler, b"[]"),
        lambda handler, _: send(handler, b'{"retCode":0,"retMsg":"OK"}'),
        code(10016, "server error", now_ms=NOW),
        drop,
    ],
    ids=["429", "500", "503", "cut JSON", "cut body", "html", "list", "no result", "10016", "drop"],
)
def test_what_passes_is_tried_again_with_longer_waits_and_changes_nothing(run, plain, bybit, fault):
    bybit.fault("/kline BTCUSDT", fault, times=TRIES_MAX - 1)

    assert run.lock() == plain

    assert run.long_waits == [1, 2, 4, 8, 16]


def test_what_does_not_pass_ends_after_a_bounded_number_of_tries(run, bybit):
    bybit.fault("/funding/history", http(502), times=99)

    with pytest.raises(DataError, match=r"funding rate history BTCUSDT: 6 tries failed, the last with HTTP 502"):
        run.recipe()

    assert bybit.asked("funding/history") == TRIES_MAX


def test_the_rate_limits_reset_is_waited_for_by_the_venues_own_clock(run, bybit):
    bybit.fault("/kline", code(10006, "Too many visits!", now_ms=NOW, reset_ms=NOW + 700))
    bybit.fault("/mark-price-kline", code(10006, "Too many visits!", now_ms=NOW))
    bybit.fault("/risk-limit", code(10006, "Too many visits!", now_ms=NOW, reset_ms=NOW - 50))  # in the past
    bybit.fault("/time", lambda handler, _: send(
        handler, bybit.envelope(*bybit.answer("/v5/market/time", {}, "")),
        headers={"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(NOW + 900)},
    ))  # fmt: skip

    run.recipe()

    assert run.long_waits == [0.9, 0.7, 2.0]


@pytest.mark.parametrize(
    ("text", "waits", "expected"),
    [
        ("access too frequent", [BAN_WAIT_S], "banned for asking too often; wait at least ten minutes"),
        ("blocked from your country", [], "country it does not serve.*--push"),
    ],
)
def test_a_banned_address_is_told_what_to_do(run, bybit, text, waits, expected):
    bybit.fault("/kline", http(403, text), times=99)

    with pytest.raises(DataError, match=rf"HTTP 403 \({text}\): .*{expected}"):
        run.recipe()

    assert run.long_waits == waits


def test_a_ban_that_ends_is_survived(run, bybit):
    bybit.fault("/kline", http(403, "Access too frequent."))

    assert run.recipe().name == "tiny"

    assert run.long_waits == [BAN_WAIT_S]


def once(change):
    """Apply `change` to the first page of klines alone."""
    left = [1]

    def apply(path, rows):
        if "/kline" in path and rows and left:
            left.pop()
            return change(rows)
        return rows

    return apply


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:3] + rows[60:],  # shorter than asked, a hole in its middle
        lambda rows: rows[:-40],  # its oldest rows are missing
        lambda rows: rows[40:],  # its newest rows are missing
        lambda rows: rows[:0],  # nothing at all
        lambda rows: rows[::-1],  # oldest first
        lambda rows: rows[1::2] + rows[::2],  # in no order
        lambda rows: rows + rows[:50],  # rows twice
    ],
    ids=["middle", "oldest", "newest", "empty", "reversed", "shuffled", "repeated"],
)
def test_a_page_that_is_short_or_in_another_order_changes_nothing(run, plain, bybit, change):
    bybit.changes.append(once(change))

    assert run.lock() == plain


def test_a_page_served_for_another_is_asked_for_again(run, plain, bybit):
    listing = bybit.listings["BTCUSDT"]
    other = [listing.bar(D0 + i * STEP, STEP, mark=False) for i in range(50)][::-1]
    served = []

    def change(path, rows):
        if "/kline" in path and rows and int(rows[-1][0]) > D0 + 60 * STEP and not served:
            served.append(path)
            return other
        return rows

    bybit.changes.append(change)

    assert run.lock() == plain
    assert served


def test_overlapping_pages_may_repeat_a_row_and_may_not_contradict_it(run, plain, bybit):
    listing = bybit.listings["BTCUSDT"]
    extra = listing.bar(D0 + 5 * STEP, STEP, mark=False)
    bybit.changes.append(lambda path, rows: [*rows, extra] if "/kline" in path else rows)
    assert run.lock() == plain

    extra[4] = "1.23"
    run.pages.forget(("BTCUSDT",))
    with pytest.raises(DataError, match=rf"BTCUSDT kline 15m ts {D0 + 5 * STEP} .*gave .* and then .* for one row"):
        run.recipe()


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
    [((D0 - DAY, D0 + 2 * HOUR), rf"no rows from {D0} .*--from"), ((END - 2 * HOUR, NOW), r"no rows from .*--to")],
)
def test_bars_that_begin_late_or_end_early_are_refused(run, bybit, hole, expected):
    bybit.listings["BTCUSDT"].holes = (hole,)

    with pytest.raises(DataError, match=expected):
        run.recipe()


def test_a_listing_in_silence_and_a_delisting_are_taken_as_they_are(run, bybit):
    listing = bybit.listings["ETHUSDT"]
    listing.holes = ((D0, D0 + 9 * HOUR),)  # first trade four hours after the listing
    listing.delivery_ms, listing.status = D0 + 10 * DAY + 7 * MINUTE, "Closed"

    built = build(run.recipe("BTCUSDT", "ETHUSDT"))

    series = built.lock.series_of("ETHUSDT", "kline")[0]
    assert (series.first_ms, series.last_ms) == (D0 + 9 * HOUR, D0 + 10 * DAY - STEP)
    assert built.lock.instruments[1].delisted_ms.value == listing.delivery_ms


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbols": ("XRPUSDT",)}, "lists no linear perpetual XRPUSDT"),
        ({"symbols": ("BTC/USDT",)}, "not a USDT perpetual"),
        ({"intervals": ("7m",)}, "interval '7m' is not one of 1m"),
        ({"intervals": ("30m",)}, r"retCode 10001: Invalid period!"),
        ({"start_ms": END}, "swap them"),
        ({"start_ms": END, "end_ms": None}, "not before 2024-01-14T00:00Z"),
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
    assert market.n_bars == 39  # 6.5 days


def test_rows_are_kept_on_disk_whole(tmp_path):
    pages = PageStore(tmp_path)
    rows = {"ts": np.array([D0, D0 + HOUR]), "rate": np.array([1e-4, -2e-4])}

    pages.write("BTCUSDT/funding", "funding", D0, END, rows)

    found = pages.read("BTCUSDT/funding", "funding", D0, END)
    assert found["rate"].tolist() == [1e-4, -2e-4]
    assert pages.read("BTCUSDT/funding", "funding", D0, END + 1) is None
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".page"]
