"""A round's plan follows from earlier rounds and the seed alone, and keeps its shares."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from agents.evolution.journal import Noted
from agents.evolution.looping import Evolution, begin
from agents.evolution.planning import Errand, Setting, plan_round, records_of, slug_of, tried_of
from agents.evolution.population import Candidate, Member, members_of, runs_of
from agents.evolution.records import Answered, Failure, Sketched
from autarch.manifest import SLUG

from world import World, settings

SEEDS = tuple(
    Member(
        name=f"main:{slug}",
        slug=slug,
        family=slug,
        island=island,
        score=score,
        cell=(island,),
        has_search=slug != "bare",
    )
    for island, (slug, score) in enumerate([("ema_trend", 1.0), ("donchian", 0.5), ("bare", 2.0)])
)


def setting(**changes: object) -> Setting:
    made = Setting(
        run=7,
        seed=1,
        agents=("claude", "codex"),
        numeric=frozenset(),
        symbols=("BTCUSDT", "ETHUSDT"),
        intervals=("15m", "1h"),
        settings=settings(candidates_per_round=5),
    )
    return replace(made, **changes)


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Candidate, ...]:
    world = World(tmp_path_factory.mktemp("plan") / "w", per_round=4)
    parties = world.parties()
    Evolution(parties, begin(parties, world.wanted(rounds=2)), world.standing()).run()
    return runs_of(parties.journal.read())[0].candidates


def test_the_same_past_gives_the_same_plan_and_another_seed_another() -> None:
    one = plan_round(setting(), 3, candidates=(), seeds=SEEDS)

    assert one == plan_round(setting(), 3, candidates=(), seeds=SEEDS)
    assert one != plan_round(setting(seed=2), 3, candidates=(), seeds=SEEDS)
    assert [errand.step for errand in one] == [11, 12, 13, 14, 15]


def test_what_a_round_itself_came_to_changes_nothing_about_its_plan(candidates: tuple[Candidate, ...]) -> None:
    mine = setting(run=1, agents=("scripted-a", "scripted-b"))
    first = [c for c in candidates if c.answered.round == 1]

    assert plan_round(mine, 2, candidates=candidates, seeds=SEEDS) == plan_round(mine, 2, candidates=first, seeds=SEEDS)
    assert plan_round(mine, 3, candidates=candidates, seeds=SEEDS) != plan_round(mine, 3, candidates=first, seeds=SEEDS)


def test_a_fifth_of_all_proposals_is_the_baseline_from_nothing_and_told_nothing() -> None:
    errands = [e for number in range(1, 21) for e in plan_round(setting(), number, candidates=(), seeds=SEEDS)]
    baseline = [e for e in errands if e.arm == "baseline"]

    assert len(baseline) == 20  # a fifth of 20 rounds of 5
    assert {(e.operator, e.parents, e.task, e.report) for e in baseline} == {("create", (), "", None)}
    assert {e.agent for e in baseline} == {"claude", "codex"}


def test_a_tuner_gets_parents_with_numbers_to_move_works_in_place_and_is_never_the_baseline() -> None:
    tuning = setting(agents=("tuner",), numeric=frozenset({"tuner"}))

    errands = [e for number in range(1, 9) for e in plan_round(tuning, number, candidates=(), seeds=SEEDS)]

    assert {e.arm for e in errands} == {"evolution"}
    assert {e.slug for e in errands} <= {"ema_trend", "donchian"}
    assert all(e.parents == (f"main:{e.slug}",) for e in errands)


def test_without_anybody_to_start_from_everything_is_created() -> None:
    errands = plan_round(setting(), 1, candidates=(), seeds=())

    assert {e.operator for e in errands} == {"create"}


def test_each_agent_proposes_in_the_first_round_that_has_room() -> None:
    errands = plan_round(setting(agents=("a", "b", "c", "d", "e", "f", "g")), 1, candidates=(), seeds=SEEDS)

    assert len(errands) == 7
    assert {e.agent for e in errands if e.arm == "evolution"} >= {"a", "b", "c", "d", "e"}


def test_every_name_is_a_slug_that_no_other_step_has() -> None:
    names = [slug_of("a_strategy_with_a_rather_long_name_indeed", run=12, step=step) for step in range(1, 300)]

    assert len(set(names)) == len(names)
    assert all(SLUG.match(name) for name in names)
    assert slug_of("ema_trend_3_14", run=4, step=1) == "ema_trend_4_1"


def test_a_baseline_candidate_and_one_that_broke_a_law_never_breed(candidates: tuple[Candidate, ...]) -> None:
    judged = next(c for c in candidates if c.judged is not None and c.answered.arm == "evolution")
    cheat = replace(
        judged,
        judged=msgspec.structs.replace(
            judged.judged, failures=(Failure(check="causality", klass="law", detail="It peeks."),)
        ),
    )

    assert judged.name in {m.name for m in members_of([judged], seeds=())}
    assert members_of([cheat], seeds=()) == ()
    errands = [
        e
        for number in range(3, 30)
        for e in plan_round(setting(run=1, agents=("scripted-a",)), number, candidates=candidates, seeds=SEEDS)
    ]
    baseline = {c.name for c in candidates if c.answered.arm == "baseline"}
    assert not baseline & {name for e in errands for name in e.parents}


def test_a_repair_keeps_the_folder_quotes_the_gate_and_is_asked_for_once(candidates: tuple[Candidate, ...]) -> None:
    errands = [
        e
        for number in range(3, 60)
        for e in plan_round(setting(run=1, agents=("scripted-a",)), number, candidates=candidates, seeds=SEEDS)
        if e.operator == "repair"
    ]
    rejected = {c.name: c for c in candidates if c.judged is not None and c.judged.verdict == "rejected"}

    for errand in errands:
        assert errand.parents[0] in rejected
        assert errand.slug == rejected[errand.parents[0]].answered.slug
        assert errand.report == "robustness (limit): Too few bets; trade more often."


def test_a_gain_is_what_a_child_adds_to_its_best_parent(candidates: tuple[Candidate, ...]) -> None:
    member = next(c for c in candidates if c.is_member and c.score is not None and "main:hill" in c.answered.ancestors)
    seeds = [replace(SEEDS[0], name="main:hill", score=member.score - 0.25)]

    found = records_of([member], seeds)[member.answered.agent]

    assert (found.proposals, round(found.gain, 9), found.usd) == (1, 0.25, 0.01)
    assert records_of([member], [replace(seeds[0], score=99.0)])[member.answered.agent].gain == 0.0


def test_an_answer_without_a_behaviour_costs_and_gains_nothing() -> None:
    answered = Answered(
        run=1, when_s=0, step=1, round=1, agent="claude", model="m", arm="evolution", operator="create", island=0,
        ancestors=(), brief="", slug="x", stopped="no proposal", usd="0.5",
    )  # fmt: skip

    found = records_of([Candidate(run=1, answered=answered, answer=None)], [])["claude"]

    assert (found.proposals, found.gain, found.usd) == (1, 0.0, 0.5)


def test_too_few_that_earn_breed_nothing_until_their_proposals_are_spent() -> None:
    three = setting(settings=settings(candidates_per_round=5, founders=4))  # three of main's earn; four are wanted

    early = plan_round(three, 3, candidates=(), seeds=SEEDS)  # steps 11 to 15 of the 16 that four founders may take
    late = plan_round(three, 4, candidates=(), seeds=SEEDS)  # steps 16 to 20

    assert {e.operator for e in early} == {"create"}
    assert {e.operator for e in late if e.step > 16} != {"create"}
    enough = setting(settings=settings(candidates_per_round=5, founders=3))
    assert any(e.parents for e in plan_round(enough, 3, candidates=(), seeds=SEEDS))


def test_who_loses_does_not_breed() -> None:
    losers = tuple(replace(seed, score=-seed.score) for seed in SEEDS)

    assert {e.operator for n in range(1, 6) for e in plan_round(setting(), n, candidates=(), seeds=losers)} == {
        "create"
    }


def tried(step: int, operator: str, *ancestors: str, score: float | None = None, arm: str = "evolution") -> Candidate:
    """Return a candidate of run 1; without a score one that did not run."""
    answered = Answered(
        run=1, when_s=0, step=step, round=1, agent="a", model="m", arm=arm, operator=operator, island=0,
        ancestors=ancestors, brief="", slug=f"s_{step}",
    )  # fmt: skip
    sketched = Sketched(run=1, when_s=0, step=step, stopped="fault" if score is None else "", score=score)
    return Candidate(run=1, answered=answered, answer=Noted(record=answered, commit=""), sketched=sketched)


def planned(past: list[Candidate], seeds: tuple[Member, ...] = (), **changes: object) -> list[Errand]:
    return [
        errand
        for number in range(2, 60)
        for errand in plan_round(setting(agents=("a",), **changes), number, candidates=past, seeds=seeds)
        if errand.arm == "evolution"
    ]


def test_what_a_repair_did_not_mend_is_not_repaired_again() -> None:
    broken, mended = tried(1, "mutate", "main:x"), tried(2, "repair", "1.1")

    assert any(e.operator == "repair" and e.parents == ("1.1",) for e in planned([broken], SEEDS))
    assert not any(e.operator == "repair" for e in planned([broken, mended], SEEDS))


def test_an_island_of_losers_breeds_from_those_who_earn_elsewhere() -> None:
    winner, loser = tried(1, "create", score=1.0), tried(2, "create", score=-1.0)
    loser = replace(loser, answered=msgspec.structs.replace(loser.answered, island=1))

    parents = [e.parents for e in planned([winner, loser]) if e.island == 1 and e.operator != "create"]

    assert parents
    assert {name for names in parents for name in names} == {"1.1"}


def test_a_tuner_moves_the_numbers_of_losers_only_while_nobody_earns() -> None:
    winner, loser = tried(1, "create", score=1.0), tried(2, "create", score=-1.0)
    tuning = {"numeric": frozenset({"a"})}

    assert {e.parents for e in planned([winner, loser], **tuning)} == {("1.1",)}
    assert {e.parents for e in planned([loser], **tuning)} == {("1.2",)}


def test_an_operator_hits_where_it_is_among_the_best_tenth_by_then() -> None:
    past = [tried(step, "create", score=float(step)) for step in range(1, 12)]  # each the best when it came
    past += [
        tried(12, "mutate", score=10.5),  # second of 12, and two of them are the best tenth
        tried(13, "mutate", score=9.5),  # fourth of 13
        tried(14, "mutate"),
        tried(15, "cross", score=99.0, arm="baseline"),
    ]

    found = tried_of(past)

    assert {name: (one.proposals, one.hits) for name, one in found.items()} == {"create": (11, 11), "mutate": (3, 1)}
    assert tried_of([tried(1, "create", score=-1.0)])["create"].hits == 0  # the best, and it loses
