"""Practice pull requests: half flawed, made by the gate itself, told apart by the first screen and not by a table."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from autarch.errors import ConfigError
from ci.calibration.cases import COUNT, HIDDEN, Case, Outside, make, opened, plan
from ci.calibration.keeping import Shelf, makers_digest
from ci.calibration.kinds import FLAWS, PAIRS
from ci.calibration.scoring import Answer, score
from ci.calibration.telling import lines_of
from tests.ci.calibration.readers import OF_OUTSIDE, OF_TABLE, of_screen

KEPT = Path(__file__).parent
SEEDS = (1, 2)
SCREEN_MIN, TABLE_MAX, OUTSIDE_MAX = 18, 13, 13
REMADE = (2, 5)
"""Cases of the first seed that are made anew: what is kept is what the gate says today."""


def kept(seed: int) -> list[Case]:
    """The twenty cases of a seed, as `autarch calibrate-me --make-only --seed N` made them."""
    return msgspec.json.decode((KEPT / f"cases-{seed}.json").read_bytes(), type=list[Case])


def a_case(number: int, flaw: str | None, verdict: str = "accepted") -> Case:
    outside = Outside(slug="amber_heron", symbols=1, leverage=1.0, bytes=900)
    return Case(number=number, lines=(), table=(), metrics={}, outside=outside, flaw=flaw, verdict=verdict)


def test_a_plan_holds_every_flaw_and_its_twin_once_and_another_seed_is_another_order() -> None:
    planned = plan(5)

    assert len(planned) == COUNT == 2 * len(PAIRS)
    assert sorted((one.pair, one.is_flawed) for one in planned) == sorted(
        (name, flawed) for name in FLAWS for flawed in (True, False)
    )
    assert [one.number for one in planned] == list(range(1, COUNT + 1))
    assert plan(5) == planned != plan(6)


def test_a_flaw_and_its_twin_trade_as_many_symbols_with_as_much_leverage_in_every_seed() -> None:
    for seed in range(20):
        looks: dict[str, set[tuple[int, float]]] = {}
        for one in plan(seed):
            looks.setdefault(one.pair, set()).add((one.look.symbols, one.look.leverage))

        assert all(len(found) == 1 for found in looks.values())


def test_neither_name_nor_place_tells_over_many_seeds() -> None:
    planned = [one for seed in range(200) for one in plan(seed)]
    for sign in (
        [one.number <= COUNT // 2 for one in planned],
        [one.number % 2 == 0 for one in planned],
        [one.look.slug < "i" for one in planned],
        [len(one.look.slug) > 11 for one in planned],
    ):
        right = sum(tells == one.is_flawed for tells, one in zip(sign, planned, strict=True))

        assert abs(right / len(planned) - 0.5) < 0.03  # 4,000 draws: three deviations are 0.024


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sign", OF_OUTSIDE)
def test_nothing_outside_a_case_tells_whether_it_is_flawed(seed, sign) -> None:
    cases = kept(seed)

    right = sum(told == (case.flaw is not None) for told, case in zip(OF_OUTSIDE[sign](cases), cases, strict=True))

    assert COUNT - OUTSIDE_MAX <= right <= OUTSIDE_MAX  # the other way round it would tell as much


@pytest.mark.parametrize("seed", SEEDS)
def test_both_of_a_pair_say_the_same_of_what_they_do(seed) -> None:
    words = sorted(dict(case.lines)["Does"].split(" (")[0] for case in kept(seed) if case.flaw is not None)

    assert words == sorted(dict(case.lines)["Does"].split(" (")[0] for case in kept(seed) if case.flaw is None)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_by_rule_gets_eighteen_of_twenty_from_the_first_screen(seed) -> None:
    cases = kept(seed)
    said = {case.number: of_screen(dict(case.lines)) for case in cases}

    found = score(cases, {n: Answer(number=n, decision=d, flaw=f) for n, (d, f) in said.items()})

    assert found.answered == COUNT
    assert found.right >= SCREEN_MIN, (found.accepted_flawed, found.refused_sound)
    assert found.named >= 8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rule", OF_TABLE)
def test_no_reader_by_rule_gets_more_than_thirteen_from_a_bare_table(seed, rule) -> None:
    cases = kept(seed)

    found = score(cases, {c.number: Answer(number=c.number, decision=OF_TABLE[rule](c.metrics)[0]) for c in cases})

    assert found.right <= TABLE_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_a_case_keeps_back_the_gate_s_word_and_its_truth(seed) -> None:
    for case in kept(seed):
        assert not HIDDEN & {label for label, _ in case.lines}
        shown = " ".join(text for _, text in case.lines)
        assert "ACCEPTED" not in shown
        assert "REJECTED" not in shown
        assert not [words for words in FLAWS.values() if words in shown]


def test_what_is_sound_is_what_the_gate_has_nothing_against() -> None:
    assert {case.verdict for seed in SEEDS for case in kept(seed) if case.flaw is None} == {"accepted"}


@pytest.mark.slow
def test_the_kept_cases_are_what_the_gate_makes_of_their_seed(root, tmp_path) -> None:
    shelf = Shelf(tmp_path / "shelf", view="screen")
    with opened(seed=SEEDS[0], root=root) as shop:
        for number in REMADE:
            shelf.put(make(shop, plan(SEEDS[0])[number - 1], progress=lambda _line: None))

    timed = {"Spent"}  # how long the checks took
    for case in shelf.cases():
        before = kept(SEEDS[0])[case.number - 1]
        assert [one for one in case.lines if one[0] not in timed] == [
            one for one in before.lines if one[0] not in timed
        ]
        assert (case.flaw, case.verdict, case.outside) == (before.flaw, before.verdict, before.outside)
        assert case.metrics == pytest.approx(before.metrics)


def test_other_code_that_makes_cases_has_a_shelf_of_its_own(tmp_path) -> None:
    for place in ("ci/calibration/cases.py", "ci/report_first.py", "ci/presets/standard.toml", "autarch/engine/x.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("one\n")
    (tmp_path / "requirements.lock").write_text("numpy==1\n")
    before = makers_digest(tmp_path)
    assert makers_digest(tmp_path) == before

    for place in ("ci/calibration/cases.py", "ci/report_first.py", "ci/presets/standard.toml", "autarch/engine/x.py"):
        (tmp_path / place).write_text("another\n")
        assert makers_digest(tmp_path) != before
        (tmp_path / place).write_text("one\n")


def test_a_score_counts_decisions_names_and_the_gate_apart() -> None:
    cases = [a_case(1, None), a_case(2, "ruin", "rejected"), a_case(3, "copy"), a_case(4, None, "rejected")]
    answers = [
        Answer(number=1, decision="refuse", flaw="ruin", seconds=4.0),
        Answer(number=2, decision="refuse", flaw="book", seconds=10.0),
        Answer(number=3, decision="accept", seconds=6.0),
    ]

    found = score(cases, {answer.number: answer for answer in answers})

    assert (found.answered, found.right, found.named) == (3, 1, 0)  # 2 alone is right, and for another flaw
    assert found.refused_sound == (1,)
    assert found.accepted_flawed == {3: "copy"}
    assert found.misnamed == {2: ("book", "ruin")}
    assert found.seconds_median == 6.0
    assert found.gate_right == 2  # 1 accepted and 2 rejected rightly; it accepted 3
    told = "\n".join(lines_of(found, cases[:3], {answer.number: answer for answer in answers}))
    assert "1 of 3 right, 6.0 s each in the middle; the gate's word alone: 2" in told
    assert "missed: copy" in told


def test_answers_survive_between_sittings_and_a_damaged_file_is_named(tmp_path) -> None:
    shelf = Shelf(tmp_path, view="screen")
    shelf.put(a_case(2, "ruin"))
    shelf.answer(Answer(number=2, decision="refuse", flaw="ruin", seconds=1.5))

    again = Shelf(tmp_path, view="screen")

    assert again.case(2) == a_case(2, "ruin")
    assert again.answers()[2].flaw == "ruin"
    assert Shelf(tmp_path, view="table").answers() == {}
    assert not again.is_whole
    (tmp_path / "case-02.json").write_text("{")
    with pytest.raises(ConfigError, match=r"case-02\.json cannot be read"):
        again.case(2)
    again.forget()
    assert again.answers() == {}
