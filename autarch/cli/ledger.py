"""`autarch ledger`: what was tried, as signed on the forge's branch autarch/ledger."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import RefusedError, UndecidedError, UsageError

if TYPE_CHECKING:
    from autarch.evidence.ledger import Ledger
    from autarch.evidence.ledger_entry import LedgerEntry, Sealed
    from autarch.evidence.revealed import RevealedPlace
    from autarch.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the verb `ledger`."""
    ledger = typer.Typer(help="List, show and verify what was tried; close an epoch.", no_args_is_help=True)
    ledger.command("ls")(ls)
    ledger.command("show")(show)
    ledger.command("verify")(verify)
    ledger.command("close")(close)
    ledger.command("reveal")(reveal)
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


def close(
    dataset: Annotated[str, typer.Argument(help="Data set whose epoch ends.")],
    *,
    epoch: Annotated[int | None, typer.Option(min=1, help="Number of the epoch; default: main's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm unseen; for a human's own scripts.")] = False,
    json_: Json = False,
    policy: Annotated[str | None, typer.Option(hidden=True)] = None,
    publish: Annotated[bool, typer.Option(hidden=True)] = False,
    asked_by: Annotated[str, typer.Option(hidden=True)] = "",
    also_key: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> int:
    """Close an epoch for good: what was sealed in it is revealed, and its holdout answers nothing more.

    Only a human's token may ask. Afterwards open a new epoch on unused bars, in the data set's lock.

    Example: autarch ledger close bybit-15m --epoch 1
    """
    from autarch.cli.errand import ask, trusted_desk
    from autarch.cli.main import load
    from autarch.workspace import Workspace

    if publish:
        if not asked_by:
            raise UsageError("--publish is the forge's own call and names who asked; ask with: autarch ledger close")
        with trusted_desk(policy or "ci/policy.toml", dataset) as desk:
            keys = () if also_key is None else (also_key.read_bytes(),)
            print(json.dumps(load("ci.promotion.closing").close_epoch(desk, dataset, epoch, keys).to_json()))
        return 0
    workspace = Workspace.find()
    number = _epoch_of(workspace, dataset) if epoch is None else epoch
    if not yes:
        _confirm(dataset, number)
    closed = ask(workspace, "close", target=dataset, epoch=number)
    if closed is None:
        print("asked; a reviewer of the environment lets it run, and the ledger tells: autarch ledger ls")
    elif json_:
        print(json.dumps(closed))
    else:
        print(f"closed epoch {closed['epoch']} of {closed['dataset']} by entry {closed['seq']}")
        print(f"  next     autarch ledger reveal {closed['dataset']} --epoch {closed['epoch']}")
    return 0


def reveal(
    dataset: Annotated[str, typer.Argument(help="Data set.")],
    *,
    epoch: Annotated[int | None, typer.Option(min=1, help="Number of the epoch; default: main's.")] = None,
    json_: Json = False,
) -> int:
    """Show every number behind the words of a closed epoch, each held against its seal. An open epoch is refused.

    Example: autarch ledger reveal synthetic --epoch 1
    """
    from autarch.evidence.revealed import PREFIX, closing_of, read_revealed
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    ledger, known = _open()
    entries = ledger.entries(known=known)
    number = _epoch_of(workspace, dataset) if epoch is None else epoch
    closing = closing_of(entries, dataset=dataset, epoch=str(number))
    digest = None if closing is None or closing.opening is None else closing.opening.revealed
    if digest is None:
        raise RefusedError(
            f"epoch {number} of {dataset} is not closed, and a number of its holdout would teach whoever reads it; "
            f"a human closes it, for good, with: autarch ledger close {dataset} --epoch {number}"
        )
    ref = f"{PREFIX}{digest}"
    repo, remote = workspace.repo, workspace.reading_remote()
    oid = repo.ls_remote(remote, ref).get(ref)
    if oid is None:
        raise UndecidedError(f"the forge has no {ref}; whoever closed the epoch publishes it by closing it again")
    repo.fetch(remote, [oid])
    found = read_revealed(repo.cat_blob(oid), entries, digest=digest)
    if json_:
        print(json.dumps({"dataset": dataset, "epoch": number, "places": [_place(place) for place in found.places]}))
        return 0
    for place in found.places:
        print(f"{place.seq:>6}  {place.kind:<11}  {_numbers(place.numbers)}")
    print(f"{len(found.places)} places of epoch {number} of {dataset}, each as it was sealed")
    return 0


def _place(place: RevealedPlace) -> dict[str, Any]:
    return {"seq": place.seq, "kind": place.kind, "place": place.place, "numbers": place.numbers}


def _numbers(numbers: dict[str, Any] | None) -> str:
    if numbers is None:
        return "sealed in an earlier form, which kept no numbers"
    told = {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in numbers.items()}
    return "  ".join(f"{name} {value}" for name, value in told.items())


def _epoch_of(workspace: Workspace, dataset: str) -> int:
    """Return the number of the data set's epoch on main."""
    from autarch.market.lock import read_lock
    from autarch.repo.mainline import fetch_main

    content = workspace.repo.blob_at(
        fetch_main(workspace.repo, workspace.reading_remote()), f"ci/datasets/{dataset}.toml"
    )
    if content is None:
        raise UsageError(f"main has no ci/datasets/{dataset}.toml; it has: autarch data ls")
    return int(read_lock(content).epoch.number)


def _confirm(dataset: str, epoch: int) -> None:
    if not sys.stdin.isatty():
        raise UsageError("closing an epoch is for good, so it is confirmed by hand; in a script of yours: --yes")
    sys.stderr.write(f"epoch {epoch} of {dataset} will answer nothing more; type {dataset} to close it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != dataset:
        raise UsageError("not confirmed; nothing was closed")


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
    said = _said(entry)
    inner = f"{entry.inner.count} inner trials" if entry.inner is not None else ""
    evidence = f"evidence {entry.evidence[:12]}" if entry.evidence else ""
    parts = [f"{entry.seq:>6}  {when}  {entry.kind:<11}  {about:<7}  {entry.slug or '-':<24}", said, evidence, inner]
    return "  ".join(part for part in parts if part).rstrip()


def _said(entry: LedgerEntry) -> str:
    """Return the word, or the few, that an entry says."""
    if entry.judgement is not None:
        return f"test {entry.judgement.test}: {entry.judgement.word}, asked by {entry.judgement.asked_by}"
    if entry.forward is not None:
        return f"E {entry.forward.e_value:.3g} over {entry.forward.days} days, at most {entry.forward.tier}"
    if entry.opening is not None:
        return f"epoch {entry.epoch} {'begins' if entry.opening.revealed is None else 'is closed'}"
    stopped = f"stopped by {entry.stopped}" if entry.stopped else ""
    return entry.verdict or stopped or entry.lane or (entry.look.word if entry.look is not None else "")
