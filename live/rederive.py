"""Have evidence derived again by `autarch verify`, in processes of its own: `live` never imports the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autarch.errors import DeployError, UndecidedError
from autarch.numerics import pinned_environment
from autarch.repo.git import GitRepo

AT_ONCE = 2
SECONDS_MAX = 900


def rederive_all(
    repo: GitRepo,
    workspace: Path,
    evidence: Sequence[str],
    *,
    signers: bytes,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Derive every evidence again, two at a time.

    Args:
        repo: Holds claims, objects and the ledger.
        workspace: Where the command runs, so that it finds the data stores.
        evidence: Evidence ids, stored in `repo`.
        signers: Whom this host lets attest and write the ledger, as allowed_signers: the clone's own main,
            which the command would ask otherwise, may be older than the release.
        progress: Takes the narration of each, line by line.

    Raises:
        DeployError: a claim is not what this runtime computes; the text names the first field.
        UndecidedError: one could not be computed here.
    """
    with tempfile.NamedTemporaryFile(prefix="autarch-signers-") as file, ThreadPoolExecutor(AT_ONCE) as pool:
        file.write(signers)
        file.flush()
        where = ("--repository", str(repo.path), "--signers", file.name)
        list(pool.map(lambda one: _rederive(one, where, workspace, progress), evidence))


def _rederive(evidence: str, where: Sequence[str], workspace: Path, progress: Callable[[str], None]) -> None:
    command = (sys.executable, "-P", "-m", "autarch", "verify", evidence, *where, "--json")
    returncode, answer, said = _run(command, workspace, progress)
    if returncode == 0:
        return
    why = _error(answer) or said
    if returncode != 1:
        raise UndecidedError(f"evidence {evidence[:12]} could not be derived again (exit {returncode}): {why}")
    raise DeployError(f"evidence {evidence[:12]} does not re-derive: {why}")


def _run(command: Sequence[str], workspace: Path, progress: Callable[[str], None]) -> tuple[int, bytes, str]:
    """Run one command, pass its narration on, and return exit code, answer and the last thing it said."""
    said = ""
    with (
        tempfile.TemporaryFile() as answer,
        subprocess.Popen(
            command,
            cwd=workspace,
            env=pinned_environment(os.environ),  # from the start, or the command would have to exec itself again
            stdout=answer,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        timer = threading.Timer(SECONDS_MAX, process.kill)
        timer.start()
        try:
            for line in process.stderr or ():
                said = line.strip()
                progress(said.removeprefix("autarch: "))
            returncode = process.wait()
        finally:
            timer.cancel()
        answer.seek(0)
        return returncode, answer.read(), said


def _error(answer: bytes) -> str:
    """Return what `autarch verify --json`'s object gives as the error, or nothing."""
    try:
        return str(json.loads(answer)["error"] or "")
    except (ValueError, KeyError, TypeError):
        return ""
