"""`autarch ci staged`: what a commit would hold of strategies, looked at before it is made."""

from __future__ import annotations

import sys
from pathlib import Path

from autarch.errors import UsageError


def staged() -> int:
    """Check staged strategies: source policy, manifest, formatting, secrets.

    Exit code 1 when something is to be cured.

    Example: autarch ci staged
    """
    from autarch.cli.main import load
    from autarch.repo.git import GitRepo

    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".git").exists()), None)
    if root is None:
        raise UsageError(f"{Path.cwd()} is in no clone")
    found = load("ci.actions.staged").problems(GitRepo(root))
    for problem in found:
        sys.stderr.write(f"{problem.path}: {problem.what}\n")
    return 1 if found else 0
