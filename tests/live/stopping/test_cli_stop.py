"""`live stop`, `halt`, `resume` and `listen` against a scripted executor on a real control socket."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest

from autarch.cli.main import main
from live.host import Host
from live.ports.venue import Position, Snapshot
from live.stopping.commands import Answer, Look, Resume, Stop
from live.stopping.control import control_socket
from live.stopping.latch import FileLatch, Halted
from live.stopping.places import Places
from live.stopping.process import hold
from live.stopping.seen import look


class Desk:
    """A workspace with the account `main`, and an executor that answers as it is told."""

    def __init__(self, root):
        self.host = Host(root=root / ".autarch" / "host")
        self.host.journal_path("main").parent.mkdir(parents=True, mode=0o700)
        (root / ".autarch" / "config.toml").write_text(
            'schema = 1\n[forge]\nrepository = "a/b"\nurl = "http://127.0.0.1:1"\n'
        )
        self.places = Places(root=self.host.root, account="main")
        self.places.make()
        self.latch = FileLatch(path=self.places.latch, account="main")
        self.asked = []

    @contextmanager
    def executor(self, answers):
        """An executor in a thread; `answers` maps a command's class to a function of the command."""
        lock = hold(self.host.journal_path("main").with_name("main.sqlite3.lock"), role="executor")
        ready, ended = threading.Event(), threading.Event()

        def inbox(asked):
            self.asked.append(asked.command)
            asked.answer(answers[type(asked.command)](asked.command))
            if isinstance(asked.command, Stop):
                lock.release()

        async def run():
            async with control_socket(self.places.socket, inbox):
                ready.set()
                await asyncio.to_thread(ended.wait)

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        assert ready.wait(60)
        try:
            yield
        finally:
            ended.set()
            thread.join()
            lock.release()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(tmp_path))
    return Desk(tmp_path)


def seen(size):
    snapshot = Snapshot(
        time_ms=0, generation=1, positions={"BTCUSDT": Position(symbol="BTCUSDT", size=Decimal(size))}, orders=(),
        hedge_mode=False, margin_mode="isolated", wallet=None,
    )  # fmt: skip
    return look("main", snapshot, {"BTCUSDT": Decimal(1)})


def run(*words):
    return main(["live", *words])


@pytest.mark.parametrize(("word", "flatten"), [("--flatten", True), ("--keep", False)])
def test_stop_asks_the_executor_and_waits_for_its_end(desk, capsys, word, flatten):
    with desk.executor({Stop: lambda _: Answer(ok=True, text="closing 2 positions")}):
        code = run("stop", "main", word, "--json")

    assert code == 0
    assert desk.asked == [Stop(flatten=flatten)]
    assert json.loads(capsys.readouterr().out) == {"account": "main", "ended": True, "text": "closing 2 positions"}


@pytest.mark.usefixtures("desk")
def test_stop_needs_a_word_about_positions_and_an_executor(capsys):
    assert run("stop", "main") == 2
    assert "--flatten or --keep" in capsys.readouterr().err
    assert run("stop", "main", "--keep") == 2
    assert "no executor listens" in capsys.readouterr().err


def test_an_executor_that_refuses_to_stop_is_a_no_and_one_that_goes_on_is_undecided(desk, capsys):
    held = hold(desk.host.journal_path("main").with_name("main.sqlite3.lock"), role="executor")
    held.release()
    with desk.executor({Stop: lambda _: Answer(ok=False, text="not now")}):
        assert run("stop", "main", "--keep") == 1

    async def long():
        def inbox(asked):
            asked.answer(Answer(ok=True, text="closing"))

        async with control_socket(desk.places.socket, inbox):
            still = hold(desk.host.journal_path("main").with_name("main.sqlite3.lock"), role="executor")
            try:
                return await asyncio.to_thread(run, "stop", "main", "--flatten", "--wait", "0")
            finally:
                still.release()

    assert asyncio.run(long()) == 3
    assert "kill it" in capsys.readouterr().out


