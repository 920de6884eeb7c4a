"""Have evidence derived again by `autarch verify`, in processes of its own: `live` never imports the gate."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autarch.errors import DeployError, UndecidedError
from autarch.evidence.attestation import load_evidence
from autarch.repo.git import GitRepo

AT_ONCE = 2
SECONDS_MAX = 900


def rederive_all(repo: GitRepo, workspace: Path, evidence: Sequence[str]) -> None:
    """Derive every evidence again, two at a time.

    Args:
        repo: Holds claims, objects and the ledger.
        workspace: Where the command runs, so that it finds the data stores.
        evidence: Evidence ids; attestations are the caller's to check.

    Raises:
        DeployError: a claim is not what this runtime computes; the text names the first field.
        UndecidedError: one could not be computed here.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        list(pool.map(lambda one: _rederive(repo, workspace, one), evidence))


def _rederive(repo: GitRepo, workspace: Path, evidence: str) -> None:
    with tempfile.TemporaryDirectory(prefix="autarch-claim-") as folder:
        claim = Path(folder, "claim.json")
        claim.write_bytes(load_evidence(repo, evidence).content)
        command = [
            sys.executable,
            "-P",
            "-m",
            "autarch",
            "verify",
            str(claim),
            "--repository",
            str(repo.path),
            "--json",
        ]
        try:
            done = subprocess.run(
                command, cwd=workspace, capture_output=True, check=False, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as error:
            raise UndecidedError(f"deriving evidence {evidence[:12]} again took over {SECONDS_MAX} s") from error
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode == 0:
        return
    if done.returncode != 1:
        raise UndecidedError(f"evidence {evidence[:12]} could not be derived again (exit {done.returncode}): {said}")
    raise DeployError(f"evidence {evidence[:12]} does not re-derive: {_first(done.stdout) or said}; release again")


def _first(answer: bytes) -> str:
    """Return the first difference in `autarch verify --json`'s object, or nothing."""
    try:
        differs = json.loads(answer)["differs"]
        return f"{differs[0]['field']} is claimed {differs[0]['claimed']!r}, found {differs[0]['found']!r}"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
