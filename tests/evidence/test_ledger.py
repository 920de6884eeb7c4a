"""The ledger on real repositories: it grows by one signed entry, and every alteration is seen."""

from __future__ import annotations

import msgspec
import pytest

from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import LedgerEntry, LedgerError, entry_path
from autarch.repo.git import GitRepo, Remote
from autarch.repo.objects import Person
from autarch.repo.signing import NS_LEDGER, Trust, allowed_signer, generate_key, signed_record

SOMEBODY = Person(name="Somebody", email="somebody@example.invalid", when_s=1)


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    generate_key(path, comment="test")
    return path


@pytest.fixture
def trust(key):
    line = allowed_signer("ci@autarch", (NS_LEDGER,), key.with_name("key.pub").read_text().strip())
    return Trust(signers=f"{line}\n".encode(), principal="ci@autarch")


@pytest.fixture
def repo(tmp_path):
    return new_repo(tmp_path / "repo")


@pytest.fixture
def ledger(repo, trust):
    ledger = Ledger(repo, trust=trust)
    ledger.begin()
    return ledger


def new_repo(path):
    path.mkdir()
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    return repo


def reservation(pr=1, **changes):
    fields = {"head": "a" * 40, "base": "b" * 40, "slug": "abc", "tree": "c" * 40, "dataset": "synthetic@d"} | changes
    fields = {"seq": 0, "prev": None} | fields
    return LedgerEntry(schema=1, kind="reservation", recorded_ms=5000, pr=pr, **fields)


def result(reserved, verdict="accepted", **changes):
    fields = {"kind": "result", "verdict": verdict, "reservation": reserved.digest}
    return msgspec.structs.replace(reserved.entry, **fields, **changes)


def rewrite(repo, commit, *, parents, changes=None):
    """Return a copy of `commit` with other parents and some files changed."""
    old = repo.read_commit(commit)
    tree = repo.with_files(old.tree, changes or {})
    return repo.commit_tree(tree, parents=parents, message=old.message, author=SOMEBODY)


def test_entries_come_back_as_they_were_appended(ledger, key):
    first = ledger.append(reservation(), key=key)
    second = ledger.append(result(first), key=key)

    assert [sealed.entry for sealed in ledger.entries()] == [first.entry, second.entry]
    assert second.entry.prev == first.digest
    assert ledger.verify() == ledger.entries()
    assert ledger.head() == second.commit


def test_what_was_read_once_is_extended_and_cut_alike(repo, trust, ledger, key):
    heads = [ledger.head(), *(ledger.append(reservation(number), key=key).commit for number in range(1, 4))]
    one, other = Ledger(repo, trust=trust), Ledger(repo, trust=trust)

    upwards = [one.entries(head) for head in heads]
    downwards = [other.entries(head) for head in reversed(heads)]

    assert [len(entries) for entries in upwards] == [0, 1, 2, 3]
    assert upwards == downwards[::-1]


