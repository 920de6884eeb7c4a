"""Few come out: the best accepted, none like another, within the night's and the forge's room."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from agents.evolution.population import Candidate
from agents.evolution.records import Answered, Judged, Opened
from agents.evolution.settings import parse_settings
from agents.evolution.tournament import finalists, gate_minutes, room_for
from autarch.errors import ConfigError

from world import NOW_S

ROOT = Path(__file__).resolve().parents[3]


def candidate(  # noqa: PLR0913  what a candidate is told apart by
    step: int, score: float, *, slug: str = "", cell: int = 0, verdict: str = "accepted", opened: bool = False
) -> Candidate:
    answered = Answered(
        run=1, when_s=NOW_S, step=step, round=1, agent="a", model="m", arm="evolution", operator="create", island=0,
        ancestors=(), brief="", slug=slug or f"slug_{step}",
    )  # fmt: skip
    judged = Judged(
        run=1, when_s=NOW_S, step=step, commit="", study="", trials=1, kept_own=True, walk_forward=None,
        walk_forward_own=None, decisions="", score=score, sharpe=score, cell=(cell or step,), metrics={},
        verdict=verdict, gate_s=90.0,
    )  # fmt: skip
    mark = Opened(run=1, when_s=NOW_S, step=step, pull=step, branch="b", head="h") if opened else None
    return Candidate(run=1, answered=answered, answer=None, judged=judged, opened=mark)


def steps(found: tuple[Candidate, ...]) -> list[int]:
    return [one.answered.step for one in found]


def test_the_best_accepted_come_out_and_nothing_else() -> None:
    many = [
        candidate(1, 1.0),
        candidate(2, 9.0, verdict="rejected"),
        candidate(3, 3.0),
        candidate(4, 2.0),
        candidate(5, 8.0, verdict=""),
    ]

    assert steps(finalists(many, room=2)) == [3, 4]
    assert finalists(many, room=0) == ()


def test_a_second_of_one_folder_or_one_behaviour_waits_even_after_a_crash() -> None:
    many = [
        candidate(1, 9.0, slug="same", cell=50),
        candidate(2, 8.0, slug="same"),
        candidate(3, 7.0, cell=50),
        candidate(4, 1.0),
    ]
    first_open = [candidate(1, 9.0, slug="same", cell=50, opened=True), *many[1:]]

    assert steps(finalists(many, room=2)) == [1, 4]
    assert steps(finalists(first_open, room=1)) == [4]


@pytest.mark.parametrize(
    ("opened", "waiting", "now_s", "room"),
    [
        (0, 0, NOW_S, 2),
        (1, 1, NOW_S, 1),
        (2, 2, NOW_S, 0),
        (2, 2, NOW_S + 86_400, 2),
        (0, 5, NOW_S, 1),
        (0, 9, NOW_S, 0),
    ],
)
def test_room_is_bounded_by_the_night_and_by_what_is_open(opened: int, waiting: int, now_s: int, room: int) -> None:
    tonight = [candidate(n, 1.0, opened=n <= opened) for n in range(1, 4)]

    assert room_for(tonight, now_s=now_s, open_now=waiting, most_a_night=2, most_open=6) == room


def test_minutes_of_gates_are_those_of_the_day() -> None:
    many = [candidate(n, 1.0) for n in range(4)]

    assert gate_minutes(many, now_s=NOW_S) == 6.0  # four of 90 s
    assert gate_minutes(many, now_s=NOW_S + 86_400) == 0.0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("baseline_frac = 0.2", "baseline_frac = 1.2", "baseline_frac"),
        ("islands = 3", "islands = 0", "islands"),
        ("schema = 1", "schema = 2", "schema 1"),
        ("free_usd = 0.01", "free_usd = 0.0", "free_usd"),
        ("turnover_per_day = [0.1, 0.5, 2.0]", "turnover_per_day = [0.5, 0.1]", "ascending"),
        ("mutate = 0.35", "muted = 0.35", "muted"),
        ("folds = 5", "folds = 1", "folds"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_by_name(old: str, new: str, says: str) -> None:
    content = (ROOT / "agents/evolve.toml").read_text()
    assert old in content

    with pytest.raises(ConfigError, match=says):
        parse_settings(content.replace(old, new).encode())


def test_the_file_as_shipped_parses_and_opens_two_a_night() -> None:
    found = parse_settings((ROOT / "agents/evolve.toml").read_bytes())

    assert found.tournament.max_prs_per_night == 2
    assert msgspec.structs.asdict(found.novelty) == {"alike_max": 0.98, "same_direction_max": 0.99}
