"""Each drift is seen, named with its cure, and makes the doctor say no; a healthy workspace is told so."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autarch.cli.main import main as autarch
from autarch.doctor import forge_checks, registry
from autarch.doctor.host_checks import confined
from autarch.doctor.registry import Examined, Patient, examine
from autarch.forge.client import ForgeClient
from autarch.forge.create import create_forge
from autarch.forge.protecting import Order, put_in_force
from autarch.forge.protection import read_protection
from autarch.forge.serve import serving
from autarch.forge.state import issue_token
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file
from autarch.sandbox import Layer, SandboxLevel
from autarch.workspace import Config, ForgeSection, Workspace, render_config
from tests.forge.hosted import TOKEN, Hosted, serving_hosted

ROOT = Path(__file__).parents[2]
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)
POLICY = b'[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
CODEOWNERS = b"* @me\n/strategies/\n"
APP = 777


@dataclass
class Clinic:
    """A workspace with this project's own protection on main."""

    root: Path
    config: Config

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root, self.config)

    @property
    def repo(self) -> GitRepo:
        return GitRepo(self.root)

    def commit(self, files: dict[str, bytes | None]) -> str:
        tip = self.repo.read_ref("refs/heads/main")
        tree = self.repo.with_files(self.repo.tree_of(tip) if tip else None, files)
        commit = self.repo.commit_tree(tree, parents=[tip] if tip else [], message="Change\n", author=PERSON)
        self.repo.update_ref("refs/heads/main", commit, old=tip)
        return commit

    def configure(self, forge: ForgeSection) -> None:
        self.config = Config(schema=1, forge=forge)
        (self.root / ".autarch" / "config.toml").write_bytes(render_config(self.config))

    def look(self, name: str, *, forge: ForgeClient | None = None, now_ms: int = 1_800_000_000_000) -> Examined:
        patient = Patient(workspace=self.workspace, forge=forge, now_ms=now_ms, environment={})
        return next(examine(patient, only=[name]))


def own_files() -> dict[str, bytes | None]:
    """Return this project's own protection."""
    found = [*(ROOT / ".github").glob("*/*.json"), ROOT / ".github/labels.json"]
    return {str(file.relative_to(ROOT)): file.read_bytes() for file in sorted(found)}


