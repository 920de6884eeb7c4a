"""Sign a release: judge what the portfolio names on main's tip, write the evidence, make and push the tag.

Nothing is pushed unless every required check of every strategy is green on exactly the commit that is
tagged; tag and evidence then arrive at the forge together or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autarch.errors import RefusedError, UndecidedError, UsageError
from autarch.evidence.attestation import evidence_ref, sign_attestation, store_evidence
from autarch.evidence.ledger import ledger_at
from autarch.evidence.ledger_entry import Sealed, Tier
from autarch.evidence.released import VERSION, Released, ReleasedStrategy, render_release
from autarch.evidence.tiers import ORDER, Identity, same_trees, tier_earned
from autarch.evidence.waiver import day_of
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo, Remote
from autarch.repo.mainline import fetch_main
from autarch.repo.objects import Person
from autarch.repo.signers import trust_at
from autarch.repo.signing import RELEASE_PRINCIPAL, create_tag, verify_tag
from autarch.repo.strategies import strategy_tree
from ci.candidate import Candidate
from ci.context import Clock, GateInputs, Progress
from ci.counting import counted_at
from ci.gate import judge
from ci.inputs import Choice, inputs_at_commit
from ci.outcome import GateOutcome
from ci.promotion.capacity import Capacity, capacity_of
from ci.publish_records import attestation
from ci.target import candidate_of_tree
from ci.workers import Workers, started_workers

Judge = Callable[[Candidate, GateInputs], GateOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSleeve:
    """One sleeve of the portfolio to be released; `weight` a decimal in text, `capital` the USDT it may trade with."""

    account: str
    strategy: str
    tier: str
    weight: str
    capital: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDesk:
    """Where a release is made: the clone, the forge, the release key, and what judging works with.

    `clock_ms` is epoch ms, `clock` monotonic seconds. `judge` None: the gate, with workers started here.
    """

    repo: GitRepo
    remote: Remote
    key: Path
    choice: Choice
    clock_ms: Callable[[], int]
    clock: Clock
    progress: Progress
    judge: Judge | None = None
    workers: Workers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOutcome:
    """A pushed release: what its tag says, the id of the tag object, and with how much capital its verdicts hold."""

    released: Released
    tag_object: str
    capacities: tuple[Capacity, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch release --json`."""
        capacities = msgspec.to_builtins(self.capacities)
        return {"tag_object": self.tag_object, "capacities": capacities, **msgspec.to_builtins(self.released)}


def releasable_commit(desk: ReleaseDesk, tag: str) -> str:
    """Return the commit that a release `tag` made now would be of: HEAD, which must be the forge's main.

    Raises:
        UsageError: `tag` is no version, or uncommitted changes lie in the work tree.
        RefusedError: the tag exists, or HEAD is not main's tip.
    """
    if not VERSION.match(tag):
        raise UsageError(f"{tag!r} is no version; a release is named like v0.1.0")
    dirty = desk.repo.run("status", "--porcelain", "--untracked-files=normal").stdout.decode("utf-8", "replace")
    if dirty:
        raise UsageError(f"the work tree has changes ({dirty.splitlines()[0].strip()}); commit or remove them first")
    ref = f"refs/tags/{tag}"
    if desk.repo.read_ref(ref) is not None or ref in desk.repo.ls_remote(desk.remote, ref):
        raise RefusedError(f"tag {tag} exists and a released tag never changes; choose the next version")
    main, head = fetch_main(desk.repo, desk.remote), desk.repo.rev_parse("HEAD")
    if head != main:
        raise RefusedError(f"HEAD is {head[:12]}, the forge's main is {main[:12]}; update the clone: autarch pr sync")
    return main


