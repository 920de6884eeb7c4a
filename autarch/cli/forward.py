"""`autarch forward`: what bars since then say of every strategy on main."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any

import typer

from autarch.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verb `forward`."""
    app.command("forward")(forward)


def forward(
    *,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    policy: Annotated[str | None, typer.Option(hidden=True)] = None,
    publish: Annotated[bool, typer.Option(hidden=True)] = False,
) -> int:
    """Score every strategy on main on bars that nobody had seen when it was proposed.

    Bars count from its reservation in the ledger, or from where the knowledge of the model behind it ends, if that is
    later; after a platform change that altered its decisions, from then on. What is new is appended to the ledger: it
    may take a tier back, and never gives one. Says who may be judged, and which sleeves stand too high.

    Exit code 0; 1 when a sleeve of live/portfolio.toml stands higher than the ledger allows, or a strategy broke its
    contract; 2 when this host's settings, 3 when bars or confinement kept one from being scored. The highest counts.

    Example: autarch forward
    """
    if publish:
        return _publish(policy)
    from autarch.cli.errand import ask
    from autarch.workspace import Workspace

    answer = ask(Workspace.find(), "forward")
    if answer is None:
        print("asked; the ledger tells when it is done: autarch ledger ls")
        return 0
    print(json.dumps(answer) if json_ else "\n".join(_lines(answer)))
    return int(answer["exit_code"])


def _publish(policy: str | None) -> int:
    from autarch.cli.errand import trusted_desk
    from autarch.cli.main import load

    with trusted_desk(policy or "ci/policy.toml", None) as desk:
        found = load("ci.promotion.scoring").score_main(desk)
    print(json.dumps(found.to_json()))
    return int(found.exit_code)


def _lines(answer: dict[str, Any]) -> list[str]:
    if not answer["rows"]:
        raise UsageError("main has no strategy; merge one first")
    lines = [f"{'strategy':<24} {'since':<10} {'days':>5} {'E':>9}  tier  judged"]
    for row in answer["rows"]:
        since = "-" if row["since_ms"] is None else _day(row["since_ms"])
        if row["problem"] is not None:
            lines.append(f"{row['slug']:<24} NOT SCORED: {row['problem']}")
            continue
        said = f"{row['asked']}{'; may be judged' if row['may_be_judged'] else ''}"
        tier = row["earned"]["tier"]
        lines.append(f"{row['slug']:<24} {since:<10} {row['days']:>5} {row['e_value']:>9.3g}  {tier}    {said}")
    if answer["level"] is not None:
        lines.append(f"the next test would run at level {answer['level']:.3g}; wealth {answer['wealth']:.4g}")
    lines += [
        f"LOWER {low['account']}: {low['strategy']} stands at {low['held']}, the ledger allows {low['earned']['tier']} "
        f"({low['earned']['why']}); lower it in live/portfolio.toml"
        for low in answer["lowered"]
    ]
    return [*lines, f"{answer['appended']} entries appended"]


def _day(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d")
