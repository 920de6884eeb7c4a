"""`autarch live drift`: does an account do what was promised?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of
from autarch.cli.telling import tell


def add(live: typer.Typer) -> None:
    """Add the command `drift`."""
    live.command("drift")(drift)


def drift(
    *, account: Annotated[str, typer.Option(help="Whose journal to compare.")] = "paper", json_: Json = False
) -> int:
    """Compare an account with its paper twin, and its returns with the band its evidence promised.

    The twin is the backtest of the same decisions on the same bars, from the same equity. Bands hold at every look
    at once: an account that keeps its promise leaves one with probability 1 %, however often it is asked.
    Exit code 0 within all bands, 1 outside one or the journal was changed, 2 misuse, 3 bars are missing.

    Example: autarch live drift --account paper --json
    """
    from autarch.cli.main import load
    from autarch.evidence.attestation import load_evidence

    workspace = find_workspace()
    host, repo = host_of(workspace), workspace.repo

    def claim_of(evidence: str) -> Any:
        ref = f"refs/autarch/evidence/{evidence}"
        if repo.read_ref(ref) is None:
            tell(f"fetching evidence {evidence[:12]}")
            repo.fetch(workspace.remote("deployer"), [f"{ref}:{ref}"])
        return load_evidence(repo, evidence).claim

    journal = load("live.journal").Journal(host.journal_path(account), account=account, read_only=True)
    with journal:
        found = load("live.observing.drift").drift_of(journal, host, workspace.stores(), claim_of=claim_of)
    sleeves = [one.to_json() for one in found]
    drifts = any(one["drifts"] for one in sleeves)
    print(
        json.dumps({"account": account, "drifts": drifts, "sleeves": sleeves})
        if json_
        else drift_text(account, sleeves)
    )
    return 1 if drifts else 0


def drift_text(account: str, sleeves: list[dict[str, Any]]) -> str:
    """Return a block a sleeve, one line a figure with its band."""
    if not sleeves:
        return f"{account}: no sleeve has stood flat since its release began, so there is no twin yet"
    lines = []
    for sleeve in sleeves:
        lines.append(f"{sleeve['sleeve']} of {sleeve['tag']}  {sleeve['decisions']} decisions")
        lines += [_figure(figure) for figure in sleeve["figures"]]
        lines += [f"  note: {note}" for note in sleeve["notes"]]
    worst = [f"{s['sleeve']} {f['name']}" for s in sleeves for f in s["figures"] if f["drifts"]]
    verdict = "within every band" if not worst else f"DRIFTS: {', '.join(worst)}; look before it trades on"
    return "\n".join([*lines, f"{account}: {verdict}"])


def _figure(figure: dict[str, Any]) -> str:
    low, high = figure["low"], figure["high"]
    band = ""
    if low is not None or high is not None:
        band = f"  band {'' if low is None else f'{low:+.5f}'} .. {'' if high is None else f'{high:+.5f}'}"
    mark = "  DRIFTS" if figure["drifts"] else ""
    return f"  {figure['name']:18} {figure['value']:+.5f}  n {figure['n']}{band}{mark}  ({figure['unit']})"
