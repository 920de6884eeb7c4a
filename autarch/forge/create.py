"""Make a local forge: a bare repository with main, an empty ledger and the pre-receive hook."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from autarch.errors import ConfigError, UsageError
from autarch.evidence.ledger import Ledger
from autarch.forge import hook as hook_file
from autarch.forge.rules import MAIN
from autarch.forge.state import ForgeState, Settings
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.paths import private_directory
from autarch.repo.git import GitRepo
from autarch.repo.runner import SAFE_ENVIRONMENT, Remote
from autarch.repo.signing import CI_PRINCIPAL, Trust

PUSH_BYTES_MAX = 64 * 1024 * 1024
"""Largest pack one push may send."""

HOOK = "pre-receive"
_CONFIG = f"""
[transfer]
\tfsckObjects = true
[receive]
\tmaxInputSize = {PUSH_BYTES_MAX}
\t; its background process would outlive the forge; `serve` collects at start
\tautogc = false
\t; the hook answers for every reference, in our words
\tdenyDeleteCurrent = ignore
\tadvertisePushOptions = false
[http]
\tgetanyfile = false
[uploadpack]
\tallowFilter = true
[core]
\tlogAllRefUpdates = true
"""


def create_forge(
    state_dir: Path,
    *,
    main_from: Path,
    commit: str = "HEAD",
    policy_path: str = "ci/policy.toml",
    repository: str = LOCAL_REPOSITORY,
) -> ForgeState:
    """Make a forge in `state_dir` whose main is `commit` of the repository at `main_from`.

    Main is made here, so that no first push can be without rules. Tokens are issued afterwards by
    `state.issue_token`; signers are those that `commit` lists in ci/signers.

    Args:
        state_dir: New or empty; made private to its owner.
        main_from: Any repository on this host that holds `commit`.
        commit: What main starts as.
        policy_path: The policy file, relative to the project's root, read from main at each merge.
        repository: `owner/name` under which the forge serves.

    Raises:
        ConfigError: a forge is there already.
        UsageError: `commit` names no commit, or `policy_path` is no path inside the project.
    """
    state = ForgeState(private_directory(state_dir.resolve()))
    if state.repo.exists():
        raise ConfigError(f"{state.root} holds a forge already; serve it with: autarch forge serve")
    check_policy_path(policy_path)
    start = GitRepo(main_from).rev_parse(commit)
    private_directory(state.logs)
    _git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(state.repo))
    with (state.repo / "config").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
    repo = GitRepo(state.repo)
    repo.fetch(Remote(url=str(main_from.resolve())), [f"{start}:{MAIN}"])
    # The beginning is empty and the same everywhere, so nobody needs to be trusted for it.
    Ledger(repo, trust=Trust(signers=b"", principal=CI_PRINCIPAL)).begin()
    install_hook(state)
    state.write_settings(Settings(repository=repository, policy_path=policy_path))
    return state


def install_hook(state: ForgeState) -> None:
    """Write the pre-receive hook for this interpreter and this installation; done again at each start.

    The hook is the forge's, not the repository's: it is run in Python's isolated mode, so that nothing
    a pusher sets in the environment is imported.
    """
    hook = state.repo / "hooks" / HOOK
    hook.parent.mkdir(exist_ok=True)
    written = hook.with_name(f"{HOOK}.new")
    written.write_text(hook_text())
    written.chmod(0o700)
    written.replace(hook)


def hook_text() -> str:
    """Return what the pre-receive hook holds when it is ours."""
    code = str(Path(hook_file.__file__).resolve())
    return f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S {shlex.quote(code)}\n"


def check_policy_path(path: str) -> None:
    """Refuse a policy that verify could not find again in the project.

    Raises:
        UsageError: absolute, outside, or not normal.
    """
    parts = path.split("/")
    if not path or Path(path).is_absolute() or any(part in {"", ".", ".."} for part in parts):
        raise UsageError(f"found policy {path!r}; expected a path inside the project, such as ci/policy.toml")


def _git(*arguments: str) -> None:
    # GitRepo opens repositories; this one does not exist yet.
    answer = subprocess.run(
        ["git", *arguments], capture_output=True, check=False, env=clean_environment(), stdin=subprocess.DEVNULL
    )
    if answer.returncode != 0:
        raise ConfigError(f"git {arguments[0]} failed: {answer.stderr.decode('utf-8', 'replace').strip()}")


def clean_environment() -> dict[str, str]:
    """Return an environment for git with nothing inherited but PATH."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C", **SAFE_ENVIRONMENT}
