"""`why` leads from a fill to the agent and its parent, and says what it cannot find."""

from __future__ import annotations

from decimal import Decimal

import pytest

from autarch.errors import UsageError
from live.found import find
from live.journal import Draft, Journal
from live.provenance import evidence_named, explain

BAR, OPEN = 1_700_006_400_000, 1_700_007_300_000
LINK, EXEC = "at-one", "exec-one"


def drafts(yard):
    released = yard.released("v0.1.0")
    item = released.strategies[0]
    opened = {
        "tag": "v0.1.0",
        "tag_object": yard.facts["tag"],
        "commit": released.commit,
        "signer": "SHA256:somebody",
        "demo": True,
        "engine": released.engine,
        "policy": released.policy,
        "policy_path": released.policy_path,
        "walkthrough": False,
        "dataset": released.dataset,
        "feed": "forward",
        "sleeves": {"one_idea": {"evidence": item.evidence, "interval_ms": 900_000, "symbols": ["BTCUSDT"]}},
    }
    decision = {
        "tag": "v0.1.0",
        "strategy": "one_idea",
        "bar": BAR,
        "inputs": "f" * 64,
        "equity": 5000.0,
        "closes": {"BTCUSDT": 100.0},
        "symbols": {"BTCUSDT": {"exposure": 0.5, "stop_loss": 0.02, "take_profit": None}},
    }
    intent = {
        "tag": "v0.1.0",
        "order_link_id": LINK,
        "strategy": "one_idea",
        "symbol": "BTCUSDT",
        "bar": BAR,
        "leg": "enter",
        "part": 0,
        "side": "Buy",
        "qty": "25",
        "reduce_only": False,
        "stop_loss_frac": "0.02",
        "take_profit_frac": None,
    }
    fill = execution(EXEC, order_link_id=LINK)
    stop = execution("exec-two", create_type="CreateByStopLoss", side="Sell", opened_by=LINK)
    return [
        Draft(time_ms=BAR, kind="opened", body=opened),
        Draft(time_ms=OPEN, kind="decision", body=decision),
        Draft(time_ms=OPEN, kind="intent", body=intent, ref=LINK),
        Draft(time_ms=OPEN, kind="ack", body={"order_link_id": LINK, "order_id": "o-1"}, ref=LINK),
        Draft(time_ms=OPEN, kind="execution", body=fill, ref=EXEC),
        Draft(time_ms=OPEN + 899_999, kind="execution", body=stop, ref="exec-two"),
        Draft(time_ms=OPEN + 900_000, kind="execution", body=execution("exec-three"), ref="exec-three"),
    ]


def execution(exec_id, **changes):
    body = {
        "seq": 1,
        "exec_id": exec_id,
        "exec_type": "Trade",
        "create_type": "CreateByUser",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "order_link_id": "",
        "opened_by": "",
        "qty": "25",
        "price": "100.05",
        "fee": str(Decimal("1.3756875")),
    }
    return {**body, **changes}


