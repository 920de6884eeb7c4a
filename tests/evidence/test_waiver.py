"""A waiver covers what a human saw, of the decisions he saw it on, for a while; everything else is void."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import ConfigError
from autarch.evidence.waiver import (
    Waiver,
    day_of,
    is_waiver_path,
    midnight_ms,
    parse_waivers,
    render_waivers,
    slug_of,
    void_reason,
    waived_text,
)
from autarch.verdict import Measure

PATH = "ci/waivers/trend.toml"
DIGEST = "a" * 64
DAY = dt.date(2026, 3, 10)
WAIVER = Waiver(
    check="risk",
    decisions=DIGEST,
    measured={"max_drawdown": 0.41, "worst_day": -0.2},
    reason="hedged by the other sleeve",
    who="human",
    granted=dt.date(2026, 3, 1),
    expires=dt.date(2026, 3, 31),
)


def drawdown(value: float | None, limit: float = 0.35) -> Measure:
    return Measure(name="max_drawdown", value=value, op="<=", limit=limit, unit="of peak equity")


def worst_day(value: float) -> Measure:
    return Measure(name="worst_day", value=value, op=">=", limit=-0.15)


def void(*measures: Measure, day: dt.date = DAY, decisions: str | None = DIGEST) -> str | None:
    return void_reason(WAIVER, measures, decisions=decisions, day=day)


def altered(**changes: object) -> bytes:
    return render_waivers([msgspec.structs.replace(WAIVER, **changes)])


def test_a_rendered_file_parses_to_the_same_waivers() -> None:
    other = msgspec.structs.replace(WAIVER, check="warmup", measured={"x": 0.1 + 0.2})

    assert parse_waivers(render_waivers([other, WAIVER]), path=PATH) == (WAIVER, other)


def test_the_waived_value_and_a_better_one_are_covered() -> None:
    shown = Measure(name="turnover", value=3.0)

    assert void(drawdown(0.41), worst_day(-0.2), shown) is None
    assert void(drawdown(0.36), worst_day(-0.16)) is None
    assert void(drawdown(0.41), worst_day(-0.10)) is None


@pytest.mark.parametrize(
    ("measures", "told"),
    [
        ([drawdown(math.nextafter(0.41, 1.0))], "max_drawdown is 0.41000000000000003 now, worse than the 0.41"),
        ([drawdown(0.41), worst_day(math.nextafter(-0.2, -1.0))], "worst_day"),
        ([drawdown(None)], "max_drawdown is not defined"),
        ([Measure(name="cvar", value=0.2, op="<=", limit=0.1)], "it does not name cvar"),
        ([drawdown(0.3)], "without a measure that missed its limit"),
        ([], "without a measure that missed its limit"),
    ],
)
def test_what_is_worse_unnamed_or_undefined_voids_it(measures: list[Measure], told: str) -> None:
    assert told in (void(*measures) or "covered")


def test_other_decisions_void_it() -> None:
    assert "given for decisions aaaaaaaaaaaa, these are bbbbbbbbbbbb" in (void(drawdown(0.4), decisions="b" * 64) or "")
    assert "these are none" in (void(drawdown(0.4), decisions=None) or "")


@pytest.mark.parametrize(
    ("day", "good"),
    [
        (dt.date(2026, 2, 28), False),
        (dt.date(2026, 3, 1), True),
        (dt.date(2026, 3, 31), True),
        (dt.date(2026, 4, 1), False),
    ],
)
def test_it_is_good_from_its_first_day_to_its_last_both_included(*, day: dt.date, good: bool) -> None:
    assert (void(drawdown(0.4), day=day) is None) == good


@given(value=st.floats(0.0, 10.0), granted=st.floats(0.0, 10.0))
def test_a_worse_value_is_never_covered_and_a_value_not_worse_always(value: float, granted: float) -> None:
    waiver = msgspec.structs.replace(WAIVER, measured={"max_drawdown": granted})
    measure = Measure(name="max_drawdown", value=value, op="<", limit=0.0)

    found = void_reason(waiver, [measure], decisions=DIGEST, day=DAY)

    assert (found is None) == (value <= granted)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (altered(check="causality"), "it is a law, and laws are never waived"),
        (altered(check="backtest"), "it is a law"),
        (altered(expires=dt.date(2026, 5, 31)), "it lasts 91 days; 0 to 90 are allowed"),
        (altered(expires=dt.date(2026, 2, 27)), "it lasts -2 days"),
        (altered(decisions="A" * 64), "decisions is no SHA-256"),
        (altered(reason="short"), "fewer than 10 characters"),
        (altered(reason="x" * 301), "more than 300 characters"),
        (altered(reason="two lines\nof reasons"), "one line of printable ASCII"),
        (altered(who="a b"), "which is no name"),
        (altered(measured={"x": math.inf}), "not finite"),
        (altered(measured={}), "`$.waiver[0].measured`"),
        (render_waivers([WAIVER, WAIVER]), "waives a check twice"),
        (b"schema = 1\n", "waiver"),
        (b"schema = 1\nwaiver = []\n", "waiver"),
        (render_waivers([WAIVER]).replace(b"schema = 1", b"schema = 2"), "schema is 2"),
        (render_waivers([WAIVER]).replace(b"schema = 1", b"schema = 1\nforever = true"), "forever"),
        (render_waivers([WAIVER]).replace(b"expires = 2026-03-31", b"expires = 2026-03-31T10:00:00"), "expires"),
        (b"\xff", "not UTF-8 TOML"),
        (b"[[waiver", "not UTF-8 TOML"),
        (b"#" * 70_000, "70000 bytes"),
    ],
)
def test_a_malformed_file_is_refused_by_name(content: bytes, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_waivers(content, path=PATH)

    assert told in str(refused.value)
    assert "ci/waivers/trend.toml" in str(refused.value)


def test_ninety_days_are_allowed() -> None:
    # 1 March + 90 days = 30 May
    assert parse_waivers(altered(expires=dt.date(2026, 5, 30)), path=PATH)[0].expires == dt.date(2026, 5, 30)


@pytest.mark.parametrize(
    "path", ["ci/waivers/Trend.toml", "ci/waivers/a/trend.toml", "ci/waivers/trend", "ci/trend.toml"]
)
def test_a_file_that_stands_elsewhere_holds_no_waivers(path: str) -> None:
    assert slug_of(path) is None
    with pytest.raises(ConfigError, match="no place for waivers"):
        parse_waivers(render_waivers([WAIVER]), path=path)


def test_every_spelling_of_the_folder_is_recognised() -> None:
    assert all(is_waiver_path(path) for path in (PATH, "CI/Waivers/x.toml", "ci/waivers/deep/er.toml", "ci/waivers"))
    assert not any(is_waiver_path(path) for path in ("ci/waivers.toml", "strategies/ci/waivers/x.toml"))


def test_the_line_names_check_strategy_values_person_end_and_reason() -> None:
    line = waived_text("trend", WAIVER, [drawdown(0.4), Measure(name="fine", value=1.0, op="<=", limit=2.0)])

    assert line == (
        "risk of trend: max_drawdown 0.4 (limit <= 0.35); by human until 2026-03-31: hedged by the other sleeve"
    )


def test_the_day_is_the_utc_day_of_the_latest_instant() -> None:
    # 2026-03-10T00:00:00Z = 1773100800 s
    assert day_of(1_773_100_799_999) == dt.date(2026, 3, 9)
    assert day_of(0, 1_773_100_800_000) == DAY
    assert midnight_ms("2026-03-10") == 1_773_100_800_000
