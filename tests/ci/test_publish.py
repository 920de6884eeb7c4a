"""CI's flow against a real forge: counted before judged, recorded before told, resumed when killed."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.errors import DataError, UndecidedError, UsageError
from autarch.evidence.attestation import load_evidence, read_attestation
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerError
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
from ci import inputs, publish
from ci.claiming import claim_of
from ci.inputs import Choice
from ci.outcome import GateOutcome
from ci.policy import CHECK_NAMES
from ci.publish import GateDesk, publish_gate

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


def test_an_accepted_strategy_is_counted_judged_recorded_and_told(bench):
    number, head = bench.propose(strategy(), message="Propose\n\nAgent: tuner\nTrials: 40\nSeed: 7\n")

    outcome = publish_gate(bench.desk, number)

    reserved, answer = bench.ledger()
    assert bench.kinds() == [("reservation", None), ("result", "accepted")]
    found = reserved.entry
    assert (found.pr, found.head, found.base, found.epoch) == (number, head, bench.main, "1")
    assert found.inner.count == 40
    assert answer.entry.evidence == outcome.evidence
    given = bench.gate.asked[0][1]
    assert (given.ledger, given.trials) == (reserved.commit, 41)  # the proposal and the 40 behind it
    assert sorted(bench.records(head)) == sorted(SOME_CHECKS)
    assert {record.evidence for record in bench.records(head).values()} == {outcome.evidence}
    stored = load_evidence(bench.bare, outcome.evidence)
    assert stored.claim.ledger == reserved.commit
    trust = trust_at(bench.bare, bench.main, "ci")
    assert read_attestation(stored.record, evidence=outcome.evidence, trust=trust).signer == "ci@autarch"
    assert bench.state(head) == bench.state(head, "autarch/backtest") == "success"
    assert len([c for c in bench.agent.comments(number) if outcome.evidence[:12] in c.body]) == 1


def test_the_reservation_is_on_the_forge_before_the_gate_is_asked(bench):
    number, _ = bench.propose(strategy())
    seen = []

    def judge(candidate, inputs):
        seen.append(bench.kinds())
        return bench.gate(candidate, inputs)

    publish_gate(dataclasses.replace(bench.desk, judge=judge), number)

    assert seen == [[("reservation", None)]]


def test_a_rejected_score_counts_and_is_published(bench):
    bench.gate.failing = "backtest"
    number, head = bench.propose(strategy())

    outcome = publish_gate(bench.desk, number)

    assert outcome.verdict == "rejected"
    assert bench.kinds() == [("reservation", None), ("result", "rejected")]
    assert bench.records(head)["backtest"].verdict == "failed"
    assert bench.state(head) == "failure"


@pytest.mark.parametrize("check", ["policy", "determinism", "causality"])
def test_what_is_stopped_before_any_score_does_not_count(bench, check):
    bench.gate.failing = check
    number, head = bench.propose(strategy())

    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("closed", check)]
    assert Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials() == 0
    assert bench.records(head)["backtest"].verdict == "skipped"


def test_the_third_causality_failure_of_a_pull_request_counts(bench):
    bench.gate.failing = "causality"
    number, head = bench.propose(strategy())
    for attempt in range(3):
        if attempt:
            tree = bench.desk.repo.with_files(bench.desk.repo.tree_of(head), strategy(code=b"x = %d\n" % attempt))
            head = bench.desk.repo.commit_tree(tree, parents=[head], message="Again\n", author=SOMEBODY)
            bench.desk.repo.push(bench.agent.git_remote(), {"refs/heads/agent/tuner/abc-1": head})
        publish_gate(bench.desk, number)

    answers = [kind for kind in bench.kinds() if kind[0] != "reservation"]
    assert answers == [("closed", "causality"), ("closed", "causality"), ("result", "rejected")]


def test_a_platform_change_is_judged_without_being_counted(bench):
    number, head = bench.propose({"README.md": b"x\n"})

    publish_gate(bench.desk, number)

    assert bench.kinds() == []
    assert {name: record.kind for name, record in bench.records(head).items()} == {"scope": "platform"}


def test_a_mixed_change_gets_a_verdict_and_no_record(bench):
    number, head = bench.propose(strategy() | {"README.md": b"x\n"})

    assert publish_gate(bench.desk, number).verdict == "rejected"
    assert (bench.kinds(), bench.records(head), bench.state(head)) == ([], {}, "failure")


def test_a_killed_run_counts_and_the_next_one_resumes_its_reservation(bench):
    bench.gate.killed_by = KeyboardInterrupt()
    number, _ = bench.propose(strategy())
    with pytest.raises(KeyboardInterrupt):
        publish_gate(bench.desk, number)
    assert Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials() == 1

    bench.gate.killed_by = None
    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("result", "accepted")]


KILLED_AT = {
    "candidate_of_commits": 0,
    "counted_at": 1,
    "answer_to": 1,
    "publish_records": 1,
    "_tell": 1,
}
"""Steps of a judgement, and how many heads' scores could have been seen when it is killed there."""


