"""`autarch waive`: let one limit of one strategy be missed, by a human's hand, in writing and for a while."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.evidence.claim import Claim
    from autarch.evidence.waiver import Waiver
    from autarch.forge.wire import Pull
    from autarch.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the verb `waive`."""
    app.command("waive")(waive)


def waive(
    slug: Annotated[str, typer.Argument(help="The strategy.")],
    *,
    check: Annotated[str, typer.Option(help="The limit that it misses, such as risk.")],
    reason: Annotated[str, typer.Option(help="Why that may be, in one line; everybody reads it.")],
    days: Annotated[int, typer.Option(min=0, max=90, help="How long the waiver is good, from today.")] = 30,
    claim: Annotated[
        Path | None, typer.Option(help="Take the values from this claim.json; default: the newest verdict's.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Propose a waiver: ci/waivers/SLUG.toml in a pull request that a human approves and merges.

    It covers the values the newest verdict measured and nothing worse, for these very decisions. Laws are
    never waived. Exit code 0 proposed, 1 refused, 2 misuse.

    Example: autarch waive ema_trend --check risk --reason "half of the sleeve is hedged by xs_momentum" --days 14
    """
    from autarch.manifest import SLUG
    from autarch.workspace import Workspace

    if not SLUG.match(slug):
        raise UsageError(f"{slug!r} is no strategy's name; a name is like ema_trend")
    workspace = Workspace.find()
    pull, waiver = _propose(workspace, slug, check=check, reason=reason, days=days, claim=claim)
    if json_:
        said = {"check": waiver.check, "measured": waiver.measured, "decisions": waiver.decisions, "who": waiver.who}
        print(json.dumps({"pull": pull.number, "branch": pull.head_ref, "expires": str(waiver.expires), **said}))
        return 0
    values = ", ".join(f"{name} {value!r}" for name, value in sorted(waiver.measured.items()))
    print(f"pull request {pull.number}: {pull.title}")
    print(f"  covers   {values}, nothing worse")
    print(f"  only     decisions {waiver.decisions[:12]}, until {waiver.expires}")
    print(f"  next     autarch pr wait {pull.number} && autarch pr merge {pull.number} --approve")
    return 0


def _propose(
    workspace: Workspace, slug: str, *, check: str, reason: str, days: int, claim: Path | None
) -> tuple[Pull, Waiver]:
    from autarch.evidence.waiver import day_of, grant, parse_waivers, render_waivers, waiver_path
    from autarch.forge.by_hand import need_human, open_by_hand
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main

    now_s, repo, remote = time.time_ns() // 1_000_000_000, workspace.repo, workspace.remote("human")
    with open_forge(workspace, "human") as forge:
        who = need_human(forge)
        main = fetch_main(repo, remote)
        found = _newest(workspace, main, slug) if claim is None else _read(claim, slug)
        today = day_of(now_s * 1000)
        waiver = grant(found, check, who=who, reason=reason, today=today, days=days)
        path = waiver_path(slug)
        before = repo.blob_at(main, path)
        others = () if before is None else parse_waivers(before, path=path)
        kept = [other for other in others if other.check != check and other.expires >= today]
        pull = open_by_hand(
            repo,
            remote,
            forge,
            main=main,
            files={path: render_waivers([*kept, waiver])},
            branch=f"waive-{slug}-{check}",
            title=f"Waive {check} of {slug} until {waiver.expires}",
            body=reason,
            when_s=now_s,
        )
    return pull, waiver


def _newest(workspace: Workspace, main: str, slug: str) -> Claim:
    """Return the claim of the newest verdict on `slug` that the ledger names."""
    from autarch.evidence.attestation import evidence_ref, load_evidence
    from autarch.evidence.ledger import ledger_at

    repo, remote = workspace.repo, workspace.remote("human")
    ledger = ledger_at(repo, main, remote=remote)
    entries = ledger.entries(ledger.sync())
    named = [s.entry.evidence for s in entries if s.entry.slug == slug and s.entry.evidence is not None]
    if not named:
        known = sorted({s.entry.slug for s in entries if s.entry.slug and s.entry.evidence})
        raise UsageError(
            f"there is no verdict on a strategy {slug!r}; there are verdicts on {', '.join(known) or 'none'}: "
            "propose it first, or name a claim with --claim"
        )
    ref = evidence_ref(named[-1])
    sys.stderr.write(f"autarch: taking the values of evidence {named[-1][:12]}\n")
    if repo.read_ref(ref) is None:
        repo.fetch(remote, [f"{ref}:{ref}"])
    return load_evidence(repo, named[-1]).claim


def _read(path: Path, slug: str) -> Claim:
    from autarch.evidence.claim import parse_claim

    if not path.is_file():
        raise UsageError(f"there is no claim at {path}; write one with: autarch gate TARGET --claim {path}")
    found = parse_claim(path.read_bytes())
    if found.strategy.name != slug:
        raise UsageError(f"{path} is a verdict on {found.strategy.name}, not on {slug}")
    return found
