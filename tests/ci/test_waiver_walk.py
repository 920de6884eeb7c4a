"""A waiver and a lane from the first red verdict to the tag and `why`, with the real gate on a real forge."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import ci.inputs
from autarch.cli.init import Options, initialise
from autarch.cli.main import main
from autarch.errors import AutarchError, RefusedError
from autarch.evidence.waiver import Waiver, parse_waivers, render_waivers
from autarch.forge.by_hand import open_by_hand
from autarch.forge.client import ForgeClient
from autarch.forge.serve import serving
from autarch.forge.state import ForgeState
from autarch.market.lock_toml import lock_toml
from autarch.repo import signing
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.workspace import TokenRole, Workspace
from ci.inputs import Choice
from ci.outcome import GateOutcome
from ci.publish import GateDesk, publish_gate
from ci.release import NamedSleeve, ReleaseDesk, ReleaseOutcome, releasable_commit, release
from ci.report_text import terminal
from live.found import find
from live.journal import Draft, Journal
from live.provenance import Step, explain

pytestmark = pytest.mark.slow

PROBE = "strategies/probe/strategy.py"
REASON = "half of the sleeve is hedged elsewhere"
SOMEONE = Person(name="Someone", email="someone@example.invalid", when_s=1_700_000_000)
GAP = "    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)\n"
REFACTORED = f"{GAP}    rising = gap > 0\n    return Targets(exposure=rising * 1.0)\n"
SMALLER = f"{GAP}    return Targets(exposure=np.where(gap > 0, 0.5, 0.0))\n"


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # what merges and expires here does so by the forge's clock


def quiet(line: str) -> None:
    assert line


def unhurried(seconds: float) -> None:
    """Let a lane's answer come at once: what its delay hides is tested with the lane."""
    assert seconds >= 0.0


@dataclasses.dataclass
class Yard:
    """A workspace whose forge is served, CI with warm workers, and everybody's tokens."""

    workspace: Workspace
    desk: GateDesk
    clients: dict[str, ForgeClient]

    @property
    def repo(self) -> GitRepo:
        return self.workspace.repo

    @property
    def tip(self) -> str:
        remote = self.workspace.remote("human")
        found = self.repo.ls_remote(remote, "refs/heads/main")["refs/heads/main"]
        self.repo.fetch(remote, [found])
        return found

    def propose(self, branch: str, files: dict[str, bytes], *, role: TokenRole = "agent") -> int:
        tip = self.tip
        tree = self.repo.with_files(self.repo.tree_of(tip), files)
        head = self.repo.commit_tree(tree, parents=[tip], message="Propose\n", author=SOMEONE)
        self.repo.push(
            self.workspace.remote(role), {f"refs/heads/{branch}": head}, leases={f"refs/heads/{branch}": None}
        )
        return self.clients[role].create_pull(head=branch, title="Propose", body="Because.").number

    def by_hand(self, path: str, content: bytes) -> int:
        pull = open_by_hand(
            self.repo,
            self.workspace.remote("human"),
            self.clients["human"],
            main=self.tip,
            files={path: content},
            branch="by-hand",
            title="By hand",
            body="",
            when_s=now_ms() // 1000,
        )
        return pull.number

    def judge(self, number: int, **changed: object) -> GateOutcome:
        return publish_gate(dataclasses.replace(self.desk, **changed), number)

    def merge(self, number: int) -> None:
        assert main(["pr", "merge", str(number), "--approve"]) == 0

    def land(self, number: int) -> None:
        assert self.judge(number).verdict == "accepted"
        self.merge(number)


