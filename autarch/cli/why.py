"""`autarch why`: the whole chain behind a fill or an order."""

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
    question: Annotated[str, typer.Argument(help="An orderLinkId, an execId, or symbol@time (ISO 8601 or epoch ms).")],
    *,
    account: Annotated[str | None, typer.Option(help="Look in this account's journal only.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Say why something was traded: fill, order, decision, release, evidence, merge, pull request, agent, parent.

    Exit code 0 explained, 1 the journal knows nothing of it, 2 misuse.

    Example: autarch why BTCUSDT@2024-05-01T00:15
    """
    from autarch.cli.main import load
    from autarch.workspace import Workspace

    provenance, workspace = load("live.provenance"), Workspace.find()
    chains: list[tuple[str, Any]] = []
    for path in _journals(workspace, account):
        journal = load("live.journal").Journal(path, account=path.stem, read_only=True)
        with journal:
            journal.verify()
            found = load("live.found").find(journal, question)
        _fetch(
            workspace, [one for item in found[:SHOWN_MAX] for one in provenance.evidence_named(item, workspace.repo)]
        )
        chains += [(path.stem, provenance.explain(item, workspace.repo)) for item in found[:SHOWN_MAX]]
    if json_:
        told = [{"account": name, "steps": [step.to_json() for step in steps]} for name, steps in chains]
        print(json.dumps({"question": question, "chains": told}))
    else:
        print("\n\n".join(_text(steps) for _, steps in chains) or f"nothing in the journals is called {question!r}")
    return 0 if chains else 1


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
    lines = []
    for depth, step in enumerate(steps):
        lead = "  " * depth
        lines.append(f"{lead}{step.what}  {step.name}")
        lines += [f"{lead}    {key}: {value}" for key, value in step.facts]
        if step.missing is not None:
            lines.append(f"{lead}    MISSING: {step.missing}")
    return "\n".join(lines)
