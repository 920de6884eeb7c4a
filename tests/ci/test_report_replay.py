"""A report shows the claim's numbers and plays the curves again; what cannot be drawn or trusted is said first."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from autarch.errors import DeployError, UsageError
from autarch.evidence.claim import claim_bytes
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo
from ci.candidate import Incumbent
from ci.inputs import Choice
from ci.report_find import of_claim_file, of_evidence, of_strategy
from ci.report_first import first_screen
from ci.report_html import html_of
from ci.report_replay import NOT_JUDGED, Told, replayed


@pytest.fixture(scope="module")
def again(inputs, workers):
    def replay(candidate, told=None, **changed):
        given = dataclasses.replace(inputs, **changed)
        return replayed(candidate, given, told or Told(), workers=workers, progress=lambda _line: None)

    return replay


def first(scene):
    return {line.label: line.text for line in first_screen(scene)}


def test_the_same_decisions_are_drawn_and_the_claim_s_checks_are_told(again, outcome_of_trend) -> None:
    scene = again(outcome_of_trend.candidate, Told(claim=outcome_of_trend.claim, said=(("Agent", "tuner"),)))

    assert scene.notice == ""
    assert scene.outcome.checks == outcome_of_trend.checks
    assert scene.outcome.evidence == outcome_of_trend.evidence
    assert (scene.outcome.backtest.equity == outcome_of_trend.backtest.equity).all()
    assert "agent tuner" in first(scene)["Spent"]


def test_other_decisions_than_the_claim_names_are_said_first(again, outcome_of_trend) -> None:
    claim = outcome_of_trend.claim
    forged = msgspec.structs.replace(claim, digests=msgspec.structs.replace(claim.digests, decisions="0" * 64))

    scene = again(outcome_of_trend.candidate, Told(claim=forged))

    assert "other decisions than the evidence names" in scene.notice


def test_what_nobody_judged_is_a_backtest_beside_its_incumbent(again, kit) -> None:
    before, after = (kit.candidate(kit.trend, params=f"[params]\nfast = {n}\nslow = 40").source for n in (10, 14))
    incumbent = Incumbent(slug="probe", tree="0" * 40, source=before)
    candidate = dataclasses.replace(kit.candidate(kit.trend), source=after, incumbent=incumbent)

    scene = again(candidate)
    page = html_of(scene)

    assert scene.notice == NOT_JUDGED
    assert scene.changes is not None
    assert {change.what for change in scene.changes} - {"same"}
    assert "probe in its place: Sharpe" in first(scene)["Beside"]
    assert "probe on main" in page
    assert "entry before" in page


def test_without_bars_the_verdict_is_still_told(again, outcome_of_trend, tmp_path) -> None:
    scene = again(outcome_of_trend.candidate, Told(claim=outcome_of_trend.claim), stores=Stores.under(tmp_path))

    assert "No curves can be drawn" in scene.notice
    assert first(scene)["Verdict"].startswith("ACCEPTED")
    assert "LightweightCharts" not in html_of(scene)


def test_code_that_does_not_run_is_told_not_raised(again, kit) -> None:
    scene = again(kit.candidate("    raise ValueError\n"))

    assert "No curves can be drawn" in scene.notice


@pytest.fixture
def repo(tmp_path):
    found = GitRepo(tmp_path)
    found.run("init", "--quiet")
    return found


def test_a_claim_that_is_none_was_edited_or_is_missing_is_refused(repo, outcome_of_trend, tmp_path) -> None:
    choice = Choice(stores=Stores.under(tmp_path))
    good = claim_bytes(outcome_of_trend.claim)
    for name, content in (("empty", b""), ("noise", b"\x00\xff"), ("edited", good + b" "), ("cut", good[:-10])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DeployError):
            of_claim_file(repo, tmp_path / name, choice)
    with pytest.raises(DeployError):
        of_evidence(repo, "0" * 64, choice, bring=lambda _pattern: None)


def test_a_claim_of_a_folder_outside_git_names_the_way_out(repo, outcome_of_trend, tmp_path) -> None:
    (tmp_path / "claim.json").write_bytes(claim_bytes(outcome_of_trend.claim))

    with pytest.raises(DeployError, match="report the folder instead"):
        of_claim_file(repo, tmp_path / "claim.json", Choice(stores=Stores.under(tmp_path)))


def test_a_name_that_is_nothing_is_misuse(repo, tmp_path) -> None:
    with pytest.raises(UsageError, match="no pull request, strategy, evidence or claim"):
        of_strategy(repo, "no_such", Choice(stores=Stores.under(tmp_path)), cwd=tmp_path)
