"""Status: from journal, heartbeat and alerts alone, beside a writer, and what the terminal says of it."""

from __future__ import annotations

import dataclasses
import os

import pytest

from autarch.cli.live_status import status_text
from autarch.errors import ConfigError, RefusedError
from live.host import Host
from live.journal import Journal
from live.observing.heartbeat import heart_of
from live.observing.status import Looking, accounts_of, status_of
from live.observing.watchman import watch
from live.ports.observer import Pulse
from live.stopping.latch import FileLatch, Halted, Release
from live.stopping.places import Places
from live.watching.choice import Choice, Choices

from .journals import CLOSE, STEP, Draft, StandingClock, a_day, events, execution, intent, opened


@pytest.fixture
def host(tmp_path):
    made = Host(root=tmp_path / "host")
    made.journal_path("paper").parent.mkdir(parents=True)
    return made


def write(journal, *drafts):
    for event in events(*drafts):
        journal.append([Draft(event.kind, event.body, time_ms=event.time_ms, ref=event.ref)])


def held():
    """Return a run that holds a position with its stop and has an order under way."""
    add = ("intent", intent("at-two", qty="5"), "at-two")
    return ("opened", opened()), ("intent", intent(), "at-one"), ("execution", execution(), "exec-one"), add


def test_status_is_read_beside_the_one_who_writes(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        looking = Looking(host, "paper")
        write(journal, *a_day()[:2])
        first = looking.look(CLOSE)
        write(journal, *a_day()[2:])
        second = looking.look(CLOSE)

    assert (first["positions"], first["states"]) == ({}, {})
    assert second["states"] == {"BTCUSDT": {"state": "HALTED", "reason": "the venue holds 3"}}
    assert (second["account_equity"], second["day_change"], second["last_fill"]) == (9948, -52, "exec-two")
    assert second["events"]["decision"] == 2
    assert (second["running"], second["heartbeat"], second["alerts"], second["next_tag"]) == (None, None, [], None)


def test_positions_come_with_entry_and_stop_and_orders_with_what_is_left(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *held())
        found = status_of(journal)

    assert found["positions"] == {"BTCUSDT": "25"}
    assert found["holdings"]["BTCUSDT"] == {"size": "25", "entry": "100.05", "stop_loss": "98", "take_profit": None}
    (order,) = found["orders"]
    assert (order["order_link_id"], order["leg"], order["qty"]) == ("at-two", "enter", "5")
    text = status_text(found)
    assert "position  BTCUSDT  25 at 100.05  stop 98" in text
    assert "order     BTCUSDT  enter Buy 5  at-two" in text


def test_a_living_process_that_gives_no_sign_hangs_and_a_dead_one_does_not_run(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *a_day())
    heart = heart_of(host, "paper")
    heart.beat(Pulse(time_ms=CLOSE, seq=9, stale_ms={"private": 1200}, clock_offset_ms=-40.0))
    alive = Looking(host, "paper")

    assert "executor  running, 0.9 s ago  clock -40 ms  private 1.2 s" in status_text(alive.look(CLOSE + 900))
    assert "executor  HANGS: its process lives and has given no sign for 60 s" in status_text(
        alive.look(CLOSE + 60_000)
    )
    dataclasses.replace(heart, start_ticks=heart.start_ticks + 1).beat(Pulse(time_ms=CLOSE, seq=9))
    assert "executor  not running; last sign of life 2023-11-15 00:15:00Z" in status_text(alive.look(CLOSE + 900))
    assert os.getpid() == heart.pid


def test_the_next_release_and_the_newest_alerts_are_shown(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *a_day())
    Choices(host).change(lambda _: Choice(tag="v0.2.0", tag_object="1" * 40, by="watch"))
    with watch(host, "paper", clock=StandingClock(CLOSE + STEP)) as watchman:
        for number in range(7):
            watchman.tell("critical", f"stop {number}", "cannot be placed")

    found = Looking(host, "paper").look(CLOSE)

    assert (found["tag"], found["next_tag"]) == ("v0.1.0", "v0.2.0")
    assert [alert["subject"] for alert in found["alerts"]] == [f"stop {number}" for number in range(2, 7)]
    text = status_text(found)
    assert "release   v0.1.0, next v0.2.0  on bybit-public" in text
    assert "alert     2023-11-15 00:30:00Z  critical  stop 6: cannot be placed" in text


def test_a_release_that_trades_already_is_not_next(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *a_day())
    Choices(host).change(lambda _: Choice(tag="v0.1.0", tag_object="1" * 40, by="watch"))

    assert Looking(host, "paper").look(CLOSE)["next_tag"] is None


def test_a_damaged_heartbeat_is_a_note_and_a_broken_chain_a_refusal(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *a_day())
    heart_of(host, "paper").path.write_text("{}")
    found = Looking(host, "paper").look(CLOSE)
    assert "note      " in status_text(found)
    content = host.journal_path("paper").read_bytes()
    host.journal_path("paper").write_bytes(content.replace(b'"exec_id":"exec-two"', b'"exec_id":"exec-wot"'))

    with pytest.raises((RefusedError, ConfigError)):
        Looking(host, "paper").look(CLOSE)


def test_accounts_are_those_with_a_journal(host):
    assert accounts_of(host) == ()
    for name in ("two", "one"):
        Journal(host.journal_path(name), account=name).close()

    assert accounts_of(host) == ("one", "two")


def test_a_halt_in_the_latch_is_shown_though_no_executor_has_journalled_it(host):
    with Journal(host.journal_path("paper"), account="paper") as journal:
        write(journal, *a_day()[:6])
    places = Places(root=host.root, account="paper")
    places.make()
    latch = FileLatch(path=places.latch, account="paper")
    latch.halt(Halted(by="kill", who="desk", why="enough", at_ms=CLOSE))

    found = Looking(host, "paper").look(CLOSE)

    assert (found["state"], found["reason"]) == ("HALTED", "the account halted by kill (desk): enough")
    assert found["latch"] == {"halts": ["the account halted by kill (desk): enough"], "release": None}
    assert "halted    the account halted by kill (desk): enough" in status_text(found)
    latch.ask(Release(start="flat", who="desk", at_ms=CLOSE + 1))
    assert "release   desk resumes from flat; the executor carries it out" in status_text(
        Looking(host, "paper").look(1)
    )
