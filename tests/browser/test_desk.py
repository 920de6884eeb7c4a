"""The desk in a real browser: queue, pull request, merge with a code, live, halt, attacks, phone, dark, many."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from autarch.errors import ConfigError
from tests.desk.yard import HEAD, a_pull

pytestmark = pytest.mark.slow
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def come_in(tab, url) -> None:
    tab.goto(f"{url}/enter?key=key")
    tab.wait_for_selector("h1")


def test_a_verdict_that_comes_in_is_shown_without_a_reload(tab, served) -> None:
    desk, url = served
    desk.forge.pulls = {1: a_pull(1, "running")}
    come_in(tab, url)
    tab.wait_for_selector("body[data-heard=yes]")
    tab.evaluate("window.kept = true")

    desk.forge.pulls = {1: a_pull(1, "accepted")}

    tab.wait_for_selector("tr[data-pull='1'] .word.accepted")
    assert tab.evaluate("window.kept")
    assert tab.inner_text("#news") == "pull request 1: accepted"
    assert tab.faults == []


def test_a_pull_request_is_merged_with_the_code_of_the_terminal(tab, served) -> None:
    desk, url = served
    come_in(tab, url)
    tab.click("text=Tune 1")
    tab.click("button:has-text('Merge')")
    tab.wait_for_selector("#code")
    tab.fill("#code", "000000" if desk.code != "000000" else "111111")
    tab.click(".ask button")
    tab.wait_for_selector("[role=alert]")
    assert desk.forge.done == []

    tab.fill("#code", desk.code)
    tab.click(".ask button")

    tab.wait_for_url("**/pulls/1")
    assert desk.forge.done == [("merge", 1, HEAD)]


def test_a_refused_merge_says_why(tab, served) -> None:
    desk, url = served
    desk.forge.refusal = "required-checks: risk failed; propose another"
    come_in(tab, url)
    tab.goto(f"{url}/pulls/1")
    tab.click("button:has-text('Merge')")
    tab.wait_for_selector("#code")  # the code is told with the page that asks for it
    tab.fill("#code", desk.code)
    tab.click(".ask button")

    assert "risk failed" in tab.inner_text("[role=alert]")


def test_what_an_agent_wrote_runs_nowhere(tab, served) -> None:
    desk, url = served
    desk.forge.pulls = {1: a_pull(title=f"Tune {EVIL}", body=EVIL)}
    desk.forge.diff = EVIL
    come_in(tab, url)
    tab.goto(f"{url}/pulls/1")
    tab.wait_for_selector("pre.diff")

    assert tab.title() == "Pull request 1 - Autarch desk"
    assert tab.locator("img").count() == 0


def test_a_script_that_got_into_a_page_would_not_run(tab, served) -> None:
    _, url = served
    come_in(tab, url)

    added = "() => { const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; "
    with tab.expect_console_message(lambda told: "Content Security Policy" in told.text):
        tab.evaluate(added + "document.body.append(s); }")

    assert tab.title() == "Queue - Autarch desk"


def test_a_page_elsewhere_can_neither_send_a_form_nor_frame_the_desk(tab, served, tmp_path) -> None:
    desk, url = served
    come_in(tab, url)
    elsewhere = tmp_path / "evil.html"
    elsewhere.write_text(
        f'<iframe src="{url}/"></iframe><form method="post" action="{url}/pulls/1/close"><input name="csrf" value="x">'
        "<button>win</button></form>"
    )

    tab.goto(elsewhere.as_uri())
    with tab.expect_response(lambda answer: answer.request.method == "POST") as answered:
        tab.click("button")

    assert answered.value.status in {401, 403}
    assert desk.forge.done == []


def a_journal(folder, equity) -> None:
    (folder / "journal").mkdir(exist_ok=True)
    with sqlite3.connect(folder / "journal/paper.sqlite3") as database:
        database.execute("CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, time_ms, kind, ref, body)")
        for at, value in equity:
            body = msgspec.json.encode({"strategy": "s", "equity": value}).decode()
            database.execute("INSERT INTO events (time_ms, kind, ref, body) VALUES (?, 'decision', '', ?)", (at, body))
        fill = {"exec_id": "e-1", "symbol": "BTCUSDT", "side": "Buy", "qty": "1", "price": "2", "fee": "0"}
        body = msgspec.json.encode(fill).decode()
        database.execute("INSERT INTO events (time_ms, kind, ref, body) VALUES (1000, 'execution', 'e-1', ?)", (body,))


def test_an_account_s_state_and_equity_move_while_one_looks(tab, served) -> None:
    desk, url = served
    a_journal(desk.room.host_folder, [(1_000, 10.0), (2_000, 11.0), (3_000, 12.0)])
    desk.room.live.found = {"account": "paper", "state": "ACTIVE", "tag": "v1.0.0", "account_equity": 12.0}
    come_in(tab, url)
    tab.goto(f"{url}/live/paper")
    tab.wait_for_selector("#equity canvas")
    tab.wait_for_selector("body[data-heard=yes]")

    desk.room.live.found = {**desk.room.live.found, "state": "HALTED", "account_equity": 9.5}

    tab.wait_for_selector("h1 .word.HALTED")
    tab.wait_for_function("document.getElementById('equity-now').textContent === '9.50'")
    tab.click("td a:has-text('why')")
    tab.wait_for_selector("h1:has-text('Why e-1')")
    assert ("why", "--account", "paper", "--json", "--", "e-1") in desk.ran


def test_a_halt_is_confirmed_by_typing_the_account_s_name(tab, served) -> None:
    desk, url = served
    desk.room.live.found = {"account": "paper", "state": "ACTIVE", "tag": "v1.0.0"}
    come_in(tab, url)
    tab.goto(f"{url}/live/paper")
    tab.click("summary:has-text('Halt')")
    tab.fill("#name", "papre")
    tab.click("button.danger")
    tab.wait_for_selector("[role=alert]:has-text('confirm')")
    assert not [one for one in desk.ran if one[:2] == ("live", "halt")]

    tab.fill("#name", "paper")
    tab.click("button.danger")

    tab.wait_for_url("**/live/paper")
    assert [one for one in desk.ran if one[:2] == ("live", "halt")]


def test_a_forge_that_restarts_while_the_page_is_open_is_told_and_then_heard_again(tab, served) -> None:
    desk, url = served
    come_in(tab, url)
    tab.wait_for_selector("body[data-heard=yes]")
    desk.forge.problem = ConfigError("the local forge is not running")
    tab.wait_for_selector("#news:has-text('not running')", state="attached")

    desk.forge.pulls = {1: a_pull(1, "rejected")}
    desk.forge.problem = None

    tab.wait_for_selector("tr[data-pull='1'] .word.rejected")
    assert tab.faults == []


def test_keys_alone_reach_the_first_pull_request(tab, served) -> None:
    _, url = served
    come_in(tab, url)

    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    for _ in range(20):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.getAttribute('href')") == "/pulls/1":
            break
    tab.keyboard.press("Enter")

    tab.wait_for_url("**/pulls/1")


@pytest.mark.parametrize("path", ["/", "/pulls/1", "/live/paper", "/leaderboard"])
def test_a_phone_needs_no_sideways_scrolling(tab, served, path) -> None:
    desk, url = served
    desk.forge.pulls = {n: a_pull(n, title="A rather long title that goes on " * 3) for n in range(1, 501)}
    desk.room.live.found = {"account": "paper", "state": "ACTIVE", "tag": "v1.0.0"}
    tab.set_viewport_size({"width": 375, "height": 720})
    come_in(tab, url)

    tab.goto(url + path)

    assert tab.evaluate("document.documentElement.scrollWidth") <= 375


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/pulls/1", "/live/paper"])
def test_axe_finds_nothing_serious(chromium, served, axe, path, scheme) -> None:
    desk, url = served
    a_journal(desk.room.host_folder, [(1_000, 10.0), (2_000, 11.0), (3_000, 12.0)])
    desk.room.live.found = {"account": "paper", "state": "ACTIVE", "tag": "v1.0.0"}
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    come_in(tab, url)
    tab.add_init_script(axe)
    tab.goto(url + path)

    # The framed report is looked at by tests of its own; a frame that still loads would be asked and not answer.
    asked = "async () => (await axe.run({iframes: false})).violations.map(v => [v.impact, v.id, v.nodes[0].html])"
    found = tab.evaluate(asked)
    context.close()

    assert [one for one in found if one[0] in {"serious", "critical"}] == []
