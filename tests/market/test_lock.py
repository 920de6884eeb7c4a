from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from autarch.errors import DataError
from autarch.market.build import build
from autarch.market.lock import load_lock, read_lock
from autarch.market.lock_check import check_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.lock_types import Block, Gap
from autarch.market.synth_dataset import default_spec, synth_recipe


@pytest.fixture(scope="module")
def content() -> bytes:
    return lock_toml(build(synth_recipe(default_spec(n_bars=4000), name="tiny")).lock)


def test_a_lock_survives_writing_and_reading(content):
    lock = read_lock(content)

    assert lock_toml(lock) == content
    assert lock.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert lock.interval == "15m"
    assert lock.ref == f"tiny@{lock.digest}"


def test_the_digest_names_the_content_and_not_its_layout(content):
    commented = b"# a remark\n" + content.replace(b"alpha = 0.1\n", b"alpha   =   0.10  # ten percent\n")

    assert commented != content
    assert read_lock(commented).digest == read_lock(content).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"half_spread_bps = 1.0", b"half_spread_bps = 2.0"),
        (b"number = 1", b"number = 2"),
        (b'source = "assumed"}', b'source = "exchange"}'),
        (b"interval_min = 480", b"interval_min = 240"),
    ],
)
def test_any_changed_value_changes_the_digest(content, old, new):
    changed = content.replace(old, new, 1)

    assert changed != content
    assert read_lock(changed).digest != read_lock(content).digest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"schema = 1", b"schema = 2", "schema is 2"),
        (b"schema = 1", b"schema = 1\nsurprise = 1", "unknown field `surprise`"),
        (b"half_spread_bps", b"half_spred_bps", "half_spred_bps"),
        (b'name = "tiny"', b'name = "../tiny"', "must match"),
        (b"alpha = 0.1", b'alpha = "0.1"', "alpha"),
        (b"w0 = 0.05", b"w0 = 0.5", "w0 <= alpha"),
        (b"impact_k = 10.0", b"impact_k = -1.0", "impact_k is -1.0"),
        (b"impact_k = 10.0", b"impact_k = nan", "impact_k is nan"),
        (b'margin_mode = "isolated"', b'margin_mode = "hedged"', "hedged"),
        (b'intervals = ["15m"]', b'intervals = ["15min"]', "15min"),
        (b'kind = "mark"', b'kind = "index"', "index"),
        (b"interval_min = 480", b"interval_min = 7", "interval_min 7"),
        (b'value = "0.1"', b'value = "-0.1"', "above zero"),
        (b'value = "0.1"', b'value = "zero"', "tick_size"),
        (b'source = "assumed"', b'source = "guessed"', "guessed"),
        (b'kind = "funding"', b'kind = "funding"\ninterval = "8h"', "interval"),
    ],
)
def test_a_lock_with_a_fault_is_refused_and_the_fault_named(content, old, new, expected):
    assert old in content

    with pytest.raises(DataError, match=r"lock|instrument") as caught:
        read_lock(content.replace(old, new, 1))

    assert expected in str(caught.value)


def test_splits_that_do_not_meet_are_refused(content):
    lock = read_lock(content)
    end = lock.splits.train[1]

    with pytest.raises(DataError, match="make them meet"):
        read_lock(
            content.replace(f"train = [{lock.splits.train[0]}, {end}]".encode(), f"train = [0, {end - 1}]".encode())
        )


def test_an_empty_split_is_refused(content):
    lock = read_lock(content)
    start, end = lock.splits.holdout
    both = content.replace(f"train = [{lock.splits.train[0]}, {start}]".encode(), f"train = [0, {end}]".encode())

    with pytest.raises(DataError, match="split holdout"):
        read_lock(both.replace(f"holdout = [{start}, {end}]".encode(), f"holdout = [{end}, {end}]".encode()))


def test_tiers_that_do_not_increase_are_refused(content):
    lock = read_lock(content)
    first = lock.instruments[0].risk_tiers.tiers[0][0]
    second = lock.instruments[0].risk_tiers.tiers[1][0]

    with pytest.raises(DataError, match="risk tiers must increase"):
        read_lock(content.replace(f'["{second}"'.encode(), f'["{first}"'.encode(), 1))


