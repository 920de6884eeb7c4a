"""The forge's main, as its clones see it."""

from __future__ import annotations

from autarch.errors import UndecidedError
from autarch.repo.git import GitRepo, Remote

MAIN = "refs/heads/main"


def fetch_main(repo: GitRepo, remote: Remote) -> str:
    """Return where main is on `remote`, its objects fetched; no reference of `repo` moves.

    Raises:
        UndecidedError: there is no main, or the remote cannot be reached.
    """
    tip = repo.ls_remote(remote, MAIN).get(MAIN)
    if tip is None:
        raise UndecidedError(f"{remote.url} has no main; make the forge with: autarch init")
    repo.fetch(remote, [tip])
    return tip