def test_halt_sets_the_latch_with_or_without_an_executor(desk, capsys):
    assert run("halt", "main", "BTCUSDT", "--why", "odd funding") == 0
    assert "BTCUSDT halted by human" in capsys.readouterr().out
    assert desk.latch.read().blocks("ETHUSDT") is None
    assert "odd funding" in desk.latch.read().blocks("BTCUSDT")

    assert run("halt", "main", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["halts"]) == 2
    assert desk.latch.read().blocks("ETHUSDT") is not None


@pytest.mark.usefixtures("desk")
def test_a_name_that_is_no_accounts_is_refused_before_a_folder_is_made(capsys):
    assert run("halt", "../x") == 2
    assert "no account's name" in capsys.readouterr().err


def halted(desk):
    desk.latch.halt(Halted(by="kill", who="ann", why="drill", at_ms=1))


def test_resume_from_flat_without_an_executor_waits_for_its_start(desk, capsys):
    halted(desk)

    assert run("resume", "main", "--from", "flat") == 0

    found = capsys.readouterr()
    assert "waits for the executor's next start" in found.out
    assert "killed" in found.err or "halted by kill (ann): drill" in found.err
    assert desk.latch.read().release.start == "flat"
    assert desk.latch.read().blocks("") is not None


def test_resume_is_carried_out_by_a_running_executor(desk, capsys):
    halted(desk)

    def released(_):
        assert desk.latch.released(desk.latch.read().release)
        return Answer(ok=True, text="ann resumed from flat")

    with desk.executor({Resume: released}):
        assert run("resume", "main", "--from", "flat", "--json") == 0

    assert json.loads(capsys.readouterr().out)["halts"] == []


def test_a_release_that_the_executor_took_by_itself_is_no_refusal(desk, capsys):
    halted(desk)

    def late(_):
        assert desk.latch.released(desk.latch.read().release)
        return Answer(ok=False, text="no release lies in the latch")

    with desk.executor({Resume: late}):
        assert run("resume", "main", "--from", "flat") == 0
    assert "resumed from flat" in capsys.readouterr().out


def test_a_release_that_is_refused_is_taken_back_and_the_halt_stays(desk, capsys):
    halted(desk)

    with desk.executor({Resume: lambda _: Answer(ok=False, text="the venue holds 2 BTCUSDT")}):
        assert run("resume", "main", "--from", "flat") == 1

    assert "the venue holds 2 BTCUSDT" in capsys.readouterr().out
    assert desk.latch.read().release is None
    assert desk.latch.read().blocks("") is not None


def adopt(desk, monkeypatch, typed, answer=None):
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO(typed + "\n"))
    shown = seen("2")
    answers = {
        Look: lambda _: Answer(ok=True, text="", body=shown.body),
        Resume: lambda _: answer or Answer(ok=False, text="changed since"),
    }
    with desk.executor(answers):
        return run("resume", "main", "--from", "adopt"), shown


def test_adopt_shows_what_differs_and_wants_the_accounts_name(desk, monkeypatch, capsys):
    halted(desk)

    code, shown = adopt(desk, monkeypatch, "main", Answer(ok=True, text="done"))

    assert code == 0
    assert "BTCUSDT  venue 2  journal 1  stop none  DIFFERS" in capsys.readouterr().err
    assert desk.latch.read().release.seen == shown.digest


def test_adopt_with_another_name_typed_releases_nothing(desk, monkeypatch, capsys):
    halted(desk)

    code, _ = adopt(desk, monkeypatch, "paper")

    assert code == 1
    assert "nothing was released" in capsys.readouterr().err
    assert desk.latch.read().release is None
    assert desk.asked == [Look()]


@pytest.mark.usefixtures("desk")
def test_resume_wants_one_of_two_words(capsys):
    assert run("resume", "main", "--from", "here") == 2
    assert "expected flat or adopt" in capsys.readouterr().err


def test_listen_hears_nothing_from_a_forge_that_is_away_and_lives(desk, capsys):
    assert run("listen", "--once") == 0

    found = capsys.readouterr().err
    assert "listening for no account yet: 0 chats" in found
    assert "the forge: " in found
    assert desk.latch.read().halts == ()
