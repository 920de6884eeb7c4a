"""`autarch calibrate-me`: answered by a pipe, kept between sittings, told only at the end."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from autarch.cli.calibrate_me import SHOWN_CHARS
from autarch.cli.calibrate_me_maker import LOG, Maker
from autarch.cli.main import main
from autarch.errors import UndecidedError
from ci.calibration.keeping import Shelf, makers_digest
from tests.ci.calibration.test_calibration import kept


@pytest.fixture
def shelf(tmp_path, monkeypatch, root) -> Shelf:
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path))
    made = Shelf(tmp_path / f"calibration/1-{makers_digest(root)[:SHOWN_CHARS]}", view="screen")
    for case in kept(1):
        made.put(case)
    return made


def say(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.usefixtures("shelf")
def test_a_pipe_answers_them_all_and_reads_its_score(monkeypatch, capsys) -> None:
    right = [f"refuse {case.flaw}" if case.flaw else "accept" for case in kept(1)]
    say(monkeypatch, *right)

    assert main(["calibrate-me", "--json"]) == 0

    *shown, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [one["case"] for one in shown] == list(range(1, 21))
    assert all("Verdict" not in one["shown"] for one in shown)
    assert (last["score"]["right"], last["score"]["named"]) == (20, 10)


@pytest.mark.usefixtures("shelf")
def test_stopping_keeps_the_answers_tells_nothing_and_the_same_command_goes_on(monkeypatch, capsys) -> None:
    say(monkeypatch, "accept", "refuse ruin", "q")
    assert main(["calibrate-me"]) == 3
    first = capsys.readouterr()
    assert "2 answers are kept; the same command goes on" in first.err
    assert "of 20 right" not in first.out

    say(monkeypatch, *["r"] * 18)
    assert main(["calibrate-me"]) == 0
    told = capsys.readouterr().out
    assert "pull request 2 of 20" not in told
    assert "pull request 3 of 20" in told
    assert "of 20 right" in told


def test_again_forgets_and_the_bare_table_has_answers_of_its_own(shelf, monkeypatch, capsys) -> None:
    say(monkeypatch, *["accept"] * 20)
    assert main(["calibrate-me"]) == 0
    say(monkeypatch, "accept")
    assert main(["calibrate-me", "--table"]) == 3
    shown = capsys.readouterr().out
    assert "profit factor" in shown.split("--- pull request 1 of 20")[-1]
    say(monkeypatch, "accept")
    assert main(["calibrate-me", "--again"]) == 3
    assert len(shelf.answers()) == 1


@pytest.mark.usefixtures("shelf")
def test_a_word_that_is_neither_is_refused_by_name(monkeypatch, capsys) -> None:
    say(monkeypatch, "refuse everything")

    assert main(["calibrate-me"]) == 2
    assert "'refuse everything': expected accept, refuse, or refuse with one of overfit" in capsys.readouterr().err


def test_a_maker_that_fails_says_what_it_said_last(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, view="screen")
    with Maker(shelf=shelf, seed=1, allow_weak=False) as maker:
        maker._command = [sys.executable, "-c", "import sys; sys.exit('autarch: no room')"]
        with pytest.raises(UndecidedError, match="pull request 1 could not be made: autarch: no room"):
            maker.wait(1)
    assert (tmp_path / LOG).is_file()
