"""What a platform may do to a client: limits, moved repositories, lapsed tokens, missing permissions, Apps."""

from __future__ import annotations

import datetime as dt
import json

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from autarch.errors import ConfigError, UndecidedError
from autarch.forge.client import ForgeClient, ForgeRefusedError, RateLimitedError
from autarch.forge.credentials import AppInstallation
from autarch.forge.wire_more import Annotation, CheckOutput, Release

from .test_client import BASE, ME, Script, reply

NOW_S = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"  # 1_800_000_000


def limited(**headers: str) -> httpx.Response:
    return reply(403, {"message": "API rate limit exceeded"}, **headers)


# -- limits -----------------------------------------------------------------------------------


def test_the_primary_limit_is_waited_for_by_the_forges_own_clock() -> None:
    gone = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1800000040", "date": DATE}
    script = Script(limited(**gone), reply(body=ME))

    with script.client() as client:
        client.user()

    assert script.waited == [41.0]  # 1800000040 - 1800000000, and one second for the rounding of both


def test_a_list_whose_limit_is_hit_midway_goes_on_where_it_stopped() -> None:
    comment = {"id": 1, "body": "b", "user": ME}
    script = Script(
        reply(body=[comment], link=f'<{BASE}/repos/o/r/issues/1/comments?page=2>; rel="next"'),
        limited(retry_after="5"),
        reply(body=[{**comment, "id": 2}]),
    )

    with script.client() as client:
        found = client.comments(1)

    assert [each.id for each in found] == [1, 2]
    assert [str(request.url).rpartition("?")[2] for request in script.asked[1:]] == ["page=2", "page=2"]


def test_a_write_that_a_limit_stopped_is_sent_again_because_nothing_was_done() -> None:
    script = Script(limited(retry_after="1"), reply(201, {"id": 9, "body": "x", "user": ME}))

    with script.client() as client:
        assert client.add_comment(1, "x").id == 9

    assert len(script.asked) == 2


def test_a_secondary_limit_without_a_time_is_told_from_a_missing_permission_by_its_link() -> None:
    body = {
        "message": "slow down",
        "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
    }
    script = Script(reply(403, body), reply(body=ME))

    with script.client() as client:
        client.user()

    assert script.waited == [60.0]


def test_a_limit_that_does_not_pass_is_undecided_after_four_attempts() -> None:
    script = Script(*[limited(retry_after="1") for _ in range(4)])

    with script.client() as client, pytest.raises(RateLimitedError, match="Run the same command again"):
        client.user()

    assert script.waited == [1.0, 1.0, 1.0]


# -- tokens -----------------------------------------------------------------------------------


def test_a_missing_permission_is_named() -> None:
    script = Script(
        reply(403, {"message": "Resource not accessible"}, x_accepted_github_permissions="checks=write; statuses=write")
    )

    with script.client() as client, pytest.raises(ForgeRefusedError, match="checks=write; statuses=write") as denied:
        client.set_status("a" * 40, context="c", state="success")

    assert denied.value.needed == "checks=write; statuses=write"
    assert len(script.asked) == 1


def test_a_missing_scope_behind_a_404_is_named_too() -> None:
    script = Script(reply(404, {"message": "Not Found"}, x_accepted_oauth_scopes="repo"))

    with script.client() as client, pytest.raises(ForgeRefusedError, match="one of these permissions: repo"):
        client.rulesets()


def test_an_expired_personal_token_says_what_to_do() -> None:
    script = Script(reply(401, {"message": "Bad credentials"}))

    with script.client() as client, pytest.raises(ForgeRefusedError, match=r"expired: write a new one into .*tokens"):
        client.user()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


