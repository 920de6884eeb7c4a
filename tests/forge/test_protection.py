"""What .github says the platform should enforce: GitHub's own bodies, put in force, and what is lost elsewhere."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from autarch.errors import ConfigError
from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.protecting import Held, Order, put_in_force, table_of
from autarch.forge.protection import (
    ACTIONS_APP,
    Profile,
    Protection,
    covered,
    differences,
    filled,
    read_protection,
)
from autarch.repo.git import GitRepo

from .conftest import PERSON, plain_git
from .hosted import TOKEN, Hosted, serving_hosted

ROOT = Path(__file__).parents[2]
APP, REVIEWER = 777, 4242


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[GitRepo, str]:
    """A repository with this project's own .github."""
    path = tmp_path_factory.mktemp("protection") / "project.git"
    plain_git("init", "--quiet", "--bare", str(path))
    repo = GitRepo(path)
    files: dict[str, bytes | None] = {
        str(file.relative_to(ROOT)): file.read_bytes()
        for file in sorted((ROOT / ".github").rglob("*"))
        if file.is_file()
    }
    return repo, repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=PERSON)


@pytest.fixture(scope="module")
def wanted(project: tuple[GitRepo, str]) -> Protection:
    return read_protection(*project)


def put(hosted: Hosted, wanted: Protection, profile: Profile = "pro", **more: object) -> list[Held]:
    order = Order(protection=wanted, profile=profile, gate_app=APP, reviewers=(REVIEWER,), **more)  # type: ignore[arg-type]
    with serving_hosted(hosted), ForgeClient(hosted.url, hosted.name, TOKEN) as forge:
        return list(put_in_force(forge, order, told=lambda _: None))


