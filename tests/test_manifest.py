"""The manifest: strict keys, and blocks that tell a strategy no date."""

from __future__ import annotations

import math

import pytest

from autarch.errors import StrategyError
from autarch.manifest import BLOCK_BARS, INTERVAL_MS, parse_manifest

WEEK_MS = 7 * 86_400_000
GOOD = {
    "schema": "1",
    "name": '"idea"',
    "title": '"An idea"',
    "symbols": '["BTCUSDT"]',
    "interval": '"15m"',
    "mode": '"each"',
    "warmup": "100",
    "max_leverage": "1.0",
}


def manifest(*, without: str = "", more: str = "", **changes: str) -> bytes:
    lines = [f"{key} = {value}" for key, value in {**GOOD, **changes}.items() if key != without]
    return ("\n".join(lines) + "\n" + more).encode()


def test_every_interval_has_a_block() -> None:
    assert set(BLOCK_BARS) == set(INTERVAL_MS)


@pytest.mark.parametrize("interval", INTERVAL_MS)
def test_place_in_the_block_and_in_the_week_repeat_within_four_weeks(interval: str) -> None:
    week = WEEK_MS // INTERVAL_MS[interval]

    assert math.lcm(BLOCK_BARS[interval], week) <= 4 * week


def test_a_good_manifest_parses() -> None:
    found = parse_manifest(manifest(more="[params]\nfast = 3\nwide = true\n"), slug="idea")

    assert found.params == {"fast": 3, "wide": True}
    assert found.block == 2016
    assert found.handover == "adopt"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (manifest(without="warmup"), "warmup"),
        (manifest(warmpu="3"), "warmpu"),
        (manifest(name='"other"'), "'other' but the folder is 'idea'"),
        (manifest(name='"Idea"'), "must match"),
        (manifest(schema="2"), "schema is 2"),
        (manifest(interval='"7m"'), "7m"),
        (manifest(symbols="[]"), "0 entries"),
        (manifest(symbols='["BTCUSD"]'), "BTCUSD"),
        (manifest(symbols='["BTCUSDT", "BTCUSDT"]'), "twice"),
        (manifest(warmup="20001"), "20001"),
        (manifest(max_leverage="0.0"), "above 0"),
        (manifest(max_leverage="nan"), "nan"),
        (manifest(mode='"some"'), "mode"),
        (manifest(warmup='"100"'), "warmup"),
        (manifest(more="[search]\nfast = {low = 1, high = 2}\n"), "[params] lacks"),
        (manifest(more="[params]\nfast = 5\n[search]\nfast = {low = 1, high = 3}\n"), "outside"),
        (manifest(more="[params]\nfast = 2\n[search]\nfast = {low = 3, high = 1}\n"), "below high"),
        (manifest(more="[params]\nfast = 3\n[search]\nfast = {low = 1, high = 10, step = 4}\n"), "grid"),
        (manifest(more="[params]\nfast = 5\n[search]\nfast = {low = 1, high = 10, step = 4}\n"), "grid"),
        (b"name = ", "not TOML"),
        (b"name = " + b"[" * 3000 + b"]" * 3000, "nests too deeply"),
        (b"\xff", "not UTF-8"),
        (b"#" * 70_000, "70000 bytes"),
    ],
)
def test_a_bad_manifest_is_refused_by_name(content: bytes, named: str) -> None:
    with pytest.raises(StrategyError) as refused:
        parse_manifest(content, slug="idea")

    assert named in str(refused.value)
