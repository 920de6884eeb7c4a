"""An epoch's level and wealth follow from the ledger alone, and what contradicts them is refused."""

from __future__ import annotations

import msgspec
import pytest

from autarch.errors import RefusedError
from autarch.evidence.epoch import account_of
from autarch.evidence.ledger_entry import Judgement, LedgerEntry, LedgerError, Opening, Sealed
from autarch.evidence.sealing import place_key, require_sealed, seal
from autarch.market.lock_types import Epoch

EPOCH = Epoch(number=3, alpha=0.05, w0=0.005, ladder_step=0.02)
# Levels and wealth of LORD++ (alpha .05, w0 .005) when the first test passes and the next two do not.
PUBLISHED = [(0.000267584, True, 0.049732), (0.002466446, False, 0.047266), (0.000573282, False, 0.046693)]


OPENED = {"alpha": 0.05, "w0": 0.005, "ladder_step": 0.02}


def sealed(number, **fields):
    entry = LedgerEntry(schema=1, seq=number, prev=None, recorded_ms=0, **fields)
    return Sealed(entry=entry, digest=f"d{number}", commit=f"c{number}")


def judged(number, *, passed, spent, decisions="x", **fields):
    judgement = Judgement(
        test=fields.pop("test", number),
        word="may be promoted" if passed else "may not",
        sealed="",
        asked_by="somebody",
        **spent,
        **fields,
    )
    about = {"slug": "abc", "dataset": "bars@1", "epoch": "3", "decisions": decisions}
    return sealed(number, kind="judgement", judgement=judgement, **about)


def grown(passes, *opened):
    """A ledger whose tests ran at the levels its own account gave."""
    entries = list(opened)
    for number, passed in enumerate(passes, 1):
        account = account_of(entries, dataset="bars", epoch=EPOCH)
        spent = {"level": account.next_level, "wealth": account.wealth_after(passed=passed)}
        entries.append(judged(number, passed=passed, spent=spent, decisions=f"x{number}"))
    return entries


def test_levels_and_wealth_are_the_published_sequence():
    opened = sealed(9, kind="epoch", dataset="bars@1", epoch="3", opening=Opening(rule="lord++", **OPENED))
    entries = grown([passed for _, passed, _ in PUBLISHED], opened)

    for entry, (level, _, wealth) in zip(entries[1:], PUBLISHED, strict=True):
        assert entry.entry.judgement.level == pytest.approx(level, abs=5e-10)
        assert entry.entry.judgement.wealth == pytest.approx(wealth, abs=5e-7)


def test_an_epoch_ends_with_the_rule_it_began_with():
    began = {
        name: account_of(
            [sealed(1, kind="epoch", dataset="bars@1", epoch="3", opening=Opening(rule=name, **OPENED))],
            dataset="bars",
            epoch=EPOCH,
        )
        for name in ("lord++", "lord++ early")
    }

    # 0.005 x 0.07720838 x ln 2, and 0.005 x 0.4374901658; one that is yet to begin takes the second
    assert began["lord++"].next_level == pytest.approx(0.000267584, abs=5e-10)
    assert began["lord++ early"].next_level == pytest.approx(0.002187451, abs=5e-10)
    fresh = account_of([], dataset="bars", epoch=EPOCH)
    assert (fresh.next_level, fresh.terms().rule) == (began["lord++ early"].next_level, "lord++ early")
    assert began["lord++"].terms().rule == "lord++"


def test_a_rule_cannot_change_inside_an_epoch():
    entries = [
        sealed(number, kind="epoch", dataset="bars@1", epoch="3", opening=Opening(rule=name, **OPENED))
        for number, name in enumerate(("lord++", "lord++ early"), 1)
    ]

    with pytest.raises(RefusedError, match="began with rule lord\\+\\+ early; the lock now says lord"):
        account_of(entries, dataset="bars", epoch=EPOCH)


