"""What a morning brief tells beside the run: wealth from the ledger, what trades, what agents have cost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from autarch.errors import AutarchError

LIVE_SECONDS_MAX = 30


def surroundings(workspace: Any, run: Any) -> Any:
    """Return the surroundings of a run; what cannot be read is left out, since a brief is no verdict."""
    from autarch.cli.main import load

    return load("agents.evolution.briefing").Surroundings(wealth=_wealth(workspace, run), live=_live(workspace))


def _wealth(workspace: Any, run: Any) -> str:
    from autarch.evidence.epoch import account_of
    from autarch.evidence.ledger import ledger_at
    from autarch.market import read_lock

    name = run.begun.dataset.partition("@")[0]
    repo = workspace.repo
    try:
        content = repo.blob_at(run.begun.base, f"ci/datasets/{name}.toml")
        if content is None:
            return ""
        ledger = ledger_at(repo, run.begun.base, remote=workspace.reading_remote())
        head = ledger.sync()
        account = account_of(() if head is None else ledger.entries(head), dataset=name, epoch=read_lock(content).epoch)
        return (
            f"{account.wealth:.4f} of epoch {account.epoch.number} left; the next test for promotion runs at level "
            f"{account.next_level:.5f}; {ledger.trials(head) if head else 0} trials in the ledger"
        )
    except AutarchError as error:
        return f"unknown ({str(error)[:60]})"


def _live(workspace: Any) -> str:
    """Return what `autarch live status` says, in a process of its own: agents know nothing of what trades."""
    command = [sys.executable, "-P", "-m", "autarch", "live", "status", "--json"]
    try:
        done = subprocess.run(
            command, cwd=workspace.root, capture_output=True, text=True, timeout=LIVE_SECONDS_MAX, check=False
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return "nothing trades here"
    state, tag = found.get("state"), found.get("tag")
    return f"{state or 'unknown'}, tag {tag or 'none'}"