def test_every_body_is_one_that_github_takes(wanted: Protection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from githubkit_schemas.latest import models
    ruleset = TypeAdapter(models.ReposOwnerRepoRulesetsPostBody)
    environment = TypeAdapter(models.ReposOwnerRepoEnvironmentsEnvironmentNamePutBody)

    for piece in wanted.pieces:
        body = filled(piece, gate_app=APP, reviewers=[REVIEWER])
        assert "$" not in json.dumps(body)
        assert "autarch" not in body
        (ruleset if piece.kind == "ruleset" else environment).validate_python(body)


def test_every_required_check_names_the_app_it_must_come_from(wanted: Protection) -> None:
    checks = [
        check
        for piece in wanted.pieces
        for rule in filled(piece, gate_app=APP, reviewers=[]).get("rules", ())
        for check in (rule.get("parameters") or {}).get("required_status_checks", ())
    ]

    assert checks == [{"context": "autarch/gate", "integration_id": APP}]


def test_what_nobody_may_do_has_no_bypass_and_what_humans_do_has_only_theirs(wanted: Protection) -> None:
    bypass = {piece.name: piece.body["bypass_actors"] for piece in wanted.pieces if piece.kind == "ruleset"}

    assert [name for name, actors in bypass.items() if not actors] == [
        "autarch ledger", "autarch main", "autarch queue", "autarch review", "autarch tags",
    ]  # fmt: skip
    assert {actor["actor_type"] for name in ("autarch merge", "autarch release") for actor in bypass[name]} == {
        "RepositoryRole"
    }
    assert bypass["autarch merge"][0]["bypass_mode"] == "pull_request"


def test_a_plan_that_has_everything_gets_everything_and_a_second_time_nothing_moves(wanted: Protection) -> None:
    hosted = Hosted()

    first = put(hosted, wanted)
    writes = len(hosted.writes)
    second = put(hosted, wanted)

    made = {each.name for each in first if each.word == "made"}
    assert {"autarch main", "autarch merge", "autarch tags", "holdout", "live", "halt"} <= made
    assert "autarch review" not in {each.name for each in first}  # an organisation's
    assert hosted.actions == {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    assert hosted.policies["live"] == [{"name": "v*", "type": "tag"}]
    assert hosted.policies["holdout"] == [{"name": "main", "type": "branch"}]
    assert {each.word for each in second if each.kind == "ruleset"} == {"kept"}
    assert not [call for call in hosted.writes[writes:] if "rulesets" in call[1] or call[0] == "POST"]


def test_a_dry_run_writes_nothing_and_tells_the_same_pieces(wanted: Protection) -> None:
    hosted = Hosted()

    dry = put(hosted, wanted, dry_run=True)
    written = list(hosted.writes)
    real = put(hosted, wanted)

    assert written == []
    assert [each.name for each in dry] == [each.name for each in real]
    assert {each.word for each in dry} == {"would be made", "would be changed"}


def test_a_private_repository_on_the_free_plan_is_told_what_only_the_deployer_refuses(wanted: Protection) -> None:
    hosted = Hosted(missing={r"(GET|POST) .*/rulesets": (403, "Upgrade to GitHub Pro or make this repository public")})

    held = put(hosted, wanted, "free")
    table = "\n".join(table_of(held))

    assert not [call for call in hosted.sent if "rulesets" in call[1] or "environments" in call[1]]
    assert "only the deployer refuses (not enforced here):" in table
    assert "the deployer refuses what carries no signed checks" in table
    assert "hidden bars would be readable by every workflow" in table


def test_a_public_repository_on_the_free_plan_has_rulesets(wanted: Protection) -> None:
    held = put(Hosted(private=False), wanted, "free")

    assert all(each.enforced for each in held)


def test_a_plan_that_refuses_rulesets_after_all_is_told_in_its_own_words(wanted: Protection) -> None:
    hosted = Hosted(missing={r"(GET|POST) .*/rulesets": (403, "Upgrade to GitHub Pro")})

    held = {each.name: each for each in put(hosted, wanted)}

    assert (held["autarch main"].word, held["autarch main"].why) == ("refused", "Upgrade to GitHub Pro")
    assert held["autarch main"].lost
    assert held["holdout"].word == "made"


def test_an_environment_without_reviewers_on_this_plan_still_keeps_its_secrets(wanted: Protection) -> None:
    hosted = Hosted(lacking={"reviewers": "reviewers need Enterprise"})

    held = {each.name: each for each in put(hosted, wanted)}

    assert held["live"].word == "refused"
    assert held["live"].why == "reviewers need Enterprise; made without reviewers"
    assert hosted.environments["live"]["deployment_branch_policy"]["custom_branch_policies"] is True
    assert held["holdout"].word == "made"


def test_an_organisation_also_gets_reviews_a_queue_and_push_rules(wanted: Protection) -> None:
    hosted = Hosted(owner="Organization")

    names = {each.name for each in put(hosted, wanted, "org") if each.enforced}

    assert {"autarch review", "autarch queue", "autarch workflows"} <= names


def test_a_queue_builds_every_merge_on_main_itself(wanted: Protection) -> None:
    (queue,) = [piece for piece in wanted.of("org") if piece.name == "autarch queue"]

    # A group built on another group's merge has a base that never was main, which the gate refuses.
    assert [rule["parameters"]["max_entries_to_build"] for rule in queue.body["rules"]] == [1]


def test_a_token_that_may_not_administer_is_no_missing_plan(wanted: Protection) -> None:
    hosted = Hosted(missing={r"PATCH .*": (403, "Must have admin rights")})

    with pytest.raises(ForgeRefusedError, match="admin rights"):
        put(hosted, wanted)


def test_each_way_to_weaken_a_ruleset_is_a_difference(wanted: Protection) -> None:
    piece = next(piece for piece in wanted.pieces if piece.name == "autarch main")
    body = filled(piece, gate_app=APP, reviewers=[])
    checks = next(rule for rule in body["rules"] if rule["type"] == "required_status_checks")["parameters"]

    def weakened(change: object) -> list[str]:
        found = copy.deepcopy(body)
        change(found)  # type: ignore[operator]
        return differences(body, found)

    admin = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    assert weakened(lambda _: None) == []
    assert weakened(lambda f: f["rules"].append({"type": "required_signatures"})) == []
    assert weakened(lambda f: f.update(enforcement="evaluate"))
    assert weakened(lambda f: f.update(conditions={"ref_name": {"include": ["refs/heads/other"], "exclude": []}}))
    assert weakened(lambda f: f["conditions"]["ref_name"]["exclude"].append("refs/heads/main"))
    assert weakened(lambda f: f["bypass_actors"].append(admin)) == [
        "RepositoryRole 5 always may bypass it, and should not"
    ]
    assert weakened(lambda f: f.pop("bypass_actors")) == ["who may bypass it is not shown to this token"]
    assert weakened(lambda f: f["rules"].pop(0)) == ["rule deletion is missing"]
    assert weakened(lambda f: f["rules"][2]["parameters"]["allowed_merge_methods"].append("squash")) == [
        "pull_request: allowed_merge_methods is ['merge', 'squash'], expected ['merge']"
    ]
    for changed in ({"integration_id": ACTIONS_APP}, {"integration_id": None}, {"context": "other"}):
        found = copy.deepcopy(body)
        target = next(rule for rule in found["rules"] if rule["type"] == "required_status_checks")["parameters"]
        target["required_status_checks"] = [{**checks["required_status_checks"][0], **changed}]
        assert differences(body, found), changed


def test_only_strategies_are_open_to_agents(project: tuple[GitRepo, str]) -> None:
    ours = (project[0].blob_at(project[1], ".github/CODEOWNERS") or b"").decode()

    assert covered(ours) == ["it names @owner, which is nobody: write your account or team there"]
    assert covered(ours.replace("@owner", "@me")) == []
    assert covered("* @me\n/strategies/\n/ci/\n") == ["/ci/ needs no review; only /strategies/ may"]
    assert covered("* @me\n/strategies/\n/ci/ # mine\n") == ["/ci/ needs no review; only /strategies/ may"]
    assert covered("* @me # all\n/strategies/ # agents\n#/ci/\n") == []
    assert covered("* @me\n") == ["/strategies/ is not open to agents"]
    assert covered("/strategies/\n") == ["its first rule must give everything (*) an owner"]


def test_a_file_that_is_no_ruleset_is_named(project: tuple[GitRepo, str]) -> None:
    repo, commit = project
    bad = repo.with_files(repo.tree_of(commit), {".github/rulesets/bad.json": b'{"name": "x"}'})

    with pytest.raises(ConfigError, match=r"rulesets/bad\.json is no ruleset"):
        read_protection(repo, bad)
