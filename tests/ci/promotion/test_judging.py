"""A test for promotion: who may be asked about, what it costs, one word, and what a second asker finds."""

from __future__ import annotations

import pytest

from autarch.errors import DataError, RefusedError, UndecidedError, UsageError
from autarch.evidence.epoch import account_of
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import InnerTrials, Judgement, LedgerEntry, LedgerError
from autarch.evidence.revealed import place_of_test
from autarch.evidence.sealing import opened, place_key
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.signers import signers_file
from ci.promotion.judging import judge

DAY_MS = 86_400_000


def judged(bench, slug="honest", **changes):
    return judge(bench.desk, slug, asked_by="ann", **changes)


def numbers(bench, entry):
    place = place_of_test(dataset="planted", epoch="1", test=entry.judgement.test)
    return opened(place_key(bench.desk.key.read_bytes(), place), entry.judgement.sealed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "word"),
    [("honest", "may be promoted"), ("loser", "may not"), ("peeks", "may not")],
)
def test_the_word_is_what_live_decisions_on_the_holdout_earn(bench, slug, word) -> None:
    bench.proposed(slug)

    found = judged(bench, slug)

    (entry,) = bench.entries("judgement")
    assert (found.judgement.word, found.is_stored, found.entry) == (word, False, entry)
    assert (entry.slug, entry.pr, entry.judgement.asked_by) == (slug, 1, "ann")


def test_level_and_wealth_are_the_rule_s_and_the_numbers_are_sealed(bench) -> None:
    bench.canned()
    bench.proposed("loser")
    bench.proposed("honest", pr=2)

    first, second = judged(bench, "loser"), judged(bench, "2")

    account = account_of(bench.ledger.entries(), dataset="planted", epoch=bench.lock.epoch)
    assert [entry.judgement.test for entry in account.tests] == [1, 2]
    assert first.judgement.level > second.judgement.level
    assert account.wealth == pytest.approx(second.judgement.wealth)
    behind = numbers(bench, second.entry)
    assert behind["p"] <= second.judgement.level < numbers(bench, first.entry)["p"]
    assert "p" not in second.to_json()


@pytest.mark.slow
def test_looked_at_days_are_left_out_and_forward_bars_weigh_in(bench) -> None:
    bench.proposed("honest")

    behind = numbers(bench, judged(bench).entry)

    # 16,000 bars of 15 minutes: a holdout of 6,400, whose first quarter of 16 days and some answers looks
    assert 49 <= behind["days"] <= 51
    assert behind["e_forward"] > 1.0
    assert behind["p"] == pytest.approx(behind["p_holdout"] / behind["e_forward"])


def test_the_same_question_is_free_and_told_the_stored_answer(bench) -> None:
    bench.canned()
    bench.proposed("honest")
    first = judged(bench)
    slept = list(bench.clock.slept)

    again = judged(bench, "1", test=99)

    assert (again.entry, again.is_stored) == (first.entry, True)
    assert len(bench.entries("judgement")) == 1
    assert bench.clock.slept == slept  # nothing was opened


def test_a_tree_of_the_same_train_decisions_is_no_free_answer(bench) -> None:
    bench.canned()
    bench.proposed("honest")
    judged(bench)
    code = bench.forge.blob_at(bench.main, "strategies/honest/strategy.py")
    bench.commit({"strategies/honest/strategy.py": code + b"\n# another\n"})
    bench.proposed("honest", pr=2)

    assert not judged(bench).is_stored


def test_every_answer_takes_the_same_time_fixed_before_a_hidden_bar(bench) -> None:
    bench.proposed("honest")
    bench.proposed("loser", pr=2)
    bench.canned()
    judged(bench, "honest")

    def fails():
        raise DataError("one bar is missing")

    bench.canned(fails)

    assert judged(bench, "loser").judgement.word == "not computed"

    assert [round(s, 1) for s in bench.clock.slept] == [10.0, 10.0]  # judge_seconds, less what the fake clock ticked


def test_one_that_takes_too_long_is_not_computed_and_spent(bench) -> None:
    bench.proposed("honest")

    def slow():
        bench.clock.now += 11.0

    bench.canned(slow)

    assert judged(bench).judgement.word == "not computed"
    assert len(bench.entries("judgement")) == 1


def test_what_never_moved_cannot_be_asked_about_and_spends_nothing(bench) -> None:
    bench.proposed("idle")

    with pytest.raises(UndecidedError, match="never moved on train"):
        judged(bench, "idle")
    assert bench.entries("judgement") == []


def test_what_no_verdict_accepted_is_not_tested(bench) -> None:
    bench.canned()
    bench.proposed("honest", verdict="rejected")

    with pytest.raises(RefusedError, match="no verdict in the ledger accepted"):
        judged(bench)
    assert bench.entries("judgement") == []


