"""One canary for each check, quick enough for every change; and what the corpus promises about itself."""

from __future__ import annotations

import msgspec
import pytest

from ci.policy import CHECK_NAMES

from .cage import Cage, judged, miss, proposal
from .corpus import CORPUS, TWINS, canaries, canary, read_card
from .tricks import TRICKS

LEAST = 40
HANDFUL = (
    "centred_rolling",
    "order_of_keys",
    "suppressed_exit",
    "first_bar_anchor",
    "table_of_levels",
    "dust",
    "always_leaning",
    "one_lucky_trade",
)
HOLES = {"calendar_in_pairs"}
"""Canaries known to get through; each card says why."""
PLANTED_ELSEWHERE = {"parity", "evidence"}
"""Checks whose faults are not a strategy's text alone: the live path's own, and a search's. See tests/ci."""


@pytest.mark.parametrize("name", HANDFUL)
def test_a_handful_of_cheats_is_caught_each_by_its_check(cage: Cage, name: str) -> None:
    cheat = canary(name)

    assert miss(cheat, judged(cage, cheat).checks) == ""


def test_an_honest_strategy_is_accepted_in_the_same_cage(cage: Cage) -> None:
    outcome = cage.judge(proposal(TWINS / "suppressed_exit"))

    assert [c.detail for c in outcome.checks if c.verdict != "passed"] == []
    assert outcome.verdict == "accepted"


def test_every_check_has_a_canary_that_it_alone_must_catch() -> None:
    caught = {c.card.check for c in canaries() if not c.card.through} | {"scope" for _ in TRICKS}

    assert set(CHECK_NAMES) - PLANTED_ELSEWHERE <= caught
    assert len(canaries()) + len(TRICKS) >= LEAST


def test_the_handful_has_one_canary_for_each_check() -> None:
    assert {canary(name).card.check for name in HANDFUL} == set(CHECK_NAMES) - {"scope"} - PLANTED_ELSEWHERE


def test_no_hole_is_put_on_record_in_silence() -> None:
    assert {c.name for c in canaries() if c.card.through} <= HOLES


def test_every_canary_is_a_whole_strategy_folder_with_its_card_beside_it() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders == {c.name for c in canaries()}
    for found in canaries():
        assert proposal(found.folder).problems == ()
        assert proposal(found.folder).source is not None
    assert {path.name for path in TWINS.iterdir() if path.is_dir()} <= folders


@pytest.mark.parametrize(
    "content",
    [
        b'does = "x"\nkind = "memory"\n',
        b'does = "x"\nkind = "sorcery"\ncheck = "memory"\n',
        b'does = "x"\nkind = "memory"\ncheck = "memory"\nfound = 1\n',
    ],
)
def test_a_card_that_is_not_one_is_refused(content: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_card(content)


def test_a_canary_that_is_not_caught_or_by_another_check_is_told(cage: Cage) -> None:
    honest, cheat = proposal(TWINS / "suppressed_exit"), canary("dust")
    free = miss(cheat, cage.judge(honest).checks)
    wrong = miss(cheat, judged(cage, canary("order_of_keys")).checks)

    assert free.startswith("dust got through; expected backtest")
    assert wrong.startswith("dust was caught by the wrong check, expected backtest, found determinism")
