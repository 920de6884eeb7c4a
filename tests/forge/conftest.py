"""A forge with keys, tokens and a project small enough to be made for each test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.evidence.attestation import Attestation, Machine, sign_attestation
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.forge.checks import CheckRecord, sign_check
from autarch.forge.client import ForgeClient
from autarch.forge.create import create_forge
from autarch.forge.office import Office
from autarch.forge.serve import MakeGate, RunningForge, serving
from autarch.forge.state import ForgeState, issue_token
from autarch.forge.wire import LOCAL_REPOSITORY, Pull, Role
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR, Person, TreeEntry, format_message
from autarch.repo.runner import SAFE_ENVIRONMENT, Remote
from autarch.repo.signers import signers_file
from autarch.repo.strategies import strategy_tree
from autarch.workspace import Config, ForgeSection, render_config

MAIN = "refs/heads/main"
POLICY = b"""schema = 1
[required]
strategy = ["scope", "backtest"]
platform = ["scope"]
"""
MANIFEST = b"""schema = 1
name = "ema_trend"
title = "EMA trend"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 400
max_leverage = 1.0
[params]
fast = 20
"""
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)


@dataclass(frozen=True)
class Keys:
    ci: Path
    release: Path
    stranger: Path


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))


def make_keys(folder: Path) -> Keys:
    made = Keys(ci=folder / "ci", release=folder / "release", stranger=folder / "stranger")
    for path in (made.ci, made.release, made.stranger):
        signing.generate_key(path, comment=path.name)
    return made


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> GitRepo:
    """A project whose main lists the signers, a policy, and one strategy."""
    return make_project(tmp_path_factory.mktemp("project"), keys)


def make_project(folder: Path, keys: Keys) -> GitRepo:
    path = folder / "project.git"
    plain_git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
    repo = GitRepo(path)
    files: dict[str, bytes | None] = {
        "README.md": b"a project\n",
        "ci/policy.toml": POLICY,
        "ci/signers/ci": signers_file("ci", (signing.public_key(keys.ci),)),
        "ci/signers/release": signers_file("release", (signing.public_key(keys.release),)),
    }
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=PERSON)
    repo.update_ref("refs/heads/main", commit, old=None)
    return repo


def plain_git(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the git that a pusher would run, and return its exit code and all it said."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT, **(env or {})}
    answer = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, check=False)
    return answer.returncode, (answer.stdout + answer.stderr).decode("utf-8", "replace")


@dataclass
class Yard:
    """One served forge and a clone to push from. Every push is a real one, over HTTP."""

    url: str
    state: ForgeState
    clone: GitRepo
    keys: Keys
    tokens: dict[str, str] = field(default_factory=dict)
    clients: dict[str, ForgeClient] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)
    running: RunningForge | None = None

    @property
    def office(self) -> Office:
        assert self.running is not None
        return self.running.office

    @property
    def bare(self) -> GitRepo:
        return GitRepo(self.state.repo)

    @property
    def main(self) -> str:
        found = self.bare.read_ref("refs/heads/main")
        assert found is not None
        return found

    def client(self, login: str) -> ForgeClient:
        if login not in self.clients:
            self.clients[login] = ForgeClient(self.url, LOCAL_REPOSITORY, self.tokens[login])
        return self.clients[login]

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def remote(self, login: str) -> Remote:
        return self.client(login).git_remote()

    def push(self, login: str, spec: str, *options: str) -> tuple[int, str]:
        """Push `spec` (several, with blanks between) from the clone as `login`; return exit code and what was said."""
        remote = self.remote(login)
        return plain_git("push", *options, remote.url, *spec.split(), cwd=self.clone.path, env=remote.environment())

    def commit(self, files: dict[str, bytes | None], *, parent: str | None = None, message: str = "Propose\n") -> str:
        at = parent or self.main
        if at not in self.fetched:
            self.fetch()
            self.fetched.add(at)
        tree = self.clone.with_files(self.clone.tree_of(at), files)
        return self.clone.commit_tree(tree, parents=[at], message=message, author=PERSON)

    def strategy(
        self, slug: str = "ema_trend", *, code: bytes = b'"""A thesis."""\n', parent: str | None = None
    ) -> str:
        manifest = MANIFEST.replace(b"ema_trend", slug.encode())
        return self.commit(
            {f"strategies/{slug}/manifest.toml": manifest, f"strategies/{slug}/strategy.py": code}, parent=parent
        )

    def fetch(self) -> None:
        plain_git("fetch", "--quiet", str(self.state.repo), "+refs/*:refs/forge/*", cwd=self.clone.path)

    def propose(self, head: str, *, branch: str = "agent/tuner/ema_trend-1", title: str = "Propose") -> Pull:
        code, said = self.push("agent", f"{head}:refs/heads/{branch}")
        assert code == 0, said
        return self.client("agent").create_pull(head=branch, title=title, body="Because.")

    def record(self, head: str, name: str, /, **changes: object) -> CheckRecord:
        slug = changes.pop("slug", "ema_trend")
        base = str(changes.pop("base", self.main))
        fields: dict[str, object] = {
            "name": name,
            "klass": "law",
            "verdict": "passed",
            "head": head,
            "base": base,
            "kind": "strategy" if slug else "platform",
            "strategy": slug,
            "tree": strategy_tree(self.clone, head, str(slug)) if slug else None,
            "evidence": sha256_hex(self.claim(head)) if slug else None,
            "engine": "e" * 64,
            "policy": sha256_hex(POLICY),
            "policy_path": "ci/policy.toml",
            "dataset": None,
        }
        return CheckRecord(**(fields | changes))  # type: ignore[arg-type]

    def claim(self, head: str) -> bytes:
        return canonical_json({"about": head})

    def evidence_tree(self, claim: bytes, *, signer: str = "ci", key: Path | None = None, about: str = "") -> str:
        attestation = Attestation(
            schema=1,
            evidence=about or sha256_hex(claim),
            machine=Machine(system="Linux", kernel="6", cpu="x86-64", python="3.11"),
            sandbox="full",
            wall_s={},
            judged_ms=1,
            signer=f"{signer}@autarch",
        )
        record = sign_attestation(attestation, key=key or getattr(self.keys, signer))
        files = {"claim.json": claim, "attestation.signed": record}
        entries = [TreeEntry(mode=REGULAR, oid=self.clone.write_blob(c), path=n) for n, c in files.items()]
        return self.clone.write_tree(entries)

    def publish(
        self, record: CheckRecord, *, key: Path | None = None, login: str = "ci", ref: str | None = None
    ) -> str:
        """Push one record and return what was said when refused, else the empty text."""
        blob = self.clone.write_blob(sign_check(record, key=key or self.keys.ci))
        code, said = self.push(login, f"{blob}:{ref or record.ref}")
        return "" if code == 0 else said

    def plant(self, ref: str, content: bytes) -> None:
        """Write a record behind the forge's back, as whoever may write its files could."""
        self.bare.update_ref(ref, self.bare.write_blob(content), old=self.bare.read_ref(ref))

    def evidence_spec(self, head: str) -> str:
        claim = self.claim(head)
        return f"{self.evidence_tree(claim)}:refs/autarch/evidence/{sha256_hex(claim)}"

    def record_spec(self, record: CheckRecord) -> str:
        return f"{self.clone.write_blob(sign_check(record, key=self.keys.ci))}:{record.ref}"

    def approve_checks(self, head: str, *, slug: str | None = "ema_trend", evidence: bool = True) -> None:
        """Publish what a gate publishes for an accepted head, on main as it is now."""
        names = ("scope", "backtest") if slug else ("scope",)
        specs = [self.record_spec(self.record(head, name, slug=slug)) for name in names]
        specs += [self.evidence_spec(head)] if slug and evidence else []
        code, said = self.push("ci", " ".join(specs))
        assert code == 0, said

    def append_ledger(self, login: str = "ci", *, slug: str = "ema_trend", key: Path | None = None) -> str:
        # The writer believes every key, so that it is the forge that must not.
        lines = tuple(signing.public_key(path) for path in (self.keys.ci, self.keys.stranger))
        trust = signing.Trust(signers=signers_file("ci", lines), principal=signing.CI_PRINCIPAL)
        ledger = Ledger(self.clone, trust=trust, remote=self.remote(login))
        ledger.sync()
        entry = LedgerEntry(
            schema=1, seq=1, prev=None, kind="reservation", recorded_ms=1, head="a" * 40, base="b" * 40, slug=slug
        )
        return ledger.append(entry, key=key or self.keys.ci).commit

    @property
    def ledger(self) -> str:
        found = self.bare.read_ref(LEDGER_REF)
        assert found is not None
        return found


