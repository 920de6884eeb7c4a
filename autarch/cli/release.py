"""`autarch release`: judge what the portfolio names, sign the tag, push it."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError

if TYPE_CHECKING:
    from autarch.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the verb `release`."""
    app.command("release")(release)


def release(
    version: Annotated[str, typer.Argument(help="Name of the tag, such as v0.1.0.")],
    *,
    policy: Annotated[
        str | None, typer.Option(help="Policy to judge by; default: the one the forge merges by.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Re-judge every strategy of live/portfolio.toml on main's tip, then sign and push the tag.

    Exit code 0 released, 1 refused, 2 misuse, 3 undecided.

    Example: autarch release v0.1.0
    """
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned
    from autarch.workspace import Workspace

    ensure_pinned(sys.argv[1:])
    workspace = Workspace.find()
    with load("ci.workers").started_workers() as workers:  # they import while this process does
        outcome = _released(workspace, version, policy, workers)
    if json_:
        print(json.dumps(outcome.to_json()))
        return 0
    released = outcome.released
    print(f"released  {released.tag}  {released.commit[:12]}  tag {outcome.tag_object[:12]}")
    for item in released.strategies:
        print(f"  {item.account}: {item.strategy}  {item.tier}  weight {item.weight}  evidence {item.evidence[:12]}")
    for waiver in released.waivers:
        print(f"  waived: {waiver}")
    for capacity in outcome.capacities:
        print(f"  {capacity.line}")
    return 0


def _released(workspace: Workspace, version: str, policy: str | None, workers: Any) -> Any:
    from autarch.cli.main import load

    releasing, inputs = load("ci.release"), load("ci.inputs")
    desk = releasing.ReleaseDesk(
        repo=workspace.repo,
        remote=workspace.remote("human"),
        key=workspace.key("release"),
        choice=inputs.Choice(stores=workspace.stores(), policy_path=policy or _policy_path(workspace)),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        clock=time.monotonic,
        progress=tell,
        workers=workers,
    )
    commit = releasing.releasable_commit(desk, version)
    return releasing.release(desk, version, commit, _sleeves(workspace, commit, desk.choice.policy_path))


def _sleeves(workspace: Workspace, commit: str, policy_path: str) -> list[Any]:
    """Return the portfolio at `commit`, checked against the strategies there, each sleeve with its real capital."""
    from autarch.cli.main import load
    from autarch.repo.strategies import list_strategies, read_strategy

    portfolios, releasing = load("live.portfolio"), load("ci.release")
    content = workspace.repo.blob_at(commit, portfolios.PORTFOLIO_PATH)
    if content is None:
        raise ConfigError(f"main has no {portfolios.PORTFOLIO_PATH}; commit one")
    portfolio = portfolios.parse_portfolio(content)
    slugs = [slug for slug in list_strategies(workspace.repo, commit) if slug in portfolio.strategies]
    portfolios.check_portfolio(
        portfolio, {slug: read_strategy(workspace.repo, commit, slug).manifest for slug in slugs}
    )
    policy = workspace.repo.blob_at(commit, policy_path) or b""
    capitals = {account.name: load("live.tiers").sleeve_capitals(account, policy) for account in portfolio.accounts}
    return [
        releasing.NamedSleeve(
            account=account.name,
            strategy=s.strategy,
            tier=s.tier,
            weight=str(s.weight),
            capital=float(capitals[account.name][s.strategy]) or None,
        )
        for account in portfolio.accounts
        for s in account.sleeves
    ]


def _policy_path(workspace: Workspace) -> str:
    from autarch.forge.state import ForgeState

    state = ForgeState(workspace.forge_folder)
    return state.settings().policy_path if state.settings_file.is_file() else "ci/policy.toml"
