"""A platform change is tried on the strategies of main by its own code, and what it changes is shown."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from autarch.evidence.attestation import store_evidence
from autarch.evidence.claim import (
    Claim,
    ClaimedDataset,
    ClaimedDigests,
    ClaimedPolicy,
    ClaimedStrategy,
    Difference,
    claim_id,
)
from autarch.evidence.ledger_entry import Sealed
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.repo.engine import LOCK_NAME, engine_digest_at
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.strategies import strategy_tree
from autarch.repo.trusted import write_tree_from
from autarch.sandbox import enclosure
from ci.candidate import Candidate
from ci.inputs import Choice, inputs_at_commit
from ci.platform_cage import _run, judged_by
from ci.platform_changes import Found, PlatformChanges, changes_of, compared
from ci.platform_child import Task
from ci.platform_run import Trial, platform_changes
from ci.report import markdown
from ci.report_html import html
from ci.report_platform import difference_words, lines, rows
from ci.report_text import terminal

SOMEONE = Person(name="Someone", email="someone@example.invalid", when_s=1_700_000_000)
FEE = b"    fee = qty * price * terms[TAKER_FEE]\n"
NEEDS_ENCLOSURE = pytest.mark.skipif(enclosure.lacking() is not None, reason=str(enclosure.lacking()))


def quiet(line: str) -> None:
    assert line


def a_claim(**changed: object) -> Claim:
    claim = Claim(
        schema=1,
        kind="strategy",
        strategy=ClaimedStrategy(name="probe", tree="1" * 40, manifest_sha256="2" * 64, code_sha256="3" * 64),
        base="4" * 40,
        engine="5" * 64,
        policy=ClaimedPolicy(path="ci/policy.toml", sha256="6" * 64, walkthrough=False, preset="standard"),
        dataset=ClaimedDataset(name="hills", digest="7" * 64),
        ledger=None,
        trials=0,
        digests=ClaimedDigests(numerics="8" * 64, decisions="9" * 64, fills="a" * 64, equity="b" * 64),
        checks=(),
        metrics={"train": {"sharpe": 1.0}},
        verdict="accepted",
        waived=(),
        as_of=None,
        lane=None,
    )
    return msgspec.structs.replace(claim, **changed)


def told(claim: Claim) -> Found:
    return Found(slug=claim.strategy.name, claim=claim, verdict=claim.verdict)


def not_told(problem: str) -> Found:
    return Found(slug="probe", problem=problem)


def test_what_names_the_platform_is_no_difference_and_every_value_is() -> None:
    was = a_claim()
    renamed = a_claim(engine="0" * 64, policy=ClaimedPolicy(path="x", sha256="y", walkthrough=False, preset="own"))
    poorer = a_claim(engine="0" * 64, metrics={"train": {"sharpe": 0.5}}, verdict="rejected")

    assert compared("probe", was, renamed).is_same
    found = compared("probe", was, poorer)
    assert [(d.field, d.claimed, d.found) for d in found.differs] == [
        ("metrics.train.sharpe", 1.0, 0.5),
        ("verdict", "accepted", "rejected"),
    ]
    assert (found.was, found.now) == ("accepted", "rejected")


def test_who_was_not_reached_and_who_could_not_be_judged_are_rows_with_a_reason() -> None:
    claims = {"slow": a_claim(), "broken": a_claim(), "odd": "policy: no thesis", "same": a_claim()}

    found = changes_of(claims, {"broken": not_told("it has no such module"), "same": told(a_claim())}, seconds=60.0)

    assert {one.slug: one.problem for one in found.changed} == {
        "broken": "it has no such module",
        "odd": "main gives no verdict to compare with: policy: no thesis",
        "slow": "not reached within 60 s",
    }
    assert found.note == "3 of 4 strategies on main are judged otherwise"


def test_a_change_of_nothing_says_so() -> None:
    found = changes_of({"same": a_claim()}, {"same": told(a_claim(engine="0" * 64))}, seconds=60.0)

    assert found.note == "all 1 strategies on main are judged as before, to the last digit"
    assert found.changed == ()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("checks[risk].measures[max_drawdown].value", "risk max_drawdown: 0.1000 -> 0.2500"),
        ("checks[risk].measures[max_drawdown].limit", "risk max_drawdown limit: 0.1000 -> 0.2500"),
        ("metrics.train.sharpe", "train sharpe: 0.1000 -> 0.2500"),
        ("digests.fills", "fills: 0.1000 -> 0.2500"),
    ],
)
def test_a_difference_is_told_without_the_grammar_of_claims(field: str, words: str) -> None:
    assert difference_words(Difference(field=field, claimed=0.1, found=0.25)) == words


def test_the_weightiest_of_many_differences_come_first_and_the_rest_is_counted() -> None:
    was = a_claim(metrics={"train": {f"m{i}": 0.0 for i in range(20)}})
    now = a_claim(metrics={"train": {f"m{i}": 1.0 for i in range(20)}}, verdict="rejected")

    (row,) = rows(changes_of({"probe": was}, {"probe": told(now)}, seconds=1.0))

    assert row.differs[0] == "verdict: accepted -> rejected"
    assert row.differs[-1] == "and 13 more values"  # 20 metrics and the verdict are 21; 8 are shown
    assert len(row.differs) == 9


def test_every_report_shows_what_a_change_does(gate) -> None:
    candidate = Candidate(kind="platform", slug=None, source=None, paths=("ci/gate.py",))
    changes = changes_of({"probe": a_claim()}, {"probe": told(a_claim(verdict="rejected"))}, seconds=1.0)

    outcome = dataclasses.replace(gate(candidate), platform=changes)

    for text in (markdown(outcome), html(outcome), terminal(outcome)):
        assert "verdict: accepted -> rejected" in text.replace("&gt;", ">").replace("\\", "")
        assert "1 of 1 strategies on main are judged otherwise" in text
    assert outcome.to_json()["platform"]["strategies"][0]["differs"] == [
        {"field": "verdict", "claimed": "accepted", "found": "rejected"}
    ]
    assert outcome.verdict == "accepted"  # it is shown, and left to whoever approves


def test_a_child_that_ends_badly_or_says_nonsense_gives_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "order.json").write_bytes(b"no order")

    found, told = _run(tmp_path, 60.0)

    assert found == []
    assert "exit code 1" in told
    assert "DecodeError" in told


@dataclass
class Project:
    """A repository whose main holds this very code, a small policy, bars and one strategy."""

    repo: GitRepo
    main: str
    choice: Choice

    def proposal(self, files: dict[str, bytes]) -> str:
        """Return a commit that changes `files` of main."""
        tree = self.repo.with_files(self.repo.tree_of(self.main), files)
        return self.repo.commit_tree(tree, parents=[self.main], message="Propose\n", author=SOMEONE)

    def recorded(self, trial: Trial) -> tuple[Sealed, ...]:
        """Judge main's strategy as its gate does, under the numeric pin; return a ledger that names the evidence."""
        tree = strategy_tree(self.repo, self.main, "probe")
        named = ClaimedStrategy(name="probe", tree=tree, manifest_sha256="", code_sha256="")
        task = Task(
            repo="",
            platform=self.main,
            policy_path=trial.inputs.policy.path,
            dataset=trial.inputs.lock.name,
            train=trial.inputs.stores.train,
            claims=(a_claim(strategy=named, base=self.main),),
        )
        found = judged_by(write_tree_from(self.repo, self.main), task, self.repo, seconds=600.0)["probe"].claim
        assert found is not None
        store_evidence(self.repo, found, b"no record")
        entry = SimpleNamespace(slug="probe", evidence=claim_id(found))
        return (Sealed(entry=entry, digest="0" * 64, commit="0" * 40),)

    def trial(self, head: str, **changed: object) -> Trial:
        inputs = inputs_at_commit(self.repo, self.main, self.choice)
        inputs = dataclasses.replace(inputs, engine=engine_digest_at(self.repo, self.main))
        trial = Trial(
            repo=self.repo,
            base=self.main,
            head=head,
            inputs=inputs,
            entries=(),
            progress=quiet,
            clock=lambda: 0.0,
        )
        return dataclasses.replace(trial, **changed)