def merge_message(yard: Yard, head: str, number: int, **changes: str) -> str:
    trailers = {
        "Pull-Request": str(number),
        "Head": head,
        "Base": yard.main,
        "Evidence": sha256_hex(yard.claim(head)),
        "Ledger-Head": yard.ledger,
        "Merged-By": "human",
        "Policy": sha256_hex(POLICY),
    }
    return format_message("Merge", trailers=trailers | {key.replace("_", "-"): value for key, value in changes.items()})


def merge_commit(yard: Yard, head: str, number: int, *, base: str | None = None, tree: str | None = None, **changes):
    at = base or yard.main
    merged = tree or yard.clone.merge_tree(at, head).tree
    text = merge_message(yard, head, number, **changes)
    return yard.clone.commit_tree(merged, parents=[at, head], message=text, author=PERSON)


def ready(yard: Yard, slug: str = "ema_trend") -> tuple[str, int]:
    """Open a pull request that CI has accepted."""
    head = yard.strategy(slug)
    pull = yard.propose(head, branch=f"agent/tuner/{slug}-1")
    yard.approve_checks(head, slug=slug)
    return head, pull.number


def assert_refused(yard: Yard, spec: str, rule: str, *, login: str = "human", force: bool = False) -> str:
    """Push, and see the rule, why and cure told and no reference moved."""
    before = yard.bare.refs("refs/")
    code, said = yard.push(login, spec, *(["--force"] if force else []))
    assert code != 0, f"accepted: {said}"
    assert f"rule: {rule}" in said, said
    assert "why :" in said
    assert "fix :" in said
    assert yard.bare.refs("refs/") == before
    return said


