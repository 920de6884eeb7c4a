"""What counts as a trial, by hand-made ledgers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.evidence.ledger_count import (
    causality_failures,
    count_trials,
    final_answer,
    find_reservation,
    lane_word,
    lanes_asked,
    look_of,
    look_word,
)
from autarch.evidence.ledger_entry import (
    InnerTrials,
    LedgerEntry,
    LedgerError,
    Look,
    Sealed,
    entry_body,
    entry_path,
    parse_entry,
)


def sealed(number, kind, **fields):
    known = {"schema": 1, "seq": number, "prev": None, "recorded_ms": 0, "head": "h", "base": "b", "slug": "abc"}
    entry = LedgerEntry(**(known | {"kind": kind} | fields))
    return Sealed(entry=entry, digest=f"d{number}", commit=f"c{number}")


def inner(count, sidecar=None):
    return InnerTrials(count=count, sidecar=sidecar)


def test_a_reservation_without_a_result_counts():
    assert count_trials([sealed(1, "reservation")]) == 1


def test_a_closed_reservation_counts_nothing_and_neither_does_its_study():
    entries = [sealed(1, "reservation", inner=inner(40)), sealed(2, "closed", reservation="d1", stopped="policy")]

    assert count_trials(entries) == 0


def test_what_was_closed_only_after_an_answer_that_told_of_it_still_counts():
    reserved, closed = sealed(1, "reservation"), sealed(9, "closed", reservation="d1", stopped="determinism")
    before = {
        "undecided, with decisions": (sealed(2, "result", reservation="d1", verdict="undecided", decisions="x"), 1),
        "undecided before any": (sealed(2, "result", reservation="d1", verdict="undecided"), 0),
        "a lane": (sealed(2, "lane", reservation="d1", lane="ordinary"), 1),
        "a look": (sealed(2, "look", reservation="d1", look=Look(word="worse", sealed="s")), 1),
    }

    for told, count in before.values():
        assert count_trials([reserved, told, closed]) == count
        assert count_trials([reserved, told]) == 1


def test_a_study_behind_a_proposal_adds_its_trials():
    assert count_trials([sealed(1, "reservation", inner=inner(40))]) == 41  # the proposal and its 40 trials


def test_equal_decisions_count_once_also_when_only_the_result_knew_them():
    entries = [
        sealed(1, "reservation", inner=inner(40, "s")),
        sealed(2, "result", reservation="d1", verdict="accepted", decisions="x"),
        sealed(3, "reservation", decisions="x", inner=inner(40, "s")),
        sealed(4, "reservation"),
        sealed(5, "result", reservation="d4", verdict="rejected", decisions="y"),
    ]

    assert count_trials(entries) == 42  # decisions x and y, and one study of 40


def test_two_killed_judgements_of_one_tree_count_twice():
    assert count_trials([sealed(1, "reservation", tree="t"), sealed(2, "reservation", tree="t")]) == 2


def test_a_study_without_a_proposal_counts_its_trials_once():
    entries = [sealed(1, "study", inner=inner(30, "s")), sealed(2, "reservation", inner=inner(30, "s"))]

    assert count_trials(entries) == 31


def test_an_undecided_result_leaves_its_reservation_open_and_a_final_one_does_not():
    reserved = sealed(1, "reservation", pr=3, dataset="x@1")
    undecided = sealed(2, "result", reservation="d1", verdict="undecided", pr=3)

    assert find_reservation([reserved, undecided], reserved.entry) == reserved
    assert final_answer([reserved, undecided], reservation="d1") is None
    for final in (
        sealed(3, "result", reservation="d1", verdict="rejected", pr=3),
        sealed(3, "closed", reservation="d1", stopped="scope", pr=3),
    ):
        assert final_answer([reserved, undecided, final], reservation="d1") == final
        assert find_reservation([reserved, undecided, final], reserved.entry) == reserved


def test_another_head_base_data_set_or_epoch_is_another_judgement():
    reserved = sealed(1, "reservation", pr=3, dataset="x@1", epoch="e")
    for change in ({"head": "H"}, {"base": "B"}, {"dataset": "x@2"}, {"epoch": "f"}, {"pr": 4}):
        fields = {"pr": 3, "dataset": "x@1", "epoch": "e"} | change

        assert find_reservation([reserved], sealed(9, "reservation", **fields).entry) is None


def closed_by_causality(number, **fields):
    return sealed(number, "closed", reservation="r", stopped="causality", **fields)


def test_causality_failures_are_counted_by_pull_request():
    entries = [
        closed_by_causality(1, pr=1, slug="one"),
        closed_by_causality(2, pr=2, slug="two"),
        sealed(3, "closed", reservation="r", stopped="policy", pr=1, slug="one"),
    ]

    assert causality_failures(entries, pr=1, slug=None) == 1
    assert causality_failures(entries, pr=3, slug="three") == 0


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"pr": 1, "slug": "one", "base": "moved", "head": "rebased"}, id="rebased"),
        pytest.param({"pr": 1, "slug": "new"}, id="renamed"),
        pytest.param({"pr": 9, "slug": "one"}, id="closed and proposed again"),
        pytest.param({"pr": 4, "slug": "newest"}, id="proposed again, then renamed"),
    ],
)
def test_nothing_that_goes_on_from_a_pull_request_begins_its_free_failures_anew(now):
    entries = [
        closed_by_causality(1, pr=1, slug="one"),
        closed_by_causality(2, pr=1, slug="one", base="moved"),
        sealed(3, "result", reservation="r", verdict="rejected", pr=4, slug="one"),
        closed_by_causality(4, pr=7, slug="another"),
    ]
    reserved = sealed(5, "reservation", **now)

    assert causality_failures([*entries, reserved], pr=now["pr"], slug=now["slug"]) == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.sampled_from([None, "x", "y"])), max_size=12))
def test_counting_more_entries_never_counts_fewer_unless_one_is_closed(rows):
    entries = []
    counts = [0]
    for _, trials, decisions in rows:
        entries.append(sealed(len(entries) + 1, "reservation", decisions=decisions, inner=inner(trials)))
        counts.append(count_trials(entries))

    assert counts == sorted(counts)
    assert count_trials(entries) <= sum(1 + trials for _, trials, _ in rows)


def test_entries_stand_in_folders_of_a_hundred():
    assert entry_path(1) == "entries/0000/00/00000001"
    assert entry_path(123456) == "entries/0012/34/00123456"
    with pytest.raises(LedgerError, match="out of range"):
        entry_path(0)


LOOK = {"word": "no change", "sealed": "00"}
TEST = {"test": 1, "level": 0.01, "wealth": 0.04, "word": "may not", "sealed": "00", "asked_by": "somebody"}
TERMS = {"alpha": 0.1, "w0": 0.05, "ladder_step": 0.02, "rule": "lord++"}
WHOLE = {"slug": "abc", "decisions": "d", "dataset": "x@1", "epoch": "1"}


def looked(number, word, *, tree="t", decisions="x", **fields):
    look = Look(word=word, sealed="00")
    about = {"dataset": "bars@1", "epoch": "1"} | fields
    return sealed(number, "look", reservation="d1", tree=tree, decisions=decisions, look=look, **about)


def test_the_first_word_about_decisions_stands_for_their_epoch():
    entries = [looked(2, "worse"), looked(3, "improved", dataset="bars@2")]

    assert look_of(entries, decisions="x", dataset="bars", epoch="1").word == "worse"
    for other in ({"decisions": "y"}, {"dataset": "more"}, {"epoch": "2"}):
        assert look_of(entries, **({"decisions": "x", "dataset": "bars", "epoch": "1"} | other)) is None


def test_the_word_of_a_candidate_is_that_of_its_tree_on_its_base():
    entries = [looked(2, "worse"), looked(3, "improved", tree="u")]

    assert look_word(entries, tree="u", base="b") == "improved"
    assert look_word(entries, tree="u", base="c") is None


def body(**changes):
    reserved = {"kind": "reservation", "head": "h", "base": "b", "slug": "abc"}
    names = LedgerEntry.__struct_fields__
    return dict.fromkeys(names) | {"schema": 1, "seq": 1, "recorded_ms": 0} | reserved | changes


def test_a_well_formed_body_parses():
    assert parse_entry(body()).seq == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"extra": 1}, "unknown field"),
        ({"schema": 2}, "schema 2"),
        ({"seq": "1"}, "does not parse"),
        ({"kind": "note"}, "does not parse"),
        ({"kind": "result", "verdict": "accepted"}, "name a reservation"),
        ({"kind": "result", "reservation": "r"}, "have a verdict"),
        ({"verdict": "accepted"}, "have a verdict"),
        ({"kind": "closed", "reservation": "r"}, "stopped it"),
        ({"stopped": "scope"}, "stopped it"),
        ({"kind": "study", "head": None}, "states its trials"),
        ({"head": None}, "names head"),
        ({"evidence": "e"}, "only results and closings have"),
        ({"inner": {"count": -1, "sharpe_variance": None, "sidecar": None}}, "not negative"),
        ({"recorded_ms": -1}, "negative"),
        ({"kind": "look", "reservation": "r"}, "look entries have"),
        ({"look": LOOK}, "look entries have"),
        ({"kind": "look", "look": LOOK}, "name a reservation"),
        ({"kind": "look", "reservation": "r", "look": LOOK | {"word": "fine"}}, "does not parse"),
        ({"returns": "r", "sharpe": 0.1}, "only results have returns"),
        ({"kind": "result", "reservation": "r", "verdict": "accepted", "returns": "r"}, "come together"),
        ({"kind": "judgement", "judgement": TEST}, "names slug, decisions"),
        ({"kind": "judgement", "judgement": TEST | {"test": 0}} | WHOLE, "counted from 1"),
        ({"kind": "forward"} | WHOLE, "forward entries have"),
        ({"kind": "epoch", "opening": TERMS}, "names data set and epoch"),
    ],
)
def test_a_malformed_body_is_refused_by_name(changes, text):
    with pytest.raises(LedgerError, match=text):
        parse_entry(body(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "look", "reservation": "r", "look": LOOK},
        {"kind": "judgement", "judgement": TEST | {"forward_to_ms": 7}, "head": None, "base": None} | WHOLE,
        {"kind": "forward", "forward": {"e_value": 1.5, "days": 9, "from_ms": 1, "to_ms": 2, "tier": "T1"}} | WHOLE,
        {"kind": "epoch", "opening": TERMS, "dataset": "x@1", "epoch": "2", "head": None, "slug": None},
        {"kind": "result", "reservation": "r", "verdict": "rejected", "returns": "r", "sharpe": -0.1},
    ],
)
def test_every_newer_kind_parses_and_comes_back(changes):
    entry = parse_entry(body(**changes))

    assert parse_entry(entry_body(entry)) == entry


def test_a_body_that_leaves_keys_out_is_refused():
    short = {key: value for key, value in body().items() if key != "epoch"}

    with pytest.raises(LedgerError, match="leaves out keys"):
        parse_entry(short)


def lane(number, reservation, word, **fields):
    return sealed(number, "lane", reservation=reservation, lane=word, **fields)


@pytest.mark.parametrize("word", ["same", "less"])
def test_a_lane_that_holds_is_no_trial_and_its_study_still_counts(word):
    entries = [
        sealed(1, "reservation", inner=inner(40)),
        lane(2, "d1", word),
        sealed(3, "result", reservation="d1", verdict="accepted", decisions="x"),
    ]

    assert count_trials(entries) == 40


def test_a_lane_that_does_not_hold_counts_by_itself_whatever_its_train_decisions():
    entries = [
        sealed(1, "reservation"),
        sealed(2, "result", reservation="d1", verdict="accepted", decisions="x"),
        sealed(3, "reservation"),
        lane(4, "d3", "ordinary"),
        sealed(5, "result", reservation="d3", verdict="accepted", decisions="x"),
    ]

    assert count_trials(entries) == 2


def test_a_reservation_counts_until_its_lane_is_in_the_ledger():
    entries = [sealed(1, "reservation"), lane(2, "d1", "same")]

    assert [count_trials(entries[:1]), count_trials(entries)] == [1, 0]
    assert final_answer(entries, reservation="d1") is None


def test_the_newest_word_about_a_tree_on_a_base_is_found_and_questions_are_counted():
    asked = {"tree": "t", "base": "b", "dataset": "x@1", "epoch": "1"}
    entries = [
        lane(1, "d0", "same", **asked),
        lane(2, "d1", "ordinary", **asked),
        lane(3, "d2", "less", **(asked | {"tree": "u"})),
        lane(4, "d3", "less", **(asked | {"epoch": "2", "tree": "v"})),
    ]

    assert lane_word(entries, tree="t", base="b") == "ordinary"
    assert lane_word(entries, tree="u", base="b") == "less"
    assert lane_word(entries, tree="t", base="c") is None
    assert lanes_asked(entries, slug="abc", dataset="x@1", epoch="1") == 3
    assert lanes_asked(entries, slug="other", dataset="x@1", epoch="1") == 0


def test_an_entry_written_before_there_were_lanes_is_still_read():
    body = entry_body(sealed(1, "reservation").entry)
    assert body.pop("lane") is None

    assert parse_entry(body).lane is None
