"""After a merge: derive again what it brought to main, on a fresh runner, and sign what nobody has signed yet.

A difference means that a verdict on main is not what main's code gives: the run is red, and neither `autarch release`
nor a deployer takes the strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autarch.errors import AutarchError, DeployError
from autarch.evidence.attestation import (
    Evidence,
    evidence_ref,
    load_evidence,
    read_attestation,
    sign_attestation,
    store_evidence,
)
from autarch.evidence.ledger_entry import Sealed
from autarch.repo.mainline import fetch_main
from autarch.repo.signers import trust_at
from autarch.repo.strategies import list_strategies, strategy_tree
from ci.actions.bench import Bench, fetch
from ci.actions.events import parse_push
from ci.counting import counted_at
from ci.gate import judge
from ci.inputs import counted_in
from ci.publish_records import attestation
from ci.rederive import Sources, verify_claim
from ci.target import candidate_of_tree
from ci.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of one strategy: its evidence was found again, was made and signed, or does not hold."""

    slug: str
    state: Literal["found again", "signed", "does not hold"]
    evidence: str | None
    sentence: str


def record_push(bench: Bench, key: Path, workers: Workers) -> tuple[Recorded, ...]:
    """Derive again the evidence of each strategy that the event's push to main changed.

    Raises:
        UsageError: the event is no push to main.
        UndecidedError: something could not be computed; nothing is said of it.
    """
    pushed = parse_push(bench.site.event())
    main = fetch_main(bench.repo, bench.remote)
    if pushed.ref != "refs/heads/main" or not bench.repo.first_parent_contains(main, pushed.after):
        raise DeployError(f"{pushed.ref} at {pushed.after[:12]} is not on main; nothing there is recorded")
    if pushed.before is not None:
        fetch(bench, pushed.before)
    ledger = bench.ledger(pushed.after)
    entries = ledger.entries(ledger.sync())
    return tuple(
        _recorded(bench, key, workers, slug, pushed.after, entries)
        for slug in list_strategies(bench.repo, pushed.after)
        if pushed.before is None
        or strategy_tree(bench.repo, pushed.before, slug) != strategy_tree(bench.repo, pushed.after, slug)
    )


def _recorded(  # noqa: PLR0913, PLR0917  tools, who signs, who is asked, and what of which commit
    bench: Bench, key: Path, workers: Workers, slug: str, commit: str, entries: tuple[Sealed, ...]
) -> Recorded:
    known = _known(bench, slug, commit, entries)
    if known is None:
        return _signed(bench, key, workers, slug, commit)
    sources = Sources(
        repo=bench.repo, stores=bench.choice.stores, ledger_trust=trust_at(bench.repo, commit, "ci"), workers=workers
    )
    found = verify_claim(known.claim, sources, progress=bench.progress, clock=bench.clock)
    if found.differs:
        first = found.differs[0]
        sentence = (
            f"{first.field} is claimed {first.claimed!r}, found {first.found!r}: do not release it, judge it again"
        )
        return Recorded(slug=slug, state="does not hold", evidence=known.id, sentence=sentence)
    return Recorded(slug=slug, state="found again", evidence=known.id, sentence="every byte of it was derived again")


def _known(bench: Bench, slug: str, commit: str, entries: tuple[Sealed, ...]) -> Evidence | None:
    """Return the newest signed evidence that the ledger names for what main holds of `slug`, None without any."""
    tree = strategy_tree(bench.repo, commit, slug)
    for sealed in reversed(entries):
        entry = sealed.entry
        if entry.slug != slug or entry.tree != tree or entry.evidence is None or entry.verdict != "accepted":
            continue
        ref = evidence_ref(entry.evidence)
        try:
            if bench.repo.read_ref(ref) is None:
                bench.repo.fetch(bench.remote, [f"{ref}:{ref}"])
            found = load_evidence(bench.repo, entry.evidence)
            if found.record is None:
                continue
            read_attestation(found.record, evidence=found.id, trust=trust_at(bench.repo, commit, "ci"))
        except AutarchError as error:
            bench.progress(f"evidence {entry.evidence[:12]} of {slug} is of no use: {error}")
            continue
        return found
    return None


def _signed(bench: Bench, key: Path, workers: Workers, slug: str, commit: str) -> Recorded:
    """Judge what main holds on main itself, as a release does, sign the evidence and push it."""
    tree = strategy_tree(bench.repo, commit, slug)
    if tree is None:
        raise DeployError(f"main at {commit[:12]} lists {slug} and has no folder of it")
    ledger = bench.ledger(commit)
    inputs = counted_in(bench.inputs(commit), counted_at(ledger, ledger.sync()), tree=tree, base=commit)
    candidate = candidate_of_tree(bench.repo, slug=slug, tree=tree, base=commit)
    outcome = judge(candidate, inputs, progress=bench.progress, clock=bench.clock, workers=workers)
    if outcome.claim is None or outcome.verdict != "accepted":
        failed = next((c for c in outcome.checks if c.verdict in {"failed", "undecided"}), None)
        why = f"{failed.name} {failed.verdict}: {failed.detail}" if failed is not None else outcome.verdict
        return Recorded(slug=slug, state="does not hold", evidence=outcome.evidence, sentence=why)
    record = sign_attestation(attestation(outcome, now_ms=bench.clock_ms()), key=key)
    ref = evidence_ref(str(outcome.evidence))
    stored = store_evidence(bench.repo, outcome.claim, record)
    if ref not in bench.repo.ls_remote(bench.remote, ref):
        bench.repo.push(bench.remote, {ref: stored}, leases={ref: None})
    return Recorded(slug=slug, state="signed", evidence=outcome.evidence, sentence="judged on main and signed")
