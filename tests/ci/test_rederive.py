"""From a range in a real repository to a claim, its signed evidence, and back again, byte for byte."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from autarch.errors import DataError, DeployError, UndecidedError, UsageError
from autarch.evidence.attestation import (
    Attestation,
    Machine,
    load_evidence,
    read_attestation,
    sign_attestation,
    store_evidence,
)
from autarch.evidence.claim import ClaimedDigests
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file, trust_at
from autarch.repo.signing import SignatureError, Trust, generate_key
from autarch.sandbox import WorkerLimits
from ci import rederive
from ci.inputs import Choice
from ci.judging import Bench, judge_commits, judge_target
from ci.rederive import Sources, verify_claim

SOMEONE = Person(name="Someone", email="someone@example.invalid", when_s=1_700_000_000)


def quiet(line: str) -> None:
    assert line


def clock() -> float:
    return 0.0


@dataclasses.dataclass
class Project:
    """A repository with policy, lock and signers on main, and a branch that proposes one strategy."""

    repo: GitRepo
    stores: Stores
    key: Path
    base: str
    head: str

    def bench(self, workers) -> Bench:
        choice = Choice(stores=self.stores, dataset="hills")
        return Bench(choice=choice, progress=quiet, clock=clock, workers=workers)

    def sources(self, workers) -> Sources:
        return Sources(repo=self.repo, stores=self.stores, ledger_trust=self.trust(), workers=workers)

    def trust(self) -> Trust:
        return trust_at(self.repo, self.base, "ci")


@pytest.fixture(scope="module")
def project(tmp_path_factory, root, bars_on_disk, kit) -> Project:
    folder = tmp_path_factory.mktemp("project")
    repo = GitRepo(folder)
    repo.run("init", "--quiet", "--initial-branch=main")
    key = tmp_path_factory.mktemp("keys") / "ci"
    public = generate_key(key, comment="ci")
    lock, stores = bars_on_disk
    policy = (root / "ci/policy.toml").read_text()
    policy = policy.replace("cuts = 6000", "cuts = 300").replace("referee_bars = 20000", "referee_bars = 200")
    files = {
        "ci/policy.toml": policy.encode(),
        "ci/datasets/hills.toml": lock_toml(lock),
        "ci/signers/ci": signers_file("ci", (public,)),
    }
    candidate = kit.candidate(kit.trend)
    base = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=SOMEONE)
    strategy = {
        "strategies/probe/manifest.toml": candidate.source.manifest_bytes,
        "strategies/probe/strategy.py": candidate.source.code,
    }
    tree = repo.with_files(repo.tree_of(base), strategy)
    head = repo.commit_tree(tree, parents=[base], message="Propose probe\n", author=SOMEONE)
    repo.update_ref("refs/heads/main", base, old=None)
    repo.update_ref("refs/heads/agent/probe-1", head, old=None)
    return Project(repo=repo, stores=stores, key=key, base=base, head=head)


@pytest.fixture(scope="module")
def judged(project, workers, fixed_self):
    assert fixed_self
    return judge_target("main..agent/probe-1", project.bench(workers), cwd=project.repo.path)


@pytest.fixture(scope="module", autouse=True)
def fixed_self(workers):
    """One engine digest, whatever is edited while tests run, and no pinned child for each self-test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rederive, "engine_digest", lambda: _ENGINE)
        patch.setattr("ci.inputs.engine_digest", lambda: _ENGINE)
        patch.setattr("ci.inputs.selftest_digest", lambda: workers.main.numerics)
        yield True


_ENGINE = "e" * 64


@pytest.fixture(scope="module")
def claim(judged):
    return judged.claim


def changed(claim, **changes):
    fields = {name: getattr(claim, name) for name in claim.__struct_fields__}
    return type(claim)(**{**fields, **changes})


def test_a_range_is_judged_from_the_object_store(project, judged) -> None:
    assert judged.verdict == "accepted", [c.detail for c in judged.checks]
    assert judged.candidate.head == project.head
    assert judged.claim.base == project.base
    assert judged.claim.strategy.tree == project.repo.entry_at(project.head, "strategies/probe").oid
    assert judged.claim.ledger is None
    assert list(project.repo.path.iterdir()) == [project.repo.path / ".git"]  # nothing was checked out


def test_the_claim_is_derived_again_to_the_same_bytes(project, claim, workers) -> None:
    outcome = verify_claim(changed(claim), project.sources(workers), progress=quiet, clock=clock)

    assert outcome.differs == ()


def test_a_changed_number_is_found_by_name(project, claim, workers) -> None:
    digests = ClaimedDigests(numerics=claim.digests.numerics, decisions="0" * 64, fills=None, equity=None)
    metrics = {"train": {**claim.metrics["train"], "sharpe": 9.0}}

    lying = changed(claim, digests=digests, metrics=metrics)
    outcome = verify_claim(lying, project.sources(workers), progress=quiet, clock=clock)

    named = {d.field: (d.claimed, d.found) for d in outcome.differs}
    assert named["metrics.train.sharpe"] == (9.0, claim.metrics["train"]["sharpe"])
    assert named["digests.decisions"] == ("0" * 64, claim.digests.decisions)
    assert set(named) == {"digests.decisions", "digests.fills", "digests.equity", "metrics.train.sharpe"}


def test_another_engine_is_named_and_nothing_is_computed(project, claim) -> None:
    nowhere = dataclasses.replace(project.sources(None), stores=Stores.under(Path("nowhere")))

    outcome = verify_claim(changed(claim, engine="f" * 64), nowhere, progress=quiet, clock=clock)

    assert [(d.field, d.claimed, d.found) for d in outcome.differs] == [("engine", "f" * 64, _ENGINE)]


