"""What the local forge answers is what GitHub publishes: every answer is read by githubkit's generated models."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.forge.wire_more import Annotation, CheckOutput

from .conftest import Keys, Yard, make_yard, ready

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from githubkit_schemas.latest import models

ROOT = f"/repos/{LOCAL_REPOSITORY}"
N = r"\d+"
SCHEMAS = (
    ("GET", "/user", "PublicUser"),
    ("GET", ROOT, "FullRepository"),
    ("POST", f"{ROOT}/pulls", "PullRequest"),
    ("GET", f"{ROOT}/pulls", "list[PullRequestSimple]"),
    ("GET", f"{ROOT}/pulls/{N}", "PullRequest"),
    ("PATCH", f"{ROOT}/pulls/{N}", "PullRequest"),
    ("GET", f"{ROOT}/pulls/{N}/files", "list[DiffEntry]"),
    ("PUT", f"{ROOT}/pulls/{N}/merge", "PullRequestMergeResult"),
    ("POST", f"{ROOT}/pulls/{N}/reviews", "PullRequestReview"),
    ("GET", f"{ROOT}/pulls/{N}/reviews", "list[PullRequestReview]"),
    ("POST", f"{ROOT}/pulls/{N}/requested_reviewers", "PullRequestSimple"),
    ("GET", f"{ROOT}/pulls/{N}/requested_reviewers", "PullRequestReviewRequest"),
    ("POST", f"{ROOT}/issues/{N}/comments", "IssueComment"),
    ("GET", f"{ROOT}/issues/{N}/comments", "list[IssueComment]"),
    ("PATCH", f"{ROOT}/issues/comments/{N}", "IssueComment"),
    ("GET", f"{ROOT}/issues", "list[Issue]"),
    ("POST", f"{ROOT}/issues", "Issue"),
    ("GET", f"{ROOT}/issues/{N}", "Issue"),
    ("GET", f"{ROOT}/issues/{N}/labels", "list[Label]"),
    ("POST", f"{ROOT}/issues/{N}/labels", "list[Label]"),
    ("DELETE", f"{ROOT}/issues/{N}/labels/.+", "list[Label]"),
    ("GET", f"{ROOT}/labels", "list[Label]"),
    ("POST", f"{ROOT}/statuses/[0-9a-f]+", "Status"),
    ("GET", f"{ROOT}/commits/[^/]+/statuses", "list[Status]"),
    ("GET", f"{ROOT}/commits/[^/]+/status", "CombinedCommitStatus"),
    ("POST", f"{ROOT}/check-runs", "CheckRun"),
    ("PATCH", f"{ROOT}/check-runs/{N}", "CheckRun"),
    ("GET", f"{ROOT}/check-runs/{N}", "CheckRun"),
    ("GET", f"{ROOT}/check-runs/{N}/annotations", "list[CheckAnnotation]"),
    ("GET", f"{ROOT}/commits/[^/]+/check-runs", "ReposOwnerRepoCommitsRefCheckRunsGetResponse200"),
    ("GET", f"{ROOT}/git/ref/.+", "GitRef"),
    ("POST", f"{ROOT}/git/refs", "GitRef"),
    ("PATCH", f"{ROOT}/git/refs/.+", "GitRef"),
    ("GET", f"{ROOT}/branches", "list[ShortBranch]"),
    ("GET", f"{ROOT}/contents/.+", "ContentFile"),
    ("GET", f"{ROOT}/rulesets", "list[RepositoryRuleset]"),
    ("GET", f"{ROOT}/rulesets/{N}", "RepositoryRuleset"),
    ("GET", f"{ROOT}/collaborators/[^/]+/permission", "RepositoryCollaboratorPermission"),
    ("POST", f"{ROOT}/releases", "Release"),
    ("GET", f"{ROOT}/releases", "list[Release]"),
    ("GET", f"{ROOT}/releases/tags/.+", "Release"),
    ("POST", f"{ROOT}/releases/{N}/assets", "ReleaseAsset"),
    ("GET", f"{ROOT}/actions/secrets", "ReposOwnerRepoActionsSecretsGetResponse200"),
    ("GET", f"{ROOT}/actions/runs", "ReposOwnerRepoActionsRunsGetResponse200"),
)

BODIES = (
    ("POST", f"{ROOT}/pulls", ("ReposOwnerRepoPullsPostBody",)),
    ("PUT", f"{ROOT}/pulls/{N}/merge", ("ReposOwnerRepoPullsPullNumberMergePutBody",)),
    ("POST", f"{ROOT}/pulls/{N}/reviews", ("ReposOwnerRepoPullsPullNumberReviewsPostBody",)),
    ("POST", f"{ROOT}/statuses/[0-9a-f]+", ("ReposOwnerRepoStatusesShaPostBody",)),
    ("POST", f"{ROOT}/issues/{N}/comments", ("ReposOwnerRepoIssuesIssueNumberCommentsPostBody",)),
    ("PATCH", f"{ROOT}/issues/comments/{N}", ("ReposOwnerRepoIssuesCommentsCommentIdPatchBody",)),
    ("POST", f"{ROOT}/issues", ("ReposOwnerRepoIssuesPostBody",)),
    ("POST", f"{ROOT}/issues/{N}/labels", ("ReposOwnerRepoIssuesIssueNumberLabelsPostBodyOneof0",)),
    (
        "POST",
        f"{ROOT}/check-runs",
        ("ReposOwnerRepoCheckRunsPostBodyOneof0", "ReposOwnerRepoCheckRunsPostBodyOneof1"),
    ),
    (
        "PATCH",
        f"{ROOT}/check-runs/{N}",
        ("ReposOwnerRepoCheckRunsCheckRunIdPatchBodyAnyof0", "ReposOwnerRepoCheckRunsCheckRunIdPatchBodyAnyof1"),
    ),
    ("POST", f"{ROOT}/git/refs", ("ReposOwnerRepoGitRefsPostBody",)),
    ("PATCH", f"{ROOT}/git/refs/.+", ("ReposOwnerRepoGitRefsRefPatchBody",)),
    ("POST", f"{ROOT}/releases", ("ReposOwnerRepoReleasesPostBody",)),
    (
        "POST",
        f"{ROOT}/pulls/{N}/requested_reviewers",
        ("ReposOwnerRepoPullsPullNumberRequestedReviewersPostBodyAnyof0",),
    ),
)


class Recorder(httpx.BaseTransport):
    """Delivers over real HTTP and keeps every exchange."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport()
        self.seen: list[tuple[httpx.Request, httpx.Response]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        answer.read()
        self.seen.append((request, answer))
        return answer

    def close(self) -> None:
        self.inner.close()


def model(name: str) -> TypeAdapter[Any]:
    inner = name.removeprefix("list[").removesuffix("]")
    kind = getattr(models, inner)
    return TypeAdapter(list[kind] if name != inner else kind)  # type: ignore[valid-type]


def named(table: Any, request: httpx.Request) -> Any:
    path = request.url.path
    return next((row[2] for row in table if row[0] == request.method and re.fullmatch(row[1], path)), None)


@pytest.fixture(scope="module")
def tour(tmp_path_factory, project, keys: Keys) -> Iterator[list[tuple[httpx.Request, httpx.Response]]]:
    """Every call the client has an answer for here, made once by whom it is for."""
    recorder = Recorder()
    with make_yard(tmp_path_factory.mktemp("schema"), project, keys) as yard:
        clients = {
            login: ForgeClient(yard.url, LOCAL_REPOSITORY, yard.tokens[login], transport=recorder)
            for login in ("human", "ci", "agent")
        }
        _walk(yard, clients)
    yield recorder.seen
    recorder.close()


def _walk(yard: Yard, clients: dict[str, ForgeClient]) -> None:
    human, ci, agent = clients["human"], clients["ci"], clients["agent"]
    head, number = ready(yard)
    yard.push("agent", f"{yard.strategy('another')}:refs/heads/agent/tuner/another-1")
    other = agent.create_pull(head="agent/tuner/another-1", title="Another", body="Because.")
    human.user(), human.about(), human.pulls(), human.pull(number), human.pull_files(number)
    human.review(number, event="COMMENT", commit=head, body="read"), human.reviews(number)
    agent.request_reviewers(number, ["human"]), agent.requested_reviewers(number)
    comment = ci.add_comment(number, "first")
    ci.edit_comment(comment.id, "second"), ci.comments(number)
    human.add_labels(number, ["good"]), human.labels(number), human.labelled("good"), human.repository_labels()
    ci.set_status(head, context="a", state="success"), ci.statuses(head), ci.combined_status(head)
    remarks = tuple(
        Annotation(path="strategies/ema_trend/strategy.py", start_line=1, end_line=1, level="warning", message="m")
        for _ in range(120)
    )
    output = CheckOutput(title="t", summary="s", annotations=remarks)
    run = ci.create_check_run(name="words", head_sha=head, conclusion="neutral", output=output)
    ci.check_run(run.id), ci.annotations(run.id), ci.check_runs(head)
    human.ref("heads/main"), human.branches(), human.content("README.md")
    agent.create_ref("heads/agent/tuner/made-1", head)
    agent.move_ref("heads/agent/tuner/made-1", other.head_sha, force=True), agent.delete_ref("heads/agent/tuner/made-1")
    human.issue_text(human.open_issue("Ask", "for it")), human.issue_text(number)
    for each in human.rulesets():
        human.ruleset(each.id)
    human.branch_rules("main"), human.permission_of("human"), human.repository_secrets(), human.workflow_runs()
    human.remove_label(number, "good"), agent.close_pull(other.number)
    human.merge_pull(number, sha=head)
    yard.bare.update_ref("refs/tags/v1.0.0", yard.main, old=None)  # what a tag must be is tested with the rules
    release = ci.create_release("v1.0.0", title="One", body="words")
    ci.upload_asset(release, "sbom.json", b"{}", kind="application/json"), ci.release("v1.0.0")
    human._json("GET", "/releases"), human._json("GET", "/contents/README.md")  # two shapes that no verb asks for
    for mistake in (
        lambda: human.pull(99),
        lambda: human.merge_pull(number, sha=head),
        lambda: agent.create_ref("x", head),
    ):
        with pytest.raises(ForgeRefusedError):
            mistake()


Tour = list[tuple[httpx.Request, httpx.Response]]


def test_every_answer_is_githubs(tour: Tour) -> None:
    for request, answer in tour:
        raw = answer.status_code == 204 or "raw" in request.headers["accept"]
        if not answer.is_success or raw or "/rules/branches/" in request.url.path:
            continue
        name = named(SCHEMAS, request)
        assert name is not None, f"{request.method} {request.url.path} is checked against nothing"
        model(name).validate_json(answer.content)


def test_an_answer_that_lacks_a_field_is_seen(tour: Tour) -> None:
    whole = next(json.loads(a.content) for r, a in tour if r.method == "POST" and r.url.path == f"{ROOT}/pulls")
    model("PullRequest").validate_python(whole)

    for field in ("number", "user", "_links", "mergeable_state"):
        with pytest.raises(ValueError, match=field):
            model("PullRequest").validate_python({key: value for key, value in whole.items() if key != field})


def test_every_refusal_is_githubs(tour: Tour) -> None:
    refused = [answer for _, answer in tour if answer.is_client_error]

    assert {404, 405, 422} <= {answer.status_code for answer in refused}
    for answer in refused:
        model("ValidationErrorSimple" if answer.status_code == 422 else "BasicError").validate_json(answer.content)


def test_every_request_is_one_that_github_takes(tour: Tour) -> None:
    for request, _ in tour:
        names = named(BODIES, request)
        if names is not None:
            body = json.loads(request.content)
            assert any(_reads(name, body) for name in names), f"{request.method} {request.url.path}: {body}"


def test_the_tour_leaves_no_endpoint_out(tour: Tour) -> None:
    walked = {
        (row[0], row[1]) for row in SCHEMAS for request, answer in tour if answer.is_success and _is(row, request)
    }

    assert {(row[0], row[1]) for row in SCHEMAS} - walked == set()


def test_the_rules_in_force_are_rules_that_github_knows(tour: Tour) -> None:
    kinds = [getattr(models, name) for name in dir(models) if name.startswith("RepositoryRuleDetailed")]
    found = [json.loads(answer.content) for request, answer in tour if "/rules/branches/" in request.url.path]

    for rule in found[0]:
        assert any(_reads(kind.__name__, rule) for kind in kinds), rule


def _is(row: Any, request: httpx.Request) -> bool:
    return bool(row[0] == request.method and re.fullmatch(row[1], request.url.path))


def _reads(name: str, body: object) -> bool:
    try:
        model(name).validate_python(body)
    except ValueError:
        return False
    return True
