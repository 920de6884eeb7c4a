"""The guide's table of warm-ups is the one the command finds, and names every function of the library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import talib

from autarch.sandbox.source_policy import check_source
from benchmarks.indicators import indicators_of, source_of
from benchmarks.warmup_table import BEGIN, END, NEVER, Finding, needs_in, page_with, table_of
from benchmarks.warmups import Bench, all_names, bench

PAGE = (Path(__file__).parents[2] / "docs/strategy_authoring.md").read_text(encoding="utf-8")
DERIVED_AGAIN = ("SMA", "EMA", "RSI", "SAR", "BBANDS", "HT_SINE", "CDLHAMMER", "OBV", "MAXINDEX")


class Walk:
    """Some bars, as the market types spell them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, 3_000)))
        self.open = np.concatenate([self.close[:1], self.close[:-1]])
        self.high = np.maximum(self.open, self.close) * 1.001
        self.low = np.minimum(self.open, self.close) * 0.999
        self.volume = rng.uniform(1.0, 2.0, 3_000)


@pytest.fixture(scope="module")
def walk() -> Walk:
    return Walk()


def test_the_table_names_every_function_of_the_library_once() -> None:
    table = PAGE.partition(BEGIN)[2].partition(END)[0]
    named = re.findall(r"`(\w+)`", table.partition("Refused all the same")[0])

    assert sorted(named) == sorted(talib.get_functions()) == sorted(all_names())
    assert set(needs_in(PAGE)) == set(named)


def test_no_warm_up_is_shorter_than_a_window_is_long() -> None:
    needs = needs_in(PAGE)

    # by their default lengths: SMA 30 needs 29 bars before, RSI 14 a difference and its average
    assert needs["SMA"] == "29"
    assert int(needs["EMA"]) > 29
    assert int(needs["RSI"]) > 14


def test_each_function_that_never_forgets_has_a_cure_on_the_page() -> None:
    cures = PAGE.partition("| instead of | write |")[2].partition("\n\n")[0]
    cured = {name for row in cures.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")}
    never = {name for name, needs in needs_in(PAGE).items() if needs == NEVER}
    refused = set(re.findall(r"`(\w+)` by", PAGE.partition("Refused all the same")[2].partition("\n")[0]))

    assert never | refused == cured


def test_every_function_becomes_a_strategy_the_policy_admits(walk: Walk) -> None:
    indicators = [each for name in all_names() for each in indicators_of(name, walk)]
    refused = [
        each.name for each in indicators if check_source(source_of(each, symbol="BTCUSDT", warmup=each.lookback))
    ]

    assert len(indicators) > len(all_names()) > 150
    assert refused == []


def test_outputs_are_divided_by_the_power_of_price_they_are_measured_in(walk: Walk) -> None:
    powers = {
        name: [each.power for each in indicators_of(name, walk)] for name in ("RSI", "EMA", "VAR", "BBANDS", "OBV")
    }

    assert powers == {"RSI": [0], "EMA": [1], "VAR": [2], "BBANDS": [1, 1, 1], "OBV": [0]}


def test_a_finding_is_its_neediest_output_and_never_if_one_is() -> None:
    some = Finding.of("STOCH", [(8, True, ()), (11, True, ("memory: no",))])
    none = Finding.of("STOCH", [(8, True, ()), (None, False, ())])

    assert (some.needs, some.silent, some.refused_by) == ("11", False, ("memory",))
    assert (none.needs, none.silent) == (NEVER, True)
    assert "Refused all the same: `STOCH` by memory." in table_of([some])


def test_the_table_replaces_what_stands_between_the_marks_and_nothing_else() -> None:
    finding = Finding.of("SMA", [(29, True, ())])
    page = page_with(f"before\n{BEGIN}\nold\n{END}\nafter\n", table_of([finding]))

    assert page.startswith(f"before\n{BEGIN}\n\n**Overlap Studies**")
    assert page.endswith(f"| `SMA` | 29 | 29 |\n\n{END}\nafter\n")
    assert page_with(page, table_of([finding])) == page
    with pytest.raises(ValueError, match="once each"):
        page_with("no marks", "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("indicators")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("name", DERIVED_AGAIN)
def test_a_function_asked_again_needs_what_the_page_says(made: Bench, name: str) -> None:
    assert made.find(name).needs == needs_in(PAGE)[name]
