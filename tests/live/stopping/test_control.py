"""The control socket: bounded, for its owner alone, and it only carries."""

from __future__ import annotations

import asyncio
import os
import socket
import stat

import pytest

from autarch.errors import ConfigError, UndecidedError, UsageError
from live.stopping.commands import (
    ANSWER_BYTES_MAX,
    LINE_BYTES_MAX,
    Answer,
    Halt,
    Look,
    Resume,
    Status,
    Stop,
    answer_bytes,
    command_bytes,
    parse_answer,
    parse_command,
)
from live.stopping.control import CONNECTIONS_MAX, ask, control_socket


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


async def raw(path, content):
    """Send bytes and return the answer."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(content)
    if writer.can_write_eof():
        writer.write_eof()
    line = await reader.readline()
    writer.close()
    return parse_answer(line)


def serve(path, inbox, main, **how):
    async def run():
        async with control_socket(path, inbox, **how):
            return await main()

    return asyncio.run(run())


def echo(asked):
    asked.answer(Answer(ok=True, text=type(asked.command).__name__, body={"who": asked.who}))


@pytest.mark.parametrize(
    "command", [Status(), Look(), Stop(flatten=True), Halt(symbol="BTCUSDT", why="drill"), Resume()]
)
def test_every_command_reaches_the_inbox_as_itself(path, command):
    found = []

    def inbox(asked):
        found.append(asked.command)
        echo(asked)

    answer = serve(path, inbox, lambda: asyncio.to_thread(ask, path, command))

    assert found == [command]
    assert answer.text == type(command).__name__
    assert answer.body == {"who": f"uid {os.getuid()}, process {os.getpid()}"}


def test_the_socket_is_its_owners_alone_and_gone_with_its_server(path):
    async def main():
        return stat.S_IMODE(path.stat().st_mode)

    assert serve(path, echo, main) == 0o600
    assert not path.exists()


def test_the_socket_of_an_executor_that_died_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    assert serve(path, echo, lambda: asyncio.to_thread(ask, path, Status())).ok


def test_a_path_longer_than_a_socket_address_works(tmp_path):
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    path = folder / "control.sock"

    assert serve(path, echo, lambda: asyncio.to_thread(ask, path, Status())).ok


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n", "no command"),
        (b"halt\n", "no command"),
        (b"\xff\n", "no command"),
        (b'{"command":"buy"}\n', "no command"),
        (b'{"command":"stop"}\n', "no command"),
        (b'{"command":"stop","flatten":1}\n', "no command"),
        (b'{"command":"halt","more":1}\n', "no command"),
        (b'{"command":"halt","why":"' + b"x" * 501 + b'"}\n', "at most 500"),
        (b"x" * (LINE_BYTES_MAX + 10) + b"\n", "at most 4096 bytes"),
        (b"[" * 4000 + b"\n", "no command"),
    ],
)
def test_what_is_no_command_is_refused_with_a_sentence(path, content, said):
    taken = []

    answer = serve(path, taken.append, lambda: raw(path, content))

    assert not answer.ok
    assert said in answer.text
    assert taken == []


def test_an_executor_that_takes_a_command_and_says_nothing_is_told_of(path):
    answer = serve(path, lambda _: None, lambda: asyncio.to_thread(ask, path, Status()), answer_wait_s=0.01)

    assert not answer.ok
    assert "not answered within 0.01 s" in answer.text


def test_too_many_at_once_are_turned_away_and_the_rest_are_served(path):
    taken = asyncio.Queue()

    async def main():
        asks = [asyncio.create_task(raw(path, command_bytes(Status()))) for _ in range(CONNECTIONS_MAX)]
        waiting = [await taken.get() for _ in asks]
        turned = await raw(path, command_bytes(Status()))
        for asked in waiting:
            echo(asked)
        return turned, await asyncio.gather(*asks)

    turned, served = serve(path, taken.put_nowait, main)

    assert "too many" in turned.text
    assert all(answer.ok for answer in served)


def test_whoever_leaves_before_the_answer_disturbs_nobody(path):
    taken = asyncio.Queue()

    async def main():
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.write(command_bytes(Status()))
        left = await taken.get()
        writer.close()
        echo(left)
        asking = asyncio.create_task(raw(path, command_bytes(Status())))
        echo(await taken.get())
        return await asking

    assert serve(path, taken.put_nowait, main).ok


def test_without_an_executor_the_text_says_what_to_do(path):
    with pytest.raises(ConfigError, match="no executor listens"):
        ask(path, Status())


def test_an_executor_that_hangs_is_undecided_and_the_text_names_the_kill(path):
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()

        with pytest.raises(UndecidedError, match="live kill"):
            ask(path, Status(), wait_s=0.05)


def test_an_answer_that_is_none_is_refused():
    with pytest.raises(UsageError, match="none we know"):
        parse_answer(b"hello\n")
    assert parse_answer(answer_bytes(Answer(ok=True, text="", body={"a": [1]}))).body == {"a": [1]}
    assert parse_command(command_bytes(Stop(flatten=False))) == Stop(flatten=False)
    assert ANSWER_BYTES_MAX > LINE_BYTES_MAX
