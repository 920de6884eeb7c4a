"""A download over a bad connection, from a busy venue, in pages that are not what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import DataError
from autarch.market.bybit.client import BAN_WAIT_S, TRIES_MAX
from autarch.market.bybit.partial import PageStore

from .bybit_server import HOUR, code, drop, http, send
from .sync_yard import D0, END, STEP, SYNC_NOW


def test_a_download_goes_on_from_the_pages_it_kept(run, again, bybit):
    plain = again.lock("BTCUSDT", "ETHUSDT")
    bybit.requests.clear()
    bybit.fault("kline ETHUSDT", drop, times=TRIES_MAX)

    with pytest.raises(DataError, match=r"6 tries failed.*no answer.*run the same command again to continue"):
        run.recipe("BTCUSDT", "ETHUSDT")
    done = bybit.asked("/kline?")
    bybit.requests.clear()
    resumed = run.lock("BTCUSDT", "ETHUSDT")

    assert done == 2 + TRIES_MAX  # the two pages of BTCUSDT: 768 bars cut at a multiple of 1,000
    assert bybit.asked("/kline?") == 1 + 2  # the newest of BTCUSDT is asked for again, and those of ETHUSDT
    assert "BTCUSDT kline 15m: 2 of 2 pages kept from before" in run.said
    assert resumed == plain


@pytest.mark.parametrize("damage", [lambda page: page[:-9], lambda page: page[:-1] + b"?", lambda page: page[:0]])
def test_a_page_damaged_on_disk_is_downloaded_again(run, plain, damage):
    run.recipe()
    pages = sorted(run.pages.root.rglob("*.page"))
    for page in pages[:2]:
        page.write_bytes(damage(page.read_bytes()))

    assert run.lock() == plain


def test_a_kept_page_that_the_venue_contradicts_today_is_refused(run, bybit):
    run.recipe()
    bybit.listings["BTCUSDT"].overrides[END - STEP] = ["96.61"]

    with pytest.raises(DataError, match=rf"BTCUSDT kline 15m ts {END - STEP} .*revised its history.*--fresh"):
        run.recipe()

    run.pages.forget(["BTCUSDT/kline-15m"])
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
        code(10016, "server error", now_ms=SYNC_NOW),
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
    bybit.fault("/kline", code(10006, "Too many visits!", now_ms=SYNC_NOW, reset_ms=SYNC_NOW + 700))
    bybit.fault("/mark-price-kline", code(10006, "Too many visits!", now_ms=SYNC_NOW))
    bybit.fault("/risk-limit", code(10006, "Too many visits!", now_ms=SYNC_NOW, reset_ms=SYNC_NOW - 50))  # in the past
    bybit.fault("/time", lambda handler, _: send(
        handler, bybit.envelope(*bybit.answer("/v5/market/time", {}, "")),
        headers={"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(SYNC_NOW + 900)},
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
    run.pages.forget(["BTCUSDT/kline-15m"])
    with pytest.raises(DataError, match=rf"BTCUSDT kline 15m ts {D0 + 5 * STEP} .*gave .* and then .* for one row"):
        run.recipe()


def test_rows_are_kept_on_disk_whole(tmp_path):
    pages = PageStore(tmp_path)
    rows = {"ts": np.array([D0, D0 + HOUR]), "rate": np.array([1e-4, -2e-4])}

    pages.write("BTCUSDT/funding", "funding", D0, END, rows)

    found = pages.read("BTCUSDT/funding", "funding", D0, END)
    assert found["rate"].tolist() == [1e-4, -2e-4]
    assert pages.read("BTCUSDT/funding", "funding", D0, END + 1) is None
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".page"]


def test_forgetting_one_series_leaves_the_pages_of_another(run):
    run.recipe(intervals=("15m", "1h"))

    run.pages.forget(["BTCUSDT/kline-15m", "BTCUSDT/mark-1h"])

    assert {page.parent.name for page in run.pages.root.rglob("*.page")} == {"kline-1h"}


def test_a_row_that_came_with_another_page_and_contradicts_its_own_is_refused(run, bybit):
    stray = bybit.listings["BTCUSDT"].bar(END - 2 * STEP, STEP, mark=False)
    stray[5] = "1.5"  # another volume
    bybit.changes.append(
        lambda path, rows: [stray, *rows] if f"/kline?category=linear&end={END - 1}&" not in path else rows
    )

    with pytest.raises(DataError, match=rf"BTCUSDT .* ts {END - 2 * STEP} .* for one row"):
        run.recipe()


def test_a_hole_is_not_kept_so_that_a_venue_may_fill_it(run, plain, bybit):
    bybit.listings["BTCUSDT"].holes = ((D0 + 300 * STEP, D0 + 340 * STEP),)
    with pytest.raises(DataError, match="40 bars are missing"):
        run.recipe()

    bybit.listings["BTCUSDT"].holes = ()
    assert run.lock() == plain


def test_funding_is_paged_backwards_until_nothing_comes(run, bybit):
    bybit.listings["BTCUSDT"].funding_hours = ((0, 1),)

    lock = run.lock()

    assert sum(lock.series_of("BTCUSDT", "funding")[0].block(s).rows for s in ("train", "holdout", "forward")) == 8 * 24
    assert bybit.asked("funding/history") == 3  # 9 days of hours: 200, 17 and none
