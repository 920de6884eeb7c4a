"""Bring a clone's checked-out main up to the forge's: forward only, and only when nothing can be lost."""

from __future__ import annotations

from autarch.errors import RefusedError
from autarch.repo.git import GitRepo, Remote

MAIN = "refs/heads/main"


def fast_forward_main(repo: GitRepo, remote: Remote) -> str:
    """Fetch the forge's main, move the clone's main and work tree to it, and return the commit.

    Nothing moves when the clone is there already.

    Raises:
        RefusedError: another branch is checked out, tracked files are changed, an untracked file is
            in the way, or the clone's main holds commits the forge's lacks.
        GitError: the forge cannot be reached.
    """
    there = repo.ls_remote(remote, MAIN).get(MAIN)
    if there is None:
        raise RefusedError(f"{remote.url} has no main; make the forge with: autarch init")
    repo.fetch(remote, [there])
    here = repo.rev_parse("HEAD")
    if here == there:
        return there
    checked_out = repo.run("symbolic-ref", "--quiet", "HEAD", check=False).stdout.decode().strip()
    if checked_out != MAIN:
        raise RefusedError(f"this clone has {checked_out or 'no branch'} checked out; run: git switch main")
    if not repo.is_ancestor(here, there):
        raise RefusedError(
            f"main here is {here[:12]} and has commits that the forge's main {there[:12]} lacks; "
            "move them to a branch and open a pull request"
        )
    changed = repo.run("status", "--porcelain", "--untracked-files=no").stdout.decode("utf-8", "replace").splitlines()
    if changed:
        raise RefusedError(f"tracked files are changed ({changed[0].strip()}); commit them to a branch, or undo them")
    answer = repo.run("read-tree", "-m", "-u", here, there, check=False)
    if answer.code != 0:
        raise RefusedError(f"the work tree cannot follow the forge's main: {answer.stderr.strip()}")
    repo.update_ref(MAIN, there, old=here)
    return there
