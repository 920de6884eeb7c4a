"""Pages show what there is, escape what others wrote, and say what is wrong when something is."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from autarch.desk.commands import bare_environment, last_line
from autarch.desk.family import Version, ordered, parse_log
from autarch.desk.forge_view import numbers_in
from autarch.desk.jobs import Jobs
from autarch.desk.journal import history
from autarch.desk.reading import accounts_in, facts, tabled
from autarch.errors import ConfigError, RefusedError, UndecidedError
from tests.desk.yard import HEAD, a_pull

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_the_queue_shows_verdict_delta_and_age(desk) -> None:
    text = desk.browser.get("/").text

    assert "Tune 1" in text
    assert "accepted" in text
    assert "+0.50" in text
    assert "2 h" in text  # 7,200 s after its head


def test_the_queue_narrows_to_a_verdict(desk) -> None:
    desk.forge.pulls[2] = a_pull(2, "rejected")

    text = desk.browser.get("/?verdict=rejected").text

    assert "Tune 2" in text
    assert "Tune 1" not in text


@pytest.mark.parametrize("where", ["title", "body", "diff"])
def test_what_others_wrote_stays_text(desk, where) -> None:
    if where == "diff":
        desk.forge.diff = f"+{EVIL}"
    else:
        desk.forge.pulls[1] = a_pull(**{where: EVIL})

    for path in ("/", "/pulls/1"):
        assert EVIL not in desk.browser.get(path).text
    assert "&lt;script&gt;" in desk.browser.get("/pulls/1").text


def test_a_report_comes_with_a_policy_that_keeps_it_from_our_pages(desk, tmp_path) -> None:
    file = tmp_path / "r.html"
    file.write_text("<h1>report</h1>")
    desk.forge.folder = file

    answer = desk.browser.get("/pulls/1/report")

    assert answer.text == "<h1>report</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")


def test_a_report_that_is_not_there_is_made_once_beside(desk) -> None:
    answer = desk.browser.get("/pulls/1/report")

    assert answer.status_code == 202
    assert f'data-job="report-{HEAD}"' in answer.text
    assert desk.browser.get("/jobs/../secrets").status_code == 404
    assert desk.browser.get("/jobs/report-..%2Fx").status_code in {400, 404}


def test_a_forge_that_does_not_answer_is_said_and_the_page_stays(desk) -> None:
    desk.forge.problem = ConfigError("the local forge is not running; start it with: autarch forge serve")

    answer = desk.browser.get("/")

    assert answer.status_code == 503
    assert "autarch forge serve" in answer.text
    assert "Queue" in answer.text


def test_a_pull_request_nobody_knows_is_not_there(desk) -> None:
    assert desk.browser.get("/pulls/99").status_code == 404
    assert desk.browser.get("/pulls/abc").status_code == 404


def test_merging_takes_the_terminal_s_code_and_the_head_that_was_read(desk) -> None:
    word = desk.csrf()

    asked = desk.post("/pulls/1/ask/merge", csrf=word, sha=HEAD)

    assert asked.status_code == 200
    assert desk.code not in asked.text
    assert desk.forge.done == []
    wrong = desk.post("/pulls/1/confirm/merge", csrf=word, sha=HEAD, code="000000" if desk.code != "000000" else "1")
    assert "not the code" in wrong.text
    other = desk.post("/pulls/1/confirm/merge", csrf=word, sha="c" * 40, code=desk.code)
    assert "not the code" in other.text
    done = desk.post("/pulls/1/confirm/merge", csrf=word, sha=HEAD, code=desk.code)
    assert done.status_code == 303
    assert desk.forge.done == [("merge", 1, HEAD)]


def test_of_two_who_merge_at_once_the_second_hears_why_not(desk) -> None:
    word = desk.csrf()
    desk.forge.refusal = "Base branch was modified: main moved meanwhile; merge again"
    desk.post("/pulls/1/ask/merge", csrf=word, sha=HEAD)

    answer = desk.post("/pulls/1/confirm/merge", csrf=word, sha=HEAD, code=desk.code)

    assert answer.status_code == 409
    assert "main moved meanwhile" in answer.text


def merged(desk):
    """Ask for a merge of pull request 1 and type the code in."""
    word = desk.csrf()
    desk.post("/pulls/1/ask/merge", csrf=word, sha=HEAD)
    return desk.post("/pulls/1/confirm/merge", csrf=word, sha=HEAD, code=desk.code)


def test_a_merge_goes_through_main_s_queue_where_it_has_one(desk) -> None:
    desk.forge.rules = ({"type": "merge_queue"},)
    desk.forge.meanwhile = [a_pull(), a_pull(merged=True, state="closed", merge_commit="d" * 40)]

    assert merged(desk).status_code == 303
    assert desk.forge.done == [("enqueue", 1, HEAD)]


def test_a_queue_that_takes_longer_than_a_page_waits_is_no_refusal(desk) -> None:
    desk.forge.rules = ({"type": "merge_queue"},)

    answer = merged(desk)

    assert answer.status_code == 202
    assert "Not done yet: merge 1" in answer.text
    assert "it may still merge" in answer.text


def test_a_merge_the_forge_still_computes_is_waited_for_and_asked_once(desk) -> None:
    desk.forge.pulls[1] = a_pull(mergeable=None)
    desk.forge.meanwhile = [a_pull(mergeable=None), a_pull()]

    assert merged(desk).status_code == 303
    assert desk.forge.done == [("merge", 1, HEAD)]


@pytest.mark.parametrize(
    ("now", "words"),
    [({"head_sha": "e" * 40}, f"the head is at {'e' * 40}"), ({"state": "closed"}, "pull request 1 is closed")],
)
def test_what_changed_since_it_was_read_is_refused_in_the_words_of_the_terminal(desk, now, words) -> None:
    word = desk.csrf()
    desk.post("/pulls/1/ask/merge", csrf=word, sha=HEAD)
    desk.forge.pulls[1] = a_pull(**now)

    answer = desk.post("/pulls/1/confirm/merge", csrf=word, sha=HEAD, code=desk.code)

    assert answer.status_code == 409
    assert words in answer.text
    assert desk.forge.done == []


@pytest.mark.parametrize("deed", ["judge", "waive", "tag", "resume", "trade"])
def test_there_is_no_other_deed(desk, deed) -> None:
    assert desk.post(f"/pulls/1/ask/{deed}", csrf=desk.csrf(), sha=HEAD).status_code == 400
    assert desk.told == []


def test_approving_takes_a_code_too_and_closing_does_not(desk) -> None:
    word = desk.csrf()
    desk.post("/pulls/1/ask/approve", csrf=word, sha=HEAD)
    desk.post("/pulls/1/confirm/approve", csrf=word, sha=HEAD, code=desk.code)
    desk.post("/pulls/1/close", csrf=word)

    assert desk.forge.done == [("APPROVE", 1, HEAD), ("close", 1)]


def test_a_halt_takes_the_account_s_name_and_runs_one_command(desk) -> None:
    word = desk.csrf()

    unsure = desk.post("/live/paper/halt", csrf=word, name="")
    assert "confirm" in unsure.text or unsure.status_code == 200
    assert not [one for one in desk.ran if one[:2] == ("live", "halt")]
    done = desk.post("/live/paper/halt", csrf=word, name="paper", why="odd fills")

    assert done.status_code == 303
    (ran,) = [one for one in desk.ran if one[:2] == ("live", "halt")]
    assert ran[-2:] == ("--", "paper")
    assert "from the desk: odd fills" in ran


def test_a_name_that_would_be_an_option_or_a_path_is_refused(desk) -> None:
    assert desk.browser.get("/live/--help").status_code == 400
    assert desk.browser.get("/live/paper/why/--json").status_code == 400
    assert desk.browser.get("/compare?a=--portfolio&b=x").status_code == 400
    assert desk.browser.get("/compare?a=ema_trend@-x&b=ema_trend").status_code == 400


def a_journal(path, rows):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, time_ms, kind, ref, body, prev, hash)")
        database.executemany("INSERT INTO events (time_ms, kind, ref, body) VALUES (?, ?, ?, ?)", rows)


def decision(equity, sleeve="one"):
    return msgspec.json.encode({"sleeve": sleeve, "strategy": "s", "equity": equity}).decode()


def test_equity_is_the_sum_of_sleeves_after_each_decision(tmp_path) -> None:
    rows = [(1_000, "decision", "", decision(5.0)), (2_000, "decision", "", decision(7.0, "two")),
            (3_000, "decision", "", decision(6.0))]  # fmt: skip
    a_journal(tmp_path / "j.sqlite3", rows)

    found = history(tmp_path / "j.sqlite3")

    assert found.equity == ((1, 5.0), (2, 12.0), (3, 13.0))  # 5; 5 + 7; 6 + 7


def test_fills_come_newest_first_as_the_venue_wrote_them(tmp_path) -> None:
    body = {"exec_id": "e1", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.10", "price": "1", "fee": "0"}
    rows = [(1, "execution", "e1", msgspec.json.encode(body).decode()),
            (2, "execution", "e2", msgspec.json.encode({**body, "exec_id": "e2"}).decode())]  # fmt: skip
    a_journal(tmp_path / "j.sqlite3", rows)

    found = history(tmp_path / "j.sqlite3")

    assert [fill.exec_id for fill in found.fills] == ["e2", "e1"]
    assert found.fills[0].qty == "0.10"


def test_a_journal_that_is_locked_damaged_or_missing_is_asked_again_later(tmp_path) -> None:
    (tmp_path / "bad.sqlite3").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    a_journal(tmp_path / "locked.sqlite3", [])
    holder = sqlite3.connect(tmp_path / "locked.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    for name in ("bad", "locked", "missing"):
        with pytest.raises(UndecidedError, match="cannot be read now"):
            history(tmp_path / f"{name}.sqlite3")
    holder.close()


def test_a_page_of_an_account_whose_journal_is_missing_still_opens(desk) -> None:
    desk.room.live.found = {"account": "paper", "state": "ACTIVE", "tag": "v1.0.0"}

    text = desk.browser.get("/live/paper").text

    assert "cannot be read now" in text
    assert "v1.0.0" in text


def v(commit, subject="s"):
    return Version(commit=commit, time_s=5, subject=subject)


def test_a_log_gives_each_strategy_its_versions_newest_first() -> None:
    text = "\0c2\t9\tMerge b\nstrategies/ema/strategy.py\nci/x.py\n\0c1\t5\tAdd\ttabs\n\nstrategies/ema/manifest.toml\n"

    found = parse_log(text)

    assert [version.commit for version in found["ema"]] == ["c2", "c1"]
    assert found["ema"][1].subject == "Add\ttabs"


def test_children_follow_their_parent_and_a_circle_makes_a_root() -> None:
    parents = {"a": "", "b": "a", "c": "b", "d": "gone", "x": "y", "y": "x"}

    found = ordered(parents, {}, on_main=frozenset({"a", "b"}))

    assert [(one.slug, one.depth) for one in found] == [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("x", 0), ("y", 0)]
    assert {one.slug for one in found if one.on_main} == {"a", "b"}


def test_the_leaderboard_calls_things_by_their_names():
    row = {"slug": "ema", "is_incumbent": True, "e_value": 1.25, "waived": ["risk until 2027"]}

    found = tabled({"trials": 7, "rows": [row, {"slug": "rsi", "is_incumbent": False}]})

    assert found["single"] == {"trials registered": "7"}
    assert found["tables"][0]["columns"] == ["strategy", "on main", "forward e", "waived"]
    assert found["tables"][0]["rows"] == [["ema", "yes", "1.25", "risk until 2027"], ["rsi", "", "", ""]]


def test_an_answer_of_any_shape_becomes_tables_and_facts() -> None:
    found = tabled({"note": "n", "rows": [{"a": 1, "b": None}, {"b": 2.5}], "empty": []})

    assert found["single"] == {"note": "n"}
    assert found["tables"] == [{"name": "rows", "columns": ["a", "b"], "rows": [["1", ""], ["", "2.5"]]}]
    assert facts({"a": {"b": [1, {"c": None}]}, "d": "x"}) == [("a b 1", "1"), ("d", "x")]


def test_the_paper_twin_is_a_curve_beside_the_account_s(desk) -> None:
    curve = [[60, 100.0, 100.0], [120, 101.0, 100.5]]
    sleeve = {"sleeve": "idea", "tag": "v1", "drifts": False, "figures": [], "notes": [], "curve": curve}
    told = {"account": "paper", "drifts": False, "sleeves": [sleeve]}
    desk.room.commands._kept["live", "drift", "--account", "paper", "--json"] = (1e9, told)

    text = desk.browser.get("/live/paper").text

    assert "The account ends at 101.00 USDT, its twin at 100.50" in text
    assert "[[60, 100.0, 100.0], [120, 101.0, 100.5]]" in text


def test_one_account_and_many_are_read_alike() -> None:
    (one,) = accounts_in({"account": "p", "state": "HALTED"})

    assert accounts_in({"accounts": [{"account": "p", "state": "HALTED"}, 3]}) == [one]
    assert (one["state"], one["tag"], one["orders"]) == ("HALTED", None, [])
    assert accounts_in({"problem": "x"}) == []


def test_numbers_of_a_verdict_are_read_where_they_are() -> None:
    measures = [{"name": "book_sharpe", "value": 0.25}]
    answer = {"checks": [{"name": "robustness", "measures": measures}], "metrics": {"train": {"sharpe": 1.5}}}

    found = numbers_in(msgspec.json.encode(answer))

    assert (found.sharpe, found.book) == (1.5, 0.25)
    assert numbers_in(b"[]").sharpe is None
    assert numbers_in(b"no json").book is None


def test_children_get_no_key_of_an_exchange(tmp_path) -> None:
    found = bare_environment({"CREDENTIALS_DIRECTORY": "/x", "BYBIT_API_KEY": "k", "HOME": "/h"}, tmp_path)

    assert found == {"HOME": "/h", "AUTARCH_WORKSPACE": str(tmp_path)}
    assert last_line(b"one\nautarch: it is so\n\n") == "it is so"


def test_a_job_that_fails_says_why_once_and_leaves_no_file(tmp_path) -> None:
    jobs = Jobs(folder=tmp_path)

    def fail(path):
        path.write_text("half")
        raise RefusedError("no bars here")

    jobs._work("report-x", fail)

    assert jobs.state("report-x") == "failed: no bars here"
    assert jobs.state("report-x") == "waiting"
    assert list(tmp_path.iterdir()) == []


def test_events_tell_a_change_and_then_only_that_they_are_alive(desk) -> None:
    with desk.browser.stream("GET", "/events/queue") as answer:
        lines = answer.iter_lines()
        first = [next(lines) for _ in range(5)]

    assert first[0] == "retry: 3000"
    assert '"pulls": {"1": ["accepted"' in first[2]
    assert first[4] == ": still here"


def test_a_queue_of_five_hundred_is_one_page(desk) -> None:
    desk.forge.pulls = {number: a_pull(number) for number in range(1, 501)}

    text = desk.browser.get("/").text

    assert text.count("data-pull=") == 500
