"""`autarch judge` and `ledger close` spend only what a human has typed, and say what came of it."""

from __future__ import annotations

import io
import sys

import pytest

from autarch.cli import judge, ledger
from autarch.cli.main import main
from autarch.errors import UsageError

ANSWER = {"strategy": "abc", "word": "may not", "test": 2, "level": 0.0021, "wealth": 0.045, "stored": False}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("confirm", [lambda: judge._confirm("abc"), lambda: ledger._confirm("abc", 1)])
def test_only_the_typed_name_confirms(monkeypatch, confirm) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("abc\n"))
    confirm()

    for typed in ("", "y\n", "abcd\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        with pytest.raises(UsageError, match="not confirmed"):
            confirm()


@pytest.mark.parametrize("confirm", [lambda: judge._confirm("abc"), lambda: ledger._confirm("abc", 1)])
def test_a_pipe_confirms_nothing(monkeypatch, confirm) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("abc\n"))

    with pytest.raises(UsageError, match="confirmed by hand"):
        confirm()


@pytest.mark.parametrize("command", [["judge", "abc"], ["ledger", "close", "abc"]])
def test_the_forge_s_own_call_names_who_asked(command, capsys) -> None:
    assert main([*command, "--publish"]) == 2
    assert "names who asked" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "code"), [("may be promoted", 0), ("may not", 1), ("not computed", 3)])
def test_the_word_is_the_exit_code(word, code, capsys) -> None:
    assert judge._tell(ANSWER | {"word": word}, json_=False) == code
    told = capsys.readouterr().out
    assert f"abc: {word}" in told
    assert "test 2 ran at level 0.0021; wealth left 0.045" in told


def test_a_stored_answer_says_that_it_cost_nothing(capsys) -> None:
    judge._tell(ANSWER | {"stored": True}, json_=False)

    assert "nothing was spent" in capsys.readouterr().out
