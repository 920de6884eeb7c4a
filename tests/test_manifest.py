"""The manifest: strict keys, and blocks that tell a strategy no date."""

from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.canonical import parse_toml
from autarch.errors import StrategyError
from autarch.manifest import BLOCK_BARS, INTERVAL_MS, Manifest, parse_manifest

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
        (b"name = " + b"[" * 1200 + b"]" * 1200, "nests too deeply"),
        (b"\xff", "not UTF-8"),
        (b"#" * 70_000, "70000 bytes"),
        (b"#" * 5_000, "line 1 has 5000 bytes"),
        (manifest(more="a" + ".a" * 1_900 + " = 1\n"), "line 9 has 3805 bytes and 1900 dots"),
        (manifest(more="[params" + ".a" * 100 + "]\nx = 1\n"), "100 dots"),
        (manifest(more="warmup = 3\n"), "not TOML"),
        (manifest(more="[params]\nx = 1\nx = 2\n"), "not TOML"),
        (manifest(more="[params]\nx = 1\n[params]\ny = 1\n"), "twice"),
        (manifest(more="[params]\nx = nan\n"), "x is nan"),
        (manifest(more="[params]\nx = -inf\n"), "x is -inf"),
        (manifest(more="[params]\nx = 1e999\n"), "x is inf"),
        (manifest(more=f"[params]\nx = {'9' * 4000}\n"), "x is a number of 13288 bits"),
        (manifest(more='[params]\nx = "5"\n'), "got `str`"),
        (manifest(more="[params]\nx = [5]\n"), "got `array`"),
        (manifest(more="[params]\nx = 1979-05-27\n"), "got `date`"),
        (manifest(more="[params.x]\ny = 5\n"), "got `object`"),
        (manifest(warmup="9" * 4050), "warmup is a number of"),
        (manifest(warmup="0x" + "f" * 4000), "warmup is a number of 16000 bits"),
        (manifest(warmup=f"[{'9' * 4000}]"), "got `array`"),
        (manifest(warmup="100.0"), "got `float`"),
        (manifest(warmup="true"), "got `bool`"),
        (manifest(max_leverage="9" * 400), "max_leverage is a number of"),
        (manifest(name=f'"{"a" * 4000}"'), "must match"),
        (manifest(symbols=f'["{"A" * 4000}"]'), "Bybit USDT perpetual"),
        (manifest(mode=f'"{"x" * 4000}"'), "Invalid enum value"),
        (manifest(more=f"{'a' * 4000} = 1\n"), "unknown field"),
        (manifest(more='"\\u001b[31mx" = 1\n'), "unknown field `?[31mx`"),
        (manifest(title='"\\ud800"'), "not TOML"),
        (manifest(more="[params]\nx = 1\n[search]\nx = {low = -1e300, high = 1e300, step = 1e-300}\n"), "below 2**53"),
        (manifest(more=f"[params]\nx = 1\n[search]\nx = {{low = 0, high = {'9' * 400}}}\n"), "a number of"),
        (manifest(more="[params]\nx = 1\n[search]\nx = {low = 0, high = 2, step = 5e-324}\n"), "at most 1e+09 steps"),
        (manifest(more="[params]\nx = 1\n[search]\nx = {low = 0, high = 2, step = nan}\n"), "step nan"),
        (manifest(more='[origin]\nretires = "../../etc"\n'), "retires is '../../etc'"),
        (manifest(more=f'[origin]\nparent = "{"x" * 3000}"\n'), "name@commit"),
        (b"\xef\xbb\xbf" + manifest(), "not TOML"),
        (manifest().replace(b"\n", b"\r"), "not TOML"),
        (manifest() + b"\0", "not TOML"),
        (manifest().decode().encode("utf-16"), "not UTF-8"),
        (b"", "missing required field"),
    ],
)
def test_a_bad_manifest_is_refused_by_name(content: bytes, named: str) -> None:
    with pytest.raises(StrategyError) as refused:
        parse_manifest(content, slug="idea")

    assert named in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 600


@settings(max_examples=150)
@given(st.binary(max_size=120) | st.text(max_size=120).map(str.encode), st.integers(0, 200))
def test_no_bytes_make_the_parser_fail_otherwise(piece, place):
    content = manifest(more="[params]\nfast = 3\n[search]\nfast = {low = 1, high = 5, step = 1}\n")
    try:
        found = parse_manifest(content[:place] + piece + content[place:], slug="idea")
    except StrategyError as refused:
        found = refused

    assert isinstance(found, Manifest | StrategyError)


def test_fifty_symbols_and_a_hundred_parameters_fit():
    symbols = "[" + ", ".join(f'"{"A" * 12}{n:02d}USDT"' for n in range(50)) + "]"

    found = parse_manifest(
        manifest(symbols=symbols, more="[params]\n" + "".join(f"p{n} = 0.5\n" for n in range(100))), slug="idea"
    )

    assert (len(found.symbols), len(found.params)) == (50, 100)


def test_a_number_that_python_does_not_read_is_no_toml():
    with pytest.raises(tomllib.TOMLDecodeError, match="thousands of digits"):
        parse_toml(b"x = " + b"9" * 5_000)