@pytest.mark.slow
def test_killed_rewritten_and_deleted_at_any_step_every_head_that_could_be_seen_counts_once(bench, monkeypatch):
    def killed(*_args, **_more):
        raise KeyboardInterrupt

    def trials():
        return Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials()

    seen = 0
    for place, (step, visible) in enumerate(KILLED_AT.items()):
        branch = f"refs/heads/agent/tuner/abc_{place}-1"
        number, first = bench.propose(strategy(f"abc_{place}"), branch=branch.removeprefix("refs/heads/"))
        with monkeypatch.context() as patch:
            patch.setattr(publish, step, killed)
            with pytest.raises(KeyboardInterrupt):
                publish_gate(bench.desk, number)
        assert trials() == seen + visible, step

        repo = bench.desk.repo
        tree = repo.with_files(repo.tree_of(first), strategy(f"abc_{place}", code=b"x = 2\n"))
        other = repo.commit_tree(tree, parents=[bench.main], message="Rewrite\n", author=SOMEBODY)
        repo.push(bench.agent.git_remote(), {branch: other}, leases={branch: first})
        publish_gate(bench.desk, number)
        assert trials() == seen + visible + 1, step

        repo.push(bench.agent.git_remote(), {branch: first}, leases={branch: other})
        publish_gate(bench.desk, number)  # the first head again: it resumes its reservation where it has one
        seen += 2
        assert trials() == seen, step

        repo.push(bench.agent.git_remote(), {branch: None}, leases={branch: first})
        assert trials() == seen, step


def test_a_run_killed_after_its_answer_publishes_what_is_missing(bench, monkeypatch):
    number, head = bench.propose(strategy())
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish_records", lambda *_args, **_more: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_gate(bench.desk, number)
    assert bench.records(head) == {}

    first = publish_gate(bench.desk, number)
    again = publish_gate(bench.desk, number)

    assert first.evidence == again.evidence
    assert bench.kinds() == [("reservation", None), ("result", "accepted")]
    assert sorted(bench.records(head)) == sorted(SOME_CHECKS)
    assert len([c for c in bench.agent.comments(number) if "Accepted" in c.body]) == 1


def test_a_second_run_that_finds_something_else_is_undecided_and_changes_nothing(bench):
    number, head = bench.propose(strategy())
    publish_gate(bench.desk, number)
    before = bench.records(head)
    bench.gate.failing = "backtest"

    with pytest.raises(LedgerError, match="not reproducible"):
        publish_gate(bench.desk, number)

    assert bench.records(head) == before
    assert bench.state(head) == "error"


def test_a_record_that_says_something_else_is_never_overwritten(bench):
    number, head = bench.propose({"README.md": b"x\n"})
    publish_gate(bench.desk, number)
    bench.gate.failing = "scope"

    with pytest.raises(UndecidedError, match="says something else"):
        publish_gate(bench.desk, number)
    assert bench.records(head)["scope"].verdict == "passed"


def test_an_undecided_verdict_leaves_no_record_in_the_way_of_the_next_run(bench):
    bench.gate.undecided = "backtest"
    number, head = bench.propose(strategy())

    assert publish_gate(bench.desk, number).verdict == "undecided"
    assert bench.records(head) == {}
    assert bench.state(head) == "error"
    bench.gate.undecided = None
    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("result", "undecided"), ("result", "accepted")]
    assert bench.state(head) == "success"


def test_an_error_is_told_on_the_head(bench):
    bench.gate.killed_by = UndecidedError("no confinement here")
    number, head = bench.propose(strategy())

    with pytest.raises(UndecidedError, match="no confinement"):
        publish_gate(bench.desk, number)
    assert bench.state(head) == "error"


def test_a_moved_main_asks_for_a_judgement_of_its_own(bench):
    number, head = bench.propose(strategy())
    publish_gate(bench.desk, number)
    moved = bench.move_main({"README.md": b"moved\n"})

    publish_gate(bench.desk, number)

    assert [entry.entry.base == moved for entry in bench.ledger()] == [False, False, True, True]
    assert {record.base for record in bench.records(head).values()} == {moved}


def test_only_mains_code_judges(bench):
    bench.move_main({"ci/gate.py": b"raise SystemExit\n"})
    number, _ = bench.propose(strategy())

    with pytest.raises(UndecidedError, match="only main's code judges"):
        publish_gate(bench.desk, number)
    assert bench.kinds() == []


def test_a_closed_pull_request_or_a_data_set_that_does_not_count_is_not_judged(bench):
    number, _ = bench.propose(strategy())
    elsewhere = dataclasses.replace(bench.desk, choice=Choice(stores=bench.desk.choice.stores, dataset="nothing"))

    with pytest.raises(DataError, match="nothing"):
        publish_gate(elsewhere, number)
    bench.agent.close_pull(number)
    with pytest.raises(UsageError, match="is closed"):
        publish_gate(bench.desk, number)
    assert bench.kinds() == []


def test_the_study_behind_a_proposal_is_in_the_ledger(bench):
    packed = canonical_json({"schema": 1, "trials": [{"sharpe": 1.0}, {"sharpe": 2.0}, {"sharpe": None}]})
    digest = sha256_hex(packed)
    blob = bench.desk.repo.write_blob(packed)
    message = f"Propose\n\nTrials: 2\nStudy: {digest}\n"
    number, _ = bench.propose(strategy(), message=message, study={f"refs/autarch/studies/{digest}": blob})

    publish_gate(bench.desk, number)

    inner = bench.ledger()[0].entry.inner
    assert (inner.count, inner.sharpe_variance, inner.sidecar) == (3, 0.5, digest)  # ((1-1.5)^2 + (2-1.5)^2) / 1
