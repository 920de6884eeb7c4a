"""Check runs, reviews, rules and releases of the local forge, and what is said of one head and of no other."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.state import issue_token
from autarch.forge.terminal import verdict_of
from autarch.forge.wire import GATE_CONTEXT, LOCAL_REPOSITORY
from autarch.forge.wire_more import Annotation, CheckOutput

from .conftest import Keys, Yard, make_yard, ready
from .test_client import BASE, reply


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("checks-api"), project, keys) as made:
        yield made


def status_of(call) -> int:
    with pytest.raises(ForgeRefusedError) as denied:
        call()
    return denied.value.status


def test_signed_records_are_shown_as_check_runs_of_cis_app_until_main_moves(yard: Yard) -> None:
    head, number = ready(yard)
    other, other_number = ready(yard, "other_slug")
    human = yard.client("human")

    before = {run.name: (run.conclusion, run.app.slug if run.app else "") for run in human.check_runs(other)}
    human.merge_pull(number, sha=head)
    after = human.check_runs(other)

    assert before == {"autarch/scope": ("success", "autarch-ci"), "autarch/backtest": ("success", "autarch-ci")}
    assert after == ()  # said of another main, so of nothing that can be merged
    assert status_of(lambda: human.merge_pull(other_number, sha=other)) == 405


def test_a_record_that_ci_did_not_sign_is_not_shown(yard: Yard) -> None:
    from autarch.forge.checks import sign_check

    head = yard.propose(yard.strategy()).head_sha
    record = yard.record(head, "backtest")
    yard.plant(record.ref, sign_check(record, key=yard.keys.stranger))

    assert yard.client("human").check_runs(head) == ()


def test_a_run_is_written_changed_and_completed_with_its_remarks(shared: Yard) -> None:
    head = shared.propose(shared.strategy("remarks"), branch="agent/tuner/remarks-1").head_sha
    ci = shared.client("ci")
    remark = Annotation(path="strategies/remarks/strategy.py", start_line=1, end_line=1, level="failure", message="m")

    begun = ci.create_check_run(name="autarch/gate", head_sha=head)
    done = ci.update_check_run(
        begun.id,
        conclusion="failure",
        output=CheckOutput(title="rejected", summary="s", annotations=(remark,) * 101),
    )

    assert (begun.status, begun.conclusion, begun.completed_at) == ("in_progress", None, None)
    assert (done.status, done.conclusion, done.output.annotations_count) == ("completed", "failure", 101)
    assert ci.annotations(begun.id) == (remark,) * 101
    assert [run.id for run in ci.check_runs(head, name="autarch/gate")] == [begun.id]
    assert ci.check_runs(head, app_id=1) == ()
    assert ci.check_run(begun.id) == done


def test_what_a_run_may_not_hold_is_422_and_an_agents_is_403(shared: Yard) -> None:
    head = shared.propose(shared.strategy("limits"), branch="agent/tuner/limits-1").head_sha
    url, token = f"{shared.url}/repos/{LOCAL_REPOSITORY}/check-runs", shared.tokens["ci"]
    remark = {"path": "p", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    good = {"name": "n", "head_sha": head}
    bad = (
        {**good, "output": {"title": "t", "summary": "s", "annotations": [remark] * 51}},
        {**good, "output": {"title": "t", "summary": "x" * 65_536}},
        {**good, "status": "completed"},
        {**good, "conclusion": "perfect"},
        {**good, "head_sha": "0" * 40},
    )

    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        assert [http.post(url, json=body).status_code for body in bad] == [422] * 5
        assert http.post(url, json=good).status_code == 201
    assert status_of(lambda: shared.client("agent").create_check_run(name="n", head_sha=head)) == 403
    assert status_of(lambda: shared.client("ci").update_check_run(12_345, conclusion="success")) == 404


def test_nobody_approves_their_own_unless_they_are_alone(shared: Yard) -> None:
    head = shared.commit({"README.md": b"changed\n"})
    shared.push("human", f"{head}:refs/heads/human/own-1")
    human = shared.client("human")
    number = human.create_pull(head="human/own-1", title="Own", body="").number
    alone = human.review(number, event="APPROVE", commit=head).state
    shared.tokens["second"] = issue_token(shared.state.root, login="second", role="human")

    own = status_of(lambda: human.review(number, event="APPROVE", commit=head))
    other = shared.client("second").review(number, event="APPROVE", commit=head).state
    agent = shared.client("agent")

    assert (alone, own, other) == ("APPROVED", 422, "APPROVED")
    agent.request_reviewers(number, ["second"])
    assert agent.requested_reviewers(number) == ("second",)
    assert status_of(lambda: agent.request_reviewers(number, ["human"])) == 422  # its author
    assert status_of(lambda: agent.request_reviewers(number, ["agent"])) == 422  # no human


def test_refs_move_by_rest_as_they_would_by_a_push(shared: Yard) -> None:
    first = shared.strategy("refs_one")
    second = shared.strategy("refs_two", parent=first)
    shared.push("agent", f"{second}:refs/heads/agent/tuner/refs-1")
    agent = shared.client("agent")

    agent.create_ref("heads/agent/tuner/refs-2", first)
    agent.move_ref("heads/agent/tuner/refs-2", second)

    assert agent.ref("heads/agent/tuner/refs-2") == second
    assert status_of(lambda: agent.move_ref("heads/agent/tuner/refs-2", first)) == 422  # no fast-forward
    assert status_of(lambda: agent.create_ref("heads/agent/tuner/refs-2", first)) == 422  # it exists
    assert status_of(lambda: agent.create_ref("heads/main2", first)) == 422  # namespace
    assert status_of(lambda: agent.create_ref("heads/agent/tuner/refs-3", "0" * 40)) == 422
    agent.delete_ref("heads/agent/tuner/refs-2")
    assert agent.ref("heads/agent/tuner/refs-2") is None


def test_a_release_holds_files_of_any_kind_but_a_forms(shared: Yard) -> None:
    shared.bare.update_ref("refs/tags/v1.0.0", shared.main, old=None)
    ci = shared.client("ci")

    release = ci.create_release("v1.0.0", title="One", body="words")
    ci.upload_asset(release, "sbom.json", b"{}", kind="application/json")
    found = ci.release("v1.0.0")

    assert found is not None
    assert [(asset.name, asset.size) for asset in found.assets] == [("sbom.json", 2)]
    assert ci.release("v2.0.0") is None
    assert status_of(lambda: ci.create_release("v1.0.0", title="again", body="")) == 422
    assert status_of(lambda: ci.create_release("v2.0.0", title="no tag", body="")) == 422
    assert status_of(lambda: ci.upload_asset(release, "sbom.json", b"x")) == 422
    assert status_of(lambda: ci.upload_asset(release, "../x", b"x")) == 422
    assert status_of(lambda: ci.upload_asset(release, "form", b"x", kind="text/plain")) == 415


def test_an_unchanged_answer_costs_no_body(shared: Yard) -> None:
    headers = {"Authorization": f"Bearer {shared.tokens['human']}"}
    url = f"{shared.url}/repos/{LOCAL_REPOSITORY}/branches"

    first = httpx.get(url, headers=headers, trust_env=False)
    again = httpx.get(url, headers={**headers, "If-None-Match": first.headers["etag"]}, trust_env=False)

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.slow
def test_three_thousand_files_are_listed_page_by_page_and_no_more(shared: Yard) -> None:
    files: dict[str, bytes | None] = {f"strategies/many/f{place:04}.txt": b"x\n" for place in range(3_050)}
    pull = shared.propose(shared.commit(files), branch="agent/tuner/many-1")

    found = shared.client("human").pull_files(pull.number)

    assert len(found) == 3_000  # as on GitHub
    assert (found[0].path, found[-1].path) == ("strategies/many/f0000.txt", "strategies/many/f2999.txt")
    assert status_of(lambda: shared.client("human").merge_pull(pull.number, sha=pull.head_sha)) == 405


def test_a_head_of_a_fork_is_not_taken_here_and_told_elsewhere(shared: Yard) -> None:
    side = {"ref": "agent/x/y-1", "sha": "a"}
    body = {"number": 7, "title": "t", "body": "", "state": "open", "user": {"login": "bot"}}

    def pull(head: object) -> bool:
        sides = {"head": {**side, "repo": head}, "base": {"ref": "main", "sha": "b", "repo": {"full_name": "o/r"}}}
        transport = httpx.MockTransport(lambda _: reply(body={**body, **sides}))
        with ForgeClient(BASE, "o/r", "t", transport=transport) as client:
            return client.pull(7).from_fork

    assert (pull({"full_name": "o/r"}), pull({"full_name": "evil/r"}), pull(None)) == (False, True, True)
    agent = shared.client("agent")
    assert status_of(lambda: agent.create_pull(head="evil:agent/tuner/one-1", title="t", body="")) == 403


def test_a_verdict_on_the_old_head_is_never_shown_for_the_new(yard: Yard) -> None:
    pull = yard.propose(yard.strategy())
    yard.client("ci").set_status(pull.head_sha, context=GATE_CONTEXT, state="success")
    human = yard.client("human")
    assert verdict_of(human.pull(pull.number), human.combined_status(pull.head_sha)) == "accepted"

    new = yard.strategy(code=b'"""Other."""\n')
    yard.push("agent", f"{new}:refs/heads/agent/tuner/ema_trend-1", "--force")
    yard.client("ci").set_status(pull.head_sha, context=GATE_CONTEXT, state="success")  # the gate of the old one ends
    seen = human.pull(pull.number)

    assert seen.head_sha == new
    assert verdict_of(seen, human.combined_status(seen.head_sha)) == "unknown"
    assert status_of(lambda: human.merge_pull(pull.number, sha=pull.head_sha)) == 409


def run(name: str, conclusion: str | None, app: int) -> dict[str, object]:
    status = "completed" if conclusion else "in_progress"
    shown = {"id": app, "name": name, "head_sha": "a", "status": status, "conclusion": conclusion}
    return {**shown, "output": {"title": "t", "summary": "s"}, "app": {"id": app, "slug": f"app-{app}"}}


def test_a_status_anybody_may_set_is_not_believed_for_our_own_checks() -> None:
    forged = {"context": GATE_CONTEXT, "state": "success", "description": "", "creator": {"login": "agent"}}
    foreign = {"context": "lint", "state": "success", "description": ""}

    def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/status"):
            return reply(body={"state": "success", "statuses": [forged, foreign]})
        assert request.url.params["app_id"] == "777"
        return reply(body={"check_runs": runs})

    def word(*given: dict[str, object]) -> tuple[str, str]:
        runs[:] = given
        with ForgeClient(BASE, "o/r", "t", transport=httpx.MockTransport(platform)) as client:
            said = client.verdicts("a" * 40, app_id=777)
        return said.state, next((s.state for s in said.statuses if s.context == GATE_CONTEXT), "nothing")

    runs: list[dict[str, object]] = []
    assert word() == ("success", "nothing")
    assert word(run(GATE_CONTEXT, None, 777)) == ("pending", "pending")
    assert word(run(GATE_CONTEXT, "success", 777)) == ("success", "success")
    assert word(run(GATE_CONTEXT, "failure", 777)) == ("failure", "failure")
    assert word(run(GATE_CONTEXT, "action_required", 777)) == ("failure", "error")


def test_the_gate_is_run_again_where_the_platform_runs_it() -> None:
    asked: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.url.path.endswith("/autarch/rerun"):
            return reply(404, {"message": "Not Found"})
        if request.url.path.endswith("/pulls/7"):
            sides = {"head": {"ref": "x", "sha": "a"}, "base": {"ref": "main", "sha": "b"}}
            return reply(body={"number": 7, "title": "t", "state": "open", **sides})
        if request.url.path.endswith("/runs"):
            assert request.url.params["head_sha"] == "a"
            return reply(body={"workflow_runs": [{"id": 33, "head_sha": "a"}]})
        return reply(201)

    with ForgeClient(BASE, "o/r", "t", transport=httpx.MockTransport(platform)) as client:
        assert client.rerun_gate(7).number == 7

    assert asked[-2:] == ["GET /repos/o/r/actions/workflows/gate.yml/runs", "POST /repos/o/r/actions/runs/33/rerun"]


@pytest.mark.slow
def test_twenty_clients_that_push_at_once_lose_nothing(yard: Yard) -> None:
    from benchmarks.forge import lost_pushes, push_at_once

    push_at_once(yard, 20, "slug")

    assert lost_pushes(yard, 20, "slug") == 0
    assert sorted(pull.number for pull in yard.client("human").pulls()) == list(range(1, 21))
