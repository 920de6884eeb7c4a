"""Only the operator's browser, only our pages, only at a bearable pace; a code only from the terminal."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from autarch.desk.sessions import CODE_S, SESSIONS_MAX, TRIES_MAX, Bucket, Codes, Sessions

HOST = "127.0.0.1:8411"


def test_without_the_key_nothing_is_shown(desk) -> None:
    stranger = TestClient(desk.browser.app, base_url=f"http://{HOST}")

    assert stranger.get("/").status_code == 401
    assert stranger.get("/live").status_code == 401
    assert stranger.get("/events/queue").status_code == 401
    assert stranger.get("/enter?key=wrong").status_code == 403
    assert desk.browser.get("/").status_code == 200


def test_another_host_s_name_is_refused_so_that_a_rebound_name_reaches_nothing(desk) -> None:
    assert desk.browser.get("/", headers={"host": "evil.example:8411"}).status_code == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_that_another_site_makes_are_refused(desk, site) -> None:
    assert desk.browser.get("/", headers={"sec-fetch-site": site}).status_code == 403


def test_every_answer_forbids_scripts_that_are_not_ours_and_framing(desk) -> None:
    for path in ("/", "/pulls/1", "/nothing", "/static/desk.js"):
        policy = desk.browser.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(desk) -> None:
    answer = desk.browser.get(f"/enter?key={'k' * 43}", follow_redirects=False)

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "key=" not in answer.headers["location"]


def test_no_page_carries_a_script_or_a_style_of_its_own(desk) -> None:
    for path in ("/", "/pulls/1", "/compare", "/live", "/ledger"):
        text = desk.browser.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count("<script defer src=")


def test_a_form_without_the_session_s_word_or_from_elsewhere_does_nothing(desk) -> None:
    word = desk.csrf()

    assert desk.post("/pulls/1/close").status_code == 403
    assert desk.post("/pulls/1/close", csrf="guessed").status_code == 403
    assert desk.post("/pulls/1/close", csrf=word, headers={"origin": "http://evil.example"}).status_code == 403
    assert desk.browser.post("/pulls/1/close", data={"csrf": word}).status_code == 403  # neither origin nor site
    assert desk.forge.done == []
    assert desk.post("/pulls/1/close", csrf=word).status_code == 303
    assert desk.forge.done == [("close", 1)]


def test_a_word_of_another_session_is_not_this_one_s(desk) -> None:
    other = TestClient(desk.browser.app, base_url=f"http://{HOST}")
    other.get(f"/enter?key={'k' * 43}")
    word = desk.csrf()

    answer = other.post("/pulls/1/close", data={"csrf": word}, headers={"origin": f"http://{HOST}"})

    assert answer.status_code == 403


def test_bodies_of_another_type_or_size_are_refused(desk) -> None:
    own = {"origin": f"http://{HOST}"}

    assert desk.browser.post("/pulls/1/close", json={"csrf": "x"}, headers=own).status_code == 403
    assert desk.post("/pulls/1/comment", csrf=desk.csrf(), body="x" * 90_000).status_code == 403


def test_deeds_come_at_a_pace_and_resume_with_time(desk) -> None:
    answers = [desk.post("/pulls/1/close", csrf="wrong").status_code for _ in range(21)]

    assert answers[-1] == 429
    desk.now[0] += 5.0
    assert desk.post("/pulls/1/close", csrf=desk.csrf()).status_code == 303


def test_a_bucket_refills_no_further_than_its_burst() -> None:
    now = [0.0]
    bucket = Bucket(clock=lambda: now[0], burst=2.0, per_s=1.0)

    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def codes(now):
    told = []
    return Codes(clock=lambda: now[0], tell=told.append, make=lambda: "123456"), told


def test_a_code_is_good_once_for_its_deed_alone() -> None:
    found, told = codes([0.0])
    found.ask(("merge", "1", "aa"), "merge 1")

    assert "123456" in told[0]
    assert not found.take(("merge", "2", "aa"), "123456")
    assert not found.take(("merge", "1", "bb"), "123456")
    assert found.take(("merge", "1", "aa"), "123 456")
    assert not found.take(("merge", "1", "aa"), "123456")


def test_a_code_dies_with_time_and_with_wrong_tries() -> None:
    now = [0.0]
    found, _ = codes(now)
    found.ask(("merge",), "merge")
    now[0] = CODE_S + 0.1
    assert not found.take(("merge",), "123456")

    found.ask(("merge",), "merge")
    assert [found.take(("merge",), "000000") for _ in range(TRIES_MAX)] == [False] * TRIES_MAX
    assert not found.take(("merge",), "123456")


def test_the_oldest_session_goes_when_there_are_too_many() -> None:
    sessions = Sessions(key="k")
    first = sessions.enter("k")
    rest = [sessions.enter("k") for _ in range(SESSIONS_MAX)]

    assert sessions.of(first.id) is None
    assert all(sessions.of(one.id) == one for one in rest)
    assert sessions.enter("") is None
