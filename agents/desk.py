"""An agent's place in a workspace: main as the forge has it, train bars, a worker, the agent's token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.proposal import Proposal, open_pull_request
from agents.scoring import Bench
from agents.study import Study
from agents.tuning import propose_tuning
from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from autarch.forge.connect import open_forge
from autarch.forge.wire import Pull
from autarch.market import load_market
from autarch.market.lock import read_lock
from autarch.repo.strategies import read_strategy
from autarch.sandbox.worker import Worker
from autarch.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDesk:
    """Everything is read from `base`, the forge's main when the desk was set up."""

    workspace: Workspace
    base: str
    dataset: str
    capital: float
    allow_weak: bool

    @classmethod
    def at(cls, workspace: Workspace, *, policy_path: str, dataset: str | None, allow_weak: bool) -> AgentDesk:
        """Fetch the forge's main and return the desk.

        Raises:
            ConfigError: the forge has no main, or its policy does not name a data set and a capital.
        """
        remote = workspace.remote("agent")
        base = workspace.repo.ls_remote(remote, "refs/heads/main").get("refs/heads/main")
        if base is None:
            raise ConfigError(f"{remote.url} has no main; make the forge with: autarch init")
        workspace.repo.fetch(remote, [base])
        named, capital = _terms(workspace.repo.blob_at(base, policy_path), policy_path)
        return cls(workspace=workspace, base=base, dataset=dataset or named, capital=capital, allow_weak=allow_weak)

    def tune(self, slug: str, *, trials: int, seed: int, progress: Callable[[str], None]) -> tuple[Proposal, Study]:
        """Run the tuner on one strategy of main; see `agents.tuning.propose_tuning`."""
        source = read_strategy(self.workspace.repo, self.base, slug)
        content = self.workspace.repo.blob_at(self.base, f"ci/datasets/{self.dataset}.toml")
        if content is None:
            raise ConfigError(f"main has no ci/datasets/{self.dataset}.toml; `autarch data ls` shows what exists")
        lock = read_lock(content)
        manifest = source.manifest
        market = load_market(
            lock,
            split="train",
            symbols=(*manifest.symbols, *manifest.context),
            interval=manifest.interval,
            stores=self.workspace.stores(),
        )
        with Worker(allow_weak=self.allow_weak) as worker:
            bench = Bench(worker=worker, source=source, market=market, lock=lock, capital=self.capital)
            return propose_tuning(bench, base=self.base, trials=trials, seed=seed, progress=progress)

    def open(self, proposal: Proposal, *, when_s: int) -> tuple[Pull, str]:
        """Push the proposal and open its pull request; return it and the head commit."""
        where = self.workspace
        with open_forge(where, "agent") as forge:
            return open_pull_request(proposal, repo=where.repo, remote=forge.git_remote(), forge=forge, when_s=when_s)


def _terms(policy: bytes | None, path: str) -> tuple[str, float]:
    try:
        parsed = parse_toml(policy or b"")
        return str(parsed["data"]["datasets"][0]), float(parsed["backtest"]["capital"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} on main does not name [data] datasets and [backtest] capital: {error!r}") from error