def test_missing_bars_are_no_difference_but_undecided(project, claim, workers, tmp_path) -> None:
    empty = dataclasses.replace(project.sources(workers), stores=Stores.under(tmp_path))

    with pytest.raises((UndecidedError, DataError), match="in the train store"):
        verify_claim(changed(claim), empty, progress=quiet, clock=clock)


def test_damaged_bars_are_named_and_no_strategy_is_blamed(project, claim, workers, tmp_path) -> None:
    shutil.copytree(project.stores.train, tmp_path / "train")
    for file in (tmp_path / "train").glob("*.bin"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    damaged = dataclasses.replace(project.sources(workers), stores=Stores.under(tmp_path))

    with pytest.raises((UndecidedError, DataError), match="the file was changed or damaged"):
        verify_claim(changed(claim), damaged, progress=quiet, clock=clock)


def test_a_claim_of_a_folder_cannot_be_derived_from_git(project, claim, workers) -> None:
    strategy = type(claim.strategy)(name="probe", tree=None, manifest_sha256="", code_sha256="")

    with pytest.raises(UsageError, match="outside Git"):
        verify_claim(changed(claim, strategy=strategy), project.sources(workers), progress=quiet, clock=clock)


def attested(evidence: str, **changes: object) -> Attestation:
    machine = Machine(system="Linux", kernel="6", cpu="x86_64", python="3.11")
    fields = {
        "schema": 1,
        "evidence": evidence,
        "machine": machine,
        "sandbox": "full",
        "wall_s": {"scope": 0.1},
        "judged_ms": 1,
        "signer": "ci@autarch",
    }
    return Attestation(**{**fields, **changes})


def test_evidence_is_stored_signed_and_loaded_again(project, judged) -> None:
    record = sign_attestation(attested(judged.evidence), key=project.key)
    store_evidence(project.repo, judged.claim, record)

    found = load_evidence(project.repo, judged.evidence)

    assert found.claim == judged.claim
    assert found.id == judged.evidence
    assert read_attestation(found.record, evidence=found.id, trust=project.trust()).sandbox == "full"


def test_an_attestation_by_a_stranger_or_about_another_claim_is_refused(project, judged, tmp_path) -> None:
    generate_key(tmp_path / "stranger", comment="stranger")
    forged = sign_attestation(attested(judged.evidence), key=tmp_path / "stranger")
    borrowed = sign_attestation(attested("0" * 64), key=project.key)
    altered = sign_attestation(attested(judged.evidence), key=project.key).replace(b'"full"', b'"none"')
    posing = sign_attestation(attested(judged.evidence, signer="release@autarch"), key=project.key)

    for record, error in ((forged, SignatureError), (altered, SignatureError)):
        with pytest.raises(error, match="not signed"):
            read_attestation(record, evidence=judged.evidence, trust=project.trust())
    for record, told in ((borrowed, "speaks of evidence 000"), (posing, "names signer release@autarch")):
        with pytest.raises(DeployError, match=told):
            read_attestation(record, evidence=judged.evidence, trust=project.trust())


def test_evidence_whose_claim_was_replaced_is_refused(project, judged) -> None:
    repo = project.repo
    record = sign_attestation(attested(judged.evidence), key=project.key)
    other = changed(judged.claim, trials=99)
    tree = store_evidence(repo, other, record)
    ref = f"refs/autarch/evidence/{judged.evidence}"
    repo.update_ref(ref, tree, old=repo.read_ref(ref))

    with pytest.raises(DeployError, match="it was replaced"):
        load_evidence(repo, judged.evidence)
    with pytest.raises(DeployError, match="no evidence 999"):
        load_evidence(repo, "999")


def test_a_diff_that_touches_two_strategies_or_the_platform_is_stopped_at_scope(project, workers) -> None:
    repo = project.repo
    mixed = repo.with_files(repo.tree_of(project.head), {"README.md": b"hello\n"})
    third = repo.with_files(repo.tree_of(project.head), {"strategies/probe/notes.txt": b"hello\n"})
    for tree, told in ((mixed, "README.md"), (third, "notes.txt")):
        head = repo.commit_tree(tree, parents=[project.base], message="Odd\n", author=SOMEONE)

        outcome = judge_commits(repo, project.bench(workers), base=project.base, head=head)

        assert outcome.verdict == "rejected"
        assert outcome.checks[0].verdict == "failed"
        assert told in outcome.checks[0].detail
        assert outcome.evidence is None


def test_a_proposal_is_judged_by_the_base_and_not_by_its_own_policy(project, workers) -> None:
    repo = project.repo
    weak = repo.with_files(repo.tree_of(project.head), {"ci/policy.toml": b"schema = 1\n"})
    head = repo.commit_tree(weak, parents=[project.base], message="Weaken\n", author=SOMEONE)

    outcome = judge_commits(repo, project.bench(workers), base=project.base, head=head)

    assert outcome.policy.causality.cuts == 300
    assert outcome.verdict == "rejected"


def test_a_machine_too_slow_to_derive_a_claim_again_decides_nothing(project, claim, workers) -> None:
    before = workers.main.limits
    workers.main.limits = WorkerLimits(request_seconds=1e-9)
    try:
        with pytest.raises(UndecidedError, match=r"determinism could not be computed again on this machine: .*longer"):
            verify_claim(claim, project.sources(workers), progress=quiet, clock=clock)
    finally:
        workers.main.limits = before
