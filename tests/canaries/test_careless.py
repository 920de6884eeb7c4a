"""Every other canary: memory of the past, state, unstable recursion, recklessness, flattery."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.evaluation import decide_blocks
from ci.policy import CHECK_NAMES

from .cage import Cage, catchers, judged, miss, proposal, source_of
from .corpus import Canary, canaries, canary

OTHERS = tuple(c for c in canaries() if c.card.kind != "clairvoyant" and c.card.check in CHECK_NAMES)


def named(found: Canary) -> str:
    return found.name


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in OTHERS if not c.card.through], ids=named)
def test_a_cheat_is_caught_by_its_check(cage: Cage, cheat: Canary) -> None:
    outcome = judged(cage, cheat)

    assert miss(cheat, outcome.checks) == ""


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in OTHERS if c.card.behind], ids=named)
def test_what_the_policy_refuses_is_caught_without_it_too(cage: Cage, cheat: Canary) -> None:
    checks = cage.judge_without(cheat.card.check, proposal(cheat.folder))

    assert cheat.card.behind in [c.name for c in catchers(checks)]


@pytest.mark.slow
def test_taking_the_profit_first_inside_a_bar_would_have_paid(cage: Cage) -> None:
    source = source_of(canary("first_to_the_target").folder)
    market = cage.market(source)
    decisions = decide_blocks(cage.workers.main, source, market)
    wanted, reach = decisions.exposure[:-1, 0], decisions.take_profit[:-1, 0]
    bars, entered = market.series[0], (wanted > 0.0) & decisions.counts[:-1, 0]
    entry = bars.open[1:]

    # An optimist fills the target wherever the high reaches it, the stop only where it does not.
    hit, stopped = bars.high[1:] >= entry * (1.0 + reach), bars.low[1:] <= entry * (1.0 - reach)
    gain = np.where(hit, reach, np.where(stopped, -reach, bars.close[1:] / entry - 1.0))
    honest = np.where(stopped, -reach, np.where(hit, reach, bars.close[1:] / entry - 1.0))

    assert (gain[entered] * wanted[entered]).sum() > 0.3  # of equity, before costs
    assert (honest[entered] * wanted[entered]).sum() < 0.0


@pytest.mark.slow
def test_a_clipped_win_would_have_looked_like_skill(cage: Cage) -> None:
    metrics = cage.earns(source_of(canary("clipped_roi").folder))

    assert metrics["hit_rate"] is not None
    assert metrics["hit_rate"] > 0.6
    assert metrics["total_return"] is not None
    assert metrics["total_return"] < 0.0
