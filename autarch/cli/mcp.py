"""`autarch mcp`: an agent's tools for a session of your own in Claude Code, Codex or another MCP client."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from autarch.errors import UsageError

OPERATORS = ("create", "mutate", "simplify", "port")


def register(app: typer.Typer) -> None:
    """Add the verb `mcp`."""
    app.command("mcp")(mcp)


def mcp(
    *,
    slug: Annotated[str, typer.Option(help="The one folder of strategies/ that the session may write.")],
    strategy: Annotated[str | None, typer.Option(help="The strategy on main to start from.")] = None,
    operator: Annotated[str | None, typer.Option(help=f"How: {', '.join(OPERATORS)}.")] = None,
    task: Annotated[str, typer.Option(help="What is wanted, in your words.")] = "",
    model: Annotated[str, typer.Option(help="Which model your client asks; its knowledge's end is recorded.")] = "none",
    policy: Annotated[str, typer.Option(help="Policy whose data set and capital are used.")] = "ci/policy.toml",
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    trials: Annotated[int, typer.Option(min=1, max=100, help="Backtests the session may run; each is counted.")] = 12,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
) -> int:
    """Serve the loop's tools on standard input and output; open a pull request with what is handed in.

    The session reads main, the guide and the leaderboard, writes one folder, and tries it on train bars: every
    version that is played is counted, as in `autarch evolve`. It never sees the holdout, keys or other folders.

    Example: claude mcp add autarch -- autarch mcp --slug calm_carry --model claude-sonnet-5-5

    Example: autarch mcp --slug calm_trend --strategy ema_trend --operator mutate
    """
    from autarch.cli.main import load
    from autarch.manifest import SLUG
    from autarch.numerics import ensure_pinned
    from autarch.workspace import Workspace

    if not SLUG.match(slug):
        raise UsageError(f"--slug {slug!r} is no folder's name; it matches {SLUG.pattern}")
    how = operator or ("create" if strategy is None else "mutate")
    if how not in OPERATORS or (how == "create") != (strategy is None):
        raise UsageError(f"--operator {how}: create takes no --strategy; {', '.join(OPERATORS[1:])} take one")
    ensure_pinned(sys.argv[1:])
    workspace = Workspace.find()
    desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=dataset, allow_weak=local_dev)
    ports, proposing = load("agents.ports"), load("agents.proposing")
    parents = () if strategy is None else (proposing.parent_of(workspace.repo, desk.base, strategy),)
    seed = int.from_bytes(slug.encode()[:4], "big")
    now_s = time.time_ns() // 1_000_000_000
    brief = ports.Brief(operator=how, slug=slug, base=desk.base, seed=seed, parents=parents, task=task, attempt=now_s)
    house = load("agents.household").Household.at(
        workspace,
        base=desk.base,
        dataset=desk.dataset,
        capital=desk.capital,
        allow_weak=local_dev,
        clock_ms=lambda: time.time_ns() // 1_000_000,
        progress=_say,
        bounds=load("agents.tools.box").Bounds(trials=trials),
    )
    from autarch.cli.evolve import evolve_desk

    with house:
        session = load("agents.interactive").InteractiveProposer(house, model=model)
        terms = evolve_desk(workspace, desk).terms
        made = proposing.propose(session, brief, repo=workspace.repo, terms=terms)
        pull, _ = desk.open(made, when_s=time.time_ns() // 1_000_000_000)
    _say(f"pull request {pull.number}: {pull.title}; branch {pull.head_ref}")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
