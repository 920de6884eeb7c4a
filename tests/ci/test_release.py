"""`ci.release`: clean, on main, unused; all green or nothing; tag and evidence arrive together."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import git
import pytest

import ci.inputs
from autarch.errors import RefusedError, UndecidedError, UsageError
from autarch.evidence.attestation import load_evidence, read_attestation
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import Forward, Judgement, LedgerEntry
from autarch.evidence.released import parse_release
from autarch.evidence.waiver import Waiver
from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.numerics import selftest_digest
from autarch.repo import signing
from autarch.repo.engine import running_root
from autarch.repo.git import GitRepo, Remote
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.repo.signers import signers_file, trust_at
from autarch.repo.strategies import strategy_tree
from autarch.verdict import CheckResult
from ci.claiming import claim_of
from ci.inputs import Choice
from ci.outcome import GateOutcome
from ci.release import NamedSleeve, ReleaseDesk, releasable_commit, release

SLEEVES = (NamedSleeve(account="paper", strategy="ema_trend", tier="T1", weight="0.5"),)
ROOT = Path(__file__).parents[2]


class StubDecisions:
    """What the claim asks of decisions: their digest."""

    def digest(self):
        return "4" * 64


def judged(**verdicts):
    """Return a judge whose required checks all pass but those named."""

    def judge(candidate, inputs):
        checks = tuple(
            CheckResult(name=n, klass="law", verdict=verdicts.get(n, "passed"), detail="because")
            for n in inputs.policy.required.strategy
        )
        bad = {check.verdict for check in checks} - {"passed"}
        outcome = GateOutcome(
            verdict="undecided" if "undecided" in bad else "rejected" if bad else "accepted",
            candidate=candidate,
            policy=inputs.policy,
            engine=inputs.engine,
            trials=inputs.trials,
            checks=checks,
            metrics={},
            claim=None,
            dataset=inputs.lock.ref,
            decisions=StubDecisions(),
        )
        return replace(outcome, claim=claim_of(outcome, inputs))

    return judge


def plain_git(folder, *arguments):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    who = ("-c", "user.name=t", "-c", "user.email=t@autarch.invalid")
    subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    keys = {name: signing.generate_key(root / name, comment=name) for name in ("ci", "release", "stranger")}
    clone = root / "clone"
    git.Repo.init(clone, initial_branch="main").close()
    for package in ("autarch", "ci"):
        shutil.copytree(running_root() / package, clone / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "strategies" / "ema_trend", clone / "strategies" / "ema_trend", dirs_exist_ok=True)
    shutil.copy(running_root() / "requirements.lock", clone / "requirements.lock")
    built = build(synth_recipe(default_spec(n_bars=800), name="synthetic"))
    write_blobs(built, Stores.under(root / "data"))
    (clone / "ci/datasets").mkdir(exist_ok=True)
    (clone / "ci/datasets/synthetic.toml").write_bytes(lock_toml(built.lock))
    (clone / "ci/signers").mkdir(exist_ok=True)
    (clone / "ci/signers/ci").write_bytes(signers_file("ci", (keys["ci"],)))
    (clone / "ci/signers/release").write_bytes(signers_file("release", (keys["release"],)))
    (clone / ".gitignore").write_text("__pycache__/\n")
    plain_git(clone, "add", "--all")
    plain_git(clone, "commit", "--quiet", "--message", "Begin")
    repo = GitRepo(clone)
    Ledger(repo, trust=trust_at(repo, repo.rev_parse("HEAD"), "ci")).begin()
    plain_git(clone, "gc", "--quiet")  # one pack instead of a thousand files: every test copies this
    plain_git(root, "clone", "--quiet", "--bare", str(clone), "forge.git")
    return root


@pytest.fixture(scope="module")
def numerics():
    return selftest_digest()


@pytest.fixture
def desk(made, numerics, tmp_path, monkeypatch):
    # The digest of one machine's arithmetic, for which an unpinned process asks a child: asked once.
    monkeypatch.setattr(ci.inputs, "selftest_digest", lambda: numerics)
    root = tmp_path / "release"
    shutil.copytree(made, root)
    return ReleaseDesk(
        repo=GitRepo(root / "clone"),
        remote=Remote(url=str(root / "forge.git")),
        key=root / "release",
        choice=Choice(stores=Stores.under(root / "data")),
        clock_ms=lambda: 1_700_000_000_000,
        clock=lambda: 0.0,
        progress=lambda _: None,
        judge=judged(),
    )


def on_forge(desk):
    return desk.repo.ls_remote(desk.remote, "refs/tags/*", "refs/autarch/*")


def test_a_green_release_pushes_a_signed_tag_and_its_evidence_together(desk):
    commit = releasable_commit(desk, "v0.1.0")

    outcome = release(desk, "v0.1.0", commit, SLEEVES)

    item = outcome.released.strategies[0]
    assert on_forge(desk) == {
        "refs/tags/v0.1.0": outcome.tag_object,
        f"refs/autarch/evidence/{item.evidence}": desk.repo.read_ref(f"refs/autarch/evidence/{item.evidence}"),
    }
    trust = trust_at(desk.repo, commit, "release")
    tag = signing.verify_tag(desk.repo, "refs/tags/v0.1.0", trust=trust)
    assert parse_release(tag.message) == outcome.released
    assert (outcome.released.commit, outcome.released.waivers) == (commit, [])
    evidence = load_evidence(desk.repo, item.evidence)
    assert evidence.claim.base == commit
    assert read_attestation(evidence.record, evidence=item.evidence, trust=trust).signer == "release@autarch"
    with pytest.raises(RefusedError, match=r"tag v0\.1\.0 exists"):
        releasable_commit(desk, "v0.1.0")


@pytest.mark.parametrize(("verdict", "error"), [("failed", RefusedError), ("undecided", UndecidedError)])
def test_a_required_check_that_is_not_green_is_named_and_nothing_is_pushed(desk, verdict, error):
    before = on_forge(desk)
    commit = releasable_commit(desk, "v0.1.0")

    with pytest.raises(error, match=f"ema_trend cannot be released: required check risk is {verdict}: because"):
        release(replace(desk, judge=judged(risk=verdict)), "v0.1.0", commit, SLEEVES)

    assert on_forge(desk) == before
    assert desk.repo.read_ref("refs/tags/v0.1.0") is None


def said(desk, commit, **what):
    (kind,) = what
    entry = LedgerEntry(
        schema=1, seq=0, prev=None, kind=kind, recorded_ms=1, slug="ema_trend", decisions="4" * 64, epoch="1",
        tree=strategy_tree(desk.repo, commit, "ema_trend"), dataset="synthetic@0", **what,
    )  # fmt: skip
    trust = trust_at(desk.repo, commit, "ci")
    Ledger(desk.repo, trust=trust, remote=desk.remote).append(entry, key=desk.key.with_name("ci"))


def test_a_tier_is_released_only_where_a_judgement_bought_it(desk):
    commit = releasable_commit(desk, "v0.1.0")
    raised = [replace(SLEEVES[0], tier="T2")]

    with pytest.raises(RefusedError, match=r"ema_trend is T2 in live/portfolio\.toml, and the ledger allows T1"):
        release(desk, "v0.1.0", commit, raised)
    assert on_forge(desk) == {}

    bought = Judgement(test=1, level=0.1, wealth=0.1, word="may be promoted", sealed="", asked_by="ann")
    said(desk, commit, judgement=bought)
    assert release(desk, "v0.1.0", commit, raised).released.strategies[0].tier == "T2"


def test_forward_evidence_takes_a_released_tier_back(desk):
    commit = releasable_commit(desk, "v0.1.0")
    said(desk, commit, forward=Forward(e_value=0.0, days=40, from_ms=0, to_ms=1, tier="T0"))

    with pytest.raises(RefusedError, match="40 forward days leave it T0"):
        release(desk, "v0.1.0", commit, SLEEVES)


def test_a_key_that_main_does_not_list_releases_nothing(desk):
    commit = releasable_commit(desk, "v0.1.0")
    stranger = replace(desk, key=desk.key.with_name("stranger"))

    with pytest.raises(signing.SignatureError, match="not signed by a key of release@autarch"):
        release(stranger, "v0.1.0", commit, SLEEVES)

    assert on_forge(desk) == {}


def test_a_strategy_that_main_lacks_is_refused(desk):
    commit = releasable_commit(desk, "v0.1.0")
    lost = (replace(SLEEVES[0], strategy="lost_idea"),)

    with pytest.raises(RefusedError, match="'lost_idea', which main does not have"):
        release(desk, "v0.1.0", commit, lost)
    with pytest.raises(UsageError, match="names no sleeve"):
        release(desk, "v0.1.0", commit, ())


@pytest.mark.parametrize("name", ["0.1.0", "v1", "v0.1", "v0.1.0-rc1", "v01.0.0", "v0.1.0 "])
def test_what_is_no_version_is_misuse(desk, name):
    with pytest.raises(UsageError, match="is no version"):
        releasable_commit(desk, name)


@pytest.mark.parametrize("path", ["ci/policy.toml", "new_file.txt"])
def test_a_dirty_work_tree_is_refused(desk, path):
    file = Path(desk.repo.path) / path
    file.write_text("changed")

    with pytest.raises(UsageError, match=f"the work tree has changes .*{path}"):
        releasable_commit(desk, "v0.1.0")


def test_a_head_that_is_not_main_is_refused(desk):
    plain_git(desk.repo.path, "commit", "--quiet", "--allow-empty", "--message", "Ahead")

    with pytest.raises(RefusedError, match=r"HEAD is .* the forge's main is"):
        releasable_commit(desk, "v0.1.0")


def test_code_that_is_not_mains_judges_no_release(desk):
    clone = Path(desk.repo.path)
    (clone / "ci" / "extra.py").write_text('"""More."""\n')
    plain_git(clone, "add", "--all")
    plain_git(clone, "commit", "--quiet", "--message", "Change the engine")
    plain_git(clone, "push", "--quiet", desk.remote.url, "HEAD:main")
    commit = releasable_commit(desk, "v0.1.0")

    with pytest.raises(UndecidedError, match="a release is judged by main's own code"):
        release(desk, "v0.1.0", commit, SLEEVES)


def test_evidence_that_the_forge_has_already_is_left_alone(desk):
    commit = releasable_commit(desk, "v0.1.0")
    first = release(desk, "v0.1.0", commit, SLEEVES)
    ref = f"refs/autarch/evidence/{first.released.strategies[0].evidence}"
    before = on_forge(desk)[ref]

    later = replace(desk, clock_ms=lambda: 1_800_000_000_000)
    second = release(later, "v0.1.1", releasable_commit(later, "v0.1.1"), SLEEVES)

    assert second.released.strategies == first.released.strategies
    assert on_forge(desk)[ref] == before


def waived(expires):
    """Return a judge that needs one waiver, good until `expires`."""
    waiver = Waiver(
        check="risk",
        decisions="4" * 64,
        measured={"max_drawdown": 0.41},
        reason="hedged by the other sleeve",
        who="human",
        granted=dt.date(2023, 11, 1),
        expires=expires,
    )

    def judge(candidate, inputs):
        outcome = judged()(candidate, inputs)
        told = replace(outcome, waivers=(waiver,), waived=("risk of ema_trend: waived",))
        return replace(told, claim=claim_of(told, inputs))

    return judge


def test_a_waiver_is_listed_in_the_signed_tag(desk):
    desk = replace(desk, judge=waived(dt.date(2023, 11, 14)))  # 1_700_000_000 s is on 2023-11-14

    tag = release(desk, "v0.1.0", releasable_commit(desk, "v0.1.0"), SLEEVES)

    message = desk.repo.read_tag(tag.tag_object).message
    assert parse_release(message).waivers == ["risk of ema_trend: waived"]
    assert "waivers  risk of ema_trend: waived" in message


def test_a_waiver_that_is_over_by_the_clock_releases_nothing(desk):
    desk = replace(desk, judge=waived(dt.date(2023, 11, 13)))
    before = on_forge(desk)

    with pytest.raises(RefusedError, match=r"its waiver of risk ended 2023-11-13, and this is 2023-11-14"):
        release(desk, "v0.1.0", releasable_commit(desk, "v0.1.0"), SLEEVES)
    assert on_forge(desk) == before
