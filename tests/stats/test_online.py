from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.p_values import Addis, LordPlusPlus, Saffron

from autarch.stats.online import OnlineRule

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())
NAMES = {
    "lordpp": "lord++",
    "lord3": "lord-3",
    "saffron": "saffron",
    "lord_dep": "lord-dep",
    "lord_discard": "lord-discard",
}
DEFAULT_W0 = {"saffron": 0.025}


def rule_of(row):
    name = NAMES.get(row["rule"], row["rule"])
    return OnlineRule(name=name, alpha=row.get("alpha", 0.05), w0=row.get("w0", DEFAULT_W0.get(name, 0.005)))


def test_lord_plus_plus_levels_decisions_and_wealth_agree_with_the_published_example():
    row = VECTORS["lordpp"]
    rule = OnlineRule(alpha=row["alpha"], w0=row["w0"])

    found = rule.run(row["p"])

    assert [one.level for one in found] == pytest.approx(row["levels"], abs=1e-12)
    assert [int(one.passed) for one in found] == row["R"]
    wealth = [rule.wealth(found[: at + 1]) for at in range(len(found))]
    assert wealth == pytest.approx(row["wealth_after"], abs=1e-12)


def test_saffron_levels_and_decisions_agree_with_the_published_example():
    row = VECTORS["saffron"]

    found = OnlineRule(name="saffron", alpha=row["alpha"], w0=row["w0"], candidate=row["lam"]).run(row["p"])

    assert [one.level for one in found] == pytest.approx(row["levels"], abs=1e-12)
    assert [int(one.passed) for one in found] == row["R"]


PUBLISHED = VECTORS["online_fdr_more"] + VECTORS["online_fdr_testthat"]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["id"])
def test_further_published_sequences_agree(row):
    found = rule_of(row).run(row["p"])

    assert [int(one.passed) for one in found] == row["R"]
    if "levels" in row:
        assert [one.level for one in found] == pytest.approx(row["levels"], abs=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OnlineRule(alpha=0.05, w0=0.005), lambda: LordPlusPlus(alpha=0.05, wealth=0.005)),
        (OnlineRule(name="saffron", alpha=0.05, w0=0.025), lambda: Saffron(alpha=0.05, wealth=0.025, lambda_=0.5)),
        (
            OnlineRule(name="addis", alpha=0.05, w0=0.025, candidate=0.25),
            lambda: Addis(alpha=0.05, wealth=0.025, lambda_=0.25, tau=0.5),
        ),
    ],
    ids=["lord++", "saffron", "addis"],
)
def test_an_independent_package_takes_the_same_decisions_on_random_streams(ours, theirs):
    random = np.random.RandomState(5)
    for _ in range(20):
        stream = np.where(random.rand(60) < 0.2, random.rand(60) ** 6, random.rand(60))
        oracle = theirs()

        assert [one.passed for one in ours.run(stream.tolist())] == [oracle.test_one(float(p)) for p in stream]


@given(st.lists(st.floats(0, 1), max_size=40))
def test_wealth_is_never_negative_and_a_level_never_exceeds_it(p_values):
    rule = OnlineRule(alpha=0.1, w0=0.02)
    tested = rule.run(p_values)

    for at, one in enumerate(tested):
        before = rule.wealth(tested[:at])
        assert 0.0 <= one.level <= before + 1e-15


def test_early_lord_plus_plus_is_lord_plus_plus_with_another_gamma():
    rule = OnlineRule(name="lord++ early", alpha=0.10, w0=0.05)

    found = rule.run([0.5, 0.005, 0.5, 0.004, 0.5])

    g1, g2, g3, g4, g5 = (0.4374901658 * k**-1.6 for k in range(1, 6))
    # successes at 2 and 4: w0 g_t + (alpha - w0) g_{t-2} + alpha g_{t-4}
    levels = [0.05 * g1, 0.05 * g2, 0.05 * g3 + 0.05 * g1, 0.05 * g4 + 0.05 * g2, 0.05 * g5 + 0.05 * g3 + 0.10 * g1]
    assert [one.level for one in found] == pytest.approx(levels)
    assert [one.passed for one in found] == [False, True, False, True, False]
    assert rule.wealth(found) == pytest.approx(0.05 + 0.05 + 0.10 - sum(levels))


@given(st.lists(st.floats(0, 1), max_size=40))
def test_early_levels_never_exceed_the_wealth(p_values):
    rule = OnlineRule(name="lord++ early", alpha=0.1, w0=0.05)
    tested = rule.run(p_values)

    assert all(0.0 <= one.level <= rule.wealth(tested[:at]) + 1e-15 for at, one in enumerate(tested))
    # the estimate that LORD++ keeps at most alpha: levels spent over successes
    assert sum(one.level for one in tested) <= 0.1 * max(1, sum(one.passed for one in tested)) + 1e-15


def test_a_level_depends_on_earlier_answers_alone():
    rule = OnlineRule(alpha=0.05, w0=0.005)
    first = rule.run([0.2, 1e-9, 0.4])

    assert (
        rule.next_level(first) == rule.run([0.2, 1e-9, 0.4, 0.9])[3].level == rule.run([0.2, 1e-9, 0.4, 0.0])[3].level
    )


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="p-value"):
        OnlineRule(alpha=0.05, w0=0.005).run([p])


@pytest.mark.parametrize(("alpha", "w0"), [(0.05, 0.05), (0.05, 0.0), (1.0, 0.1), (0.0, 0.0)])
def test_constants_under_which_nothing_is_held_are_refused(alpha, w0):
    with pytest.raises(ValueError, match="w0"):
        OnlineRule(alpha=alpha, w0=w0)


def test_only_lord_plus_plus_keeps_an_account():
    with pytest.raises(ValueError, match="no wealth account"):
        OnlineRule(name="saffron", alpha=0.05, w0=0.025).wealth(())
