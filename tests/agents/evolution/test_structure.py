"""Code is the same code whatever its names, comments and [params] are, and another when it does another thing."""

from __future__ import annotations

import pytest
from agents.evolution.structure import structure_digest
from autarch.manifest import StrategySource, parse_source

from world import seed_source


def changed(old: str, new: str, *, where: str = "code") -> StrategySource:
    source = seed_source()
    files = {"code": source.code.decode(), "manifest": source.manifest_bytes.decode()}
    assert old in files[where]
    files[where] = files[where].replace(old, new)
    return parse_source(slug="hill", manifest_bytes=files["manifest"].encode(), code=files["code"].encode())


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("gap", "difference", "code"),
        ('"""Hold the side', '"""Keep the side', "code"),
        ("bars: Bars, p: Params", "bars, p", "code"),
        ("up = ops", "up = (  # a remark\n        ops", "code"),
        ("fast = 20", "fast = 25", "manifest"),
        ("EMA trend", "Another title", "manifest"),
    ],
)
def test_names_remarks_layout_and_numbers_of_params_change_nothing(old: str, new: str, where: str) -> None:
    if "remark" in new:
        other = changed(
            "up = ops.hysteresis(gap, p.entry, 0.0)", "up = ops.hysteresis(\n        gap, p.entry, 0.0)  # x"
        )
    else:
        other = changed(old, new, where=where)

    assert structure_digest(other) == structure_digest(seed_source())


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("talib.EMA(bars.close, p.fast)", "talib.SMA(bars.close, p.fast)", "code"),
        ("- 1.0", "- 1.1", "code"),
        ("bars.close, p.slow", "bars.high, p.slow", "code"),
        ("up * 1.0 - down", "up * 1.0 + down", "code"),
        ('interval = "15m"', 'interval = "1h"', "manifest"),
        ('"BTCUSDT", ', "", "manifest"),
    ],
)
def test_another_function_number_column_operator_interval_or_symbol_is_another_structure(
    old: str, new: str, where: str
) -> None:
    assert structure_digest(changed(old, new, where=where)) != structure_digest(seed_source())


def test_what_does_not_parse_has_no_structure() -> None:
    assert structure_digest(changed("return Targets", "return return Targets")) is None