@pytest.fixture(scope="module")
def rest(root, bars_on_disk, kit, quick_policy_text) -> dict[str, bytes]:
    """All that main holds beside its code."""
    candidate = kit.candidate(kit.trend)
    return {
        LOCK_NAME: (root / LOCK_NAME).read_bytes(),
        "ci/policy.toml": quick_policy_text.encode(),
        "ci/datasets/hills.toml": lock_toml(bars_on_disk[0]),
        "strategies/probe/manifest.toml": candidate.source.manifest_bytes,
        "strategies/probe/strategy.py": candidate.source.code,
    }


def a_project(folder: Path, files: dict[str, bytes], stores: Stores) -> Project:
    repo = GitRepo(folder)
    repo.run("init", "--quiet", "--initial-branch=main")
    main = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=SOMEONE)
    repo.update_ref("refs/heads/main", main, old=None)
    return Project(repo=repo, main=main, choice=Choice(stores=stores, dataset="hills"))


@pytest.fixture(scope="module")
def small(tmp_path_factory, bars_on_disk, rest) -> Project:
    """A project whose code is one line, for what is decided before any of it runs."""
    return a_project(tmp_path_factory.mktemp("small"), {**rest, "ci/gate.py": b"x = 1\n"}, bars_on_disk[1])


@pytest.fixture(scope="module")
def project(tmp_path_factory, root, bars_on_disk, rest) -> Project:
    """A project of this very code."""
    code = [path for folder in ("autarch", "ci", "live") for path in (root / folder).rglob("*") if path.is_file()]
    files = {str(path.relative_to(root)): path.read_bytes() for path in code if "__pycache__" not in path.parts}
    return a_project(tmp_path_factory.mktemp("project"), {**files, **rest}, bars_on_disk[1])


