"""A served forge, CI's desk with a gate that answers as told, and an agent who proposes."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.evidence.ledger import Ledger
from autarch.forge.checks import open_check
from autarch.forge.client import ForgeClient
from autarch.forge.create import create_forge
from autarch.forge.serve import serving
from autarch.forge.state import issue_token
from autarch.forge.wire import GATE_CONTEXT, LOCAL_REPOSITORY
from autarch.market.stores import Stores
from autarch.repo import signing
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file, trust_at
from autarch.verdict import CheckResult, overall
from ci import inputs
from ci.claiming import claim_of
from ci.inputs import Choice
from ci.outcome import GateOutcome
from ci.policy import CHECK_NAMES
from ci.publish import GateDesk

SOMEBODY = Person(name="Somebody", email="somebody@example.invalid", when_s=1_700_000_000)
MANIFEST = (
    'schema = 1\nname = "{slug}"\ntitle = "A title"\nsymbols = ["BTCUSDT"]\ninterval = "15m"\nmode = "each"\n'
    "warmup = 10\nmax_leverage = 1.0\n"
)
SOME_CHECKS = ("scope", "causality", "backtest")


class FakeGate:
    """Answers some checks as told, and remembers what it was asked."""

    def __init__(self):
        self.failing = self.undecided = self.killed_by = None
        self.asked = []

    def __call__(self, candidate, inputs):
        self.asked.append((candidate, inputs))
        if self.killed_by is not None:
            raise self.killed_by
        checks, stopped = [], False
        wanted = SOME_CHECKS if candidate.kind == "strategy" else ("scope",)
        for name in (name for name in CHECK_NAMES if name in {*wanted, self.failing}):
            if stopped:
                verdict = "skipped"
            elif name == self.failing or (name == "scope" and candidate.problems):
                verdict, stopped = "failed", True
            else:
                verdict = "undecided" if name == self.undecided else "passed"
            checks.append(CheckResult(name=name, klass=inputs.policy.classes[name], verdict=verdict, detail="because"))
        scored = any(check.name == "backtest" and check.verdict in {"passed", "failed"} for check in checks)
        outcome = GateOutcome(
            verdict=overall(tuple(checks)),
            candidate=candidate,
            policy=inputs.policy,
            engine=inputs.engine,
            trials=inputs.trials,
            checks=tuple(checks),
            metrics={"train": {"sharpe": 1.0}} if scored else {},
            claim=None,
            dataset=inputs.lock.ref,
        )
        return dataclasses.replace(outcome, claim=claim_of(outcome, inputs))


@dataclasses.dataclass
class Bench:
    """A served forge, CI's desk with a fake gate, and an agent's way to propose."""

    desk: GateDesk
    gate: FakeGate
    agent: ForgeClient
    bare: GitRepo

    @property
    def main(self):
        return self.bare.read_ref("refs/heads/main")

    def propose(self, files, *, message="Propose\n", branch="agent/tuner/abc-1", study=None):
        repo = self.desk.repo
        repo.fetch(self.agent.git_remote(), [self.main])
        tree = repo.with_files(repo.tree_of(self.main), files)
        head = repo.commit_tree(tree, parents=[self.main], message=message, author=SOMEBODY)
        moves = {f"refs/heads/{branch}": head} | (study or {})
        repo.push(self.agent.git_remote(), moves, leases=dict.fromkeys(moves))
        return self.agent.create_pull(head=branch, title="Propose", body="Because.").number, head

    def move_main(self, files):
        tree = self.bare.with_files(self.bare.tree_of(self.main), files)
        moved = self.bare.commit_tree(tree, parents=[self.main], message="Move\n", author=SOMEBODY)
        self.bare.update_ref("refs/heads/main", moved, old=self.main)
        return moved

    def ledger(self):
        ledger = Ledger(self.bare, trust=trust_at(self.bare, self.main, "ci"))
        return ledger.verify()

    def kinds(self):
        return [(sealed.entry.kind, sealed.entry.verdict or sealed.entry.stopped) for sealed in self.ledger()]

    def state(self, head, context=GATE_CONTEXT):
        return {status.context: status.state for status in self.agent.combined_status(head).statuses}[context]

    def records(self, head):
        prefix = f"refs/autarch/checks/{head}/{self.main}/"
        signers = self.bare.blob_at(self.main, "ci/signers/ci")
        found = self.bare.refs(prefix)
        return {
            ref.removeprefix(prefix): open_check(self.bare.cat_blob(oid), signers=signers) for ref, oid in found.items()
        }


def strategy(slug="abc", code=b"x = 1\n"):
    return {
        f"strategies/{slug}/manifest.toml": MANIFEST.format(slug=slug).encode(),
        f"strategies/{slug}/strategy.py": code,
    }


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "ci"
    signing.generate_key(path, comment="ci")
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory, root, key):
    """A project whose main holds a little code, a real policy and a real lock."""
    path = tmp_path_factory.mktemp("project")
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    files = {name: (root / name).read_bytes() for name in ("ci/policy.toml", "ci/datasets/synthetic.toml")}
    files |= {"ci/gate.py": b"x = 1\n", "requirements.lock": b"a==1\n"}
    files["ci/signers/ci"] = signers_file("ci", (signing.public_key(key),))
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=SOMEBODY)
    repo.update_ref("refs/heads/main", commit, old=None)
    return repo


@pytest.fixture(autouse=True)
def _this_process(project, monkeypatch):
    """Let this process pass for one that runs the project's code under the numeric pin."""
    ours = engine_digest_at(project, project.rev_parse("main"))
    monkeypatch.setattr(inputs, "engine_digest", lambda: ours)
    monkeypatch.setattr(inputs, "selftest_digest", lambda: "5" * 64)


@pytest.fixture
def bench(tmp_path, project, key):
    state = create_forge(tmp_path / "forge", main_from=project.path)
    tokens = {role: issue_token(state.root, login=role, role=role) for role in ("ci", "agent")}
    bare = GitRepo(state.repo)
    Ledger(bare, trust=trust_at(bare, bare.read_ref("refs/heads/main"), "ci")).begin()
    clone = GitRepo(tmp_path / "clone")
    clone.path.mkdir()
    clone.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    times = iter(range(1_700_000_000_000, 1_800_000_000_000, 1000))
    gate = FakeGate()
    with (
        serving(state) as running,
        ForgeClient(running.url, LOCAL_REPOSITORY, tokens["ci"]) as ci,
        ForgeClient(running.url, LOCAL_REPOSITORY, tokens["agent"]) as agent,
    ):
        desk = GateDesk(
            repo=clone,
            remote=ci.git_remote(),
            forge=ci,
            key=key,
            choice=Choice(stores=Stores.under(tmp_path / "stores")),
            clock_ms=lambda: next(times),
            clock=lambda: 0.0,
            progress=lambda _line: None,
            judge=gate,
        )
        yield Bench(desk=desk, gate=gate, agent=agent, bare=bare)