def test_what_is_not_on_main_is_not_tested(bench) -> None:
    bench.canned()
    bench.proposed("honest", pr=3, tree="f" * 40)

    with pytest.raises(RefusedError, match="main does not have honest as pull request 3 proposed it"):
        judged(bench, "3")
    with pytest.raises(UsageError, match="no proposal in pull request 4"):
        judged(bench, "4")
    with pytest.raises(UsageError, match="main has no strategy 'nobody'"):
        judged(bench, "nobody")


def test_another_price_than_the_confirmed_one_spends_nothing(bench) -> None:
    bench.canned()
    bench.proposed("loser")
    bench.proposed("honest", pr=2)
    judged(bench, "loser", test=1)

    with pytest.raises(RefusedError, match="the price of test 1 was confirmed, and test 2 is next"):
        judged(bench, "honest", test=1)
    assert len(bench.entries("judgement")) == 1


def test_a_test_that_somebody_asked_meanwhile_changes_the_price_and_spends_nothing(bench) -> None:
    bench.proposed("loser")
    bench.proposed("honest", pr=2)
    bench.canned(lambda: judged(bench, "loser"))

    with pytest.raises(RefusedError, match="somebody asked meanwhile"):
        judged(bench, "honest", test=1)
    assert [entry.slug for entry in bench.entries("judgement")] == ["loser"]


def test_two_that_ask_the_same_at_once_are_told_one_answer(bench) -> None:
    bench.proposed("honest")
    bench.canned(lambda: judged(bench))

    found = judged(bench)

    assert (found.is_stored, found.entry) == (True, *bench.entries("judgement"))


def spend(bench, *tests: int) -> None:
    """Let tests of another strategy have been asked."""
    for test in tests:
        asked = account_of(bench.ledger.entries(), dataset="planted", epoch=bench.lock.epoch)
        spent = {"test": test, "level": asked.next_level, "wealth": asked.wealth_after(passed=False)}
        bench.said("loser", judgement=Judgement(word="may not", sealed="", asked_by="ann", **spent))


def test_those_that_ask_at_once_are_not_more_than_the_policy_s_number_either(bench) -> None:
    bench.proposed("honest")
    spend(bench, 1, 2)
    bench.canned(lambda: spend(bench, 3))

    with pytest.raises(RefusedError, match="the policy allows 3"):
        judged(bench)
    assert [entry.slug for entry in bench.entries("judgement")] == ["loser"] * 3


def test_no_more_than_the_policy_s_number_is_asked_in_a_day(bench) -> None:
    bench.canned()
    spend(bench, 1, 2, 3)
    bench.proposed("honest", pr=9)

    with pytest.raises(RefusedError, match=r"3 tests .* the policy allows 3; ask again in 24\.0 hours"):
        judged(bench)

    bench.now_ms += DAY_MS + 1
    assert judged(bench).judgement.test == 4


def test_a_policy_changed_inside_an_epoch_is_refused(bench) -> None:
    bench.canned()
    bench.proposed("honest")
    judged(bench)
    bench.new_epoch_terms(alpha=0.2)

    with pytest.raises(RefusedError, match=r"began with alpha 0\.1; the lock now says 0\.2"):
        judged(bench)


def test_a_missing_ledger_is_refused(bench) -> None:
    bench.canned()
    bench.proposed("honest")
    judged(bench)
    bench.drop_ledger()

    with pytest.raises(LedgerError, match="no ledger any more"):
        judge(bench.desk, "honest", asked_by="ann")


def test_a_ledger_from_another_repository_is_refused(bench, tmp_path) -> None:
    bench.canned()
    bench.proposed("honest")
    judged(bench)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    repo = GitRepo(foreign)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main")
    signing.generate_key(tmp_path / "stranger", comment="ci")
    signers = signers_file("ci", (signing.public_key(tmp_path / "stranger"),))
    trust = signing.Trust(signers=signers, principal=signing.CI_PRINCIPAL)
    theirs = Ledger(repo, trust=trust)
    theirs.begin()
    study = LedgerEntry(schema=1, seq=0, prev=None, kind="study", recorded_ms=1, inner=InnerTrials(count=1))
    theirs.append(study, key=tmp_path / "stranger")
    bench.drop_ledger()
    bench.forge.run("fetch", "--quiet", str(foreign), f"{LEDGER_REF}:{LEDGER_REF}")

    with pytest.raises(LedgerError, match=r"does not descend|signed by|not signed"):
        judged(bench)


def test_other_code_than_main_s_judges_nothing(bench, monkeypatch) -> None:
    bench.proposed("honest")
    monkeypatch.setattr("ci.promotion.desk.engine_digest_at", lambda *_: "f" * 64)

    with pytest.raises(UndecidedError, match="only main's code judges"):
        judged(bench)