def test_a_missing_funding_series_is_refused(content):
    head, _, tail = content.partition(b'kind = "funding"')
    renamed = head + b'kind = "mark"\ninterval = "4h"' + tail

    with pytest.raises(DataError, match="no funding series"):
        read_lock(renamed)


def test_a_file_named_otherwise_than_its_lock_is_refused(content, tmp_path: Path):
    (tmp_path / "other.toml").write_bytes(content)

    with pytest.raises(DataError, match=r"rename the file to tiny\.toml"):
        load_lock(tmp_path / "other.toml")
    with pytest.raises(DataError, match="no dataset lock"):
        load_lock(tmp_path / "absent.toml")


@pytest.mark.parametrize("junk", [b"\xff\xfe", b"schema = ", b"", b"schema = 1"])
def test_bytes_that_are_no_lock_are_refused(junk):
    with pytest.raises(DataError, match="dataset lock"):
        read_lock(junk)


def test_the_committed_synthetic_lock_is_what_the_code_makes(root: Path):
    committed = load_lock(root / "ci" / "datasets" / "synthetic.toml")

    assert build(synth_recipe(default_spec(), name="synthetic")).lock.digest == committed.digest


def test_a_lock_that_contradicts_itself_is_refused(content):
    lock = read_lock(content)
    first, gap = lock.series[0], Gap(symbol="BTCUSDT", from_ms=1, to_ms=2, reason="halt")
    entry = lock.funding_schedule[0]

    for changes, expected in (
        ({"series": (*lock.series, first)}, "BTCUSDT kline 15m is listed twice"),
        ({"series": (replace(first, symbol="btc"), *lock.series[1:])}, "'btc' is not a USDT perpetual"),
        ({"series": (replace(first, interval=None), *lock.series[1:])}, "kline and mark need one"),
        ({"series": (replace(first, interval="1h"), *lock.series[1:])}, "not among intervals"),
        ({"series": (replace(first, first_ms=first.last_ms + 1), *lock.series[1:])}, "is after"),
        ({"series": (replace(first, train=Block(rows=-1, sha256="0" * 64)), *lock.series[1:])}, "rows >= 0"),
        ({"series": (replace(first, train=Block(rows=1, sha256="abc")), *lock.series[1:])}, "64 hex digits"),
        ({"instruments": lock.instruments[:2]}, "must be the symbols with klines"),
        ({"instruments": lock.instruments[::-1]}, "must be the symbols with klines"),
        ({"funding_schedule": lock.funding_schedule[1:]}, "must have entries"),
        ({"funding_schedule": (*lock.funding_schedule, entry)}, "ascending by from_ms"),
        (
            {"funding_schedule": (*lock.funding_schedule, replace(entry, symbol="XRPUSDT"))},
            "XRPUSDT, which has no klines",
        ),
        ({"gaps": (replace(gap, symbol="XRPUSDT"),)}, "needs a symbol of the lock"),
        ({"gaps": (replace(gap, to_ms=1),)}, "from_ms below to_ms"),
        ({"gaps": (replace(gap, reason=" "),)}, "a reason"),
        ({"epoch": replace(lock.epoch, number=0)}, "number >= 1"),
    ):
        with pytest.raises(DataError) as caught:
            check_lock(replace(lock, **changes))
        assert expected in str(caught.value)


def test_every_assumption_of_a_lock_can_be_repeated_by_a_report(content):
    lock = read_lock(
        content.replace(
            b'tick_size = {value = "0.1", source = "assumed"}', b'tick_size = {value = "0.1", source = "exchange"}'
        )
    )

    assert "costs.half_spread_bps" in lock.assumed
    assert "BTCUSDT.risk_tiers" in lock.assumed
    assert "BTCUSDT.tick_size" not in lock.assumed
    assert lock.instrument("BTCUSDT").assumed[0] == "qty_step"
