"""The REST routes as GitHub's: who may do what, which status says no, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY, REPORT_MARKER

from .conftest import Keys, Yard, make_yard

ROOT = f"/repos/{LOCAL_REPOSITORY}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("rest"), project, keys) as made:
        yield made


@pytest.fixture(scope="module")
def opened(shared: Yard) -> tuple[str, int]:
    head = shared.strategy("opened")
    return head, shared.propose(head, branch="agent/tuner/opened-1", title="Opened").number


def raw(yard: Yard, method: str, path: str, *, login: str | None = "human", **more) -> httpx.Response:
    headers = more.pop("headers", {})
    if login is not None:
        headers = {"Authorization": f"Bearer {yard.tokens[login]}", **headers}
    with httpx.Client(base_url=yard.url, headers=headers, trust_env=False) as http:
        return http.request(method, path, **more)


def status_of(call) -> int:
    with pytest.raises(ForgeRefusedError) as denied:
        call()
    return denied.value.status


@pytest.mark.parametrize("path", ["/user", f"{ROOT}/pulls", "/", "/pulls/1", f"/{LOCAL_REPOSITORY}.git/info/refs"])
def test_nothing_is_read_without_a_token(shared: Yard, path: str) -> None:
    answer = raw(shared, "GET", path, login=None)
    wrong = raw(shared, "GET", path, login=None, headers={"Authorization": "Bearer autarch_wrong"})

    assert (answer.status_code, wrong.status_code) == (401, 401)
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_token_is_accepted_as_bearer_token_or_password(shared: Yard) -> None:
    secret = shared.tokens["human"]

    for headers in ({"Authorization": f"token {secret}"}, {"Authorization": f"Bearer {secret}"}):
        assert raw(shared, "GET", "/user", login=None, headers=headers).json()["login"] == "human"
    assert raw(shared, "GET", "/user", login=None, auth=("anyone", secret)).json()["autarch"]["role"] == "human"
    assert raw(shared, "GET", "/user", login=None, headers={"Authorization": "Basic ?"}).status_code == 401


def test_tokens_are_stored_as_hashes_and_replaced_while_serving(shared: Yard) -> None:
    from autarch.forge.state import issue_token

    stored = shared.state.tokens_file.read_text()
    first = issue_token(shared.state.root, login="temporary", role="agent")
    headers = {"Authorization": f"Bearer {first}"}
    before = raw(shared, "GET", "/user", login=None, headers=headers).status_code
    issue_token(shared.state.root, login="temporary", role="agent")
    after = raw(shared, "GET", "/user", login=None, headers=headers).status_code

    assert not any(secret in stored for secret in shared.tokens.values())
    assert shared.state.tokens_file.stat().st_mode & 0o077 == 0
    assert (before, after) == (200, 401)


def test_a_name_rebound_to_loopback_and_another_sites_page_are_refused(shared: Yard) -> None:
    rebound = raw(shared, "GET", "/user", headers={"Host": "evil.example"})
    foreign = raw(shared, "GET", "/", headers={"Sec-Fetch-Site": "cross-site"})
    form = raw(
        shared, "POST", f"{ROOT}/issues/1/comments", content=b'{"body": "x"}', headers={"Content-Type": "text/plain"}
    )

    assert (rebound.status_code, foreign.status_code, form.status_code) == (421, 403, 415)


def test_another_repository_is_not_there(shared: Yard) -> None:
    assert raw(shared, "GET", "/repos/other/name/pulls").status_code == 404
    assert raw(shared, "GET", "/other/name.git/info/refs?service=git-upload-pack").status_code == 404


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{ROOT}/pulls", b"{", 400),
        ("POST", f"{ROOT}/pulls", b"{}", 422),
        ("POST", f"{ROOT}/pulls", b'{"title": 1, "head": "x", "base": "main"}', 422),
        ("POST", f"{ROOT}/pulls", b'{"title": "t", "head": "agent/x/none-1", "base": "main"}', 422),
        ("POST", f"{ROOT}/pulls", b'{"title": "t", "head": "agent/tuner/opened-1", "base": "other"}', 422),
        ("GET", f"{ROOT}/pulls/999", b"", 404),
        ("GET", f"{ROOT}/pulls?state=weird", b"", 422),
        ("GET", f"{ROOT}/pulls?per_page=-1", b"", 422),
        ("PUT", f"{ROOT}/pulls/1/merge", b"{}", 422),
        ("PUT", f"{ROOT}/pulls/1/merge", b'{"sha": "x", "merge_method": "squash"}', 405),
        ("PUT", f"{ROOT}/pulls/1/merge", b'{"sha": "0000000000000000000000000000000000000000"}', 409),
        ("GET", f"{ROOT}/git/ref/heads/none", b"", 404),
        ("GET", f"{ROOT}/commits/none/status", b"", 404),
        ("PATCH", f"{ROOT}/issues/comments/999", b'{"body": "x"}', 404),
        ("DELETE", f"{ROOT}/issues/1/labels/none", b"", 404),
    ],
)
def test_each_mistake_has_githubs_status(shared: Yard, method: str, path: str, body: bytes, status: int) -> None:
    answer = raw(shared, method, path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


def test_a_body_beyond_the_limit_is_refused_before_it_is_read_whole(shared: Yard) -> None:
    answer = raw(
        shared, "POST", f"{ROOT}/pulls", content=b" " * 2_000_000, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 413


def test_each_role_does_what_it_is_for_and_no_more(shared: Yard, opened: tuple[str, int]) -> None:
    head, number = opened
    agent, human, ci, deployer = (shared.client(login) for login in ("agent", "human", "ci", "deployer"))

    assert status_of(lambda: agent.merge_pull(number, sha=head)) == 403
    assert status_of(lambda: ci.merge_pull(number, sha=head)) == 403
    assert status_of(lambda: agent.review(number, event="APPROVE", commit=head)) == 403
    assert status_of(lambda: ci.review(number, event="APPROVE", commit=head)) == 403
    for who in (agent, human, deployer):
        assert status_of(lambda who=who: who.set_status(head, context="x", state="success")) == 403
    assert status_of(lambda: deployer.create_pull(head="agent/tuner/opened-1", title="t", body="")) == 403
    assert status_of(lambda: shared.client("rival").close_pull(number)) == 403
    assert status_of(lambda: shared.client("rival").create_pull(head="agent/tuner/opened-1", title="t", body="")) == 403
    assert status_of(lambda: human.review(number, event="APPROVE", commit="0" * 40)) == 422
    for client in (agent, human, ci, deployer):
        assert client.add_comment(number, "read").body == "read"
        assert "seen" in client.add_labels(number, ["seen"])


@pytest.mark.usefixtures("opened")
def test_a_second_pull_request_of_one_branch_and_one_without_commits_are_refused(shared: Yard) -> None:
    agent = shared.client("agent")
    shared.push("agent", f"{shared.main}:refs/heads/agent/tuner/nothing-1")

    assert status_of(lambda: agent.create_pull(head="agent/tuner/opened-1", title="t", body="")) == 422
    assert status_of(lambda: agent.create_pull(head="agent/tuner/nothing-1", title="t", body="")) == 422


def test_open_pull_requests_are_found_by_their_labels(shared: Yard) -> None:
    pull = shared.propose(shared.strategy("labelled"), branch="agent/tuner/labelled-1")
    deployer = shared.client("deployer")
    assert deployer.labelled("halt now") == ()

    shared.client("human").add_labels(pull.number, ["halt now", "other"])

    assert deployer.labelled("halt now") == (pull.number,)
    both = raw(shared, "GET", f"{ROOT}/issues?labels=other,halt%20now").json()
    assert [(issue["number"], "pull_request" in issue) for issue in both] == [(pull.number, True)]
    assert raw(shared, "GET", f"{ROOT}/issues?labels=other,none").json() == []
    assert raw(shared, "GET", f"{ROOT}/issues?state=new").status_code == 422
    shared.client("agent").close_pull(pull.number)
    assert deployer.labelled("halt now") == ()


def test_an_agent_closes_and_a_human_reopens_its_pull_request(shared: Yard) -> None:
    head = shared.strategy("closing")
    pull = shared.propose(head, branch="agent/tuner/closing-1")

    closed = shared.client("agent").close_pull(pull.number)
    merged = status_of(lambda: shared.client("human").merge_pull(pull.number, sha=head))
    reopened = raw(shared, "PATCH", f"{ROOT}/pulls/{pull.number}", json={"state": "open"}).json()

    assert (closed.state, closed.merged) == ("closed", False)
    assert merged == 405
    assert reopened["state"] == "open"


def test_statuses_combine_as_on_github(shared: Yard) -> None:
    ci = shared.client("ci")
    head = shared.strategy("statuses")
    shared.push("agent", f"{head}:refs/heads/agent/tuner/statuses-1")

    empty = ci.combined_status(head).state
    ci.set_status(head, context="a", state="pending")
    waiting = ci.combined_status(head).state
    ci.set_status(head, context="a", state="success", description="x" * 200)
    green = ci.combined_status(head)
    ci.set_status(head, context="b", state="error")

    assert (empty, waiting, green.state) == ("pending", "pending", "success")
    assert len(green.statuses[0].description) == 140
    assert ci.combined_status(head).state == "failure"
    assert [status.state for status in ci.statuses(head)] == ["error", "success", "pending"]
    assert status_of(lambda: ci.set_status("0" * 40, context="a", state="success")) == 422
    assert status_of(lambda: ci.set_status(head, context="a", state="success", target_url="javascript:x")) == 422


def test_the_report_is_one_comment_edited_in_place(shared: Yard, opened: tuple[str, int]) -> None:
    _, number = opened
    ci = shared.client("ci")
    shared.client("agent").add_comment(number, f"{REPORT_MARKER}\nforged by an agent")

    first = ci.set_report(number, "verdict one")
    second = ci.set_report(number, "verdict two")
    long = ci.set_report(number, "x" * 100_000)

    ours = [comment for comment in ci.comments(number) if comment.author == "ci" and REPORT_MARKER in comment.body]
    assert first.id == second.id == long.id
    assert len(ours) == 1
    assert len(long.body) == 65_536
    assert status_of(lambda: shared.client("agent").edit_comment(first.id, "forged")) == 403


def test_lists_are_paged_by_links(shared: Yard, opened: tuple[str, int]) -> None:
    _, number = opened
    agent = shared.client("agent")
    for index in range(5):
        agent.add_comment(number, f"comment {index}")

    page = raw(shared, "GET", f"{ROOT}/issues/{number}/comments?per_page=2")
    followed = [page]
    while "next" in followed[-1].links:
        followed.append(raw(shared, "GET", followed[-1].links["next"]["url"]))

    bodies = [comment["body"] for answer in followed for comment in answer.json()]
    assert len(page.json()) == 2
    assert bodies == [comment.body for comment in agent.comments(number)]


def test_a_pull_request_is_found_by_its_branch_and_tells_its_files(shared: Yard, opened: tuple[str, int]) -> None:
    head, number = opened
    human = shared.client("human")

    found = human.pulls(head="agent/tuner/opened-1")
    files = human.pull_files(number)

    assert [(pull.number, pull.head_sha) for pull in found] == [(number, head)]
    assert [(file.path, file.status) for file in files] == [
        ("strategies/opened/manifest.toml", "added"),
        ("strategies/opened/strategy.py", "added"),
    ]
    assert files[1].additions == 1
    assert human.ref("heads/main") == shared.main
    assert human.ref("heads/none") is None
    assert human.branches()["agent/tuner/opened-1"] == head


def test_a_new_head_is_followed_and_the_old_one_cannot_be_merged(shared: Yard) -> None:
    first = shared.strategy("moving")
    pull = shared.propose(first, branch="agent/tuner/moving-1")
    second = shared.strategy("moving", code=b'"""Second."""\n')

    shared.push("agent", f"{second}:refs/heads/agent/tuner/moving-1", "--force")

    human = shared.client("human")
    assert human.pull(pull.number).head_sha == second
    assert shared.bare.read_ref(f"refs/pull/{pull.number}/head") == second
    assert status_of(lambda: human.merge_pull(pull.number, sha=first)) == 409


def test_a_deleted_branch_loses_nothing(shared: Yard) -> None:
    head = shared.strategy("deleted")
    pull = shared.propose(head, branch="agent/tuner/deleted-1")

    shared.push("human", ":refs/heads/agent/tuner/deleted-1")

    assert shared.bare.read_ref("refs/heads/agent/tuner/deleted-1") is None
    assert shared.client("human").pull(pull.number).head_sha == head
    assert shared.bare.read_ref(f"refs/pull/{pull.number}/head") == head


def test_hostile_text_is_shown_as_text(shared: Yard) -> None:
    head = shared.commit(
        {"strategies/hostile/strategy.py": b"<script>alert(1)</script>\n"},
        message="Propose\n\nAgent: <img src=x onerror=alert(2)>\n",
    )
    pull = shared.propose(head, branch="agent/tuner/hostile-1", title='"><script>alert(3)</script>')
    shared.client("agent").add_comment(pull.number, "</pre><script>alert(4)</script>")

    pages = [raw(shared, "GET", "/"), raw(shared, "GET", f"/pulls/{pull.number}")]

    for page in pages:
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "title", ["two\nlines", "Ledger-Head: 0\r\nEvidence: none", "\x1b[31mred", "\u202egnp.exe", "", " ", "x" * 300]
)
def test_a_title_that_could_pass_for_something_else_is_refused(shared: Yard, title: str) -> None:
    shared.push("agent", f"{shared.strategy('titles')}:refs/heads/agent/tuner/titles-1")

    assert (
        status_of(lambda: shared.client("agent").create_pull(head="agent/tuner/titles-1", title=title, body="")) == 422
    )


def test_a_body_with_trailers_writes_nothing_into_the_merge(yard: Yard) -> None:
    head = yard.strategy()
    yard.push("agent", f"{head}:refs/heads/agent/tuner/ema_trend-1")
    body = f"Why.\n\nEvidence: {'0' * 64}\nMerged-By: nobody\n"
    pull = yard.client("agent").create_pull(head="agent/tuner/ema_trend-1", title="Merged-By: agent", body=body)
    yard.approve_checks(head)

    merged = yard.bare.read_commit(yard.client("human").merge_pull(pull.number, sha=head))

    assert merged.trailers["Merged-By"] == "human"
    assert merged.trailers["Evidence"] != "0" * 64


def test_everything_is_remembered_across_a_restart(tmp_path, project, keys: Keys) -> None:
    from autarch.forge.serve import serving

    with make_yard(tmp_path, project, keys) as before:
        head = before.strategy()
        number = before.propose(head).number
        before.client("human").add_comment(number, "kept")
        before.client("ci").set_status(head, context="a", state="success")
        before.client("human").add_labels(number, ["kept"])
    with serving(before.state) as running, ForgeClient(running.url, LOCAL_REPOSITORY, before.tokens["human"]) as human:
        pull, comments = human.pull(number), human.comments(number)
        combined = human.combined_status(head)

    assert (pull.head_sha, pull.labels, [c.body for c in comments]) == (head, ("kept",), ["kept"])
    assert combined.state == "success"
    assert not before.state.url_file.exists()


def test_one_state_is_served_once(yard: Yard) -> None:
    from autarch.errors import ConfigError
    from autarch.forge.serve import serving

    with pytest.raises(ConfigError, match="another forge"), serving(yard.state):
        pass