@pytest.fixture(scope="module")
def yard(base_yard, tmp_path_factory):
    return base_yard.copy(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def journal(yard, tmp_path):
    with Journal(tmp_path / "paper.sqlite3", account="paper") as made:
        made.append(drafts(yard))
        yield made


def test_a_fill_leads_to_tag_merge_pull_request_agent_and_parent(yard, journal):
    (found,) = find(journal, EXEC)

    steps = {step.what: step for step in explain(found, yard.repo)}

    assert list(steps) == [
        "fill", "order", "decision", "release", "release evidence", "merge", "pull request evidence", "ledger entry",
        "agent commit", "parent",
    ]  # fmt: skip
    assert all(step.missing is None for step in steps.values())
    assert steps["order"].name == LINK
    assert dict(steps["order"].facts)["answer"] == "accepted o-1"
    assert dict(steps["decision"].facts)["inputs"] == "f" * 64
    assert dict(steps["release"].facts)["signer"] == "SHA256:somebody (demo key)"
    assert dict(steps["release"].facts)["waivers"] == "none"
    assert dict(steps["release evidence"].facts)["checks"] == "scope passed, backtest passed, risk passed"
    assert steps["merge"].name == yard.facts["merge"]
    assert dict(steps["merge"].facts)["Pull-Request"] == "1"
    assert dict(steps["merge"].facts)["Merged-By"] == "human"
    assert steps["pull request evidence"].name == yard.facts["pull evidence"]
    assert dict(steps["ledger entry"].facts)["number"] == "2"
    assert steps["agent commit"].name == yard.facts["head"]
    agent = dict(steps["agent commit"].facts)
    assert (agent["Agent"], agent["Trials"], agent["Seed"]) == ("tuner", "12", "7")
    assert steps["parent"].name == f"one_idea@{yard.facts['seed']}"
    assert dict(steps["parent"].facts)["subject"] == "Plant the seed"


def test_an_order_and_its_fill_are_explained_alike(yard, journal):
    by_order, by_fill = (explain(find(journal, name)[0], yard.repo) for name in (LINK, EXEC))

    assert by_order == by_fill


def test_a_stop_is_explained_by_the_entry_it_protected(yard, journal):
    (found,) = find(journal, "exec-two")

    steps = explain(found, yard.repo)

    assert dict(steps[0].facts)["by"] == "CreateByStopLoss"
    assert steps[1].name == LINK
    assert len(steps) == 10


@pytest.mark.parametrize("when", ["1700007300000", "2023-11-15T00:15", "2023-11-15T00:20:59+00:00"])
def test_a_symbol_at_a_time_finds_every_fill_of_that_bar(yard, journal, when):
    found = find(journal, f"BTCUSDT@{when}")

    assert [item.fill.ref for item in found] == [EXEC, "exec-two"]
    assert find(journal, f"ETHUSDT@{when}") == ()
    assert yard.facts["tag"]


def test_what_cannot_be_read_or_found_is_said(yard, journal):
    assert find(journal, "at-unknown") == ()
    with pytest.raises(UsageError, match="no time"):
        find(journal, "BTCUSDT@yesterday")
    (orphan,) = find(journal, "exec-three")

    steps = explain(orphan, yard.repo)

    assert steps[-1].missing == "the journal has no order behind this execution"


def test_missing_evidence_is_shown_as_missing_and_named_for_fetching(yard, journal, tmp_path):
    lacking = yard.copy(tmp_path / "copy")
    ref = yard.facts["evidence ref"]
    lacking.repo.update_ref(ref, None, old=lacking.repo.read_ref(ref))
    (found,) = find(journal, EXEC)

    steps = {step.what: step for step in explain(found, lacking.repo)}

    assert "no evidence" in steps["pull request evidence"].missing
    assert steps["agent commit"].missing is None
    assert yard.facts["pull evidence"] in evidence_named(found, lacking.repo)
    assert len(evidence_named(found, lacking.repo)) == 2


def test_a_seed_committed_on_main_says_that_no_pull_request_brought_it(yard, journal, tmp_path):
    planted = yard.copy(tmp_path / "copy")
    planted.repo.update_ref("refs/heads/main", planted.facts["seed"], old=planted.main)
    (found,) = find(journal, EXEC)
    opened = dict(found.opened.body) | {"commit": planted.facts["seed"]}
    found = _with_opened(found, opened)

    steps = {step.what: step for step in explain(found, planted.repo)}

    assert dict(steps["commit"].facts)["note"] == "committed on main, no pull request"
    assert "merge" not in steps


def test_a_walkthrough_policy_is_named(yard, journal):
    (found,) = find(journal, EXEC)
    found = _with_opened(found, dict(found.opened.body) | {"walkthrough": True})

    steps = {step.what: step for step in explain(found, yard.repo)}

    assert "a walk-through's: limits wide open" in dict(steps["release"].facts)["policy"]


def _with_opened(found, body):
    import dataclasses

    return dataclasses.replace(found, opened=dataclasses.replace(found.opened, body=body))
