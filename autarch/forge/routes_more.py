"""More REST routes: check runs, rules, refs, contents, reviewers, releases, and what a local forge has none of."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from autarch.forge import check_runs, local_rules, releases, shapes
from autarch.forge.bodies import ReviewersBody
from autarch.forge.check_runs import NewRun, RunChange, RunRecord, run_name
from autarch.forge.checks import CI_SIGNERS
from autarch.forge.desk import DeniedError, need_role
from autarch.forge.releases import NewRelease
from autarch.forge.routes import Call, Handler, Reply, commit_of, page_of
from autarch.forge.rules import Move, judge
from autarch.forge.rules_main import read_required
from autarch.forge.shapes_common import label_json, user_json
from autarch.forge.wire import Role
from autarch.repo.objects import OBJECT_ID

CONTENT_BYTES_MAX = 1024 * 1024  # GitHub's for a file in JSON
_PERMISSIONS: dict[Role, str] = {"human": "admin", "ci": "write", "agent": "write", "deployer": "read"}


class NewRef(msgspec.Struct, frozen=True, kw_only=True):
    """POST /git/refs."""

    ref: str
    sha: str


class RefMove(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH /git/refs/{ref}."""

    sha: str
    force: bool = False


# -- check runs -------------------------------------------------------------------------------


def add_check_run(call: Call) -> Reply:
    """POST /check-runs."""
    need_role(call.account, ("ci",), "writes check runs")
    body = call.body(NewRun)
    if not OBJECT_ID.match(body.head_sha) or call.office.repo.resolve(body.head_sha) != body.head_sha:
        raise DeniedError(422, f"no commit {body.head_sha[:64]!r} here")
    run = call.office.check_runs.add(body, app=call.account.login)
    return Reply(body=check_runs.run_json(run, call.place), status=201)


def change_check_run(call: Call) -> Reply:
    """PATCH /check-runs/{id}."""
    need_role(call.account, ("ci",), "writes check runs")
    run = call.office.check_runs.change(call.number, call.body(RunChange), app=call.account.login)
    if run is None:
        raise DeniedError(404, f"{call.account.login} has no check run {call.number}")
    return Reply(body=check_runs.run_json(run, call.place))


def get_check_run(call: Call) -> Reply:
    """GET /check-runs/{id}."""
    return Reply(body=check_runs.run_json(_run(call), call.place))


def list_annotations(call: Call) -> Reply:
    """GET /check-runs/{id}/annotations."""
    run = _run(call)
    page, headers = page_of(call, run.annotations)
    return Reply(body=[check_runs.annotation_json(each, run, call.place) for each in page], headers=headers)


def list_check_runs(call: Call) -> Reply:
    """GET /commits/{ref}/check-runs?check_name=&app_id=&filter=: signed ones, then written ones."""
    runs = [check_runs.run_json(run, call.place) for run in _latest(call, commit_of(call))]
    name, app = call.query.get("check_name"), call.query.get("app_id")
    found = [run for run in runs if name in {None, run["name"]} and app in {None, str(run["app"]["id"])}]
    page, headers = page_of(call, found)
    return Reply(body={"total_count": len(found), "check_runs": page}, headers=headers)


def _latest(call: Call, sha: str) -> list[RunRecord]:
    desk = call.office.desk
    main = desk.main()
    signers = call.office.repo.blob_at(main, CI_SIGNERS) or b""
    newest: dict[tuple[str, str], RunRecord] = {}
    for run in call.office.check_runs.of(sha, base=main, signers=signers):
        newest.setdefault((run.app, run.name), run)
    return list(newest.values())


def _run(call: Call) -> RunRecord:
    main = call.office.desk.main()
    signers = call.office.repo.blob_at(main, CI_SIGNERS) or b""
    run = call.office.check_runs.find(call.number, base=main, signers=signers)
    if run is None:
        raise DeniedError(404, f"there is no check run {call.number}")
    return run


# -- rules ------------------------------------------------------------------------------------


def list_rulesets(call: Call) -> Reply:
    """GET /rulesets."""
    page, headers = page_of(call, [local_rules.summary_of(each) for each in _rulesets(call)])
    return Reply(body=page, headers=headers)


def get_ruleset(call: Call) -> Reply:
    """GET /rulesets/{id}."""
    found = next((each for each in _rulesets(call) if each["id"] == call.number), None)
    if found is None:
        raise DeniedError(404, f"there is no ruleset {call.number}")
    return Reply(body=found)


