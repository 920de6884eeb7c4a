"""The `autarch` command itself: what it exits with, what it says, what it imports to say so."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest

from autarch import errors
from autarch.cli import app
from autarch.cli.main import load, main

HEAVY = {"numpy", "pandas", "numba", "talib", "pyarrow", "httpx", "starlette", "git", "ci", "agents", "live"}
LOADED = """\
import sys
{before}
from autarch.cli.main import main
code = main({arguments!r})
print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
raise SystemExit(code)
"""
PRINTS_A_LINE = """\
import sys, types
from autarch.cli import app
from autarch.cli.main import main
probe = types.ModuleType("autarch.cli.probe")
probe.register = lambda verbs: verbs.command("probe")(lambda: print("one short line"))
sys.modules[probe.__name__], app.VERBS["probe"] = probe, "Print a line."
raise SystemExit(main(["probe"]))
"""


@pytest.fixture
def probe(monkeypatch):
    """Make a verb `probe` that does what it is given."""

    def made(action):
        module = types.ModuleType("autarch.cli.probe")
        module.register = lambda verbs: verbs.command("probe")(action)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(app.VERBS, "probe", "Do as the test says.")

    return made


def raising(error):
    def action():
        raise error

    return action


def leaves(command, path):
    """Return the words of every command below one, itself when it is no group."""
    if not hasattr(command, "commands"):
        return [path]
    return [leaf for name, below in command.commands.items() for leaf in leaves(below, [*path, name])]


def run_python(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["live"], "Commands:"),
        (["no-such-verb"], "No such command 'no-such-verb'"),
        (["live", "no-such-verb"], "No such command 'no-such-verb'"),
        (["backtset", "my_first"], "No such command 'backtset'. Did you mean 'backtest'?"),
        (["gate", "--no-such-option"], "No such option: --no-such-option"),
        (["verify"], "Missing argument 'evidence'"),
        (["propose", "--strategy", "any", "--trials", "1"], "Invalid value for '--trials'"),
    ],
)
def test_misuse_exits_2_with_its_usage_on_stderr_and_nothing_on_stdout(arguments, says, capsys):
    code = main(arguments)

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.startswith("Usage: autarch")
    assert says in said.err


def test_help_is_an_answer_and_lists_every_verb(capsys):
    code = main(["--help"])

    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    listed = [line.split()[0] for line in said.out.partition("Commands:\n")[2].splitlines()]
    assert listed == list(app.VERBS)


@pytest.mark.parametrize("verb", app.VERBS)
def test_every_command_of_a_verb_shows_an_example(verb, capsys):
    found = leaves(app.load_verb(verb), [verb])

    assert found
    for path in found:
        assert main([*path, "--help"]) == 0
        assert f"Example: autarch {' '.join(path)}" in " ".join(capsys.readouterr().out.split()), path


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("say it otherwise"), 2),
        (errors.ConfigError("mend the file"), 2),
        (errors.RefusedError("a rule says no"), 1),
        (errors.StrategyError("it raised"), 1),
        (errors.DataError("a byte differs"), 3),
        (errors.UndecidedError("could not tell"), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_decides_the_exit_code_and_its_text_is_all_that_is_said(error, code, probe, capsys):
    probe(raising(error))

    assert main(["probe"]) == code
    assert capsys.readouterr() == ("", f"autarch: {error}\n")


@pytest.mark.parametrize(("answer", "code"), [(lambda: 1, 1), (lambda: 3, 3), (lambda: None, 0)])
def test_a_verb_returns_its_exit_code(answer, code, probe):
    probe(answer)

    assert main(["probe"]) == code


def test_a_bug_of_ours_is_could_not_tell_and_its_traceback_is_kept_in_a_file(probe, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    probe(raising(KeyError("a bug")))

    assert main(["probe"]) == 3

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a fault of autarch's own, so nothing may be concluded: KeyError at " in said
    assert "Traceback" not in said
    (kept,) = (tmp_path / "cache" / "faults").iterdir()
    assert str(kept) in said
    assert "KeyError: 'a bug'" in kept.read_text()


def test_a_bug_of_ours_is_told_also_where_nothing_can_be_written(probe, capsys, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    probe(raising(KeyError("a bug")))

    assert main(["probe"]) == 3
    assert "its account could not be written" in capsys.readouterr().err


@pytest.mark.parametrize(("file", "named"), [(("/full/report.html",), "/full/report.html: "), ((), "")])
def test_a_refusal_of_the_system_names_the_file_if_it_knows_one_and_is_no_answer(file, named, probe, capsys):
    probe(raising(OSError(28, "No space left on device", *file)))

    assert main(["probe"]) == 3
    assert capsys.readouterr().err == (
        f"autarch: the system refused: {named}No space left on device; "
        "check disk space, owner and mode, then run it again\n"
    )


def test_an_interrupt_exits_130_and_says_so(probe, capsys):
    probe(raising(KeyboardInterrupt()))

    assert main(["probe"]) == 130
    assert capsys.readouterr().err == "autarch: interrupted; nothing half-written was kept\n"


@pytest.mark.parametrize(
    "command", [["-m", "autarch", "--help"], ["-c", PRINTS_A_LINE]], ids=["flushed by the writer", "left in the buffer"]
)
def test_a_reader_who_left_makes_neither_a_yes_nor_a_no_nor_a_traceback(command):
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run([sys.executable, "-P", *command], stdout=write, stderr=subprocess.PIPE, check=False)

    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("package", ["ci", "agents", "live"])
def test_a_package_this_host_lacks_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(errors.ConfigError, match=f"no package '{package}'; run from a clone"):
        load(package)


def test_a_missing_dependency_is_not_blamed_on_a_package_of_ours():
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        load("no_such_dependency")


@pytest.mark.parametrize("arguments", [["--help"], ["gate", "--help"], ["live", "run", "--help"], ["no-such-verb"]])
def test_saying_how_it_is_used_imports_nothing_heavy(arguments):
    done = run_python(LOADED.format(before="", arguments=arguments))

    loaded = set(done.stderr.splitlines()[-1].split())
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_an_early_import_would_be_seen():
    done = run_python(LOADED.format(before="import numpy", arguments=["--help"]))

    assert set(done.stderr.splitlines()[-1].split()) & HEAVY == {"numpy"}
