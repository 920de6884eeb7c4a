"""The two halves of `propose`: an agent without a token that writes, and a job that opens what it proposes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autarch.errors import UsageError
from autarch.repo.mainline import fetch_main

AGENTS = ("tuner",)
"""Who proposes in a workflow: an optimiser, which needs no vendor's key on a runner."""


def write(bench: Any, out: Path, *, agent: str, strategy: str, trials: int, seed: int) -> str:
    """Let an agent propose and write its patch; the sentence that says what it proposes.

    Raises:
        UsageError: there is no such agent.
        RefusedError: nothing better was found.
    """
    from autarch.cli.main import load

    if agent not in AGENTS:
        raise UsageError(f"there is no agent {agent!r}; there are: {', '.join(AGENTS)}")
    patching = load("ci.actions.patch")
    desk = _desk(bench)
    made, study = desk.tune(strategy, trials=trials, seed=seed, progress=bench.progress)
    patch = patching.Patch(
        schema=1,
        agent=made.agent,
        slug=made.slug,
        base=made.base,
        files=dict(made.files),
        title=made.title,
        body=made.body,
        trailers=tuple(made.trailers),
        study=made.study,
    )
    patching.write_patch(patch, out)
    return f"{made.title}: {len(study.trials)} trials"


def open_(bench: Any, forge: Any, folder: Path) -> str:
    """Check the patch in `folder`, push it on a branch of its own and open its pull request.

    Raises:
        RefusedError: it is not exactly one strategy, or was written against what never was main.
    """
    from autarch.cli.main import load
    from autarch.errors import RefusedError
    from autarch.repo.objects import Person

    proposing, patching = load("agents.proposal"), load("ci.actions.patch")
    patch = patching.read_patch(folder)
    main = fetch_main(bench.repo, bench.remote)
    if not bench.repo.first_parent_contains(main, patch.base):
        raise RefusedError(f"the patch is against {patch.base[:12]}, which never was main")
    made = proposing.Proposal(
        agent=patch.agent,
        slug=patch.slug,
        base=patch.base,
        files=dict(patch.files),
        title=patch.title,
        body=patch.body,
        trailers=patch.trailers,
        study=patch.study,
    )
    when_s = bench.clock_ms() // 1000
    author = Person(name=patch.agent, email="agent@autarch.invalid", when_s=when_s)
    patching.require_strategy(
        bench.repo, base=patch.base, head=proposing.write_commit(made, repo=bench.repo, author=author)
    )
    pull, head = proposing.open_pull_request(made, repo=bench.repo, remote=bench.remote, forge=forge, when_s=when_s)
    return f"pull request {pull.number}: {pull.title} at {head[:12]}"


def _desk(bench: Any) -> Any:
    """Return an agent's desk on the forge's main; it needs no workspace on disk, and no token but to read."""
    from autarch.canonical import parse_toml
    from autarch.cli.main import load
    from autarch.errors import ConfigError
    from autarch.workspace import Config, ForgeSection, Workspace

    base = fetch_main(bench.repo, bench.remote)
    content = bench.repo.blob_at(base, bench.choice.policy_path)
    try:
        terms = parse_toml(content or b"")
        dataset, capital = str(terms["data"]["datasets"][0]), float(terms["backtest"]["capital"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ConfigError(f"{bench.choice.policy_path} on main names no data set and capital: {error!r}") from error
    config = Config(schema=1, forge=ForgeSection(repository=bench.site.repository))
    return load("agents.desk").AgentDesk(
        workspace=Workspace(bench.repo.path, config), base=base, dataset=dataset, capital=capital, allow_weak=False
    )
