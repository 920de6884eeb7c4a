"""A project with one merged proposal, its evidence, a ledger and a signed release: small, real git, real keys."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import git
import msgspec
import pytest

from autarch.canonical import sha256_hex
from autarch.errors import DeployError
from autarch.evidence.attestation import Attestation, Machine, evidence_ref, sign_attestation, store_evidence
from autarch.evidence.claim import (
    Claim,
    ClaimedCheck,
    ClaimedDataset,
    ClaimedDigests,
    ClaimedPolicy,
    ClaimedStrategy,
    claim_id,
)
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.evidence.released import Released, ReleasedStrategy, render_release
from autarch.market.build import build, write_blobs
from autarch.market.lock import read_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file, trust_at
from autarch.repo.strategies import strategy_tree
from live.deployer import Deployer
from live.host import Host
from live.pinning import pin_main
from live.trust import Signer, Trust, parse_public_key

ENGINE = "e" * 64
CHECKS = ("scope", "backtest", "risk")
POLICY = b'schema = 1\nwalkthrough = false\n[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
WALKTHROUGH = POLICY.replace(b"walkthrough = false", b"walkthrough = true")
MANIFEST = """schema = 1
name = "one_idea"
title = "One idea"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 20
max_leverage = 1.0
[params]
fast = {fast}
"""
CODE = b'"""Hold when the last close rose.\n\nThesis: none.\nSource: own choice.\nDies when: the test ends.\n"""\n'
PORTFOLIO = """schema = 1
[[account]]
name = "paper"
venue = "{venue}"
environment = "mainnet"
capital = 10000
[account.limits]
max_gross_leverage = 2
max_order_notional = 100000
orders_per_minute = 60
max_daily_loss_frac = 1
max_drawdown_frac = 1
[[account.sleeves]]
strategy = "one_idea"
weight = 0.5
tier = "T1"
"""
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)


@dataclass
class ReleaseYard:
    """Paths and keys of one constructed project; `copy` gives a test its own to damage."""

    root: Path
    keys: dict[str, Path]
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> GitRepo:
        return GitRepo(self.root / "repo.git")

    @property
    def stores(self) -> Stores:
        return Stores.under(self.root / "data")

    @property
    def host(self) -> Host:
        return Host(root=self.root / "host")

    @property
    def main(self) -> str:
        return self.repo.rev_parse("refs/heads/main")

    def copy(self, root: Path) -> ReleaseYard:
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return ReleaseYard(root=root, keys=self.keys, facts=dict(self.facts))

    def deployer(self, *, derived=None, engine=ENGINE, version="0.1.0"):
        seen = [] if derived is None else derived
        return Deployer(
            repo=self.repo,
            host=self.host,
            stores=self.stores,
            engine=engine,
            version=version,
            rederive=lambda evidence, _signers: seen.extend(evidence),
        )

    def trust_keys(self) -> Trust:
        key = parse_public_key(signing.public_key(self.keys["release"]))
        signer = Signer(role="release", key=key)
        trust = pin_main(Trust().with_signer(signer, typed_fingerprint=signer.fingerprint), self.repo)
        self.host.save_trust(trust)
        return trust

    def commit(self, files, *, parents=None, message="Change\n"):
        parents = [self.main] if parents is None else parents
        tree = self.repo.with_files(self.repo.tree_of(parents[0]) if parents else None, files)
        return self.repo.commit_tree(tree, parents=parents, message=message, author=PERSON)

    def advance(self, commit):
        self.repo.update_ref("refs/heads/main", commit, old=self.repo.read_ref("refs/heads/main"))
        return commit

    def ledger(self):
        return Ledger(self.repo, trust=trust_at(self.repo, self.main, "ci"))

    def claim(self, commit, *, base, policy_path="ci/policy.toml", **changes):
        lock = read_lock(self.repo.blob_at(commit, "ci/datasets/tiny.toml"))
        policy = self.repo.blob_at(commit, policy_path)
        claim = Claim(
            schema=1,
            kind="strategy",
            strategy=ClaimedStrategy(
                name="one_idea",
                tree=strategy_tree(self.repo, commit, "one_idea"),
                manifest_sha256="1" * 64,
                code_sha256="2" * 64,
            ),
            base=base,
            engine=ENGINE,
            policy=ClaimedPolicy(
                path=policy_path, sha256=sha256_hex(policy), walkthrough=b"= true" in policy, preset="own"
            ),
            dataset=ClaimedDataset(name=lock.name, digest=lock.digest),
            ledger=self.ledger().head(),
            trials=1,
            digests=ClaimedDigests(numerics="3" * 64, decisions="4" * 64, fills="5" * 64, equity="6" * 64),
            checks=tuple(
                ClaimedCheck(name=name, klass="law", verdict="passed", measures=(), detail="fine") for name in CHECKS
            ),
            metrics={"train": {"sharpe": 1.0}},
            verdict="accepted",
            waived=(),
            as_of=None,
            lane=None,
        )
        return msgspec.structs.replace(claim, **changes)

    def store(self, claim, *, key="release", signer=signing.RELEASE_PRINCIPAL):
        said = Attestation(
            schema=1,
            evidence=claim_id(claim),
            machine=Machine(system="Linux", kernel="6", cpu="x86_64", python="3.11"),
            sandbox="full",
            wall_s={},
            judged_ms=1_700_000_000_000,
            signer=signer,
        )
        store_evidence(self.repo, claim, sign_attestation(said, key=self.keys[key]))
        return claim_id(claim)

    def released(self, tag, *, claim=None, commit=None, **changes):
        commit = self.main if commit is None else commit
        claim = self.claim(commit, base=commit) if claim is None else claim
        item = ReleasedStrategy(
            account="paper",
            strategy="one_idea",
            tree=str(strategy_tree(self.repo, commit, "one_idea")),
            evidence=claim_id(claim),
            decisions=str(claim.digests.decisions),
            tier="T1",
            weight="0.5",
        )
        released = Released(
            schema=1,
            tag=tag,
            commit=commit,
            engine=ENGINE,
            policy=claim.policy.sha256,
            policy_path=claim.policy.path,
            dataset=f"{claim.dataset.name}@{claim.dataset.digest}",
            ledger_head=str(claim.ledger),
            waivers=[],
            strategies=[item],
        )
        return msgspec.structs.replace(released, **changes)

    def sign(self, released, *, key="release", ref=None, message=None, target=None):
        oid = signing.create_tag(
            self.repo,
            name=released.tag,
            commit=released.commit if target is None else target,
            message=render_release(released) if message is None else message,
            tagger=PERSON,
            key=self.keys[key],
        )
        ref = f"refs/tags/{released.tag}" if ref is None else ref
        self.repo.update_ref(ref, oid, old=self.repo.read_ref(ref))
        return oid

    def release(self, tag, **how):
        """Judge, sign and tag main as it is now; `how` changes the claim."""
        claim = self.claim(self.main, base=self.main, **how)
        self.store(claim)
        return self.sign(self.released(tag, claim=claim))


def refusal(yard: ReleaseYard, tag="v0.1.0", **how):
    """Return why a tag is refused, and make sure that nothing was installed."""
    with pytest.raises(DeployError) as caught:
        yard.deployer(**how).verify(tag)
    assert not (yard.host.releases / tag).exists()
    return str(caught.value)


def make_yard(root: Path) -> ReleaseYard:
    yard = ReleaseYard(root=root, keys={name: root / "keys" / name for name in ("ci", "release", "stranger")})
    (root / "keys").mkdir(parents=True)
    public = {name: signing.generate_key(path, comment=name) for name, path in yard.keys.items()}
    git.Repo.init(root / "repo.git", bare=True, initial_branch="main").close()
    built = build(synth_recipe(default_spec(n_bars=800), name="tiny"))
    write_blobs(built, yard.stores)
    seed = yard.commit(
        {
            "ci/policy.toml": POLICY,
            "ci/policy.walkthrough.toml": WALKTHROUGH,
            "ci/datasets/tiny.toml": lock_toml(built.lock),
            "ci/signers/ci": signers_file("ci", (public["ci"],)),
            "ci/signers/release": signers_file("release", (public["release"],)),
            "live/portfolio.toml": PORTFOLIO.format(venue="paper").encode(),
            "strategies/one_idea/manifest.toml": MANIFEST.format(fast=10).encode(),
            "strategies/one_idea/strategy.py": CODE,
        },
        parents=[],
        message="Plant the seed\n",
    )
    yard.advance(seed)
    yard.ledger().begin()
    yard.facts["seed"] = seed
    _merge_a_proposal(yard, seed)
    yard.trust_keys()
    yard.facts["tag"] = yard.release("v0.1.0")
    return yard


def _merge_a_proposal(yard: ReleaseYard, seed: str) -> None:
    said = f"Tune one_idea\n\nBecause.\n\nAgent: tuner\nParent: one_idea@{seed}\nTrials: 12\nSeed: 7\n"
    changed = {"strategies/one_idea/manifest.toml": MANIFEST.format(fast=12).encode()}
    head = yard.commit(changed, parents=[seed], message=said)
    wanted = LedgerEntry(
        schema=1, seq=0, prev=None, kind="reservation", recorded_ms=1, pr=1, head=head, base=seed, slug="one_idea",
        tree=strategy_tree(yard.repo, head, "one_idea"), dataset="tiny@0",
    )  # fmt: skip
    ledger = yard.ledger()
    reserved = ledger.reserve(wanted, key=yard.keys["ci"])
    evidence = yard.store(yard.claim(head, base=seed), key="ci", signer=signing.CI_PRINCIPAL)
    answer = msgspec.structs.replace(
        wanted, kind="result", verdict="accepted", evidence=evidence, decisions="4" * 64, reservation=reserved.digest
    )
    ledger.answer(reserved, answer, key=yard.keys["ci"])
    policy = sha256_hex(POLICY)
    message = (
        f"Merge pull request 1: Tune one_idea\n\nPull-Request: 1\nHead: {head}\nBase: {seed}\nEvidence: {evidence}\n"
        f"Ledger-Head: {ledger.head()}\nMerged-By: human\nPolicy: {policy}\n"
    )
    merge = yard.repo.commit_tree(yard.repo.tree_of(head), parents=[seed, head], message=message, author=PERSON)
    yard.advance(merge)
    yard.facts |= {"head": head, "merge": merge, "pull evidence": evidence, "evidence ref": evidence_ref(evidence)}