class Platform:
    """Sells installation tokens and answers those who hold the newest one."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self.public = key.public_key()
        self.now = NOW_S
        self.sold = 0
        self.revoked: set[str] = set()
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path, bearer = request.url.path, request.headers["authorization"].removeprefix("Bearer ")
        if path in {"/repos/o/r/installation", "/app"} or path.startswith("/app/"):
            claims = jwt.decode(
                bearer, self.public, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
            )
            assert claims["iss"] == "77"
            assert claims["iat"] <= self.now < claims["exp"] <= claims["iat"] + 600
            return self.sell(path)
        if bearer in self.revoked or bearer != f"ghs_{self.sold}":
            return reply(401, {"message": "Bad credentials"})
        return reply(body=[])

    def sell(self, path: str) -> httpx.Response:
        if path == "/repos/o/r/installation":
            return reply(body={"id": 5})
        if path == "/app":
            return reply(body={"slug": "autarch-gate"})
        assert path == "/app/installations/5/access_tokens"
        assert json.loads(self.asked[-1].content) == {"repositories": ["r"]}
        self.sold += 1
        until = dt.datetime.fromtimestamp(self.now + 3600, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return reply(
            201,
            {"token": f"ghs_{self.sold}", "expires_at": until, "permissions": {"checks": "write", "metadata": "read"}},
        )

    def client(self, key_pem: bytes) -> ForgeClient:
        app = AppInstallation(app_id="77", key_pem=key_pem, repository="o/r", clock=lambda: self.now)
        return ForgeClient(BASE, "o/r", app, transport=httpx.MockTransport(self))


def test_an_app_buys_one_token_for_this_repository_and_uses_it_until_it_is_old(key: rsa.RSAPrivateKey) -> None:
    platform = Platform(key)

    with platform.client(pem(key)) as client:
        client.pulls()
        client.pulls()
        bought_at_first = platform.sold
        platform.now += 3400  # 200 s before it lapses
        client.pulls()
        told = (client.permissions(), client.login(), client.git_remote().token)

    assert (bought_at_first, platform.sold) == (1, 2)
    assert told == ({"checks": "write", "metadata": "read"}, "autarch-gate[bot]", "ghs_2")


def test_an_app_whose_token_was_revoked_buys_another_once(key: rsa.RSAPrivateKey) -> None:
    platform = Platform(key)

    with platform.client(pem(key)) as client:
        client.pulls()
        platform.revoked.add("ghs_1")
        client.pulls()
        platform.revoked |= {"ghs_2", "ghs_3"}
        with pytest.raises(ForgeRefusedError) as denied:
            client.pulls()

    assert platform.sold == 3
    assert denied.value.status == 401


def test_an_app_key_that_is_none_is_told_without_showing_it() -> None:
    app = AppInstallation(app_id="77", key_pem=b"not a key", repository="o/r")

    with ForgeClient(BASE, "o/r", app) as client, pytest.raises(ConfigError, match="no RSA private key") as told:
        client.pulls()

    assert "not a key" not in str(told.value)
    assert "not a key" not in repr(app)


# -- moved and elsewhere ----------------------------------------------------------------------


def test_a_renamed_repository_is_followed_for_reads_and_told_for_writes() -> None:
    def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/repos/o/r"):
            rest = request.url.path.removeprefix("/repos/o/r")
            return reply(301, {"message": "Moved Permanently"}, location=f"{BASE}/repositories/7{rest}")
        if request.url.path == "/repositories/7":
            return reply(body={"full_name": "o/new"})
        assert request.method == "GET"
        return reply(body=[])

    with ForgeClient(BASE, "o/r", "t", transport=httpx.MockTransport(platform)) as client:
        assert client.comments(1) == ()
        with pytest.raises(ForgeRefusedError, match="o/r is called o/new now; nothing was written") as moved:
            client.add_comment(1, "x")

    assert moved.value.status == 301


def test_a_read_that_is_sent_to_another_host_does_not_take_our_token_there() -> None:
    script = Script(reply(301, location="https://evil.example/repositories/7"))

    with script.client() as client, pytest.raises(UndecidedError, match="Nothing was sent"):
        client.about()

    assert len(script.asked) == 1


def test_an_artifact_is_fetched_from_its_store_without_our_token_and_no_larger_than_asked() -> None:
    asked: list[httpx.Request] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "127.0.0.1":
            return reply(302, location="https://store.example/zip?sig=1")
        return httpx.Response(200, content=b"z" * 1000)

    with ForgeClient(BASE, "o/r", "secret-token", transport=httpx.MockTransport(platform)) as client:
        assert client.artifact_zip(3, size_max=1000) == b"z" * 1000
        with pytest.raises(UndecidedError, match="more than 999 bytes"):
            client.artifact_zip(3, size_max=999)

    assert asked[0].headers["authorization"] == "Bearer secret-token"
    assert "authorization" not in asked[1].headers


def test_a_file_is_not_uploaded_to_another_host() -> None:
    release = Release(id=1, tag_name="v1", upload_url="https://evil.example/assets{?name,label}")
    script = Script()

    with script.client() as client, pytest.raises(UndecidedError, match="nothing was sent"):
        client.upload_asset(release, "a", b"x")

    assert script.asked == []


def test_an_enterprise_server_is_spoken_to_under_its_api_and_fetched_from_beside_it() -> None:
    asked: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return reply(body=ME)

    url = "https://git.example.com/api/v3"
    with ForgeClient(url, "o/r", "t", transport=httpx.MockTransport(platform)) as client:
        client.user()
        assert client.git_url == "https://git.example.com/o/r.git"

    assert asked == ["https://git.example.com/api/v3/user"]


# -- what is asked twice, and what is long -----------------------------------------------------


def test_an_answer_that_has_not_changed_is_not_sent_again() -> None:
    script = Script(reply(body=ME, etag='W/"1"'), httpx.Response(304, headers={"etag": 'W/"1"'}))

    with script.client() as client:
        assert client.user() == client.user()

    assert "if-none-match" not in script.asked[0].headers
    assert script.asked[1].headers["if-none-match"] == 'W/"1"'


def run_reply(status: int) -> httpx.Response:
    return reply(
        status, {"id": 4, "name": "n", "head_sha": "a", "status": "completed", "output": {"title": "t", "summary": "s"}}
    )


@pytest.mark.parametrize(("annotations", "calls"), [(0, 1), (50, 1), (51, 2), (120, 3)])
def test_annotations_go_in_pages_of_fifty_and_the_last_completes(annotations: int, calls: int) -> None:
    script = Script(run_reply(201), *[run_reply(200) for _ in range(calls - 1)])
    remark = Annotation(path="p", start_line=1, end_line=1, level="failure", message="m")

    with script.client() as client:
        output = CheckOutput(title="t", summary="x" * 70_000, annotations=(remark,) * annotations)
        client.create_check_run(name="n", head_sha="a" * 40, conclusion="failure", output=output)

    bodies = [json.loads(request.content) for request in script.asked]
    sizes = [len(body["output"]["annotations"]) for body in bodies]
    assert sum(sizes) == annotations
    assert max(sizes) <= 50
    assert [body["status"] for body in bodies] == [*["in_progress"] * (calls - 1), "completed"]
    assert ["conclusion" in body for body in bodies] == [*[False] * (calls - 1), True]
    assert all(len(body["output"]["summary"]) == 65_535 for body in bodies)


def test_a_comment_beyond_the_limit_is_cut_and_says_so() -> None:
    script = Script(reply(201, {"id": 1, "body": "", "user": ME}))

    with script.client() as client:
        client.add_comment(1, "é" * 70_000)

    sent = json.loads(script.asked[0].content)["body"]
    assert len(sent) == 65_536
    assert sent.endswith("(cut: the whole report is in the evidence)")


def test_an_answer_of_another_form_is_undecided() -> None:
    with Script(reply(201, {"id": "not a number"})).client() as client, pytest.raises(UndecidedError, match="CheckRun"):
        client.create_check_run(name="n", head_sha="a" * 40)
