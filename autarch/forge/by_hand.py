"""A human's platform change as a pull request: a branch under human/, one commit on main's tip."""

from __future__ import annotations

from collections.abc import Mapping

from autarch.errors import RefusedError
from autarch.forge.client import ForgeClient
from autarch.forge.wire import Pull
from autarch.repo.git import GitRepo, Remote, StaleRefError
from autarch.repo.objects import Person

ATTEMPTS_MAX = 20


def need_human(forge: ForgeClient) -> str:
    """Return the login behind the client's token.

    A platform that knows no roles is asked whether the login may administer the repository.

    Raises:
        RefusedError: it is not a human's.
    """
    account = forge.user()
    if account.role is None and forge.permission_of(account.login) == "admin":
        return account.login
    if account.role != "human":
        raise RefusedError(
            f"{account.login} has role {account.role or 'none'}; only a human does this: use a human's token"
        )
    return account.login


def open_by_hand(  # noqa: PLR0913  where, what, and three words about it
    repo: GitRepo,
    remote: Remote,
    forge: ForgeClient,
    *,
    main: str,
    files: Mapping[str, bytes | None],
    branch: str,
    title: str,
    body: str,
    when_s: int,
) -> Pull:
    """Open a pull request that puts `files` (path -> bytes, None: gone) on `main`.

    Args:
        repo: A clone that has `main`.
        remote: The forge by git, as a human.
        forge: The forge by HTTP, as a human.
        main: Where main is.
        files: What changes.
        branch: Name below human/; a number is added.
        title: One line.
        body: Why.
        when_s: Time of the commit, epoch seconds.

    Raises:
        RefusedError: main has exactly that already, or the forge refuses.
    """
    login = need_human(forge)
    before = repo.tree_of(main)
    tree = repo.with_files(before, dict(files))
    if tree == before:
        raise RefusedError(f"main has exactly that already ({', '.join(files)}); there is nothing to propose")
    author = Person(name=login, email=f"{login}@autarch", when_s=when_s)
    commit = repo.commit_tree(tree, parents=[main], message=f"{title}\n\n{body}\n", author=author)
    for number in range(1, ATTEMPTS_MAX + 1):
        name = f"human/{branch}-{number}"
        try:
            repo.push(remote, {f"refs/heads/{name}": commit}, leases={f"refs/heads/{name}": None})
        except StaleRefError:
            continue
        return forge.create_pull(head=name, title=title, body=body)
    raise RefusedError(f"branches human/{branch}-1 to -{ATTEMPTS_MAX} are taken; delete some first")
