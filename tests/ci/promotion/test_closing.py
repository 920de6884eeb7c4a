"""An epoch's end: every seal opened and checked, nothing readable before, nothing answered after."""

from __future__ import annotations

import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.errors import RefusedError, UsageError
from autarch.evidence.ledger_entry import Look
from autarch.evidence.revealed import PREFIX, closing_of, read_revealed
from autarch.evidence.sealing import place_key, seal
from ci.promotion.closing import close_epoch
from ci.promotion.judging import judge

OTHER_KEY = b"where hidden bars are\n"


def asked(bench):
    bench.canned()
    reserved = bench.proposed("loser", pr=2).entry.reservation
    look_key = place_key(OTHER_KEY, reserved)
    look = Look(word="worse", sealed=seal(look_key, {"word": "worse", "mean": -0.2}))
    about = {"reservation": reserved, "pr": 2, "head": "2" * 40, "base": bench.main}
    bench.appended("loser", "look", look=look, **about)
    bench.proposed("honest")
    judge(bench.desk, "honest", asked_by="ann")


def content(bench):
    (ref,) = bench.forge.refs(PREFIX)
    return bench.forge.cat_blob(bench.forge.refs(PREFIX)[ref])


def test_closing_reveals_what_was_sealed_and_anyone_can_check_it(bench) -> None:
    asked(bench)

    closed = close_epoch(bench.desk, "planted", None, [OTHER_KEY])

    entries = bench.ledger.verify()
    found = read_revealed(content(bench), entries, digest=closed.revealed)
    look, test = found.places
    assert (look.kind, look.numbers) == ("look", {"word": "worse", "mean": -0.2})
    assert test.numbers["word"] == "may be promoted"
    assert test.numbers["p"] <= 0.0219
    assert closing_of(entries, dataset="planted", epoch="1").opening.revealed == closed.revealed


def test_a_seal_of_an_unknown_key_keeps_the_epoch_open_and_shows_nothing(bench) -> None:
    asked(bench)

    with pytest.raises(RefusedError, match="does not open with this key"):
        close_epoch(bench.desk, "planted", 1)
    assert bench.forge.refs(PREFIX) == {}
    assert closing_of(bench.ledger.entries(), dataset="planted", epoch="1") is None


def test_a_closed_epoch_answers_nothing_more_and_closes_once(bench) -> None:
    asked(bench)
    close_epoch(bench.desk, "planted", 1, [OTHER_KEY])
    bench.proposed("peeks", pr=3)

    with pytest.raises(RefusedError, match="epoch 1 of planted is closed"):
        judge(bench.desk, "peeks", asked_by="ann")
    with pytest.raises(RefusedError, match="was closed by ledger entry"):
        close_epoch(bench.desk, "planted", 1, [OTHER_KEY])


def test_a_closing_that_was_killed_before_it_published_is_finished_by_the_next(bench) -> None:
    asked(bench)
    first = close_epoch(bench.desk, "planted", 1, [OTHER_KEY])
    bench.forge.run("update-ref", "-d", f"{PREFIX}{first.revealed}")

    again = close_epoch(bench.desk, "planted", 1, [OTHER_KEY])

    assert again == first
    assert sha256_hex(content(bench)) == first.revealed


def test_an_epoch_that_never_began_has_nothing_to_close(bench) -> None:
    with pytest.raises(UsageError, match="epoch 7 of planted never began"):
        close_epoch(bench.desk, "planted", 7)


def test_revealed_numbers_that_were_changed_or_left_out_are_refused(bench) -> None:
    asked(bench)
    closed = close_epoch(bench.desk, "planted", 1, [OTHER_KEY])
    entries = bench.ledger.verify()
    whole = content(bench)

    with pytest.raises(RefusedError, match="exchanged"):
        read_revealed(whole.replace(b"-0.2", b"-0.1"), entries, digest=closed.revealed)
    lied = whole.replace(b"-0.2", b"-0.1")
    with pytest.raises(RefusedError, match="do not fit the seal"):
        read_revealed(lied, entries, digest=sha256_hex(lied))
    short = canonical_json({"schema": 1, "dataset": "planted", "epoch": "1", "places": []})
    with pytest.raises(RefusedError, match="leave out ledger entry"):
        read_revealed(short, entries, digest=sha256_hex(short))