def release(desk: ReleaseDesk, tag: str, commit: str, sleeves: Sequence[NamedSleeve]) -> ReleaseOutcome:
    """Judge, sign and push the release `tag` of `commit`, as `releasable_commit` gave it.

    Raises:
        RefusedError: a required check is not green; the text names strategy and check.
        UndecidedError: a check could not be computed, or this process does not run main's code.
        ConfigError: the release key is missing or not listed on main.
    """
    if not sleeves:
        raise UsageError("live/portfolio.toml names no sleeve; there is nothing to release")
    ledger = ledger_at(desk.repo, commit, remote=desk.remote)
    head = ledger.sync()
    if head is None:
        raise RefusedError("the forge has no ledger, so no trial was counted; make the workspace with: autarch init")
    counted = counted_at(ledger, head)
    inputs = inputs_at_commit(desk.repo, commit, desk.choice, counted=counted)
    engine = engine_digest_at(desk.repo, commit)
    if inputs.engine != engine:
        raise UndecidedError(
            f"this process runs engine {inputs.engine[:12]}, main at {commit[:12]} is {engine[:12]}; a release is "
            "judged by main's own code: run autarch from an up-to-date clone of main"
        )
    outcomes = _judged(desk, commit, tuple(dict.fromkeys(s.strategy for s in sleeves)), inputs)
    require_tiers(desk.repo, counted.entries, sleeves, outcomes, dataset=inputs.lock.name)
    released = _released(tag, commit, sleeves, inputs, outcomes)
    moves = {evidence_ref(str(o.evidence)): _evidence(desk, o) for o in outcomes.values()}
    return ReleaseOutcome(
        released=released,
        tag_object=_push(desk, released, moves),
        capacities=_capacities(sleeves, outcomes, inputs),
    )


def _capacities(
    sleeves: Sequence[NamedSleeve], outcomes: Mapping[str, GateOutcome], inputs: GateInputs
) -> tuple[Capacity, ...]:
    found = (capacity_of(outcomes[s.strategy], inputs.lock, capital=s.capital) for s in sleeves)
    return tuple(capacity for capacity in found if capacity is not None)


def _judged(desk: ReleaseDesk, commit: str, slugs: Sequence[str], inputs: GateInputs) -> dict[str, GateOutcome]:
    outcomes: dict[str, GateOutcome] = {}
    with ExitStack() as stack:
        ask = desk.judge or _gate(desk, desk.workers or stack.enter_context(started_workers()))
        for slug in slugs:
            tree = strategy_tree(desk.repo, commit, slug)
            if tree is None:
                raise RefusedError(f"live/portfolio.toml names {slug!r}, which main does not have; merge it first")
            desk.progress(f"judging {slug} on {commit[:12]}")
            outcome = ask(candidate_of_tree(desk.repo, slug=slug, tree=tree, base=commit), inputs)
            _require_green(slug, outcome)
            _require_in_time(slug, outcome, day_of(desk.clock_ms()))
            outcomes[slug] = outcome
    return outcomes


def _gate(desk: ReleaseDesk, workers: Workers) -> Judge:
    return lambda candidate, inputs: judge(candidate, inputs, progress=desk.progress, clock=desk.clock, workers=workers)


def _require_green(slug: str, outcome: GateOutcome) -> None:
    answers = {check.name: check for check in outcome.checks}
    for name in outcome.policy.required_checks("strategy"):
        check = answers.get(name)
        if check is None or check.verdict not in {"passed", "waived"}:
            said = f"{check.verdict}: {check.detail}" if check is not None else "missing"
            text = f"{slug} cannot be released: required check {name} is {said}"
            raise UndecidedError(text) if outcome.verdict == "undecided" else RefusedError(text)
    if outcome.verdict != "accepted" or outcome.claim is None:
        raise RefusedError(f"{slug} cannot be released: the gate says {outcome.verdict} under {outcome.policy.path}")


def _require_in_time(slug: str, outcome: GateOutcome, today: dt.date) -> None:
    """Refuse a waiver that is over by the clock: a verdict is held against the ledger's time, a release is made now."""
    late = next((waiver for waiver in outcome.waivers if not waiver.granted <= today <= waiver.expires), None)
    if late is not None:
        raise RefusedError(
            f"{slug} cannot be released: its waiver of {late.check} ended {late.expires}, and this is {today}; "
            f"cure what it waives, or make a new one with: autarch waive {slug} --check {late.check}"
        )


