"""What forward days give and take back, what is appended, and which sleeves stand too high."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.evidence.ledger_entry import Judgement
from autarch.evidence.tiers import Earned
from ci.policy import Policy
from ci.promotion.forward import weigh
from ci.promotion.scoring import Lowered, Row, Scores, score_main

DEVIATION = 0.01


def days(ratio: float, n: int = 100, seed: int = 1):
    drawn = np.random.default_rng(seed).normal(size=n)
    return DEVIATION * ((drawn - drawn.mean()) / drawn.std(ddof=1) + ratio)  # its ratio is `ratio` a day


def weighed(daily, policy: Policy, *, is_ruined=False):
    return weigh(np.asarray(daily), is_ruined=is_ruined, deviation=DEVIATION, policy=policy)


def test_no_day_says_nothing(quick_policy) -> None:
    found = weighed([], quick_policy)

    assert (found.e_value, found.days, found.tier) == (1.0, 0, "T2")


@pytest.mark.parametrize(("ratio", "tier"), [(0.7, "T3"), (0.05, "T2"), (-0.05, "T2"), (-0.3, "T1")])
def test_what_days_earn_decides_the_tier_they_leave(quick_policy, ratio, tier) -> None:
    found = weighed(days(ratio), quick_policy)

    assert found.tier == tier
    assert (found.e_value >= quick_policy.promotion.forward_e_value_min) == (tier == "T3")


def test_few_lost_days_take_nothing_back(quick_policy) -> None:
    few = quick_policy.promotion.forward_days_min - 1

    assert weighed(days(-0.5, n=few), quick_policy).tier == "T2"
    assert weighed(days(-0.5, n=few + 1), quick_policy).tier == "T1"


def test_a_day_beyond_the_bound_voids_the_evidence_and_one_at_it_does_not(quick_policy) -> None:
    good = days(0.7)

    assert weighed([*good, -8 * DEVIATION], quick_policy).e_value > 1
    void = weighed([*good, -8 * DEVIATION - 2e-5], quick_policy)
    assert (void.tier, void.e_value) == ("T2", 0.0)


def test_a_day_beyond_the_policy_s_worst_sends_it_back_to_paper(quick_policy) -> None:
    worst = quick_policy.risk.worst_day_frac_max

    assert weighed([*days(0.7), -worst], quick_policy).tier == "T2"
    assert weighed([*days(0.7), -worst - 2e-5], quick_policy).tier == "T0"


def test_a_drawdown_beyond_the_policy_s_or_ruin_sends_it_back_to_paper(quick_policy) -> None:
    # 0.9^5 = 0.590: a drawdown of 0.41, and 0.35 is the most
    assert weighed([-0.1] * 5, quick_policy).tier == "T0"
    assert weighed([0.01], quick_policy, is_ruined=True).tier == "T0"


def test_nan_and_a_strategy_that_never_moved_are_undecided(quick_policy) -> None:
    with pytest.raises(UndecidedError, match="NaN"):
        weighed([np.nan], quick_policy)
    with pytest.raises(UndecidedError, match="never moved"):
        weigh(np.zeros(3), is_ruined=False, deviation=0.0, policy=quick_policy)


def rows(scores):
    return {row.slug: row for row in scores.rows}


@pytest.fixture
def portfolio(bench):
    def write(**tiers):
        sleeves = "".join(f'[[account.sleeves]]\nstrategy = "{s}"\ntier = "{t}"\n' for s, t in tiers.items())
        bench.commit({"live/portfolio.toml": f'[[account]]\nname = "main"\n{sleeves}'.encode()})

    return write


@pytest.mark.slow
def test_every_strategy_is_scored_and_appended_once(bench) -> None:
    bench.proposed("honest")
    bench.now_ms = 1_800_000_000_000  # after the market's last bar

    first, again = score_main(bench.desk), score_main(bench.desk)

    found = rows(first)
    assert found["honest"].days >= 32  # 3,200 forward bars of 15 minutes
    assert found["honest"].e_value > 1
    assert (found["loser"].days, found["loser"].since_ms) == (0, None)  # nobody knows since when it stands
    assert "never moved" in str(found["idle"].problem)
    assert (found["idle"].exit_code, first.exit_code) == (3, 3)  # nothing may be concluded from what never moved
    assert (first.appended, again.appended) == (3, 0)
    assert [entry.slug for entry in bench.entries("forward")] == ["honest", "loser", "peeks"]


def test_who_may_be_judged_is_accepted_not_promoted_and_has_no_stored_answer(bench, portfolio) -> None:
    bench.canned()
    bench.proposed("honest")
    bench.proposed("loser", pr=2, verdict="rejected")
    portfolio(honest="T2", loser="T1")

    scores = score_main(bench.desk)

    assert {slug for slug, row in rows(scores).items() if row.may_be_judged} == {"honest"}
    assert scores.level == pytest.approx(0.0218745, rel=1e-4)  # 0.05 x 0.43749017
    assert [(low.strategy, low.held, low.earned.tier) for low in scores.lowered] == [("honest", "T2", "T1")]

    asked = Judgement(test=1, level=scores.level, wealth=0.05 - scores.level + 0.05, word="may be promoted", sealed="",
                      asked_by="ann")  # fmt: skip
    bench.said("honest", judgement=asked)
    later = score_main(bench.desk)

    assert not rows(later)["honest"].may_be_judged
    assert rows(later)["honest"].earned.tier == "T2"
    assert later.lowered == ()


@pytest.mark.parametrize(
    ("codes", "is_high", "code"),
    [((0, 0), False, 0), ((0, 0), True, 1), ((0, 1), False, 1), ((2, 1), True, 2), ((2, 3), True, 3)],
)
def test_the_gravest_of_all_rows_and_sleeves_is_the_exit_code(codes, is_high, code) -> None:
    earned = Earned(tier="T1", why="it was merged")
    found = tuple(
        Row(slug=f"s{at}", pr=None, earned=earned, problem="x" if each else None, exit_code=each)
        for at, each in enumerate(codes)
    )
    lowered = (Lowered(account="main", strategy="s0", held="T3", earned=earned),) if is_high else ()

    scores = Scores(rows=found, appended=0, lowered=lowered, level=None, wealth=None)

    assert scores.exit_code == scores.to_json()["exit_code"] == code


def test_decisions_that_a_platform_change_altered_begin_anew(bench) -> None:
    bench.canned()
    bench.proposed("honest")
    bench.now_ms += 1000
    manifest = bench.forge.blob_at(bench.main, "strategies/honest/manifest.toml")
    bench.commit({"strategies/honest/manifest.toml": manifest.replace(b"warmup = 120", b"warmup = 121")})

    first = rows(score_main(bench.desk))["honest"]
    bench.now_ms += 1000
    second = rows(score_main(bench.desk))["honest"]

    assert (first.since_ms, second.since_ms) == (None, bench.now_ms - 1000)


def test_losses_too_steady_for_any_ratio_take_the_tier_back_and_break_nothing(quick_policy) -> None:
    steady = np.full(60, -0.001)
    steady[7] = -0.0011  # hardly a spread: the Sharpe ratio is far beyond one a day, which `sharpe_sample` refuses

    assert weighed(steady, quick_policy).tier == "T1"