def private(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor-keys")
    for name in ("ci", "release"):
        signing.generate_key(folder / name, comment=name)
    return folder


@pytest.fixture
def clinic(tmp_path: Path, keys: Path) -> Clinic:
    root = tmp_path / "clone"
    root.mkdir()
    GitRepo(root).run("init", "--quiet", "--initial-branch=main")
    (root / ".autarch").mkdir(mode=0o700)
    made = Clinic(root, Config(schema=1, forge=ForgeSection(repository="local/autarch")))
    made.configure(made.config.forge)
    for name in ("ci", "release"):
        private(root / ".autarch" / "keys" / name, (keys / name).read_text())
        private(root / ".autarch" / "keys" / f"{name}.pub", (keys / f"{name}.pub").read_text())
    files: dict[str, bytes | None] = {
        **own_files(),
        ".github/CODEOWNERS": CODEOWNERS,
        "ci/policy.toml": POLICY,
        "requirements.lock": (ROOT / "requirements.lock").read_bytes(),
        "ci/signers/ci": signers_file("ci", (signing.public_key(keys / "ci"),)),
        "ci/signers/release": signers_file("release", (signing.public_key(keys / "release"),)),
    }
    made.commit(files)
    return made


def told(examined: Examined) -> str:
    return "\n".join(f"{each.word}: {each.told} -> {each.fix}" for each in examined.findings)


# -- the local forge ----------------------------------------------------------------------------


@pytest.fixture
def served(clinic: Clinic) -> Iterator[tuple[Clinic, ForgeClient]]:
    state = create_forge(clinic.root / ".autarch" / "forge", main_from=clinic.root)
    for role in ("human", "ci", "agent", "deployer"):
        private(clinic.root / ".autarch" / "tokens" / role, issue_token(state.root, login=role, role=role))
    with serving(state) as running, ForgeClient(running.url, "local/autarch", clinic.workspace.token("human")) as forge:
        yield clinic, forge


def test_a_healthy_local_workspace_is_well(served, monkeypatch, capsys) -> None:
    clinic, _ = served
    monkeypatch.chdir(clinic.root)

    of_this_machine = {"sandbox", "lock", "disk"}
    own = [each.name for each in registry.checks() if each.area in {"forge", "repository", "host"}]
    asked = [part for name in own if name not in of_this_machine for part in ("--only", name)]

    code = autarch(["doctor", "--json", *asked])

    found = json.loads(capsys.readouterr().out)
    ill = [each for each in found["checks"] if each["word"] in {"drift", "unknown"}]
    assert ill == []
    assert (code, found["well"], found["forge"]) == (0, True, "local")
    assert {"rulesets", "signers", "hooks", "clock", "secrets", "roles"} <= {each["name"] for each in found["checks"]}


def test_a_drift_is_exit_1_with_its_cure_in_text(served, monkeypatch, capsys) -> None:
    clinic, _ = served
    clinic.commit({"ci/signers/release": b""})
    monkeypatch.chdir(clinic.root)

    code = autarch(["doctor", "--only", "signers"])

    shown = capsys.readouterr().out
    assert code == 1
    assert "signers ............ DRIFT" in shown
    assert "ci/signers/release lists nobody" in shown
    assert "    fix: " in shown
    assert "0 of 1 checks are well" in shown


def test_a_check_that_is_none_is_misuse(clinic: Clinic, monkeypatch, capsys) -> None:
    monkeypatch.chdir(clinic.root)

    assert autarch(["doctor", "--only", "none-such"]) == 2
    assert "expected one of" in capsys.readouterr().err


def test_a_forge_that_does_not_run_is_unknown_and_no_reason_to_crash(clinic: Clinic, monkeypatch, capsys) -> None:
    monkeypatch.chdir(clinic.root)

    code = autarch(["doctor", "--only", "reachable", "--only", "rulesets"])

    assert code == 1
    assert "autarch forge serve" in capsys.readouterr().out


def test_a_hook_that_is_changed_or_passed_by_is_seen(served) -> None:
    clinic, forge = served
    hook = clinic.root / ".autarch/forge/repo.git/hooks/pre-receive"
    ours = hook.read_text()
    assert clinic.look("hooks", forge=forge).word != "drift"

    hook.write_text("#!/bin/sh\nexit 0\n")
    assert "not this version's" in told(clinic.look("hooks", forge=forge))
    hook.write_text(ours)
    hook.chmod(0o777)
    assert "mode 0777" in told(clinic.look("hooks", forge=forge))
    hook.chmod(0o700)
    GitRepo(hook.parents[1]).run("config", "core.hooksPath", "/dev/null")
    assert "git runs hooks from /dev/null" in told(clinic.look("hooks", forge=forge))


def test_a_token_of_another_role_is_seen(served) -> None:
    clinic, forge = served
    private(clinic.root / ".autarch/tokens/agent", clinic.workspace.token("human"))

    assert "the agent token has role human" in told(clinic.look("roles", forge=forge))


def test_a_clock_that_is_wrong_is_seen(served) -> None:
    clinic, forge = served
    forge.about()
    right = int((forge.served_at_s or 0) * 1000)

    assert clinic.look("clock", forge=forge, now_ms=right + 20_000).word == "ok"
    assert "+300 s from the forge's" in told(clinic.look("clock", forge=forge, now_ms=right + 300_000))


# -- the repository and the host ------------------------------------------------------------------


def test_each_fault_of_the_repository_is_seen(clinic: Clinic, keys: Path) -> None:
    one_key = signers_file("release", (signing.public_key(keys / "ci"),))
    assert [clinic.look(name).word for name in ("signers", "codeowners", "protection")] == ["ok", "ok", "ok"]

    clinic.commit({"ci/signers/release": one_key, ".github/CODEOWNERS": b"* @me\n"})
    clinic.commit({".github/rulesets/main.json": b"{}", "requirements.lock": b"httpx==0.0.1\n"})

    assert "so CI could release" in told(clinic.look("signers"))
    assert "the release key here is not listed" in told(clinic.look("signers"))
    assert "not open to agents" in told(clinic.look("codeowners"))
    assert "main.json is no ruleset" in told(clinic.look("protection"))
    assert clinic.look("lock").word == "drift"


def test_a_file_that_others_may_read_is_seen(clinic: Clinic) -> None:
    assert clinic.look("private-files").word == "ok"

    (clinic.root / ".autarch/keys/ci").chmod(0o644)

    assert "mode 0644" in told(clinic.look("private-files"))
    assert clinic.look("signers").word == "drift"


def test_a_full_disk_is_seen(clinic: Clinic, monkeypatch) -> None:
    monkeypatch.setattr("autarch.doctor.host_checks.FREE_BYTES_MIN", 2**60)

    assert "GiB free" in told(clinic.look("disk"))


def test_a_layer_that_is_missing_is_seen_with_its_remedy_and_a_wanted_one_is_a_note() -> None:
    layers = (
        Layer(name="landlock", required=True, reached=False, detail="the kernel has none"),
        Layer(name="pid namespace", required=False, reached=False, detail="not allowed"),
        Layer(name="seccomp", required=True, reached=True, detail=""),
    )

    found = list(confined(SandboxLevel(layers=layers, kernel="Linux 4")))

    assert [each.word for each in found] == ["drift", "note"]
    assert "layer landlock is missing on Linux 4: the kernel has none" in found[0].told
    assert found[0].fix


def test_a_check_that_cannot_be_done_is_unknown_and_others_go_on(clinic: Clinic) -> None:
    clinic.repo.update_ref("refs/heads/main", None, old=clinic.repo.read_ref("refs/heads/main"))

    found = clinic.look("signers")

    assert found.word == "unknown"
    assert "could not be checked" in told(found)


def test_other_packages_add_checks_of_their_own(clinic: Clinic, monkeypatch) -> None:
    monkeypatch.setattr(registry, "_CHECKS", dict(registry._CHECKS))

    @registry.check("prices", area="agents")
    def prices(_patient: Patient):
        yield registry.Finding.drift("prices are old", fix="refresh them")

    assert told(clinic.look("prices")) == "drift: prices are old -> refresh them"


# -- GitHub ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def in_force(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a platform holds after everything was put in force."""
    repo = GitRepo(tmp_path_factory.mktemp("wanted"))
    repo.run("init", "--quiet", "--bare")
    commit = repo.commit_tree(repo.with_files(None, own_files()), parents=[], message="Begin\n", author=PERSON)
    order = Order(protection=read_protection(repo, commit), profile="pro", gate_app=APP, reviewers=(4242,))
    with serving_hosted(Hosted()) as platform, ForgeClient(platform.url, platform.name, TOKEN) as forge:
        list(put_in_force(forge, order, told=lambda _: None))
    return platform


@pytest.fixture
def github(clinic: Clinic, in_force: Any) -> Iterator[tuple[Clinic, Any, ForgeClient]]:
    """A platform on which everything is in force."""
    with serving_hosted(copy.deepcopy(in_force)) as platform, ForgeClient(platform.url, platform.name, TOKEN) as forge:
        section = ForgeSection(repository=platform.name, url=platform.url, kind="github", profile="pro", gate_app=APP)
        clinic.configure(section)
        private(clinic.root / ".autarch/tokens/human", TOKEN)
        private(clinic.root / ".autarch/tokens/agent", TOKEN)
        yield clinic, platform, forge


def test_what_init_puts_in_force_the_doctor_finds_in_force(github) -> None:
    clinic, _, forge = github

    assert [told(clinic.look(name, forge=forge)) for name in ("rulesets", "secrets", "workflow-token")] == ["", "", ""]
    drifts = clinic.look("environments", forge=forge).findings
    assert all("has no secret" in each.told for each in drifts)
    assert {each.fix for each in drifts} >= {"gh secret set AUTARCH_DATA_HOLDOUT --env holdout"}


def test_each_weakened_ruleset_is_seen(github) -> None:
    clinic, platform, forge = github
    main = next(each for each in platform.rulesets.values() if each["name"] == "autarch main")
    tags = next(number for number, each in platform.rulesets.items() if each["name"] == "autarch tags")

    main["enforcement"] = "disabled"
    assert "autarch main: enforcement is 'disabled'" in told(clinic.look("rulesets", forge=forge))
    main["enforcement"] = "active"
    main["bypass_actors"] = [{"actor_id": 9, "actor_type": "Integration", "bypass_mode": "always"}]
    assert "Integration 9 always may bypass it" in told(clinic.look("rulesets", forge=forge))
    main["bypass_actors"] = []
    del platform.rulesets[tags]
    found = clinic.look("rulesets", forge=forge)
    assert "autarch tags is not in force: a tag could be moved" in told(found)
    assert "autarch init --github me/strategies --profile pro --gate-app 777" in told(found)


def test_a_required_check_from_anybody_is_seen(github, monkeypatch) -> None:
    clinic, platform, forge = github
    rule = {
        "type": "required_status_checks",
        "parameters": {"required_status_checks": [{"context": "autarch/gate", "integration_id": None}]},
    }
    answer = platform.answer
    monkeypatch.setattr(
        platform, "answer", lambda m, p, b: (200, [rule]) if p.endswith("/rules/branches/main") else answer(m, p, b)
    )

    assert "autarch/gate from anybody" in told(clinic.look("check-source", forge=forge))
    rule["parameters"]["required_status_checks"][0]["integration_id"] = APP  # type: ignore[index]
    assert clinic.look("check-source", forge=forge).word == "ok"


def test_a_ruleset_api_that_the_plan_lacks_says_which_rules_and_what_is_lost(github) -> None:
    clinic, platform, forge = github
    platform.missing[r"GET .*/rulesets"] = (403, "Upgrade to GitHub Pro or make this repository public")

    paid = told(clinic.look("rulesets", forge=forge))
    clinic.config = replace_profile(clinic.config, "free")
    free = clinic.look("rulesets", forge=forge)

    assert "unknown: autarch main cannot be seen (Upgrade to GitHub Pro" in paid
    assert "anything may be pushed to main" in paid
    assert free.word == "note"
    assert "autarch tags cannot be enforced here (a private repository on the free plan" in told(free)


def test_each_fault_of_secrets_environments_and_tokens_is_seen(github) -> None:
    clinic, platform, forge = github
    platform.secrets.append("AUTARCH_CI_KEY")
    platform.actions["can_approve_pull_request_reviews"] = True
    platform.environments["live"]["protection_rules"] = []
    platform.policies["holdout"].append({"name": "agent/*", "type": "branch"})
    del platform.environments["judge"]

    environments = told(clinic.look("environments", forge=forge))

    assert "secret AUTARCH_CI_KEY belongs to the whole repository" in told(clinic.look("secrets", forge=forge))
    assert "can_approve_pull_request_reviews is True" in told(clinic.look("workflow-token", forge=forge))
    assert "environment live asks nobody" in environments
    assert "branch agent/* may deploy to environment holdout" in environments
    assert "environment judge is missing" in environments
    assert "whose permissions nobody can read" in told(clinic.look("agent-token", forge=forge))


def test_an_agents_app_that_may_write_workflows_is_seen(github, monkeypatch) -> None:
    clinic, _, forge = github

    class Credential:
        def __init__(self, granted: dict[str, str]) -> None:
            self.granted = granted

        def token(self, _ask) -> str:
            return TOKEN

        def renew(self) -> bool:
            return False

        def login(self, _ask) -> str:
            return "agents[bot]"

        def permissions(self, _ask) -> dict[str, str]:
            return self.granted

    def agents(granted: dict[str, str]) -> None:
        made = ForgeClient(forge.base_url, forge.repository, Credential(granted))
        monkeypatch.setattr(forge_checks, "open_forge", lambda *_: made)

    agents({"contents": "write", "pull_requests": "write", "workflows": "write"})
    assert "the agents' App may write workflows" in told(clinic.look("agent-token", forge=forge))
    agents({"contents": "write", "pull_requests": "write", "checks": "read"})
    assert clinic.look("agent-token", forge=forge).word == "ok"


def test_a_renamed_repository_is_seen(github) -> None:
    clinic, platform, forge = github
    about = platform.about
    platform.about = lambda: {**about(), "full_name": "me/other"}

    assert "me/strategies is called me/other now" in told(clinic.look("reachable", forge=forge))


def test_projected_minutes_round_each_job_up_and_grow_with_the_runs(github) -> None:
    clinic, platform, forge = github
    now_s = 1_800_000_000.0  # 2027-01-15T08:00:00Z
    day, times = "2027-01-15", [("07:00:00", "07:01:30"), ("07:02:00", "07:02:10")]
    jobs = [
        {"id": at, "name": "j", "status": "completed", "conclusion": "success",
         "started_at": f"{day}T{start}Z", "completed_at": f"{day}T{end}Z"}
        for at, (start, end) in enumerate(times)
    ]  # fmt: skip
    run = {"id": 1, "head_sha": "a", "created_at": f"{day}T07:00:00Z"}
    platform.runs, platform.jobs = [run, {**run, "id": 2, "created_at": "2026-12-01T00:00:00Z"}], {1: jobs}

    # 90 s are 2 minutes and 10 s are 1: 3 for the one run of this week; 3 x 1 x 30 / 7 = 12.9, so 13.
    assert forge_checks.projected_minutes(forge, now_s=now_s) == 13
    assert "project to 13 minutes" in told(clinic.look("minutes", forge=forge))
    platform.runs = [run] * 240  # 3 x 240 x 30 / 7 = 3085.7, beyond the 3,000 of the plan
    assert "project to 3086 minutes a month; the plan includes 3000" in told(clinic.look("minutes", forge=forge))


def replace_profile(config: Config, profile: Any) -> Config:
    import msgspec

    return msgspec.structs.replace(config, forge=msgspec.structs.replace(config.forge, profile=profile))
