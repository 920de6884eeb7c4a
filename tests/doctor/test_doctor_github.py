"""The doctor on GitHub: what is in force against what should be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autarch.doctor import forge_checks
from autarch.forge.client import ForgeClient
from autarch.forge.protecting import Order, put_in_force
from autarch.forge.protection import read_protection
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.workspace import Config, ForgeSection
from tests.doctor.conftest import Clinic, own_files, private, told
from tests.forge.hosted import TOKEN, Hosted, serving_hosted

ROOT = Path(__file__).parents[2]
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)
POLICY = b'[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
CODEOWNERS = b"* @me\n/strategies/\n"
APP = 777


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
