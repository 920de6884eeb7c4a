"""One proposal outside of the loop: ask, check, choose numbers, compare, and hand over what becomes a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.describing import Story, proposal_of
from agents.evolution.answering import problem_of
from agents.evolution.assessing import Terms, contrast, tune
from agents.evolution.opening import numbers_text
from agents.evolution.writing import with_parent
from agents.ports import Brief, NoProposalError, Parent, Proposer, Quoted
from agents.ports import Proposal as Made
from agents.proposal import Proposal
from agents.study import Study
from autarch.forge.wire import CombinedStatus
from autarch.manifest import StrategySource, parse_source
from autarch.market import read_lock
from autarch.repo.git import GitRepo
from autarch.repo.strategies import list_strategies, read_strategy
from autarch.sweep import OBJECTIVE

REPORT_MAX = 4_000


def parent_of(repo: GitRepo, commit: str, slug: str) -> Parent:
    """Return a strategy as a commit has it, to start from.

    Raises:
        UsageError, StrategyError: there is none, or it is no strategy.
    """
    source = read_strategy(repo, commit, slug)
    return Parent(slug=slug, commit=commit, manifest=source.manifest_bytes, code=source.code)


def report_of(statuses: CombinedStatus) -> str:
    """Return what the gate said against a head, check by check; empty where nothing failed. A stranger's words."""
    failed = [s for s in statuses.statuses if s.state in {"failure", "error"}]
    return "\n".join(f"{s.context}: {s.description}" for s in sorted(failed, key=lambda s: s.context))[:REPORT_MAX]


def brief_from_issue(brief: Brief, *, number: int, title: str, body: str, author: str) -> Brief:
    """Return `brief` with an issue's text beside it, as data of a stranger."""
    issue = Quoted(source=f"issue {number} by {author}", text=f"{title}\n\n{body}")
    task = brief.task or f"Propose what issue {number} asks for, where it can be a strategy."
    return replace(brief, task=task, quoted=(*brief.quoted, issue))


def propose(proposer: Proposer, brief: Brief, *, repo: GitRepo, terms: Terms, onto: str | None = None) -> Proposal:
    """Ask for one strategy and return the pull request it makes, its numbers chosen by walking forward.

    Args:
        proposer: Who writes.
        brief: What for.
        repo: Holds the brief's base.
        terms: Train bars and how they are played.
        onto: Commit to write it on top of, where a branch is gone on with; main by default.

    Raises:
        NoProposalError: it wrote nothing, or something outside its folder.
        BudgetError, VendorError: as `Proposer.propose`.
        StrategyError: its manifest does not parse, or it cannot be played.
    """
    made = proposer.propose(brief)
    problem = problem_of(made.files)
    if problem is not None:
        raise NoProposalError(f"{made.agent} was refused: {problem}. Nothing is proposed", usage=made.usage)
    main = list_strategies(repo, brief.base)
    root = next((f"{p.slug}@{brief.base}" for p in brief.parents if p.slug in main), None)
    manifest = with_parent(made.files["manifest.toml"], root)
    source = parse_source(slug=brief.slug, manifest_bytes=manifest, code=made.files["strategy.py"])
    numbers = tune(terms, source, seed=brief.seed)
    trials = (*made.trials, *numbers.trials)
    study = Study(
        strategy=brief.slug,
        parent=root or f"main@{brief.base}",
        dataset=read_lock(terms.lock).ref,
        objective=OBJECTIVE,
        sampler=f"{made.agent}, then a walk through train",
        seed=brief.seed,
        trials=trials,
    )
    called = next((slug for slug in (brief.slug, (root or "").partition("@")[0]) if slug in main), None)
    before: StrategySource | None = None if called is None else read_strategy(repo, brief.base, called)
    change = contrast(terms, numbers.source, before, called=called or "cash")
    story = _story(made, change, numbers_text(kept_own=numbers.kept_own, walked=numbers.walk_forward, own=numbers.own))
    files = {name: bytes(content) for name, content in made.files.items()}
    return proposal_of(
        story,
        base=onto or brief.base,
        files=files | {"manifest.toml": numbers.source.manifest_bytes},
        trailers=_trailers(made, study),
        study=study,
    )


def _trailers(made: Made, study: Study) -> tuple[tuple[str, str], ...]:
    """Return the proposer's trailers, with all trials and their study in the place of its own."""
    others: Sequence[tuple[str, str]] = [(k, v) for k, v in made.trailers() if k not in {"Trials", "Study"}]
    return (*others, ("Trials", str(len(study.trials))), ("Study", study.digest))


def _story(made: Made, change: str, numbers: str) -> Story:
    return Story(
        agent=made.agent,
        model=made.model,
        operator=made.brief.operator,
        slug=made.brief.slug,
        hypothesis=made.hypothesis,
        mechanism=made.mechanism,
        expected=made.expected,
        falsifier=made.falsifier,
        change=change,
        numbers=numbers,
        summary=made.summary,
        transcript=made.transcript,
        usd=format(made.usage.usd, "f"),
        is_estimate=made.usage.is_estimate,
    )