def branch_rules(call: Call) -> Reply:
    """GET /rules/branches/{branch}."""
    page, headers = page_of(call, local_rules.rules_of(_rulesets(call), str(call.path["branch"])))
    return Reply(body=page, headers=headers)


def _rulesets(call: Call) -> tuple[dict[str, Any], ...]:
    desk = call.office.desk
    required = read_required(desk.book(call.account), desk.main()).strategy
    return local_rules.local_rulesets(call.place, [run_name(name) for name in required])


# -- refs and contents ------------------------------------------------------------------------


def add_ref(call: Call) -> Reply:
    """POST /git/refs: judged as a push of it would be."""
    body = call.body(NewRef)
    if call.office.repo.read_ref(body.ref) is not None:
        raise DeniedError(422, f"Reference already exists: {body.ref[:200]}")
    return Reply(body=_moved(call, Move(ref=body.ref, old=None, new=_known(call, body.sha))), status=201)


def move_ref(call: Call) -> Reply:
    """PATCH /git/refs/{ref}: judged as a push of it would be."""
    name, body, repo = f"refs/{call.path['ref']}", call.body(RefMove), call.office.repo
    old = repo.read_ref(name)
    if old is None:
        raise DeniedError(422, f"Reference does not exist: {name[:200]}")
    new = _known(call, body.sha)
    if not body.force and not (repo.kind_of(new) == "commit" and repo.is_ancestor(old, new)):
        raise DeniedError(422, "Update is not a fast forward")
    return Reply(body=_moved(call, Move(ref=name, old=old, new=new)))


def delete_ref(call: Call) -> Reply:
    """DELETE /git/refs/{ref}: judged as a push of it would be."""
    name = f"refs/{call.path['ref']}"
    old = call.office.repo.read_ref(name)
    if old is None:
        raise DeniedError(422, f"Reference does not exist: {name[:200]}")
    _moved(call, Move(ref=name, old=old, new=None))
    return Reply(body=None, status=204)


def _known(call: Call, sha: str) -> str:
    if not OBJECT_ID.match(sha) or call.office.repo.resolve(sha) is None:
        raise DeniedError(422, f"Object does not exist: {sha[:64]!r}")
    return sha


def _moved(call: Call, move: Move) -> dict[str, Any]:
    refusal = judge(call.office.desk.book(call.account), move)
    if refusal is not None:
        raise DeniedError(422, f"{refusal.rule}: {refusal.why}; {refusal.fix}")
    call.office.repo.update_ref(move.ref, move.new, old=move.old)
    call.office.desk.notice()
    if move.new is None:
        return {}
    return shapes.ref_json(move.ref, move.new, call.office.repo.kind_of(move.new), call.place)


def content(call: Call) -> Reply:
    """GET /contents/{path}?ref=: one file, raw where that is asked for."""
    repo, path, ref = call.office.repo, str(call.path["path"]), call.query.get("ref", "main")
    commit = repo.resolve(ref)
    found = repo.blob_at(commit, path) if commit is not None else None
    if found is None:
        raise DeniedError(404, f"there is no file {path[:200]!r} at {ref[:200]!r}")
    if "raw" in call.accept:
        return Reply(body=found, headers={"Content-Type": "application/vnd.github.raw"})
    if len(found) > CONTENT_BYTES_MAX:
        raise DeniedError(403, f"the file has {len(found)} bytes; ask for it raw")
    at = f"{call.place.api}/contents/{path}?ref={ref}"
    entry = repo.entry_at(repo.tree_of(str(commit)), path)
    return Reply(
        body={
            "type": "file",
            "encoding": "base64",
            "size": len(found),
            "name": path.rpartition("/")[2],
            "path": path,
            "content": base64.b64encode(found).decode("ascii"),
            "sha": entry.oid if entry is not None else "",
            "url": at,
            "git_url": None,
            "html_url": None,
            "download_url": None,
            "_links": {"self": at, "git": None, "html": None},
        }
    )


# -- people -----------------------------------------------------------------------------------


def request_reviewers(call: Call) -> Reply:
    """POST /pulls/{n}/requested_reviewers."""
    body = call.body(ReviewersBody)
    if body.team_reviewers:
        raise DeniedError(422, "a local forge has no teams; name humans")
    record = call.office.talk.ask_review(call.account, call.number, body.reviewers)
    return Reply(body=shapes.pull_json(record, call.place), status=201)


