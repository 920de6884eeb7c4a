"""The holdout says one word of a proposal: improved, no change, worse or not computed, and seals the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from autarch.evidence.sealing import place_key, seal
from autarch.repo import signing
from ci.vault.looking import Question, compared, look
from ci.vault.opening import Vault

from .test_hidden import GAP, MAIN, Clock

NEXT = "    rises = np.roll(bars.close, -1) > bars.close\n"
SEES = f"{NEXT}    return Targets(exposure=np.where(rises, 0.5, -0.5))\n"  # no gate would let it this far
SEES_AND_LOSES = f"{NEXT}    return Targets(exposure=np.where(rises, -0.5, 0.5))\n"
STILL = "    return Targets(exposure=np.zeros(bars.close.size))\n"
HALF = f"{GAP}    return Targets(exposure=np.where(gap > 0, 0.25, -0.25))\n"
RAISES = "    return Targets(exposure=bars.close / 0)[7]\n"
SECONDS = 5.0


@pytest.fixture
def vault(inputs, workers, tmp_path: Path):
    key = tmp_path / "ci"
    signing.generate_key(key, comment="ci")
    clock = Clock()
    return Vault(stores=inputs.stores, worker=workers.main, key=key, clock=clock, sleep=clock.sleep)


@pytest.fixture
def ask(inputs, kit):
    def question(body: str, beside: str | None, **changes: object) -> Question:
        asked = Question(
            lock=inputs.lock,
            candidate=kit.candidate(body).source,
            incumbent=None if beside is None else kit.candidate(beside).source,
            capital=100_000.0,
            place="reservation",
            seconds=SECONDS,
        )
        return dataclasses.replace(asked, **changes)

    return question


@pytest.mark.parametrize(
    ("body", "beside", "word"),
    [
        (SEES, MAIN, "improved"),
        (SEES, None, "improved"),
        (SEES_AND_LOSES, MAIN, "worse"),
        (SEES_AND_LOSES, None, "worse"),
        (MAIN, MAIN, "no change"),
        (MAIN, SEES, "worse"),
        (RAISES, MAIN, "not computed"),
        (STILL, None, "not computed"),  # it never moved on train: nothing to divide by
    ],
)
def test_the_word_is_what_the_days_say(vault, ask, body, beside, word) -> None:
    assert look(vault, ask(body, beside)).word == word


def test_leverage_buys_nothing(vault, ask) -> None:
    (_, full), (_, half) = (compared(vault, ask(body, SEES)) for body in (MAIN, HALF))

    assert half["mean"] == pytest.approx(full["mean"], rel=0.02)  # fees and rounding of quantities differ a little


def test_the_answer_takes_the_same_time_whatever_it_is(vault, ask) -> None:
    for body in (SEES, RAISES):
        look(vault, ask(body, MAIN))

    assert vault.clock.slept == [SECONDS - 1.0, SECONDS - 1.0]


def test_who_burns_time_is_told_nothing(vault, ask) -> None:
    slow = dataclasses.replace(vault, clock=Clock(took=SECONDS + 1.0))

    assert look(slow, ask(SEES, MAIN)).word == "not computed"


def test_a_data_set_without_holdout_is_not_computed(vault, ask, inputs) -> None:
    splits = msgspec.structs.replace(inputs.lock.splits, holdout=(inputs.lock.splits.train[1],) * 2)
    lock = msgspec.structs.replace(inputs.lock, splits=splits)

    assert look(vault, ask(SEES, MAIN, lock=lock)).word == "not computed"


def test_what_is_sealed_can_be_opened_by_whoever_has_the_key_and_nobody_else(vault, ask) -> None:
    question = ask(SEES, MAIN)
    word, numbers = compared(vault, question)

    found = look(vault, question)

    assert found.sealed == seal(place_key(vault.key.read_bytes(), "reservation"), {"word": word, **numbers})
    assert found.sealed != look(vault, dataclasses.replace(question, place="another")).sealed
    assert set(numbers) == {"mean", "eta", "days", "score"}