LOGINS: dict[str, Role] = {
    "human": "human",
    "ci": "ci",
    "agent": "agent",
    "tuner": "agent",
    "rival": "agent",
    "deployer": "deployer",
}


def make_state(folder: Path, project: GitRepo) -> tuple[ForgeState, dict[str, str]]:
    state = create_forge(folder / "forge", main_from=project.path)
    return state, {login: issue_token(state.root, login=login, role=role) for login, role in LOGINS.items()}


def make_clone(folder: Path, project: GitRepo) -> GitRepo:
    plain_git("clone", "--quiet", "--bare", str(project.path), str(folder / "clone.git"))
    return GitRepo(folder / "clone.git")


@contextlib.contextmanager
def make_yard(folder: Path, project: GitRepo, keys: Keys, make_gate: MakeGate | None = None) -> Iterator[Yard]:
    state, tokens = make_state(folder, project)
    with serving(state, make_gate=make_gate) as running:
        made = Yard(
            url=running.url,
            state=state,
            clone=make_clone(folder, project),
            keys=keys,
            tokens=tokens,
            running=running,
        )
        with contextlib.closing(made):
            yield made


def make_workspace(yard: Yard) -> Path:
    """Make the folder around a yard's forge a workspace with each role's token, as `autarch init` does; return it."""
    root = yard.state.root.parent
    plain_git("init", "--quiet", "--initial-branch=main", str(root))
    folder = root / ".autarch" / "tokens"
    folder.mkdir(parents=True)
    for role in ("human", "ci", "agent", "deployer"):
        (folder / role).touch(mode=0o600)
        (folder / role).write_text(yard.tokens[role])
    config = Config(schema=1, forge=ForgeSection(repository=LOCAL_REPOSITORY, folder="forge"))
    (root / ".autarch" / "config.toml").write_bytes(render_config(config))
    return root


@pytest.fixture
def yard(tmp_path: Path, project: GitRepo, keys: Keys) -> Iterator[Yard]:
    """A forge that serves without judging by itself."""
    with make_yard(tmp_path, project, keys) as made:
        yield made