def list_reviewers(call: Call) -> Reply:
    """GET /pulls/{n}/requested_reviewers."""
    logins = call.office.desk.pull(call.number).requested
    return Reply(body={"users": [user_json(login, call.office.url) for login in logins], "teams": []})


def permission(call: Call) -> Reply:
    """GET /collaborators/{login}/permission."""
    login = str(call.path["login"])
    role = call.office.tokens.role_of(login)
    word = "none" if role is None else _PERMISSIONS[role]
    return Reply(body={"permission": word, "role_name": word, "user": None, "autarch": {"role": role}})


# -- releases ---------------------------------------------------------------------------------


def add_release(call: Call) -> Reply:
    """POST /releases."""
    need_role(call.account, ("human", "ci"), "publishes releases")
    record = call.office.releases.add(call.body(NewRelease), author=call.account.login)
    return Reply(body=releases.release_json(record, call.place), status=201)


def list_releases(call: Call) -> Reply:
    """GET /releases."""
    page, headers = page_of(call, call.office.releases.all())
    return Reply(body=[releases.release_json(record, call.place) for record in page], headers=headers)


def release_of(call: Call) -> Reply:
    """GET /releases/tags/{tag}."""
    record = call.office.releases.of(str(call.path["tag"]))
    if record is None:
        raise DeniedError(404, f"{call.path['tag']!r} has no release")
    return Reply(body=releases.release_json(record, call.place))


def add_asset(call: Call) -> Reply:
    """POST /releases/{id}/assets?name=: the body is the file."""
    need_role(call.account, ("human", "ci"), "publishes releases")
    record = next((each for each in call.office.releases.all() if each.id == call.number), None)
    if record is None:
        raise DeniedError(404, f"there is no release {call.number}")
    name = call.query.get("name", "")
    asset = call.office.releases.attach(record.tag, name, call.content, kind=call.kind, by=call.account.login)
    return Reply(body=releases.asset_json(asset, record, call.place), status=201)


# -- what a local forge has little or nothing of ----------------------------------------------


def repository_labels(call: Call) -> Reply:
    """GET /labels: those in use."""
    used = sorted({label for record in call.office.desk.pulls.all() for label in record.labels})
    page, headers = page_of(call, used)
    return Reply(body=[label_json(label, call.place) for label in page], headers=headers)


def no_secrets(_call: Call) -> Reply:
    """GET /actions/secrets: none are kept here."""
    return Reply(body={"total_count": 0, "secrets": []})


def no_runs(_call: Call) -> Reply:
    """GET /actions/runs: the forge judges by itself."""
    return Reply(body={"total_count": 0, "workflow_runs": []})


def no_environment(call: Call) -> Reply:
    """GET /environments/{name}."""
    raise DeniedError(404, f"a local forge has no environment {call.path['environment']!r}")


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/check-runs", add_check_run),
    ("GET", "/check-runs/{number:int}", get_check_run),
    ("PATCH", "/check-runs/{number:int}", change_check_run),
    ("GET", "/check-runs/{number:int}/annotations", list_annotations),
    ("GET", "/commits/{ref:path}/check-runs", list_check_runs),
    ("GET", "/rulesets", list_rulesets),
    ("GET", "/rulesets/{number:int}", get_ruleset),
    ("GET", "/rules/branches/{branch:path}", branch_rules),
    ("POST", "/git/refs", add_ref),
    ("PATCH", "/git/refs/{ref:path}", move_ref),
    ("DELETE", "/git/refs/{ref:path}", delete_ref),
    ("GET", "/contents/{path:path}", content),
    ("POST", "/pulls/{number:int}/requested_reviewers", request_reviewers),
    ("GET", "/pulls/{number:int}/requested_reviewers", list_reviewers),
    ("GET", "/collaborators/{login}/permission", permission),
    ("POST", "/releases", add_release),
    ("GET", "/releases", list_releases),
    ("GET", "/releases/tags/{tag:path}", release_of),
    ("GET", "/labels", repository_labels),
    ("GET", "/actions/secrets", no_secrets),
    ("GET", "/actions/runs", no_runs),
    ("GET", "/environments/{environment}", no_environment),
)
"""Method, path below /repos/{owner}/{name}, handler; bodies are JSON."""

FILE_ROUTES: tuple[tuple[str, str, Handler], ...] = (("POST", "/releases/{number:int}/assets", add_asset),)
"""Routes whose body is a file."""
