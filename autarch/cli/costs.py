"""`autarch costs`: what agents have spent, by agent and model, and for what came of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from autarch.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the verb `costs`."""
    app.command("costs")(costs)


def costs(
    *,
    days: Annotated[int | None, typer.Option(min=1, help="Only the last N days; default: all.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show spending by agent and model, per merged and per promoted strategy, and what is left of the caps.

    Dollars are at the prices of agents/models.toml; `estimate` marks attempts whose cost nobody told.
    Merged and promoted are read from main and from the ledger, as this clone has them.

    Example: autarch costs --days 30 --json
    """
    from autarch.cli.main import load
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    now_ms = time.time_ns() // 1_000_000
    since_ms = 0 if days is None else now_ms - days * 86_400_000
    report = load("agents.spending.report")
    told = report.costs_of(workspace.root, now_ms=now_ms, since_ms=since_ms, landed=_landed(workspace))
    typer.echo(json.dumps(report.to_json(told)) if json_ else "\n".join(report.lines_of(told)))
    return 0


def _landed(workspace: Workspace) -> Any:
    """Return which briefs' strategies are on main, and which of those were promoted."""
    from autarch.cli.main import load
    from autarch.errors import AutarchError

    report, repo = load("agents.spending.report"), workspace.repo
    main = next((tip for ref in ("refs/remotes/origin/main", "refs/heads/main") if (tip := repo.read_ref(ref))), None)
    if main is None:
        return report.Landed()
    try:
        return report.landed_at(repo, main)
    except AutarchError:
        return report.Landed()
