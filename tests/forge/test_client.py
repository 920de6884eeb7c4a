"""The client against answers a forge may give, github.com's bad days included."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import httpx
import pytest

from autarch.errors import UndecidedError, UsageError
from autarch.forge.client import ForgeClient, ForgeRefusedError, RateLimitedError

Answer = Callable[[httpx.Request], httpx.Response]
BASE = "http://127.0.0.1:1"


class Script:
    """Answers one request after the other and keeps what was asked and how long was waited."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> ForgeClient:
        return ForgeClient(BASE, "o/r", "secret-token", transport=httpx.MockTransport(self), sleep=self.waited.append)


def reply(status: int = 200, body: object = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body if body is not None else {}, headers=named)


ME = {"login": "me"}


def test_each_request_names_the_api_version_and_carries_the_token_in_a_header_only() -> None:
    script = Script(reply(body=ME))

    with script.client() as client:
        client.user()

    asked = script.asked[0]
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["authorization"] == "Bearer secret-token"
    assert "secret-token" not in str(asked.url)


def test_the_token_reaches_git_by_environment_and_never_by_url() -> None:
    with Script().client() as client:
        remote = client.git_remote()

    assert remote.url == f"{BASE}/o/r.git"
    assert "secret-token" not in repr(remote)
    assert remote.environment()["GIT_CONFIG_KEY_0"] == f"http.{BASE}/o/r.git.extraHeader"


def test_github_serves_git_elsewhere_than_its_api() -> None:
    with ForgeClient("https://api.github.com", "o/r", "t") as client:
        assert client.git_remote().url == "https://github.com/o/r.git"


@pytest.mark.parametrize("status", [502, 503, 504, 429])
def test_a_read_is_tried_again_after_a_bad_moment(status: int) -> None:
    script = Script(reply(status), reply(status, retry_after="7"), reply(body=ME))

    with script.client() as client:
        assert client.user().login == "me"

    assert script.waited == [0.5, 7.0]  # 0.5 x 2^0, then what the answer names


def test_a_secondary_rate_limit_is_waited_for_as_long_as_it_asks() -> None:
    script = Script(reply(403, retry_after="90"), reply(body=ME))

    with script.client() as client:
        client.user()

    assert script.waited == [90.0]


def test_a_limit_beyond_our_patience_is_undecided_and_says_when_to_come_back() -> None:
    script = Script(reply(403, retry_after="3600"))

    with script.client() as client, pytest.raises(RateLimitedError, match="3600 s of silence"):
        client.user()

    assert script.waited == []
    assert RateLimitedError(1.0, "x").exit_code == 3


def test_a_forge_that_stays_away_is_undecided_and_says_what_to_do() -> None:
    script = Script(*[httpx.ConnectError("refused")] * 4)

    with script.client() as client, pytest.raises(UndecidedError, match="autarch forge serve"):
        client.user()

    assert len(script.asked) == 4


def test_a_write_whose_answer_was_lost_is_not_repeated() -> None:
    script = Script(httpx.ReadTimeout("late"))

    with script.client() as client, pytest.raises(UndecidedError, match="before repeating"):
        client.add_comment(1, "once")

    assert len(script.asked) == 1


def test_a_write_is_not_repeated_after_a_502() -> None:
    script = Script(reply(502, {"message": "bad gateway"}))

    with script.client() as client, pytest.raises(UndecidedError, match="502"):
        client.add_comment(1, "once")


def test_a_refusal_carries_status_message_and_next_step() -> None:
    script = Script(reply(405, {"message": "required-checks: risk=failed"}))

    with script.client() as client, pytest.raises(ForgeRefusedError) as denied:
        client.merge_pull(1, sha="a" * 40)

    assert denied.value.status == 405
    assert denied.value.exit_code == 1
    assert "required-checks: risk=failed; next: " in str(denied.value)
    assert pickle.loads(pickle.dumps(denied.value)).status == 405  # noqa: S301  our own bytes


def test_githubs_lists_of_field_errors_are_told() -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "No commits between main and x"}]}

    with Script(reply(422, body)).client() as client, pytest.raises(ForgeRefusedError, match="No commits between"):
        client.create_pull(head="x", title="t", body="")


def test_a_next_page_elsewhere_is_not_asked_with_our_token() -> None:
    script = Script(reply(body=[], link='<http://evil.example/x>; rel="next"'))

    with script.client() as client, pytest.raises(UndecidedError, match="Nothing was sent"):
        client.pulls()

    assert len(script.asked) == 1


def test_pages_are_followed_but_not_for_ever() -> None:
    endless = [reply(body=[], link=f'<{BASE}/next>; rel="next"') for _ in range(200)]
    script = Script(*endless)

    with script.client() as client, pytest.raises(UndecidedError, match="more than 100 pages"):
        client.pulls()


def test_an_answer_that_is_no_json_is_undecided() -> None:
    script = Script(httpx.Response(200, text="<html>a proxy's login page</html>"))

    with script.client() as client, pytest.raises(UndecidedError, match="did not answer in JSON"):
        client.pull(1)


def test_githubs_pull_request_is_read_without_our_own_fields() -> None:
    body = {
        "number": 7,
        "title": "t",
        "body": None,
        "state": "closed",
        "merged_at": "2026-01-01T00:00:00Z",
        "user": {"login": "bot"},
        "head": {"ref": "agent/x/y-1", "sha": "a"},
        "base": {"ref": "main", "sha": "b"},
        "labels": [{"name": "l"}],
        "html_url": "u",
    }

    with Script(reply(body=body)).client() as client:
        pull = client.pull(7)

    assert (pull.merged, pull.body, pull.gate, pull.labels, pull.mergeable) == (True, "", None, ("l",), None)


@pytest.mark.parametrize(
    ("url", "repository"), [("ftp://x", "o/r"), ("http://u:p@x", "o/r"), ("http://x", "o"), ("http://x", "o/r/s")]
)
def test_an_address_that_cannot_be_a_forge_is_refused(url: str, repository: str) -> None:
    with pytest.raises(UsageError):
        ForgeClient(url, repository, "t")
