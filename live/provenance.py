"""From a fill back to whoever proposed it: a chain of steps, each naming a thing that can be checked.

fill, order, decision, release and signer, the release's evidence, the merge that brought the strategy
to main, the pull request's evidence and ledger entry, the agent's commit, the parent it started from.
A link that is not in this repository is shown as missing, never left out; one that the signed tag or the
evidence itself denies is shown with the contradiction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autarch.errors import AutarchError
from autarch.evidence.attestation import Evidence, load_evidence, read_attestation_by_any
from autarch.evidence.claim import Claim
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import Sealed
from autarch.evidence.released import Released, parse_release
from autarch.repo.git import GitRepo
from autarch.repo.objects import Commit
from autarch.repo.runner import GitError
from autarch.repo.signers import SignerRole, trust_at
from autarch.repo.signing import Trust
from autarch.repo.strategies import read_strategy, strategy_tree
from live.contradictions import against_claim, against_tag, sleeve_of
from live.found import Found
from live.journal import Event
from live.telling import Step, fill_text, headline, journal_steps, time_text

__all__ = ["Step", "evidence_named", "explain", "fill_text", "headline", "time_text"]

AGENT_TRAILERS = (
    *("Agent", "Parent", "Trials", "Seed", "Study", "Model", "Operator", "Cost-USD", "Prompt-SHA256"),
    *("Transcript-SHA256", "Confinement", "Knowledge-Cutoff", "Candidate", "Arm"),
)
ROLES: tuple[SignerRole, ...] = ("ci", "release")
MERGE_TRAILERS = ("Pull-Request", "Merged-By", "Head", "Base", "Evidence", "Ledger-Head", "Policy")


def evidence_named(found: Found, repo: GitRepo) -> tuple[str, ...]:
    """Return the evidence ids a chain will want to read: the release's and the pull request's."""
    subject, opened = found.subject, found.opened
    if subject is None or opened is None:
        return ()
    ids = [str(_sleeve(subject, opened).get("evidence", ""))]
    merge = _merge_of(repo, str(opened.body["commit"]), str(subject.body["strategy"]))
    if merge is not None:
        ids.append(merge.trailers.get("Evidence", ""))
    return tuple(dict.fromkeys(one for one in ids if len(one) == 64))


def explain(found: Found, repo: GitRepo, trusts: Sequence[Trust] = ()) -> tuple[Step, ...]:
    """Return the chain behind one thing of a journal, newest thing first.

    `trusts`: whom the caller believes to sign releases, beside those that main lists.
    """
    steps = list(journal_steps(found))
    subject = found.subject
    if subject is None:
        return (*steps, *_run_steps(found, repo))
    if found.opened is None:
        return (*steps, Step(what="release", name=str(subject.body["tag"]), missing="no run of it in the journal"))
    released = _released(repo, found.opened)
    denied = against_tag(repo, subject, found.opened, (*trusts, *_releasers(repo)))
    steps.append(replace(_release_step(found.opened, released), contradicts=denied))
    evidence = str(_sleeve(subject, found.opened).get("evidence"))
    item = sleeve_of(repo, subject, found.opened)
    about = None if item is None else (item.strategy, item.tree)
    steps.append(_evidence_step("release evidence", evidence, repo, str(found.opened.body["commit"]), about))
    steps += _git_steps(subject, found.opened, repo)
    return tuple(steps)


def _run_steps(found: Found, repo: GitRepo) -> tuple[Step, ...]:
    """Return the release that traded, where no decision of one of its strategies is at the bottom of it."""
    if found.opened is None or "tag_object" not in found.opened.body:
        return ()
    return (_release_step(found.opened, _released(repo, found.opened)),)


def _released(repo: GitRepo, opened: Event) -> Released | None:
    try:
        return parse_release(repo.read_tag(str(opened.body["tag_object"])).message)
    except AutarchError:
        return None


def _release_step(opened: Event, released: Released | None) -> Step:
    body = opened.body
    facts = [
        ("commit", str(body["commit"])),
        ("tag object", str(body["tag_object"])),
        ("signed by", f"{body['signer']}{' (demo key)' if body['demo'] else ''}"),
        ("dataset", f"{body['dataset']} {body['feed']}"),
        ("engine", str(body["engine"])),
        ("policy", _policy_text(str(body["policy_path"]), str(body["policy"]), walkthrough=bool(body["walkthrough"]))),
        ("waivers", "none" if released is None or not released.waivers else "; ".join(released.waivers)),
    ]
    missing = None if released is not None else "the tag object is not in this repository; fetch it"
    return Step(what="release", name=str(body["tag"]), facts=tuple(facts), missing=missing)


def _releasers(repo: GitRepo) -> list[Trust]:
    try:
        return [trust_at(repo, repo.rev_parse("main"), "release")]
    except AutarchError:
        return []


def _evidence_step(
    what: str, evidence: str, repo: GitRepo, listed_at: str, about: tuple[str, str | None] | None
) -> Step:
    """Return the step of an evidence, which should be `about` this strategy as this tree."""
    try:
        found = load_evidence(repo, evidence)
    except AutarchError as error:
        return Step(what=what, name=evidence, missing=str(error))
    attested = ("attested by", _signer(repo, found, listed_at))
    denied = () if about is None else against_claim(found.claim, slug=about[0], tree=about[1])
    return Step(what=what, name=evidence, facts=(attested, *_claim_facts(found.claim)), contradicts=denied)


def _signer(repo: GitRepo, evidence: Evidence, listed_at: str) -> str:
    """Return whose signature the evidence carries, of those that the commit `listed_at` lists."""
    try:
        trusts = [trust_at(repo, listed_at, role) for role in ROLES]
        return read_attestation_by_any(evidence.record or b"", evidence=evidence.id, trusts=trusts).signer
    except AutarchError as error:
        return f"nobody who may: {error}"


def _claim_facts(claim: Claim) -> tuple[tuple[str, str], ...]:
    return (
        ("verdict", claim.verdict),
        ("checks", _checks_text(claim)),
        ("policy", _policy_text(claim.policy.path, claim.policy.sha256, walkthrough=claim.policy.walkthrough)),
        ("preset", claim.policy.preset),
        ("decisions", str(claim.digests.decisions)),
        ("trials", f"{claim.trials} counted up to ledger {claim.ledger}"),
        ("waived", "; ".join(claim.waived) or "none"),
        ("lane", claim.lane or "none"),
        ("holdout", claim.look or "not asked"),
    )


def _checks_text(claim: Claim) -> str:
    """Return the checks by verdict, those that passed last."""
    by_verdict: dict[str, list[str]] = {}
    for check in sorted(claim.checks, key=lambda check: check.verdict == "passed"):
        by_verdict.setdefault(check.verdict, []).append(check.name)
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in by_verdict.items())


def _git_steps(order: Event, opened: Event, repo: GitRepo) -> list[Step]:
    slug, tagged = str(order.body["strategy"]), str(opened.body["commit"])
    try:
        merge = _merge_of(repo, tagged, slug)
    except AutarchError as error:
        return [Step(what="merge", name=tagged, missing=str(error))]
    if merge is None:
        return [Step(what="merge", name=tagged, missing=f"no commit of its history brought strategies/{slug}")]
    if len(merge.parents) < 2:
        seed = (("subject", merge.subject), ("by", str(merge.author)), ("note", "committed on main, no pull request"))
        return [Step(what="commit", name=merge.oid, facts=seed), *_parent_steps(repo, merge.oid, slug, {})]
    trailers = merge.trailers
    steps = [
        Step(
            what="merge",
            name=merge.oid,
            facts=(("subject", merge.subject), *((k, trailers[k]) for k in MERGE_TRAILERS if k in trailers)),
        ),
        _evidence_step(
            "pull request evidence",
            trailers.get("Evidence", "none"),
            repo,
            merge.oid,
            (slug, strategy_tree(repo, merge.parents[1], slug)),
        ),
        _ledger_step(repo, merge),
    ]
    head = repo.read_commit(merge.parents[1])
    said = head.trailers
    facts = (
        ("subject", head.subject),
        ("author", str(head.author)),
        *((key, said[key]) for key in AGENT_TRAILERS if key in said),
    )
    return [*steps, Step(what="agent commit", name=head.oid, facts=facts), *_parent_steps(repo, head.oid, slug, said)]


def _ledger_step(repo: GitRepo, merge: Commit) -> Step:
    head, evidence = merge.trailers.get("Ledger-Head", ""), merge.trailers.get("Evidence", "")
    try:
        entries = Ledger(repo, trust=trust_at(repo, merge.oid, "ci")).entries(head)
    except (AutarchError, ValueError) as error:
        return Step(what="ledger", name=head or "none", missing=str(error))
    result = next((one for one in entries if one.entry.kind == "result" and one.entry.evidence == evidence), None)
    if result is None:
        return Step(what="ledger", name=head, missing=f"no result with evidence {evidence} up to this head")
    reserved = next((one for one in entries if one.digest == result.entry.reservation), None)
    facts = (
        ("reservation", "missing" if reserved is None else f"{_entry_text(reserved)}, before any score"),
        ("result", f"{_entry_text(result)}, {result.entry.verdict}"),
        ("data set", str(result.entry.dataset)),
        ("commit", result.commit),
    )
    return Step(what="ledger", name=result.digest, facts=facts)


def _entry_text(sealed: Sealed) -> str:
    return f"entry {sealed.entry.seq} {sealed.digest[:12]} of {time_text(sealed.entry.recorded_ms)}"


def _parent_steps(repo: GitRepo, commit: str, slug: str, said: Mapping[str, str]) -> list[Step]:
    named = said.get("Parent") or _origin(repo, commit, slug)
    if not named:
        return []
    parent, _, at = named.partition("@")
    try:
        base = repo.rev_parse(at)
        brought = repo.read_commit(_last_change(repo, base, parent) or base)
    except AutarchError as error:
        return [Step(what="parent", name=named, missing=str(error))]
    facts = (
        ("strategy", parent),
        ("subject", brought.subject),
        ("commit", brought.oid),
        ("author", str(brought.author)),
    )
    return [Step(what="parent", name=named, facts=facts)]


def _origin(repo: GitRepo, commit: str, slug: str) -> str | None:
    try:
        return read_strategy(repo, commit, slug).manifest.origin.parent
    except AutarchError:
        return None


def _merge_of(repo: GitRepo, commit: str, slug: str) -> Commit | None:
    """Return the commit of main's own history that last changed strategies/<slug>."""
    found = _last_change(repo, commit, slug)
    return None if found is None else repo.read_commit(found)


def _last_change(repo: GitRepo, commit: str, slug: str) -> str | None:
    if repo.resolve(commit) is None:
        raise GitError(f"commit {commit} is not in {repo.path}; fetch it from the forge")
    answer = repo.run("rev-list", "--first-parent", "--max-count=1", commit, "--", f"strategies/{slug}")
    return answer.stdout.decode("ascii").strip() or None


def _sleeve(order: Event, opened: Event) -> Mapping[str, Any]:
    sleeves: Any = opened.body["sleeves"]
    found: Mapping[str, Any] = sleeves.get(order.body["strategy"], {})
    return found


def _policy_text(path: str, digest: str, *, walkthrough: bool) -> str:
    note = ", limits opened: for paper only" if walkthrough else ""
    return f"{path} {digest}{note}"
