"""Which changes need no new verdict: on arrays, before any market is opened."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.decisions import Decisions
from autarch.manifest import parse_source
from autarch.verdict import LAWS, CheckResult
from ci.candidate import Candidate, Incumbent
from ci.lanes import lane_checks, laws_hold, may_ask, relation

NAN = float("nan")


def decisions(exposure, *, stop=NAN, take=NAN, counts=True) -> Decisions:
    column = np.asarray(exposure, dtype=np.float64).reshape(-1, 1)
    return Decisions(
        symbols=("BTCUSDT",),
        interval="15m",
        mode="each",
        max_leverage=1.0,
        exposure=column,
        stop_loss=np.broadcast_to(np.asarray(stop, dtype=np.float64).reshape(-1, 1), column.shape),
        take_profit=np.broadcast_to(np.asarray(take, dtype=np.float64).reshape(-1, 1), column.shape),
        counts=np.broadcast_to(np.asarray(counts).reshape(-1, 1), column.shape),
    )


MAIN = decisions([0.5, -0.5, 0.0, 0.5], stop=0.03)


@pytest.mark.parametrize(
    ("candidate", "lane"),
    [
        (decisions([0.5, -0.5, 0.0, 0.5], stop=0.03), "same"),
        (decisions([0.5, -0.5, -0.0, 0.5], stop=0.03), "same"),
        (decisions([0.25, -0.5, 0.0, 0.0], stop=0.03), "less"),
        (decisions([0.0, 0.0, 0.0, 0.0]), "less"),
        (decisions([0.5, -0.5, 0.0, 0.0], stop=[0.03, 0.03, NAN, NAN]), "less"),
        (decisions([0.5, -0.5, 0.0, 0.5000001], stop=0.03), None),
        (decisions([0.5, 0.1, 0.0, 0.5], stop=0.03), None),  # a sign flip amid smaller ones
        (decisions([0.5, -0.5, 0.01, 0.5], stop=0.03), None),  # exposure where main has none
        (decisions([0.4, -0.5, 0.0, 0.5], stop=0.05), None),  # a wider stop
        (decisions([0.4, -0.5, 0.0, 0.5]), None),  # no stop
        (decisions([0.4, -0.5, 0.0, 0.5], stop=0.03, take=0.1), None),
        (decisions([0.5, -0.5, 0.0, 0.5], stop=0.03, counts=[False, True, True, True]), None),
    ],
)
def test_the_relation_of_two_decisions(candidate: Decisions, lane: str | None) -> None:
    assert relation(candidate, MAIN) == lane


@given(
    exposures=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=8),
)
def test_less_risk_is_exactly_smaller_and_never_on_the_other_side(exposures) -> None:
    ours, theirs = decisions([a for a, _ in exposures]), decisions([b for _, b in exposures])

    found = relation(ours, theirs)

    assert (found is not None) == all(
        a == 0 or (abs(a) <= abs(b) and (a > 0) == (b > 0)) or a == b for a, b in exposures
    )


def source(kit, **manifest):
    slug, origin = manifest.pop("name", "probe"), manifest.pop("origin", "")
    return parse_source(
        slug=slug,
        manifest_bytes=kit.manifest(params="[params]\nfast = 10\nslow = 40", name=slug, **manifest) + origin.encode(),
        code=(kit.head + kit.trend).encode(),
    )


def asked(kit, *, slug="probe", tree="t" * 40, incumbent_slug="probe", **changes) -> bool:
    before = source(kit, name=incumbent_slug)
    now = source(kit, name=slug, **changes.pop("manifest", {}))
    candidate = Candidate(
        kind="strategy",
        slug=slug,
        source=changes.pop("source", now),
        tree=tree,
        incumbent=Incumbent(slug=incumbent_slug, tree="m" * 40, source=before),
    )
    return may_ask(dataclasses.replace(candidate, **changes))


def test_only_a_change_of_what_stands_on_main_may_ask(kit) -> None:
    assert asked(kit)
    assert asked(kit, tree=None)
    assert not asked(kit, tree="m" * 40)
    assert not asked(kit, incumbent=None)
    assert not asked(kit, source=None)
    assert not asked(kit, slug="child", incumbent_slug="probe")


def test_a_child_that_retires_its_parent_may_ask(kit) -> None:
    origin = f'\n[origin]\nparent = "probe@{"c" * 40}"\nretires = "probe"'

    assert asked(kit, slug="child", manifest={"origin": origin})


@pytest.mark.parametrize(
    "manifest",
    [
        {"symbols": ("ETHUSDT",)},
        {"symbols": ("BTCUSDT", "ETHUSDT")},
        {"mode": "panel"},
        {"max_leverage": 2.0},
    ],
)
def test_another_market_mode_or_more_leverage_is_a_new_bet(kit, manifest) -> None:
    assert not asked(kit, manifest=manifest)


def check(name: str, verdict: str, klass: str = "limit") -> CheckResult:
    return CheckResult(name=name, klass=klass, verdict=verdict)  # type: ignore[arg-type]


GREEN = tuple(check(name, "passed", "law") for name in sorted(LAWS))


@pytest.mark.parametrize(
    ("checks", "hold"),
    [
        ((*GREEN, check("risk", "failed")), True),
        ((*GREEN, check("risk", "waived")), True),
        ((*GREEN, check("risk", "undecided")), False),
        ((*GREEN[1:], check(GREEN[0].name, "failed", "law")), False),
        (GREEN[1:], False),
        ((), False),
    ],
)
def test_no_hidden_bar_is_opened_before_every_law_holds(checks, hold) -> None:
    assert laws_hold(checks) is hold


def test_a_lane_waives_missed_limits_and_names_them_and_no_law() -> None:
    checks = (check("backtest", "failed", "law"), check("risk", "failed"), check("warmup", "undecided"))

    after, line = lane_checks(checks, "less")

    assert [c.verdict for c in after] == ["failed", "waived", "undecided"]
    assert line == "limits missed (risk), by the lane less: no decision of more risk than main's version, on every bar"
    assert lane_checks(checks, "ordinary") == (checks, None)
    assert lane_checks(checks, None) == (checks, None)
    assert lane_checks(GREEN, "same") == (GREEN, None)