def test_a_rule_that_nobody_knows_is_refused():
    opened = sealed(1, kind="epoch", dataset="bars@1", epoch="3", opening=Opening(rule="naive", **OPENED))

    with pytest.raises(LedgerError, match="'naive'; this version knows"):
        account_of([opened], dataset="bars", epoch=EPOCH)


def test_other_data_sets_epochs_and_kinds_are_not_of_it():
    entries = grown([False])
    entries += [
        Sealed(entry=msgspec.structs.replace(entries[0].entry, **other), digest="e", commit="e")
        for other in ({"dataset": "more@1"}, {"epoch": "4"})
    ]

    assert account_of(entries, dataset="bars", epoch=EPOCH).next_test == 2


def test_a_data_set_that_grew_keeps_its_epoch():
    entries = grown([False])
    later = Sealed(entry=msgspec.structs.replace(entries[0].entry, dataset="bars@2"), digest="e", commit="e")

    assert account_of([later], dataset="bars", epoch=EPOCH).next_test == 2


@pytest.mark.parametrize("change", [{"level": 0.04}, {"wealth": 0.05}, {"test": 2}])
def test_a_test_that_contradicts_the_rule_is_refused(change):
    (entry,) = grown([False])
    forged = msgspec.structs.replace(entry.entry, judgement=msgspec.structs.replace(entry.entry.judgement, **change))

    with pytest.raises(LedgerError):
        account_of([Sealed(entry=forged, digest="e", commit="e")], dataset="bars", epoch=EPOCH)


def test_a_dropped_test_is_seen():
    entries = grown([True, False, False])

    with pytest.raises(LedgerError, match="missing or twice"):
        account_of([entries[0], entries[2]], dataset="bars", epoch=EPOCH)


@pytest.mark.parametrize("name", ["alpha", "w0", "ladder_step"])
def test_terms_cannot_change_inside_an_epoch(name):
    opened = sealed(1, kind="epoch", dataset="bars@1", epoch="3", opening=Opening(rule="lord++", **OPENED))
    assert account_of([opened], dataset="bars", epoch=EPOCH).is_begun

    changed = msgspec.structs.replace(EPOCH, **{name: OPENED[name] * 1.5})
    with pytest.raises(RefusedError, match=f"began with {name}"):
        account_of([opened], dataset="bars", epoch=changed)


def test_an_epoch_whose_numbers_were_revealed_is_closed():
    opening = Opening(rule="lord++", revealed="ab", **OPENED)
    closed = sealed(1, kind="epoch", dataset="bars@1", epoch="3", opening=opening)

    assert account_of([closed], dataset="bars", epoch=EPOCH).is_closed


def test_the_same_decisions_are_answered_free_until_newer_forward_bars_come():
    account = account_of(grown([False, True]), dataset="bars", epoch=EPOCH)

    assert account.answered(decisions="x2", forward_to_ms=None).seq == 2
    assert account.answered(decisions="x2", forward_to_ms=5) is None
    assert account.answered(decisions="unknown", forward_to_ms=None) is None


def test_an_answer_with_forward_bars_stands_until_newer_ones():
    first = account_of([], dataset="bars", epoch=EPOCH)
    spent = {"level": first.next_level, "wealth": first.wealth_after(passed=False)}
    entry = judged(1, passed=False, spent=spent, forward_to_ms=100)
    account = account_of([entry], dataset="bars", epoch=EPOCH)

    assert account.answered(decisions="x", forward_to_ms=100) == entry.entry
    assert account.answered(decisions="x", forward_to_ms=50) == entry.entry
    assert account.answered(decisions="x", forward_to_ms=101) is None


def test_a_seal_binds_numbers_key_and_place():
    key = place_key(b"gate", "reservation one")
    numbers = {"mean": 0.25, "eta": 0.125}
    bound = seal(key, numbers)

    require_sealed(key, {"eta": 0.125, "mean": 0.25}, bound)
    for other_key, other in ((place_key(b"gate", "two"), numbers), (key, numbers | {"mean": 0.250001})):
        with pytest.raises(RefusedError, match="do not fit"):
            require_sealed(other_key, other, bound)
