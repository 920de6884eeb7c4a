"""The loop in a workspace: main as the forge has it, who stands there and in open pull requests, one loop at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.desk import AgentDesk
from agents.evolution.assessing import Terms, contrast
from agents.evolution.blind import KIND as GRAMMAR
from agents.evolution.blind import Grammar
from agents.evolution.fields import Field
from agents.evolution.journal import Journal
from agents.evolution.numbers import KIND as TUNER
from agents.evolution.numbers import NumbersProposer
from agents.evolution.opening import ForgePublisher
from agents.evolution.parties import Gate, Parties, Standing
from agents.evolution.population import MAIN, Candidate
from agents.evolution.records import Begun
from agents.evolution.settings import DEFAULT_PATH, Settings, parse_settings
from agents.ports import Proposer
from agents.proposal import PullForge
from agents.study import Study
from autarch.canonical import sha256_hex
from autarch.errors import AutarchError, ConfigError, RefusedError
from autarch.manifest import StrategySource, parse_source
from autarch.repo.strategies import classify, list_strategies, read_strategy
from autarch.workspace import Workspace

LOCK_NAME = ".autarch/evolve.lock"
OWN = (GRAMMAR, TUNER)
"""Proposers that need no model."""

Connect = Callable[[], AbstractContextManager[Any]]
"""Gives a client of the forge that speaks for the agent."""


@contextmanager
def only_loop(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's one loop; it is let go however this process ends.

    Raises:
        RefusedError: another process holds it.
    """
    path = workspace.root / LOCK_NAME
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RefusedError(
                f"another loop is at work in {workspace.root}; one at a time, or both would pay for the same. "
                "Wait for it, or end it: it can be gone on with"
            ) from error
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolveDesk:
    """What a run needs of a workspace. `settings_bytes` are main's."""

    agents: AgentDesk
    connect: Connect
    lock: bytes
    settings: Settings
    settings_bytes: bytes

    @classmethod
    def at(cls, desk: AgentDesk, *, connect: Connect, settings_path: str = DEFAULT_PATH) -> EvolveDesk:
        """Read main's settings and data set lock.

        Raises:
            ConfigError: main lacks one of them, or it is malformed.
        """
        repo = desk.workspace.repo
        found = {name: repo.blob_at(desk.base, name) for name in (settings_path, f"ci/datasets/{desk.dataset}.toml")}
        for name, content in found.items():
            if content is None:
                raise ConfigError(f"main has no {name}; commit one, or update main to a version that has it")
        settings_bytes, lock = (content or b"" for content in found.values())
        return cls(
            agents=desk,
            connect=connect,
            lock=lock,
            settings=parse_settings(settings_bytes, path=settings_path),
            settings_bytes=settings_bytes,
        )

    @property
    def terms(self) -> Terms:
        """What every job needs."""
        return Terms(
            lock=self.lock,
            stores=self.agents.workspace.stores(),
            capital=self.agents.capital,
            bounds=self.settings.archive,
            sets=self.settings.tuning.trials,
            folds=self.settings.tuning.folds,
            allow_weak=self.agents.allow_weak,
        )

    def own_proposer(self, name: str, *, symbols: tuple[str, ...], interval: str) -> Proposer:
        """Return a proposer that needs no model: one of `OWN`."""
        if name == GRAMMAR:
            return Grammar(symbols=symbols, interval=interval)
        return NumbersProposer(terms=self.terms, trials=self.settings.tuning.trials)

    def parties(  # noqa: PLR0913  each is one thing that the loop is given
        self,
        *,
        proposers: Mapping[str, Proposer],
        field: Field,
        gate: Gate | None,
        counting: Callable[[Study], None],
        clock_s: Callable[[], int],
        progress: Callable[[str], None],
    ) -> Parties:
        """Return whom the loop works with here."""
        repo = self.agents.workspace.repo
        journal = Journal(repo)
        publisher = ForgePublisher(
            repo=repo,
            journal=journal,
            remote=self.agents.workspace.remote("agent"),
            forge=self._forge,
            compare=partial(_compare, self, journal),
            counting=counting,
        )
        return Parties(
            repo=repo,
            journal=journal,
            settings=self.settings,
            settings_digest=sha256_hex(self.settings_bytes),
            terms=self.terms,
            field=field,
            proposers=proposers,
            numeric=frozenset({TUNER}),
            own_numbers=frozenset(OWN),
            gate=gate,
            publisher=publisher,
            clock_s=clock_s,
            progress=progress,
        )

    def standing(self, base: str) -> tuple[Standing, ...]:
        """Return main's strategies at `base`, which breed, and those of open pull requests, which must not be copied.

        Raises:
            UndecidedError: the forge is away.
        """
        repo = self.agents.workspace.repo
        found = []
        for slug in list_strategies(repo, base):
            try:
                source = read_strategy(repo, base, slug)
            except AutarchError:  # a folder that is no strategy concerns its own pull request
                continue
            found.append(Standing(name=f"{MAIN}{slug}", commit=base, source=source, breeds=True))
        with self._forge() as forge:
            pulls = sorted(forge.pulls(state="open"), key=lambda pull: pull.number)
        for pull in pulls:
            proposed = self._proposed(base, pull.head_sha)
            if proposed is not None:
                name = f"pull request {pull.number}"
                found.append(Standing(name=name, commit=pull.head_sha, source=proposed, breeds=False))
        return tuple(found)

    def _proposed(self, base: str, head: str) -> StrategySource | None:
        repo = self.agents.workspace.repo
        try:
            if repo.resolve(head) is None:
                repo.fetch(self.agents.workspace.remote("agent"), [head])
            slug = classify(repo, base=base, head=head).slug
            return None if slug is None else read_strategy(repo, head, slug)
        except AutarchError:  # what is no strategy cannot be copied
            return None

    def _forge(self) -> AbstractContextManager[PullForge]:
        return self.connect()


def _compare(desk: EvolveDesk, journal: Journal, candidate: Candidate, begun: Begun) -> str:
    """Return what a candidate changes about main's version of it, else about the strategy it goes back to."""
    contents = [journal.attachment(candidate.newest, name) or b"" for name in ("manifest.toml", "strategy.py")]
    after = parse_source(slug=candidate.answered.slug, manifest_bytes=contents[0], code=contents[1])
    repo = desk.agents.workspace.repo
    root = (after.manifest.origin.parent or "").partition("@")[0]
    there = list_strategies(repo, begun.base)
    called = next((slug for slug in (after.manifest.name, root) if slug in there), None)
    before = None if called is None else read_strategy(repo, begun.base, called)
    return contrast(desk.terms, after, before, called=called or "cash")
