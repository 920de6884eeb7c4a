"""`why` leads from a fill to the agent and its parent, and says what it cannot find."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from autarch.errors import UsageError
from live.found import find, nearest
from live.journal import Journal
from live.provenance import evidence_named, explain

from .journal_yard import BAR, EXEC, LINK, OPEN, drafts


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
        "fill", "order", "decision", "release", "release evidence", "merge", "pull request evidence", "ledger",
        "agent commit", "parent",
    ]  # fmt: skip
    assert all((step.missing, step.contradicts) == (None, ()) for step in steps.values())
    assert steps["order"].name == LINK
    assert dict(steps["order"].facts)["venue"] == "accepted as o-1"
    assert steps["decision"].name == "one_idea at bar 2023-11-15T00:00:00Z"
    assert dict(steps["decision"].facts)["inputs"].split()[0] == "f" * 64
    assert dict(steps["release"].facts)["signed by"] == f"{found.opened.body['signer']} (demo key)"
    assert dict(steps["release"].facts)["waivers"] == "none"
    assert dict(steps["release evidence"].facts)["checks"] == "passed: scope, backtest, risk"
    assert dict(steps["release evidence"].facts)["attested by"] == "release@autarch"
    assert dict(steps["pull request evidence"].facts)["attested by"] == "ci@autarch"
    assert steps["merge"].name == yard.facts["merge"]
    assert dict(steps["merge"].facts)["Pull-Request"] == "1"
    assert dict(steps["merge"].facts)["Merged-By"] == "human"
    assert steps["pull request evidence"].name == yard.facts["pull evidence"]
    ledger = dict(steps["ledger"].facts)
    assert ledger["reservation"].startswith("entry 1 ")
    assert ledger["reservation"].endswith(" of 1970-01-01T00:00:00.001Z, before any score")
    assert ledger["result"].startswith("entry 2 ")
    assert ledger["result"].endswith(", accepted")
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

    assert dict(steps[0].facts)["cause"] == "the stop that came with our order (CreateByStopLoss)"
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
    for odd in ("BTCUSDT@\N{SUPERSCRIPT TWO}", "BTCUSDT@\udcff"):
        with pytest.raises(UsageError, match="no time"):
            find(journal, odd)
    with pytest.raises(UsageError, match="no orderLinkId"):
        find(journal, "\udcff\udcfe")
    with pytest.raises(UsageError, match="no orderLinkId, orderId, execId, symbol"):
        find(journal, "why not?")
    (orphan,) = find(journal, "exec-three")

    steps = explain(orphan, yard.repo)

    assert steps[-1].missing == "the journal has no order behind this execution"


@pytest.mark.parametrize(
    ("question", "near"),
    [
        (f"BTCUSDT@{OPEN + 3_000_000}", ["exec-three", "exec-two", EXEC]),
        (f"btcusdt@{BAR - 900_000}", [EXEC, "exec-two", "exec-three"]),
        (f"XRPUSDT@{OPEN}", ["exec-three", "exec-two", EXEC]),
        ("at-unknown", ["exec-three", "exec-two", EXEC]),
    ],
)
def test_the_nearest_fills_are_offered_to_a_question_that_found_nothing(journal, question, near):
    assert find(journal, question) == ()
    assert [event.ref for event in nearest(journal, question)] == near


def test_evidence_signed_by_nobody_main_lists_says_so(yard, journal, tmp_path):
    forged = yard.copy(tmp_path / "copy")
    forged.store(forged.claim(forged.main, base=forged.main), key="stranger")
    (found,) = find(journal, EXEC)

    steps = {step.what: step for step in explain(found, forged.repo)}

    assert dict(steps["release evidence"].facts)["attested by"].startswith("nobody who may: ")


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

    assert "limits opened: for paper only" in dict(steps["release"].facts)["policy"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("commit", "seed"),
        ("engine", "a" * 64),
        ("policy", "b" * 64),
        ("policy_path", "ci/other.toml"),
        ("dataset", "other@" + "c" * 64),
        ("signer", "SHA256:other"),
        ("tag", "v9.9.9"),
    ],
)
def test_a_journal_that_was_rewritten_with_its_chain_contradicts_the_signed_tag(yard, journal, field, value):
    (found,) = find(journal, EXEC)
    value = yard.facts.get(value, value)

    steps = {s.what: s for s in explain(_with_opened(found, dict(found.opened.body) | {field: value}), yard.repo)}

    assert any(f"journal says {value}, tag says " in line for line in steps["release"].contradicts)


@pytest.mark.parametrize("field", ["tree", "decisions", "evidence"])
def test_a_rewritten_sleeve_contradicts_the_signed_tag(yard, journal, field):
    (found,) = find(journal, EXEC)
    value = yard.facts["pull evidence"] if field == "evidence" else "a" * 40
    sleeve = dict(found.opened.body["sleeves"]["one_idea"]) | {field: value}
    found = _with_opened(found, dict(found.opened.body) | {"sleeves": {"one_idea": sleeve}})

    steps = {step.what: step for step in explain(found, yard.repo)}

    assert [line for line in steps["release"].contradicts if f"one_idea's {field}: journal says {value}" in line]


def test_an_order_of_a_strategy_the_release_does_not_hold_is_a_contradiction(yard, journal):
    (found,) = find(journal, EXEC)
    other = dataclasses.replace(found.order, body=dict(found.order.body) | {"strategy": "other_idea"})

    steps = {step.what: step for step in explain(dataclasses.replace(found, order=other), yard.repo)}

    assert steps["release"].contradicts == ("strategy: journal says other_idea, tag says one_idea",)


def test_another_tag_object_than_the_repositorys_and_a_strangers_signature_are_contradictions(yard, journal, tmp_path):
    forged = yard.copy(tmp_path / "copy")
    honest = forged.repo.read_ref("refs/tags/v0.1.0")
    oid = forged.sign(forged.released("v0.1.0"), key="stranger")
    forged.repo.update_ref("refs/tags/v0.1.0", honest, old=oid)
    (found,) = find(journal, EXEC)
    found = _with_opened(found, dict(found.opened.body) | {"tag_object": oid})

    first, second = {s.what: s for s in explain(found, forged.repo)}["release"].contradicts

    assert first == f"tag object: journal says {oid}, the repository says {honest}"
    assert "not signed by a key of release@autarch" in second


def test_evidence_of_another_strategy_is_a_contradiction(yard, journal, tmp_path):
    forged = yard.copy(tmp_path / "copy")
    claim = forged.claim(forged.main, base=forged.main)
    claim = msgspec.structs.replace(
        claim, strategy=msgspec.structs.replace(claim.strategy, name="other", tree="a" * 40)
    )
    honest = forged.released("v0.2.0")
    item = msgspec.structs.replace(honest.strategies[0], evidence=forged.store(claim))
    oid = forged.sign(msgspec.structs.replace(honest, strategies=[item]))
    (found,) = find(journal, EXEC)
    sleeve = dict(found.opened.body["sleeves"]["one_idea"]) | {"evidence": item.evidence}
    changes = {"tag": "v0.2.0", "tag_object": oid, "sleeves": {"one_idea": sleeve}}
    found = _with_opened(found, dict(found.opened.body) | changes)

    steps = {step.what: step for step in explain(found, forged.repo)}

    assert steps["release"].contradicts == ()
    assert steps["release evidence"].contradicts == (
        "strategy of the evidence: journal says one_idea, the evidence says other",
        f"tree of the evidence: journal says {item.tree}, the evidence says {'a' * 40}",
    )


def _with_opened(found, body):
    return dataclasses.replace(found, opened=dataclasses.replace(found.opened, body=body))
