"""The gate as a process: main's code, judging one pull request, answering with one JSON object."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from autarch.errors import UndecidedError
from autarch.forge import leash
from autarch.forge.runner import GateAnswer, GateJob
from autarch.numerics import pinned_environment
from autarch.repo.git import GitRepo
from autarch.repo.trusted import environment_problems, write_tree_from

GATE_S_MAX = 3600.0
END_S = 10.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
SENTENCE_LENGTH_MAX = 500
_WORDS = {0: "accepted", 1: "rejected", 3: "undecided"}


class TrustedGate:
    """Runs `autarch gate --pr N --publish --json` with the code of main, in the workspace.

    Keys and tokens reach it as paths in the workspace's configuration; nothing secret is passed here.
    """

    def __init__(self, repo: GitRepo, *, workspace: Path, policy_path: str) -> None:
        """Judge what is in `repo`, the forge's own, for the workspace at `workspace`."""
        self._repo = repo
        self._workspace = workspace
        self._policy_path = policy_path
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, job: GateJob, *, log: Path) -> GateAnswer:
        """Judge one pull request with the code of `job.base`; its report is left beside `log`, as .html.

        Raises:
            UndecidedError: main's code cannot run here, or the gate was stopped or took too long.
        """
        argv = ["gate", "--pr", str(job.number), "--publish", "--json", "--policy", self._policy_path]
        report = ["--html", str(log.with_suffix(".html"))]
        code = self._code(job.base)
        return self._answer(_command(*argv, *report), code=code, log=log)

    def errand(self, arguments: Sequence[str], *, log: Path) -> tuple[int, bytes, bytes]:
        """Return what `autarch <arguments>` of main's code ends with: exit code, standard output, standard error.

        Raises:
            UndecidedError: as `run`.
        """
        base = self._repo.rev_parse("refs/heads/main")
        return self._ran(_command(*arguments, "--policy", self._policy_path), code=self._code(base), log=log)

    def stop(self) -> None:
        """End the running gate and its workers."""
        with self._lock:
            self._stopping = True
            if self._running is not None:
                _end_group(self._running)

    def _code(self, base: str) -> Path:
        code = write_tree_from(self._repo, base)
        problems = environment_problems((code / "requirements.lock").read_bytes())
        if problems:
            raise UndecidedError(f"main's code cannot run here: {' '.join(problems)}")
        return code

    def _answer(self, command: list[str], *, code: Path, log: Path) -> GateAnswer:
        return read_answer(*self._ran(command, code=code, log=log), log=log)

    def _ran(self, command: list[str], *, code: Path, log: Path) -> tuple[int, bytes, bytes]:
        answer_file = log.with_suffix(".json")
        with log.open("wb") as told, answer_file.open("wb") as answered:
            with self._lock:
                if self._stopping:
                    raise UndecidedError("the forge is stopping; the gate runs again when it starts")
                self._running = subprocess.Popen(
                    [*_leashed(), *command],
                    cwd=self._workspace,
                    env=self._environment(code),
                    stdin=subprocess.DEVNULL,
                    stdout=answered,
                    stderr=told,
                    start_new_session=True,  # so that its workers end with it
                )
            try:
                exit_code = self._running.wait(GATE_S_MAX)
            except subprocess.TimeoutExpired as error:
                raise UndecidedError(f"the gate took longer than {GATE_S_MAX:.0f} s; see {log}") from error
            finally:
                with self._lock:
                    _end_group(self._running)
                    self._running = None
        return exit_code, answer_file.read_bytes(), log.read_bytes()

    def _environment(self, code: Path) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GIT_"))}
        own = {"PYTHONPATH": str(code), "AUTARCH_WORKSPACE": str(self._workspace)}
        return pinned_environment({**inherited, **own})  # from the start, or the gate would have to exec itself again


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "autarch", *arguments]


def read_answer(exit_code: int, answered: bytes, told: bytes, *, log: Path) -> GateAnswer:
    """Return what a gate's exit code and JSON object say; undecided unless both say the same.

    Args:
        exit_code: Of the process.
        answered: Its stdout.
        told: Its stderr, whose last line is the reason when there is no object.
        log: Named in the sentence.
    """
    word = _WORDS.get(exit_code)
    try:
        found: Any = msgspec.json.decode(answered[:ANSWER_BYTES_MAX], type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if found is None or word is None or found.get("verdict") != word:
        reason = _last_line(told) or f"it answered {len(answered)} bytes and no verdict"
        return GateAnswer(
            state="undecided", sentence=f"the gate ended with exit code {exit_code}: {reason}; see {log.name}"
        )
    checks = [check for check in found.get("checks", ()) if isinstance(check, dict)]
    return GateAnswer(state=found["verdict"], sentence=_sentence(word, checks)[:SENTENCE_LENGTH_MAX])


def _sentence(word: str, checks: list[dict[str, Any]]) -> str:
    wanted = {"rejected": "failed", "undecided": "undecided"}.get(word)
    if wanted is None:
        return f"accepted: {len(checks)} checks"
    stopped = [check for check in checks if check.get("verdict") == wanted]
    names = ", ".join(str(check.get("name")) for check in stopped)
    first = str(stopped[0].get("detail", "")) if stopped else ""
    return f"{word}: {len(stopped)} of {len(checks)} checks {wanted} ({names}). {first}".strip()


def _last_line(told: bytes) -> str:
    lines = [line.strip() for line in told[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("autarch: ")[:SENTENCE_LENGTH_MAX] if lines else ""


def _leashed() -> list[str]:
    """Return what to run a program with so that a forge that is killed leaves no gate; this thread waits for it."""
    return [sys.executable, "-I", "-S", leash.__file__, str(os.getpid())]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all of its session; a group that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
