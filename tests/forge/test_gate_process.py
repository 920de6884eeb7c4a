from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autarch.errors import UndecidedError
from autarch.forge import leash
from autarch.forge.gate_process import TrustedGate, read_answer
from autarch.repo.git import GitRepo

LOG = Path("7-abc.log")


def told(verdict: str, *checks: tuple[str, str, str]) -> bytes:
    rows = [{"name": name, "verdict": word, "detail": detail} for name, word, detail in checks]
    return json.dumps({"verdict": verdict, "checks": rows}).encode()


def test_the_exit_code_and_the_object_must_say_the_same() -> None:
    green = told("accepted", ("scope", "passed", ""))

    assert read_answer(0, green, b"", log=LOG).state == "accepted"
    assert read_answer(1, green, b"", log=LOG).state == "undecided"
    assert read_answer(0, told("rejected"), b"", log=LOG).state == "undecided"
    assert read_answer(0, b"", b"", log=LOG).state == "undecided"
    assert read_answer(0, b"accepted", b"", log=LOG).state == "undecided"
    assert read_answer(-9, green, b"", log=LOG).state == "undecided"


def test_a_rejection_names_the_checks_and_the_first_cure() -> None:
    body = told("rejected", ("scope", "passed", ""), ("risk", "failed", "Trade less."), ("backtest", "failed", "x"))

    answer = read_answer(1, body, b"", log=LOG)

    assert answer.sentence == "rejected: 2 of 3 checks failed (risk, backtest). Trade less."


def test_without_an_object_the_last_line_of_stderr_is_the_reason() -> None:
    answer = read_answer(3, b"", b"progress\nautarch: no data set btc; run `autarch data sync`\n\n", log=LOG)

    assert answer.state == "undecided"
    assert "exit code 3: no data set btc; run `autarch data sync`; see 7-abc.log" in answer.sentence


def fake(tmp_path: Path, code: str) -> tuple[TrustedGate, list[str]]:
    return TrustedGate(GitRepo(tmp_path), workspace=tmp_path, policy_path="ci/policy.toml"), [
        sys.executable,
        "-c",
        code,
    ]


def test_a_gate_process_answers_and_leaves_no_child_behind(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, json\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "print(json.dumps({'verdict': 'accepted', 'checks': []}))\n"
    )
    gate, command = fake(tmp_path, code)

    answer = gate._answer(command, code=tmp_path, log=tmp_path / "run.log")

    assert answer.state == "accepted"
    assert gone(int((tmp_path / "child").read_text()))


def test_stopping_ends_the_gate_and_its_workers(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    code = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        "open('ready', 'w').write(str(child.pid))\n"
        "time.sleep(300)\n"
    )
    gate, command = fake(tmp_path, code)
    said = []
    thread = threading.Thread(
        target=lambda: said.append(gate._answer(command, code=tmp_path, log=tmp_path / "run.log"))
    )
    thread.start()
    child = int((tmp_path / "ready").read_text())

    gate.stop()
    thread.join(120)

    assert [answer.state for answer in said] == ["undecided"]
    assert gone(child)
    with pytest.raises(UndecidedError, match="stopping"):
        gate._answer(command, code=tmp_path, log=tmp_path / "again.log")


FORGE = """\
import sys
from pathlib import Path
from autarch.forge import leash
from autarch.forge.gate_process import TrustedGate
from autarch.repo.git import GitRepo
import threading

home = Path(sys.argv[1])
gate = TrustedGate(GitRepo(home), workspace=home, policy_path="ci/policy.toml")
code = "import os, time; open('ready', 'w').write(str(os.getpid())); time.sleep(300)"
work = threading.Thread(target=lambda: gate._answer([sys.executable, "-c", code], code=home, log=home / "run.log"))
work.start()
work.join()
"""


def test_a_forge_that_is_killed_leaves_no_gate_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    forge = subprocess.Popen([sys.executable, "-c", FORGE, str(tmp_path)])
    gate = int((tmp_path / "ready").read_text())
    os.kill(gate, 0)

    forge.kill()
    forge.wait(120)

    assert gone(gate)


def test_a_gate_whose_forge_is_gone_before_it_begins_never_runs(tmp_path: Path) -> None:
    began = tmp_path / "began"
    stranger = 2**31 - 1  # above the highest process id Linux gives (2**22)
    program = [sys.executable, "-c", f"open({str(began)!r}, 'w')"]

    done = subprocess.run([sys.executable, "-I", "-S", leash.__file__, str(stranger), *program], check=False)

    assert done.returncode == 1
    assert not began.exists()


def test_the_gate_sees_no_variable_that_could_change_its_code_or_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "/evil")
    monkeypatch.setenv("GIT_DIR", "/evil")
    gate, command = fake(tmp_path, "import os, json; json.dump(dict(os.environ), open('seen', 'w'))")

    gate._answer(command, code=tmp_path / "code", log=tmp_path / "run.log")

    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["PYTHONPATH"] == str(tmp_path / "code")
    assert seen["AUTARCH_WORKSPACE"] == str(tmp_path)
    assert not {"PYTHONSTARTUP", "GIT_DIR"} & set(seen)


def gone(pid: int) -> bool:
    """Return True when the process ended; a zombie that init has not reaped yet has ended too."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
        if not shown.stdout.strip() or shown.stdout.strip().startswith(b"Z"):
            return True
        threading.Event().wait(0.01)
    os.kill(pid, signal.SIGKILL)
    return False