def require_tiers(
    repo: GitRepo,
    entries: Sequence[Sealed],
    sleeves: Sequence[NamedSleeve],
    outcomes: Mapping[str, GateOutcome],
    *,
    dataset: str,
) -> None:
    """Refuse a sleeve that stands higher than its evidence has bought: a line in the portfolio buys nothing by itself.

    Raises:
        RefusedError: naming the sleeve, the tier that the ledger allows, and how it rises.
    """
    for sleeve in sleeves:
        outcome = outcomes[sleeve.strategy]
        tree, decisions = outcome.candidate.tree, None if outcome.decisions is None else outcome.decisions.digest()
        if tree is None or decisions is None:
            raise UndecidedError(f"{sleeve.strategy} was judged without decisions; nothing can be released on it")
        trees = same_trees(repo, entries, slug=sleeve.strategy, tree=tree)
        identity = Identity(slug=sleeve.strategy, trees=trees, decisions=decisions, dataset=dataset)
        earned = tier_earned(entries, identity)
        if ORDER.index(_tier(sleeve)) > ORDER.index(earned.tier):
            raise RefusedError(
                f"{sleeve.account}: {sleeve.strategy} is {sleeve.tier} in live/portfolio.toml, and the ledger allows "
                f"{earned.tier}: {earned.why}. Write {earned.tier}; what may rise is told by: autarch forward, and a "
                f"test is asked with: autarch judge {sleeve.strategy}"
            )


def _tier(sleeve: NamedSleeve) -> Tier:
    found = next((tier for tier in ORDER if tier == sleeve.tier), None)
    if found is None:
        raise UsageError(f"{sleeve.strategy} is {sleeve.tier!r}; a tier is one of {', '.join(ORDER)}")
    return found


def _released(
    tag: str, commit: str, sleeves: Sequence[NamedSleeve], inputs: GateInputs, outcomes: Mapping[str, GateOutcome]
) -> Released:
    return Released(
        schema=1,
        tag=tag,
        commit=commit,
        engine=inputs.engine,
        policy=inputs.policy.digest,
        policy_path=inputs.policy.path,
        dataset=inputs.lock.ref,
        ledger_head=str(inputs.ledger),
        waivers=sorted({waiver for outcome in outcomes.values() for waiver in outcome.waived}),
        strategies=[_listed(sleeve, outcomes[sleeve.strategy]) for sleeve in sleeves],
    )


def _listed(sleeve: NamedSleeve, outcome: GateOutcome) -> ReleasedStrategy:
    claim = outcome.claim
    if claim is None or claim.strategy.tree is None or claim.digests.decisions is None:
        raise UndecidedError(f"{sleeve.strategy} was judged without a whole claim; nothing can be released on it")
    return ReleasedStrategy(
        account=sleeve.account,
        strategy=sleeve.strategy,
        tree=claim.strategy.tree,
        evidence=str(outcome.evidence),
        decisions=claim.digests.decisions,
        tier=sleeve.tier,
        weight=sleeve.weight,
    )


def _evidence(desk: ReleaseDesk, outcome: GateOutcome) -> str:
    if outcome.claim is None:
        raise UndecidedError("there is no claim to sign")
    said = msgspec.structs.replace(attestation(outcome, now_ms=desk.clock_ms()), signer=RELEASE_PRINCIPAL)
    return store_evidence(desk.repo, outcome.claim, sign_attestation(said, key=desk.key))


def _push(desk: ReleaseDesk, released: Released, evidence: Mapping[str, str]) -> str:
    """Make the tag, check it as a deployer would, and push it with the evidence the forge lacks."""
    ref = f"refs/tags/{released.tag}"
    tagger = Person(name="Autarch release", email="release@autarch.invalid", when_s=desk.clock_ms() // 1000)
    oid = create_tag(
        desk.repo,
        name=released.tag,
        commit=released.commit,
        message=render_release(released),
        tagger=tagger,
        key=desk.key,
    )
    verify_tag(desk.repo, ref, trust=trust_at(desk.repo, released.commit, "release"), oid=oid)
    there = desk.repo.ls_remote(desk.remote, *evidence)
    moves: dict[str, str | None] = {ref: oid, **{name: tree for name, tree in evidence.items() if name not in there}}
    desk.repo.push(desk.remote, moves, leases=dict.fromkeys(moves))
    desk.repo.update_ref(ref, oid, old=None)
    return oid
