"""`autarch review`: have a second model read a pull request."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from autarch.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verb `review`."""
    app.command("review")(review)


def review(
    number: Annotated[int | None, typer.Argument(min=1, help="The pull request.")] = None,
    *,
    agent: Annotated[str, typer.Option(help="Who reads: claude, codex, scripted-claude, scripted-codex.")] = "claude",
    policy: Annotated[str, typer.Option(help="Policy whose data set is used.")] = "ci/policy.toml",
    publish_transcript: Annotated[
        bool, typer.Option("--publish-transcript", help="Instead: post the author's redacted transcript as a comment.")
    ] = False,
    red_team: Annotated[
        bool, typer.Option("--red-team", help="Instead: try to pass the gate on a market without an edge.")
    ] = False,
    tries: Annotated[int, typer.Option(min=1, help="Of the red team.")] = 3,
    seed: Annotated[int, typer.Option(min=1, help="Of the red team's market.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the review, post nothing.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Have a model of another vendor than the author's read a pull request, and post what it suspects.

    A review is a comment. It approves, judges, merges, waives and tags nothing, and the forge takes no more from it.

    Example: autarch review 3 --agent codex

    Example: autarch review --red-team --agent claude --tries 5
    """
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    if red_team == (number is not None):
        raise UsageError("name a pull request to review, or --red-team; see: autarch review --help")
    if number is None:
        from autarch.cli.review_red import red_team as attack
        from autarch.numerics import ensure_pinned

        ensure_pinned(sys.argv[1:])
        desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=None, allow_weak=False)
        return attack(workspace, desk, agent, tries=tries, seed=seed, policy=policy, dry_run=dry_run, json_=json_)
    desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=None, allow_weak=True)
    if publish_transcript:
        return _publish(workspace, desk, number)
    settings = load("agents.evolution.settings")
    content = workspace.repo.blob_at(desk.base, settings.DEFAULT_PATH) or b""
    allowed = settings.parse_settings(content).review
    with _household(workspace, desk) as house, open_forge(workspace, "agent") as forge:
        made = load("agents.reviewing").review_pull(
            number,
            agent=agent,
            repo=workspace.repo,
            forge=forge,
            ask=house.ask,
            fetch=lambda commit: workspace.repo.fetch(forge.git_remote(), [commit]),
            base=desk.base,
            allowed=allowed,
            post=not dry_run,
        )
    return _told(made, json_=json_)


def _told(made: Any, *, json_: bool) -> int:
    if json_:
        answer = {"pull": made.pull, "head": made.head, "reviewer": made.reviewer, "posted": made.posted}
        typer.echo(json.dumps({**answer, "findings": {name: list(items) for name, items in made.findings.items()}}))
    else:
        typer.echo(made.body)
    return 0


def _publish(workspace: Any, desk: Any, number: int) -> int:
    """Post a transcript of this workspace's store: the only way one leaves it."""
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge

    reviewing = load("agents.reviewing")
    with _household(workspace, desk) as house, open_forge(workspace, "agent") as forge:
        pull = forge.pull(number)
        workspace.repo.fetch(forge.git_remote(), [pull.head_sha])
        name = workspace.repo.read_commit(pull.head_sha).trailers.get("Transcript-SHA256", "")
        text = reviewing.transcript_text(workspace.root / ".autarch" / "transcripts", name)
        forge.add_comment(number, house.redactor.clean_all(text))
    typer.echo(f"transcript {name[:16]} is a comment of pull request {number}")
    return 0


def _household(workspace: Any, desk: Any) -> Any:
    from autarch.cli.main import load

    return load("agents.household").Household.at(
        workspace,
        base=desk.base,
        dataset=desk.dataset,
        capital=desk.capital,
        clock_ms=lambda: time.time_ns() // 1_000_000,
        progress=_say,
        allow_weak=True,  # a review runs no strategy
    )


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
