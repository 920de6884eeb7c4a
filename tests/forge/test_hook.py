"""The hook by itself, against a socket that behaves badly."""

from __future__ import annotations

import io
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from autarch.forge import hook
from autarch.forge.gatekeeper import Gatekeeper
from autarch.forge.wire import Account

QUESTION = {"ticket": "one", "lines": "", "quarantine": {}}


@pytest.fixture
def listener(tmp_path, monkeypatch):
    monkeypatch.setattr(hook, "PAUSE_S", 0.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(tmp_path / "hook"))
        listening.listen(8)
        listening.settimeout(120.0)
        yield listening


def play(listener, *, broken, answer=b""):
    """Close the first `broken` connections unread, then answer; return the thread and what was read."""
    asked = []

    def serve():
        for _ in range(broken):
            line, _ = listener.accept()
            line.recv(1)  # the question has arrived, and most of it stays unread
            line.close()
        if answer:
            line, _ = listener.accept()
            with line, line.makefile("rb") as read:
                asked.append(json.loads(read.read()))
                line.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, asked


def test_a_question_whose_connection_breaks_unread_is_asked_again(listener):
    thread, asked = play(listener, broken=hook.TRIES - 1, answer=b'{"accepted": true}')

    answer = hook.ask_again(listener.getsockname(), QUESTION)

    thread.join()
    assert answer == {"accepted": True}
    assert asked == [QUESTION]


def test_a_forge_that_breaks_every_connection_is_no_leave_to_push(listener, monkeypatch, capsys):
    thread, _ = play(listener, broken=hook.TRIES)
    monkeypatch.setenv(hook.SOCKET, listener.getsockname())
    monkeypatch.setenv(hook.TICKET, "one")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    code = hook.main()

    thread.join()
    assert code == 1
    assert "rule: undecided" in capsys.readouterr().err


def test_a_crowd_before_the_forge_is_heard_in_turn(tmp_path):
    gate = Gatekeeper(tmp_path, lambda _repo, _pusher: None)
    with gate, gate.admit(Account(login="somebody")) as variables, ThreadPoolExecutor(40) as pool:
        told = list(pool.map(lambda _: hook.ask(variables[hook.SOCKET], QUESTION), range(200)))

    assert told == [{"accepted": True, "told": ""}] * 200  # no move, no rule against it


def test_one_that_finds_no_place_to_wait_asks_again_after_twice_the_pause(tmp_path, monkeypatch):
    monkeypatch.setattr(hook, "PAUSE_S", 0.25)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as full:
        full.bind(str(tmp_path / "hook"))
        full.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waiting:
            waiting.connect(full.getsockname())
            pauses = []
            monkeypatch.setattr(hook.time, "sleep", pauses.append)
            with pytest.raises(BlockingIOError):
                hook.ask_again(full.getsockname(), QUESTION)

    assert pauses == [0.25, 0.5, 1.0, 2.0]  # each twice the one before, and none after the fifth try


def test_a_push_of_more_references_than_are_read_hears_why_it_is_refused(tmp_path):
    lines = f"{'0' * 40} {'a' * 40} refs/heads/agent/tuner/x\n" * 20_000  # 2 MB
    gate = Gatekeeper(tmp_path, lambda _repo, _pusher: None)
    with gate, gate.admit(Account(login="somebody")) as variables:
        told = hook.ask(variables[hook.SOCKET], QUESTION | {"lines": lines})

    assert told["accepted"] is False
    assert "push in parts" in told["told"]


def test_an_answer_that_never_came_is_not_asked_for_twice(listener):
    thread, _ = play(listener, broken=0, answer=b"\n")

    with pytest.raises(ValueError, match="Expecting value"):
        hook.ask_again(listener.getsockname(), QUESTION)

    thread.join()
