"""Everything one running forge is made of, assembled once from its state directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autarch.canonical import EpochMs
from autarch.forge.check_runs import CheckRunStore
from autarch.forge.create import check_policy_path
from autarch.forge.desk import Desk
from autarch.forge.pulls import PullStore
from autarch.forge.releases import ReleaseStore
from autarch.forge.state import ForgeState, TokenBook
from autarch.forge.statuses import StatusStore
from autarch.forge.talk import Talk
from autarch.repo.git import GitRepo


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The parts of one forge that requests are answered from. `url` is where it listens."""

    state: ForgeState
    url: str
    repository: str
    policy_path: str
    repo: GitRepo
    tokens: TokenBook
    desk: Desk
    talk: Talk
    statuses: StatusStore
    check_runs: CheckRunStore
    releases: ReleaseStore


def open_office(state: ForgeState, *, url: str, clock: Callable[[], EpochMs], policy_path: str | None = None) -> Office:
    """Read a forge's state; `policy_path` outranks the stored one for as long as this runs.

    Raises:
        ConfigError: no forge lives there, or its state is damaged.
        UsageError: `policy_path` is no path inside the project.
    """
    settings = state.settings()
    path = policy_path or settings.policy_path
    check_policy_path(path)
    repo = GitRepo(state.repo)
    statuses = StatusStore(repo, clock)
    tokens = TokenBook(state.tokens_file)
    desk = Desk(repo=repo, pulls=PullStore(repo, clock), clock=clock, policy_path=path)
    return Office(
        state=state,
        url=url,
        repository=settings.repository,
        policy_path=path,
        repo=repo,
        tokens=tokens,
        desk=desk,
        talk=Talk(desk, statuses, tokens),
        statuses=statuses,
        check_runs=CheckRunStore(repo, clock),
        releases=ReleaseStore(repo, clock),
    )
