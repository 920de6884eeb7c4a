"""`autarch propose`: let an agent open a pull request."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from autarch.errors import UsageError

AGENTS = ("tuner",)


def register(app: typer.Typer) -> None:
    """Add the verb `propose`."""
    app.command("propose")(propose)


def propose(
    *,
    agent: Annotated[str, typer.Option(help="Who proposes: tuner.")] = "tuner",
    strategy: Annotated[str, typer.Option(help="The strategy on main to start from.")],
    trials: Annotated[int, typer.Option(min=2, help="Parameter sets to try; each is counted.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the search; the same seed gives the same study.")] = 0,
    policy: Annotated[str, typer.Option(help="Policy whose data set and capital are used.")] = "ci/policy.toml",
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the proposal, push nothing.")] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Search on train bars for better numbers and open a pull request with them.

    Example: autarch propose --agent tuner --strategy ema_trend --trials 40 --seed 7
    """
    if agent not in AGENTS:
        raise UsageError(f"there is no agent {agent!r}; there are: {', '.join(AGENTS)}")
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned
    from autarch.workspace import Workspace

    ensure_pinned(sys.argv[1:])
    workspace = Workspace.find()
    desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=dataset, allow_weak=local_dev)
    made, study = desk.tune(strategy, trials=trials, seed=seed, progress=_say)
    if dry_run:
        typer.echo(f"{made.title}\n\n{made.body}")
        return 0
    pull, head = desk.open(made, when_s=time.time_ns() // 1_000_000_000)
    if json_:
        answer = {"pull": pull.number, "head": head, "branch": pull.head_ref, "study": study.digest}
        typer.echo(json.dumps({**answer, "trials": len(study.trials), "title": pull.title}))
    else:
        typer.echo(f"pull request {pull.number}: {pull.title}\n  branch {pull.head_ref}  trials {len(study.trials)}")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
