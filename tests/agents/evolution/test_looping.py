"""A run plans, refuses, pauses and ends as it says; its pull requests carry everything that was tried."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agents.evolution.assessing import Sketch
from agents.evolution.briefing import LINES, WIDTH, Surroundings, morning_brief
from agents.evolution.desk import only_loop
from agents.evolution.looping import Evolution, abandon, begin, newest
from agents.evolution.population import runs_of
from agents.evolution.records import Answered, Ended
from agents.ports import Brief, BudgetError, NoProposalError, Proposal, Usage
from autarch.canonical import sha256_hex
from autarch.errors import RefusedError, UndecidedError, UsageError

from world import NOW_S, FakeField, Vendor, World, settings, sketch_of


class Broke(Vendor):
    """Has money for `left` answers."""

    left = 1

    def propose(self, brief: Brief) -> Proposal:
        if self.left == 0:
            raise BudgetError("the day's 0.01 dollars are spent; raise the cap or wait")
        self.left -= 1
        return super().propose(brief)


class Wild(Vendor):
    """Writes where it must not, gives up, and writes 5 MB, in turn."""

    turn = 0

    def propose(self, brief: Brief) -> Proposal:
        self.turn += 1
        made = super().propose(brief)
        if self.turn == 1:
            return replace(made, files={**made.files, "../../ci/policy.toml": b"x"})
        if self.turn == 2:
            raise NoProposalError("nothing deserves it", usage=Usage(usd=Decimal("0.50"), output_tokens=7))
        if self.turn == 3:
            return replace(made, files={**made.files, "strategy.py": b"#" * 5_000_000})
        other = made.files["manifest.toml"].replace(brief.slug.encode(), b"another_name")
        return replace(made, files={**made.files, "manifest.toml": other})


class Copying(FakeField):
    """Makes every candidate decide what the first did."""

    def __init__(self) -> None:
        self.first: Sketch | None = None

    def each(self, work: Any, items: Any) -> Any:
        if getattr(getattr(work, "func", work), "__name__", "") != "sketch":
            yield from super().each(work, items)
            return
        for item in items:
            self.first = self.first or sketch_of(item)
            yield self.first


def evolved(world: World, changes: dict[str, Any] | None = None, **wanted: Any) -> Any:
    parties = world.parties(**(changes or {}))
    return Evolution(parties, begin(parties, world.wanted(**wanted)), world.standing()).run()


def test_a_budget_that_is_spent_pauses_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    world.vendors = {"scripted-a": Broke(world.folder, "scripted-a", lambda: None)}

    came = evolved(world, agents=("scripted-a",), nightly=False, rounds=1)
    world.vendors["scripted-a"].left = 9
    again = evolved(world, agents=("scripted-a",), nightly=False, rounds=1)

    assert "0.01 dollars are spent" in came.paused
    assert came.run.ended is None
    assert world.forge.rows() != []
    assert again.run.number == came.run.number == 1
    assert again.paused == ""
    assert len(world.vendors["scripted-a"].bill()) == 2


def test_a_budget_of_zero_asks_for_nothing_and_a_night_ends_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    world.vendors = {"scripted-a": Broke(world.folder, "scripted-a", lambda: None)}
    world.vendors["scripted-a"].left = 0

    came = evolved(world, agents=("scripted-a",), nightly=True, rounds=3)

    assert came.figures.tried == 0
    assert came.run.ended is not None
    assert "spent" in came.run.ended.why
    assert world.forge.rows() == []


def test_what_is_outside_its_folder_too_large_or_misnamed_is_refused_reported_and_paid(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=4)
    world.vendors = {"scripted-a": Wild(world.folder, "scripted-a", lambda: None)}

    came = evolved(world, agents=("scripted-a",), rounds=1, seed=5)

    answered = [c.answered for c in came.run.candidates]
    assert answered[0].stopped == "outside its folder"
    assert "../../ci/policy.toml" in answered[0].detail
    assert (answered[1].stopped, answered[1].usd) == ("no proposal", "0.50")
    assert "5000000 bytes" in answered[2].detail
    assert "the folder is" in answered[3].detail
    assert came.figures.usd == pytest.approx(0.53)  # 0.01 + 0.50 + 0.01 + 0.01
    assert world.forge.rows() == []


def test_copies_are_refused_before_anything_is_tuned_or_judged(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=3)

    came = evolved(world, {"field": Copying()}, rounds=1)

    sketched = [c for c in came.run.candidates if c.stopped != "code"]  # two of the draws may be word for word alike
    assert sketched
    assert {c.stopped for c in sketched} == {"decisions"}
    assert all("main:hill again" in c.sketched.detail for c in sketched)
    assert all(c.judged is None for c in came.run.candidates)


def test_a_night_opens_no_more_than_it_may_and_the_next_run_of_the_day_none(tmp_path: Path) -> None:
    world = World(tmp_path / "w")

    first = evolved(world, rounds=1)
    second = evolved(world, rounds=2, seed=10)

    assert first.figures.accepted >= 2
    assert [row["number"] for row in world.forge.rows()] == [1, 2]
    assert second.figures.accepted > 0
    assert second.figures.opened == 0
    assert "max_prs_per_night" in morning_brief(second.run, second.figures, Surroundings())


def test_every_trial_of_a_run_stands_behind_each_of_its_pull_requests(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)

    came = evolved(world, rounds=2)

    heads = [world.there.read_commit(row["head_sha"]).trailers for row in world.forge.rows()]
    judged = sum(c.judged is not None for c in came.run.candidates)
    assert {t["Study"] for t in heads} == {came.run.ended.study}
    assert {int(t["Trials"]) for t in heads} == {
        3 * judged + sum(c.stopped == "decisions" for c in came.run.candidates)
    }
    assert {t["Agent"] for t in heads} <= {"scripted-a", "scripted-b"}, "an agent's text set a trailer"
    assert all(len(t["Parent"].partition("@")[2]) == 40 for t in heads if "Parent" in t)
    blob = world.there.read_ref(f"refs/autarch/studies/{came.run.ended.study}")
    assert sha256_hex(world.there.cat_blob(blob)) == came.run.ended.study
    assert all(
        row["head_ref"].startswith(f"agent/{t['Agent']}/") for row, t in zip(world.forge.rows(), heads, strict=True)
    )


def test_the_forge_away_ends_the_command_and_the_next_one_opens_what_was_found(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    parties = world.parties()
    working = world.forge.pulls
    world.forge.pulls = lambda **_: (_ for _ in ()).throw(UndecidedError("the forge is away"))
    with pytest.raises(UndecidedError, match="away"):
        Evolution(parties, begin(parties, world.wanted(rounds=1)), world.standing()).run()
    world.forge.pulls = working

    came = evolved(world, rounds=1)

    assert came.run.number == 1
    assert came.run.ended is not None
    assert len(world.forge.rows()) == came.figures.opened > 0


def test_another_run_is_refused_while_one_is_unfinished_and_abandoning_counts_its_trials(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    parties = world.parties()
    begin(parties, world.wanted())

    with pytest.raises(UsageError, match="run 1 is unfinished"):
        begin(parties, world.wanted(seed=99))
    ended = abandon(parties)

    assert isinstance(ended, Ended)
    assert world.counted.read_text().split() == [ended.study]
    assert abandon(parties) is None
    assert begin(parties, world.wanted(seed=99)).run == 2


def test_two_loops_at_once_are_one_too_many(tmp_path: Path) -> None:
    from autarch.workspace import Config, ForgeSection, Workspace

    place = Workspace(tmp_path, Config(schema=1, forge=ForgeSection(repository="a/b")))

    with only_loop(place), pytest.raises(RefusedError, match="another loop is at work"), only_loop(place):
        pass
    with only_loop(place):
        pass


def test_a_run_that_finds_nothing_better_for_long_enough_stops(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=1)
    patient = settings(candidates_per_round=1, stagnant_rounds_max=2)
    hopeless = msgspec.structs.replace(patient, novelty=msgspec.structs.replace(patient.novelty, alike_max=0.0))

    came = evolved(world, {"settings": hopeless}, agents=("scripted-a",), rounds=30)

    assert came.figures.stagnant_rounds == 2
    assert max(c.answered.round for c in came.run.candidates) == 2


def test_the_brief_of_any_run_has_fifteen_short_lines_at_most(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    came = evolved(world, rounds=4)
    around = Surroundings(wealth="0.05 left " * 30, live="ACTIVE, tag v1", spend="$3 this month")

    lines = morning_brief(came.run, came.figures, around).splitlines()

    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == "Run 1 on synthetic: its rounds are done"
    assert sum(line.startswith("  #") for line in lines) == 2
    assert "Live: ACTIVE, tag v1" in lines
    assert newest(world.parties()) == came


def test_a_brief_says_why_nothing_was_opened(tmp_path: Path) -> None:
    came = evolved(World(tmp_path / "w", per_round=2), rounds=1)
    none = tuple(replace(candidate, opened=None) for candidate in came.run.candidates)
    accepted = replace(came.figures, accepted=1)

    over = morning_brief(replace(came.run, candidates=none), accepted, Surroundings())
    going = morning_brief(replace(came.run, candidates=none, ended=None), accepted, Surroundings())

    assert "  none opened: max_prs_per_night or max_open_prs is reached" in over.splitlines()
    assert "  none opened yet: the run goes on" in going.splitlines()


def test_the_journal_goes_to_the_forge_and_comes_back_to_a_clone_without_one(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_round=2)
    evolved(world, rounds=1)
    world.parties().journal.mirror(world.remote)
    notes = world.parties().journal.read()
    world.repo.update_ref("refs/autarch/evolution/journal", None, old=notes[-1].commit)

    journal = world.parties().journal
    journal.recover(world.remote)

    assert [n.record for n in journal.read()] == [n.record for n in notes]
    assert any(isinstance(n.record, Answered) for n in journal.read())
    assert runs_of(journal.read())[0].begun.when_s == NOW_S
