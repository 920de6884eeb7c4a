"""A waiver that a code owner asked for by comment: the same file `autarch waive` writes, in a pull request."""

from __future__ import annotations

from dataclasses import dataclass

from autarch.errors import RefusedError, UsageError
from autarch.evidence.attestation import evidence_ref, load_evidence
from autarch.evidence.claim import Claim
from autarch.evidence.waiver import Waiver, day_of, grant, parse_waivers, render_waivers, waiver_path
from autarch.forge.client import ForgeClient
from autarch.forge.wire import Pull
from autarch.repo.objects import Person
from ci.actions.bench import Bench, fetch
from ci.actions.commands import Command
from ci.target import candidate_of_commits


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """The pull request that holds a waiver."""

    pull: Pull
    waiver: Waiver


def propose_waiver(bench: Bench, forge: ForgeClient, main: str, command: Command) -> Proposed:
    """Open a pull request with a waiver of the newest verdict on the strategy that the commented one proposes.

    Raises:
        UsageError: the pull request proposes no strategy, or there is no verdict on it yet.
        RefusedError: the check is a law, did not miss a limit, or the forge refuses the branch.
    """
    head = forge.pull(command.number).head_sha
    fetch(bench, head)
    slug = candidate_of_commits(bench.repo, base=main, head=head).slug
    if slug is None:
        raise UsageError(f"pull request {command.number} proposes no strategy; there is no limit to waive")
    claim = _newest(bench, main, slug, command.number)
    now_ms = bench.clock_ms()
    today = day_of(now_ms)
    waiver = grant(claim, command.check, who=command.login, reason=command.reason, today=today, days=command.days)
    path = waiver_path(slug)
    before = bench.repo.blob_at(main, path)
    others = () if before is None else parse_waivers(before, path=path)
    kept = [other for other in others if other.check != waiver.check and other.expires >= today]
    tree = bench.repo.with_files(bench.repo.tree_of(main), {path: render_waivers([*kept, waiver])})
    title = f"Waive {waiver.check} of {slug} until {waiver.expires}"
    author = Person(name=command.login, email=f"{command.login}@users.noreply.github.com", when_s=now_ms // 1000)
    message = f"{title}\n\n{command.reason}\n"
    commit = bench.repo.commit_tree(tree, parents=[main], message=message, author=author)
    branch = f"human/waive-{slug}-{waiver.check}-{command.number}-{commit[:8]}"
    bench.repo.push(bench.remote, {f"refs/heads/{branch}": commit}, leases={f"refs/heads/{branch}": None})
    return Proposed(pull=forge.create_pull(head=branch, title=title, body=command.reason), waiver=waiver)


def _newest(bench: Bench, main: str, slug: str, number: int) -> Claim:
    ledger = bench.ledger(main)
    entries = ledger.entries(ledger.sync())
    named = [
        sealed.entry.evidence
        for sealed in entries
        if sealed.entry.pr == number and sealed.entry.slug == slug and sealed.entry.evidence is not None
    ]
    if not named:
        raise UsageError(f"there is no verdict on {slug} of pull request {number} yet; wait for the gate")
    ref = evidence_ref(named[-1])
    if bench.repo.read_ref(ref) is None:
        bench.repo.fetch(bench.remote, [f"{ref}:{ref}"])
    found = load_evidence(bench.repo, named[-1]).claim
    if found.strategy.name != slug:
        raise RefusedError(f"evidence {named[-1][:12]} is of {found.strategy.name}, not of {slug}")
    return found
