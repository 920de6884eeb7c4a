"""`autarch why`: the whole chain behind an order, a fill, a position, a halt or a hand-over."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import AutarchError, ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

SHOWN_MAX = 50


def register(app: typer.Typer) -> None:
    """Add the verb `why`."""
    app.command("why")(why)


def why(
    question: Annotated[
        str,
        typer.Argument(
            help="An orderLinkId, the venue's orderId, an execId, a symbol (its position now), an account (its state), "
            "a tag (its hand-over), or symbol@time (ISO 8601 or epoch ms)."
        ),
    ],
    *,
    account: Annotated[str | None, typer.Option(help="Look in this account's journal only.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Say why something was traded, halted or handed over: the chain from fill to agent, prompt and parent.

    A symbol at a time means the bar the time lies in; where several things happened they are listed.
    Exit code 0 explained, 1 the journal knows nothing of it (the nearest fills are named) or contradicts the
    signed release, 2 misuse.

    Example: autarch why BTCUSDT@2024-05-01T00:15
    """
    from autarch.cli.main import load
    from autarch.workspace import Workspace

    provenance, finding, workspace = load("live.provenance"), load("live.found"), Workspace.find()
    found: list[tuple[str, Any]] = []
    near: list[tuple[str, Any]] = []
    for path in _journals(workspace, account):
        with load("live.journal").Journal(path, account=path.stem, read_only=True) as journal:
            journal.verify()
            found += [(path.stem, item) for item in finding.find(journal, question)]
            near += [(path.stem, event) for event in finding.nearest(journal, question)]
    trusts, contradicted = (load("live.host").Host(root=workspace.host_folder).trust().signing("release"),), False
    if json_:
        _fetch(workspace, [i for _, item in found for i in provenance.evidence_named(item, workspace.repo)])
        told = [(name, provenance.explain(item, workspace.repo, trusts)) for name, item in found[:SHOWN_MAX]]
        contradicted = any(step.contradicts for _, steps in told for step in steps)
        chains = [{"account": name, "steps": [step.to_json() for step in steps]} for name, steps in told]
        nearest = [] if found else [_line(provenance, name, event) for name, event in near]
        print(json.dumps({"question": question, "chains": chains, "nearest": nearest}))
    elif len(found) == 1:
        _fetch(workspace, list(provenance.evidence_named(found[0][1], workspace.repo)))
        steps = provenance.explain(found[0][1], workspace.repo, trusts)
        contradicted = any(step.contradicts for step in steps)
        print(_text(steps))
    elif found:
        fills = all(item.fill is not None for _, item in found)
        print(f"{len(found)} {'fills; ask for one: autarch why EXECID' if fills else 'answers; --json tells them all'}")
        print("\n".join(_line(provenance, name, item.newest) for name, item in found[:SHOWN_MAX]))
    else:
        print(f"nothing in the journals is called {question!r}" + ("; nearest fills:" if near else ""))
        print("\n".join(_line(provenance, name, event) for name, event in near), end="\n" if near else "")
    return 0 if found and not contradicted else 1


def _line(provenance: Any, account: str, event: Any) -> str:
    name = event.ref or f"event {event.seq}"
    return f"{name}  {provenance.time_text(event.time_ms)}  {account}: {provenance.headline(event)}"


def _journals(workspace: Workspace, account: str | None) -> list[Path]:
    folder = workspace.host_folder / "journal"
    found = sorted(folder.glob("*.sqlite3")) if account is None else [folder / f"{account}.sqlite3"]
    if not found:
        raise ConfigError(f"no journal in {folder}; nothing was traded yet: autarch live run --tag TAG")
    if not all(path.is_file() for path in found):
        raise UsageError(f"account {account!r} has no journal in {folder}")
    return found


def _fetch(workspace: Workspace, evidence: list[str]) -> None:
    """Bring evidence and ledger here when the forge answers; without it the chain says what is missing."""
    repo = workspace.repo
    refs = [f"refs/autarch/evidence/{one}" for one in dict.fromkeys(evidence)]
    lacking = [ref for ref in refs if repo.read_ref(ref) is None]
    if not lacking:
        return
    try:
        repo.fetch(workspace.remote("deployer"), [f"{ref}:{ref}" for ref in lacking])
    except AutarchError as error:
        sys.stderr.write(f"autarch: not everything could be fetched: {error}\n")


def _text(steps: Any) -> str:
    """Return the chain, one block a step, each the reason for the one above it."""
    lines = []
    for number, step in enumerate(steps):
        lines.append(f"{'<- ' if number else ''}{step.what}  {step.name}")
        lines += [f"     {key:14} {value}" for key, value in step.facts]
        if step.missing is not None:
            lines.append(f"     MISSING: {step.missing}")
        lines += [f"     CONTRADICTS: {line}" for line in step.contradicts]
    return "\n".join(lines)
