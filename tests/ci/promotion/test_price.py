"""The price of a test, told from main and the ledger before anything is opened."""

from __future__ import annotations

import pytest

from autarch.errors import RefusedError, UsageError
from autarch.evidence.ledger_entry import Forward, Judgement
from autarch.stats.power import sharpe_that_passes
from ci.promotion.price import price_at


def priced(bench, target="honest", **changes):
    return price_at(
        bench.forge, bench.main, bench.ledger.entries(), target, **({"policy_path": "ci/policy.toml"} | changes)
    )


def test_the_first_test_costs_the_rule_s_first_level(bench) -> None:
    bench.proposed("honest", pr=4)

    found = priced(bench, "4")

    # 0.05 x 0.43749017 = 0.0218745; of a holdout of 66.7 days that begins at 16:00, 15.3 days answer looks
    assert (found.strategy, found.pull, found.test, found.tier, found.stored) == ("honest", 4, 1, "T1", None)
    assert found.level == pytest.approx(0.0218745, rel=1e-4)
    assert (found.wealth, found.wealth_after) == (0.05, pytest.approx(0.05 - found.level))
    assert found.days == 51
    assert found.sharpe == pytest.approx(sharpe_that_passes(51, level=found.level))
    assert (found.forward_days, found.e_value) == (0, 1.0)


def test_what_is_known_already_is_told(bench) -> None:
    bench.proposed("honest")
    first = priced(bench)
    said = Judgement(
        test=1, level=first.level, wealth=0.1 - first.level, word="may be promoted", sealed="", asked_by="ann"
    )
    bench.said("honest", judgement=said)
    bench.said("honest", forward=Forward(e_value=3.5, days=40, from_ms=0, to_ms=9, tier="T2"))

    found = priced(bench)

    assert (found.stored, found.tier, found.test) == ("may be promoted", "T2", 2)
    assert (found.forward_days, found.e_value) == (40, 3.5)
    assert found.level > first.level  # a success pays for the next


def test_what_no_verdict_scored_has_no_price(bench) -> None:
    with pytest.raises(RefusedError, match="no verdict in the ledger scored honest"):
        priced(bench)
    with pytest.raises(UsageError, match="main has no strategy 'nobody'"):
        priced(bench, "nobody")


def test_terms_changed_inside_an_epoch_have_no_price(bench) -> None:
    bench.proposed("honest")
    account = priced(bench)
    said = Judgement(test=1, level=account.level, wealth=account.wealth_after, word="may not", sealed="", asked_by="a")
    bench.said("honest", judgement=said)
    bench.new_epoch_terms(w0=0.04)

    with pytest.raises(RefusedError, match=r"another level|began with|the rule gives"):
        priced(bench)