def a_clone(folder: Path, root: Path, lock: bytes, policy: str) -> Path:
    """Return a work tree on main with what a workspace needs, and a policy whose drawdown nobody meets."""
    strict = policy.replace("drawdown_frac_max = 0.35", "drawdown_frac_max = 0.01").replace('"synthetic"', '"hills"')
    assert strict.count("drawdown_frac_max = 0.01") == 1
    files = {
        "autarch/__init__.py": b"",
        "ci/gate.py": b"x = 1\n",
        "ci/policy.toml": strict.encode(),
        "ci/datasets/hills.toml": lock,
        "requirements.lock": (root / "requirements.lock").read_bytes(),
        ".gitignore": b".autarch/\n",
        "live/portfolio.toml": b"",
    }
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    repo = GitRepo(folder)
    begun = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=SOMEONE)
    subprocess.run(["git", "reset", "-q", "--hard", begun], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def yard(tmp_path_factory, root, bars_on_disk, workers, quick_policy_text) -> Iterator[Yard]:
    lock, stores = bars_on_disk
    clone = a_clone(tmp_path_factory.mktemp("walk") / "clone", root, lock_toml(lock), quick_policy_text)
    made = initialise(clone, Options(), now_s=now_ms() // 1000 - 60)
    ours = engine_digest_at(GitRepo(clone), made.main)
    with pytest.MonkeyPatch.context() as patched, serving(ForgeState(clone / ".autarch/forge")):
        patched.setenv("AUTARCH_WORKSPACE", str(clone))
        patched.setattr(ci.inputs, "engine_digest", lambda: ours)  # this process passes for one of main's code
        patched.setattr(ci.inputs, "selftest_digest", lambda: workers.main.numerics)
        workspace = Workspace.find(clone)
        clients = {
            role: ForgeClient(workspace.forge_url, workspace.forge_repository, workspace.token(role))
            for role in ("human", "ci", "agent")
        }
        desk = GateDesk(
            repo=workspace.repo,
            remote=workspace.remote("ci"),
            forge=clients["ci"],
            key=workspace.key("ci"),
            choice=Choice(stores=stores),
            clock_ms=now_ms,
            clock=lambda: 0.0,
            progress=quiet,
            workers=workers,
            sleep=unhurried,
        )
        yield Yard(workspace=workspace, desk=desk, clients=clients)
        for client in clients.values():
            client.close()


def checks(outcome: GateOutcome) -> dict[str, str]:
    return {check.name: check.verdict for check in outcome.checks}


def test_a_waiver_and_a_lane_from_red_to_why(yard: Yard, kit, capsys, tmp_path: Path) -> None:
    candidate = kit.candidate(kit.trend)
    files = {"strategies/probe/manifest.toml": candidate.source.manifest_bytes, PROBE: candidate.source.code}
    number = yard.propose("agent/tuner/probe-1", files)
    red = yard.judge(number)
    assert (red.verdict, checks(red)["risk"]) == ("rejected", "failed")
    with pytest.raises(AutarchError):
        yard.clients["human"].merge_pull(number, sha=yard.clients["human"].pull(number).head_sha)

    waived = _waive(yard, capsys)
    with pytest.raises(RefusedError):  # the same by an agent's hand
        yard.propose("agent/tuner/mine-1", {"ci/waivers/probe.toml": render_waivers([waived])})
    other = msgspec.structs.replace(waived, decisions="0" * 64)
    yard.land(yard.by_hand("ci/waivers/probe.toml", render_waivers([other])))
    still_red = yard.judge(number)
    assert checks(still_red)["risk"] == "failed"
    assert "it was given for decisions 000000000000" in kit.check(still_red, "risk").detail

    yard.land(yard.by_hand("ci/waivers/probe.toml", render_waivers([waived])))
    green = yard.judge(number)
    line = f"by human until {waived.expires}: {REASON}"
    assert (green.verdict, checks(green)["risk"]) == ("accepted", "waived")
    assert line in green.waived[0]
    assert line in terminal(green)
    assert line in (green.claim.waived if green.claim else ("",))[0]
    assert "**Waived:** risk of probe" in "".join(one.body for one in yard.clients["human"].comments(number))
    yard.merge(number)

    for branch, body, lane in (("probe-2", REFACTORED, "same"), ("probe-3", SMALLER, "less")):
        code = kit.candidate(body).source.code
        asked = yard.propose(f"agent/tuner/{branch}", {PROBE: code})
        found = yard.judge(asked)
        assert (found.verdict, found.lane, checks(found)["risk"]) == ("accepted", lane, "waived")
        assert found.trials == 1  # what was merged; a lane takes its reservation back

    released = _released(yard)
    assert line in released.released.waivers[0]
    told = _why(yard, released, tmp_path)
    assert line in dict(told["release"].facts)["waivers"]
    assert line in dict(told["release evidence"].facts)["waived"]
    assert line in dict(told["pull request evidence"].facts)["waived"]

    days = 15 * 86_400_000  # CI's clock moves on, and with it the ledger: last, since nothing dates it back
    twin = {path.replace("probe", "twin"): content.replace(b'"probe"', b'"twin"') for path, content in files.items()}
    yard.land(yard.by_hand("ci/waivers/twin.toml", render_waivers([waived])))
    late = yard.judge(yard.propose("agent/tuner/twin-1", twin), clock_ms=lambda: now_ms() + days)
    assert checks(late)["risk"] == "failed"
    assert f"it is good from {waived.granted} to {waived.expires}" in kit.check(late, "risk").detail


def _waive(yard: Yard, capsys) -> Waiver:
    """Propose the waiver by the command, see laws refused, and return what it holds; the pull request stays open."""
    capsys.readouterr()
    assert main(["waive", "probe", "--check", "causality", "--reason", REASON]) == 1
    assert "causality is law, and only limits are waived" in capsys.readouterr().err
    assert main(["waive", "probe", "--check", "risk", "--reason", REASON, "--days", "14", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    pull = yard.clients["human"].pull(said["pull"])
    yard.repo.fetch(yard.workspace.remote("human"), [pull.head_sha])
    content = yard.repo.blob_at(pull.head_sha, "ci/waivers/probe.toml")
    (waiver,) = parse_waivers(content or b"", path="ci/waivers/probe.toml")
    assert (waiver.expires - waiver.granted).days == 14
    return waiver


def _released(yard: Yard) -> ReleaseOutcome:
    """Sign a release of what main holds, judged by the real gate."""
    assert main(["pr", "sync"]) == 0
    desk = ReleaseDesk(
        repo=yard.repo,
        remote=yard.workspace.remote("human"),
        key=yard.workspace.key("release"),
        choice=yard.desk.choice,
        clock_ms=yard.desk.clock_ms,
        clock=yard.desk.clock,
        progress=yard.desk.progress,
        workers=yard.desk.workers,
    )
    sleeve = NamedSleeve(account="paper", strategy="probe", tier="T1", weight="0.5")
    return release(desk, "v0.1.0", releasable_commit(desk, "v0.1.0"), [sleeve])


def _why(yard: Yard, made: ReleaseOutcome, folder: Path) -> dict[str, Step]:
    """Return the chain behind one order of the release, as a journal would name it."""
    released = made.released
    (item,) = released.strategies
    names = ("commit", "engine", "policy", "policy_path", "dataset")
    opened = {
        **{name: getattr(released, name) for name in names},
        "tag": released.tag,
        "tag_object": made.tag_object,
        "signer": signing.fingerprint(signing.public_key(yard.workspace.key("release"))),
        "demo": False,
        "walkthrough": False,
        "feed": "forward",
        "sleeves": {"probe": {name: getattr(item, name) for name in ("tree", "evidence", "decisions", "tier")}},
    }
    order = {
        "tag": released.tag,
        "order_link_id": "at-one",
        "strategy": "probe",
        "symbol": "BTCUSDT",
        "bar": 0,
        "leg": "enter",
        "part": 0,
        "side": "Buy",
        "qty": "1",
        "reduce_only": False,
        "stop_loss_frac": None,
        "take_profit_frac": None,
    }
    with Journal(folder / "paper.sqlite3", account="paper") as journal:
        journal.append(
            [Draft(time_ms=1, kind="opened", body=opened), Draft(time_ms=2, kind="intent", body=order, ref="at-one")]
        )
        (found,) = find(journal, "at-one")
        return {step.what: step for step in explain(found, yard.repo)}