def test_what_does_not_judge_is_not_tried(small: Project) -> None:
    found = platform_changes(small.trial(small.proposal({"docs/new.md": b"A page.\n"})))

    assert found == PlatformChanges(note="what changes does not judge: no verdict can differ")


def test_packages_that_are_not_installed_are_named_and_nothing_runs(small: Project) -> None:
    lock = small.repo.blob_at(small.main, LOCK_NAME)
    assert lock is not None
    head = small.proposal({LOCK_NAME: lock.replace(b"numpy==", b"numpy==99.", 1)})

    found = platform_changes(small.trial(head))

    assert "was not tried" in found.note
    assert "numpy" in found.note


def test_bars_that_are_not_on_this_host_are_no_reason_to_open_the_network(small: Project) -> None:
    trial = small.trial(small.proposal({"ci/extra.py": b"x = 1\n"}))
    stores = dataclasses.replace(trial.inputs.stores, train="s3://bucket/train")
    inputs = dataclasses.replace(trial.inputs, stores=stores)

    found = platform_changes(dataclasses.replace(trial, inputs=inputs))

    assert "its code gets no network" in found.note


def test_another_engine_than_mains_judges_nothing(small: Project) -> None:
    trial = small.trial(small.proposal({"ci/extra.py": b"x = 1\n"}))
    inputs = dataclasses.replace(trial.inputs, engine="0" * 64)

    found = platform_changes(dataclasses.replace(trial, inputs=inputs))

    assert "another engine than main's" in found.note


@NEEDS_ENCLOSURE
@pytest.mark.slow
def test_a_planted_fee_turns_a_strategy_red_and_a_comment_turns_none(project: Project) -> None:
    path = "autarch/engine/position.py"
    rules = project.repo.blob_at(project.main, path)
    assert rules is not None
    assert rules.count(FEE) == 1
    dearer = project.proposal({path: rules.replace(FEE, FEE.replace(b"terms[", b"2.0 * terms["))})
    noted = project.proposal({"ci/gate.py": (project.repo.blob_at(project.main, "ci/gate.py") or b"") + b"# A note.\n"})

    trial = project.trial(project.main)
    recorded = project.recorded(trial)

    changed, same = (
        platform_changes(dataclasses.replace(trial, head=head, entries=recorded)) for head in (dearer, noted)
    )

    assert same.changed == ()
    assert same.note == "all 1 strategies on main are judged as before, to the last digit"
    (row,) = changed.strategies
    assert (row.slug, row.was, row.now) == ("probe", "accepted", "undecided")
    assert row.problem.startswith("backtest: ")  # the referee knows the right fee
    assert "  probe: accepted -> undecided" in lines(changed)


@NEEDS_ENCLOSURE
@pytest.mark.slow
def test_a_change_that_reaches_for_a_key_finds_none(project: Project, workers, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    child = project.repo.blob_at(project.main, "ci/platform_child.py") or b""
    thief = b"import sys\nsys.stderr.write(open(%r).read())\n" % str(key)
    head = project.proposal({"ci/platform_child.py": child.replace(b"import sys\n", thief, 1)})

    (row,) = platform_changes(project.trial(head, workers=workers)).strategies

    assert "PermissionError" in row.problem
    assert "secret" not in row.problem
