"""`autarch ledger`: what was tried, as signed on the forge's branch autarch/ledger."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.evidence.ledger import Ledger
    from autarch.evidence.ledger_entry import Sealed

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the verb `ledger`."""
    ledger = typer.Typer(help="List, show and verify what was tried.", no_args_is_help=True)
    ledger.command("ls")(ls)
    ledger.command("show")(show)
    ledger.command("verify")(verify)
    app.add_typer(ledger, name="ledger")


def ls(*, json_: Json = False) -> int:
    """List every entry, oldest first, and how many trials they are.

    Example: autarch ledger ls
    """
    ledger, known = _open()
    entries = ledger.entries(known=known)
    trials = ledger.trials()
    if json_:
        print(json.dumps({"head": ledger.head(), "trials": trials, "entries": [_object(s) for s in entries]}))
        return 0
    for sealed in entries:
        print(_line(sealed))
    print(f"{len(entries)} entries, {trials} trials, head {ledger.head() or 'none'}")
    return 0


def show(seq: Annotated[int, typer.Argument(min=1, help="Number of the entry.")], *, json_: Json = False) -> int:
    """Show one entry with every field.

    Example: autarch ledger show 3
    """
    ledger, known = _open()
    entries = ledger.entries(known=known)
    if seq > len(entries):
        raise UsageError(f"there is no entry {seq}; the ledger has {len(entries)}: autarch ledger ls")
    found = _object(entries[seq - 1])
    if json_:
        print(json.dumps(found))
        return 0
    for key, value in found.items():
        if value is not None:
            print(f"{key:12} {json.dumps(value) if isinstance(value, dict) else value}")
    return 0


def verify(*, json_: Json = False) -> int:
    """Check every signature, the chain, and that the ledger descends from what main records.

    Example: autarch ledger verify
    """
    ledger, known = _open()
    ledger.entries(known=known)
    entries = ledger.verify()
    head = ledger.head()
    if json_:
        print(json.dumps({"head": head, "entries": len(entries), "trials": ledger.trials(), "verified": True}))
    else:
        print(f"verified: {len(entries)} entries, every one signed, head {head or 'none'}")
    return 0


def _open() -> tuple[Ledger, str | None]:
    """Return the workspace's ledger, brought up to date, and the head that main's newest merge records."""
    from autarch.evidence.ledger import Ledger
    from autarch.repo.mainline import fetch_main
    from autarch.repo.signers import trust_at
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    remote = workspace.reading_remote()
    main = fetch_main(workspace.repo, remote)
    ledger = Ledger(workspace.repo, trust=trust_at(workspace.repo, main, "ci"), remote=remote)
    ledger.sync()
    return ledger, workspace.repo.read_commit(main).trailers.get("Ledger-Head")


def _object(sealed: Sealed) -> dict[str, Any]:
    from autarch.evidence.ledger_entry import entry_body

    return {**entry_body(sealed.entry), "digest": sealed.digest, "commit": sealed.commit}


def _line(sealed: Sealed) -> str:
    entry = sealed.entry
    when = dt.datetime.fromtimestamp(entry.recorded_ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    about = f"PR {entry.pr}" if entry.pr is not None else "-"
    said = entry.verdict or (f"stopped by {entry.stopped}" if entry.stopped else "") or (entry.lane or "")
    inner = f"{entry.inner.count} inner trials" if entry.inner is not None else ""
    evidence = f"evidence {entry.evidence[:12]}" if entry.evidence else ""
    parts = [f"{entry.seq:>6}  {when}  {entry.kind:<11}  {about:<7}  {entry.slug or '-':<24}", said, evidence, inner]
    return "  ".join(part for part in parts if part).rstrip()