def test_a_chain_that_was_read_does_not_vouch_for_another(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    ledger.append(reservation(2), key=key)
    ledger.entries()
    forged = repo.blob_at(first.commit, entry_path(1)).replace(b'"pr":1', b'"pr":9')
    fork = rewrite(repo, first.commit, parents=repo.read_commit(first.commit).parents, changes={entry_path(1): forged})

    with pytest.raises(LedgerError, match="not signed"):
        ledger.entries(fork)


def test_beginning_twice_keeps_the_first_and_every_ledger_begins_alike(tmp_path, trust, ledger, key):
    ledger.append(reservation(), key=key)

    assert ledger.begin() == ledger.head()
    first = ledger.entries()[0].commit
    assert ledger._repo.read_commit(first).parents == (Ledger(new_repo(tmp_path / "other"), trust=trust).begin(),)


def test_a_byte_flipped_in_an_entry_is_refused_even_when_every_later_commit_is_rewritten(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    second = ledger.append(result(first), key=key)
    record = bytearray(repo.blob_at(first.commit, entry_path(1)))
    record[record.index(b'"pr":1') + 5] = ord("2")

    one = rewrite(
        repo, first.commit, parents=repo.read_commit(first.commit).parents, changes={entry_path(1): bytes(record)}
    )
    tampered = repo.with_files(repo.tree_of(second.commit), {entry_path(1): bytes(record)})
    two = repo.commit_tree(tampered, parents=[one], message="x\n", author=SOMEBODY)

    with pytest.raises(LedgerError, match="altered, dropped or inserted"):
        ledger.entries(two)
    with pytest.raises(LedgerError, match="not signed by ci@autarch"):
        ledger.entries(one)


def test_a_dropped_entry_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    second = ledger.append(reservation(2), key=key)
    genesis = repo.read_commit(first.commit).parents[0]
    skipping = rewrite(repo, second.commit, parents=[genesis], changes={entry_path(1): None})

    with pytest.raises(LedgerError, match="expected number 1 following None"):
        ledger.entries(skipping)


def test_a_commit_that_edits_removes_or_adds_two_files_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    record = repo.blob_at(first.commit, entry_path(1))
    for changes in ({entry_path(1): b"x"}, {entry_path(1): None}, {"a": record, "b": record}, {}):
        evil = rewrite(repo, first.commit, parents=[first.commit], changes=changes)

        with pytest.raises(LedgerError, match="must add exactly one file"):
            ledger.entries(evil)


def test_an_entry_under_another_number_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    entry = reservation(2, seq=2, prev=first.digest)
    record = signed_record(msgspec.to_builtins(entry), key=key, namespace=NS_LEDGER)
    evil = rewrite(repo, first.commit, parents=[first.commit], changes={entry_path(7): record})

    with pytest.raises(LedgerError, match="puts entry 2 at"):
        ledger.entries(evil)


def test_a_merge_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    second = ledger.append(reservation(2), key=key)
    genesis = repo.read_commit(first.commit).parents[0]
    merge = rewrite(repo, second.commit, parents=[first.commit, genesis])

    with pytest.raises(LedgerError, match=r"must add exactly one file|has parents"):
        ledger.entries(merge)


def test_a_strangers_entry_is_refused_at_the_tip_and_by_verify_below_it(tmp_path, repo, ledger, key, trust):
    stranger_key = tmp_path / "stranger"
    line = generate_key(stranger_key, comment="stranger")
    stranger_trust = Trust(signers=f"ci@autarch {line}\n".encode(), principal="ci@autarch")
    stranger = Ledger(repo, trust=Trust(signers=trust.signers + stranger_trust.signers, principal="ci@autarch"))
    stranger.append(reservation(), key=stranger_key)

    with pytest.raises(LedgerError, match="not signed by ci@autarch"):
        ledger.entries()
    stranger.append(reservation(2), key=key)
    with pytest.raises(LedgerError, match="not signed by ci@autarch"):
        ledger.verify()


def test_a_signature_made_for_another_purpose_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    body = msgspec.to_builtins(reservation(2, seq=2, prev=first.digest))
    record = signed_record(body, key=key, namespace="autarch-check")
    evil = rewrite(repo, first.commit, parents=[first.commit], changes={entry_path(2): record})

    with pytest.raises(LedgerError, match="for autarch-ledger"):
        ledger.entries(evil)


def test_a_head_that_does_not_descend_from_a_known_one_is_refused(repo, ledger, key):
    first = ledger.append(reservation(), key=key)
    known = ledger.append(reservation(2), key=key)
    repo.update_ref(LEDGER_REF, first.commit, old=known.commit)
    fork = ledger.append(reservation(3), key=key)

    assert len(ledger.entries(fork.commit, known=first.commit)) == 2
    for head, seen in ((fork.commit, known.commit), (first.commit, known.commit), (fork.commit, "1" * 40)):
        with pytest.raises(LedgerError, match="the ledger was rewritten"):
            ledger.entries(head, known=seen)


def test_a_ledger_with_another_beginning_is_refused(repo, trust):
    root = repo.commit_tree(repo.with_files(None, {"x": b"y"}), parents=[], message="x\n", author=SOMEBODY)
    repo.update_ref(LEDGER_REF, root, old=None)

    with pytest.raises(LedgerError, match="begins with commit"):
        Ledger(repo, trust=trust).entries()


def test_a_key_that_is_not_listed_cannot_append(tmp_path, ledger):
    generate_key(tmp_path / "other", comment="other")
    before = ledger.head()

    with pytest.raises(LedgerError, match="not signed by ci@autarch"):
        ledger.append(reservation(), key=tmp_path / "other")
    assert ledger.head() == before


def clones(tmp_path, repo, trust):
    remote = Remote(url=str(repo.path))
    return [Ledger(new_repo(tmp_path / name), trust=trust, remote=remote) for name in ("one", "two")]


class Interrupted(Ledger):
    """A ledger whose first append is overtaken by `other` between drafting and publishing."""

    def __init__(self, one, other):
        super().__init__(one._repo, trust=one._reader._trust, remote=one._remote)
        self._other = other

    def _commit(self, entry, record, parent):
        other, self._other = self._other, lambda: None
        other()
        return super()._commit(entry, record, parent)


def test_two_writers_at_once_both_get_in_one_after_the_other(tmp_path, repo, ledger, trust, key):
    one, two = clones(tmp_path, repo, trust)

    late = Interrupted(one, lambda: two.append(reservation(2), key=key)).append(reservation(1), key=key)

    assert late.entry.seq == 2
    assert [sealed.entry.pr for sealed in ledger.verify()] == [2, 1]
    assert [sealed.entry.pr for sealed in two.entries(two.sync())] == [2, 1]


def test_two_gates_of_one_pull_request_share_one_reservation_and_one_answer(tmp_path, repo, ledger, trust, key):
    one, two = clones(tmp_path, repo, trust)
    other = []

    mine = Interrupted(one, lambda: other.append(two.reserve(reservation(), key=key))).reserve(reservation(), key=key)
    assert [mine] == other
    again = Interrupted(one, lambda: two.answer(mine, result(mine), key=key)).answer(mine, result(mine), key=key)

    assert [sealed.digest for sealed in ledger.entries()] == [mine.digest, again.digest]


def test_two_that_ask_hidden_bars_of_one_judgement_at_once_are_told_one_word(repo, trust, ledger, key):
    reserved = ledger.append(reservation(), key=key)
    told = []

    def lane(word):
        return msgspec.structs.replace(reserved.entry, kind="lane", lane=word, reservation=reserved.digest)

    def asked_meanwhile():
        told.append(Ledger(repo, trust=trust).word(reserved, "lane", lambda: lane("ordinary"), key=key))
        return lane("same")

    assert ledger.word(reserved, "lane", asked_meanwhile, key=key) == told[0]
    assert [s.entry.lane for s in ledger.entries()] == [None, "ordinary"]


def test_a_second_run_that_disagrees_with_the_recorded_answer_is_refused(ledger, key):
    reserved = ledger.reserve(reservation(), key=key)
    ledger.answer(reserved, result(reserved, evidence="e" * 64), key=key)

    with pytest.raises(LedgerError, match="not reproducible"):
        ledger.answer(reserved, result(reserved, evidence="f" * 64), key=key)


def test_an_undecided_answer_may_be_followed_by_a_final_one(ledger, key):
    reserved = ledger.reserve(reservation(), key=key)
    ledger.answer(reserved, result(reserved, "undecided"), key=key)
    final = ledger.answer(reserved, result(reserved, "rejected"), key=key)

    assert final.entry.verdict == "rejected"
    assert ledger.trials() == 1


def test_an_append_that_the_clone_learnt_of_meanwhile_is_not_written_twice(tmp_path, repo, ledger, trust, key):
    one, _ = clones(tmp_path, repo, trust)
    one.sync()

    class Told(Ledger):
        def _publish(self, commit, parent):
            self._repo.push(self._remote, {LEDGER_REF: commit}, leases={LEDGER_REF: parent})
            self._repo.update_ref(LEDGER_REF, commit, old=parent)
            super()._publish(commit, parent)

    Told(one._repo, trust=trust, remote=one._remote).append(reservation(), key=key)

    assert len(ledger.entries()) == 1


def test_a_remote_that_was_rewritten_or_lost_its_ledger_is_not_followed(tmp_path, repo, ledger, trust, key):
    clone = Ledger(new_repo(tmp_path / "clone"), trust=trust, remote=Remote(url=str(repo.path)))
    first = ledger.append(reservation(), key=key)
    clone.sync()
    genesis = repo.read_commit(first.commit).parents[0]
    repo.update_ref(LEDGER_REF, genesis, old=first.commit)
    ledger.append(reservation(2), key=key)

    with pytest.raises(LedgerError, match="the ledger was rewritten"):
        clone.sync()
    repo.update_ref(LEDGER_REF, None, old=ledger.head())
    with pytest.raises(LedgerError, match="no ledger any more"):
        clone.sync()
    assert clone.head() == first.commit


def test_a_fresh_clone_refuses_a_ledger_that_lacks_what_main_records(tmp_path, repo, ledger, trust, key):
    first, second = (ledger.append(reservation(number), key=key) for number in (1, 2))
    repo.update_ref(LEDGER_REF, first.commit, old=second.commit)  # cut: what is left verifies by itself
    remote = Remote(url=str(repo.path))

    def fresh(name, recorded):
        return Ledger(new_repo(tmp_path / name), trust=trust, remote=remote, recorded=recorded)

    assert fresh("blind", None).sync() == first.commit
    assert fresh("older", first.commit).sync() == first.commit
    with pytest.raises(LedgerError, match="was rewritten"):
        fresh("told", second.commit).append(reservation(3), key=key)
    repo.update_ref(LEDGER_REF, None, old=first.commit)
    with pytest.raises(LedgerError, match="was rewritten"):
        fresh("gone", second.commit).sync()


def test_appending_needs_a_ledger_that_was_begun(repo, trust, key):
    with pytest.raises(LedgerError, match="autarch init"):
        Ledger(repo, trust=trust).append(reservation(), key=key)
