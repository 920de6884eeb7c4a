"""From an errand to a brief, and from what a proposer hands in to a record: nothing of it is believed unread."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agents.evolution.journal import Journal
from agents.evolution.parties import Standing
from agents.evolution.planning import Errand
from agents.evolution.population import MAIN, Candidate
from agents.evolution.records import Answered, Begun
from agents.evolution.structure import structure_digest
from agents.evolution.studying import packed_trials
from agents.evolution.writing import with_parent
from agents.ports import Brief, NoProposalError, Parent, Proposal, Proposer
from autarch.errors import StrategyError
from autarch.manifest import parse_source
from autarch.repo.strategies import BYTES_MAX, REQUIRED_FILES

TEXT_MAX = 2_000
DEPTH_MAX = 10_000


def brief_for(
    errand: Errand,
    begun: Begun,
    candidates: Mapping[str, Candidate],
    standing: Mapping[str, Standing],
    journal: Journal,
) -> Brief:
    """Return what the errand's agent is told."""
    parents = tuple(_parent(name, begun, candidates, standing, journal) for name in errand.parents)
    return Brief(
        operator=errand.operator,
        slug=errand.slug,
        base=begun.base,
        seed=errand.seed,
        parents=parents,
        report=errand.report,
        task=errand.task,
    )


def answered_by(  # noqa: PLR0913  who is asked what for, when, and where it comes from
    proposer: Proposer, brief: Brief, errand: Errand, begun: Begun, *, when_s: int, root: str | None = None
) -> tuple[Answered, dict[str, bytes]]:
    """Ask, and return the record of the answer with what belongs beside it.

    Args:
        proposer: Who is asked.
        brief: What it is told.
        errand: Why.
        begun: The run.
        when_s: Epoch seconds of the record.
        root: Main's strategy (`slug@commit`) that the line goes back to, written into [origin]; None: there is none.

    Raises:
        BudgetError, VendorError: as `Proposer.propose`; nothing is recorded, and the same brief goes on later.
    """
    blank = Answered(
        run=begun.run,
        when_s=when_s,
        step=errand.step,
        round=errand.round,
        agent=errand.agent,
        model=proposer.model,
        arm=errand.arm,
        operator=errand.operator,
        island=errand.island,
        ancestors=errand.parents,
        brief=brief.digest,
        slug=errand.slug,
    )
    try:
        made = proposer.propose(brief)
    except NoProposalError as error:
        told = {
            "stopped": "no proposal",
            "detail": str(error)[:TEXT_MAX],
            "usd": format(error.usage.usd, "f"),
            "tokens": error.usage.tokens,
            "turns": error.usage.turns,
            "is_estimate": error.usage.is_estimate,
            "trials": len(error.trials),
        }
        return _with(blank, told), packed_trials(error.trials)
    told = _told(made)
    files = {name: bytes(content) for name, content in made.files.items()}
    problem = problem_of(files)
    if problem is not None:
        return _with(blank, told | {"stopped": "outside its folder", "detail": problem}), packed_trials(made.trials)
    try:
        files["manifest.toml"] = with_parent(files["manifest.toml"], root)
        source = parse_source(slug=brief.slug, manifest_bytes=files["manifest.toml"], code=files["strategy.py"])
    except (StrategyError, ValueError) as error:  # tomlkit's errors are ValueErrors
        return _with(blank, told | {"stopped": "policy", "detail": str(error)[:TEXT_MAX]}), packed_trials(made.trials)
    told["structure"] = structure_digest(source) or ""
    return _with(blank, told), files | packed_trials(made.trials)


def root_of(
    names: tuple[str, ...], begun: Begun, candidates: Mapping[str, Candidate], standing: Mapping[str, Standing]
) -> str | None:
    """Return the strategy of main, `slug@commit`, that the first of `names` goes back to; None: none."""
    for _ in range(DEPTH_MAX):
        if not names:
            return None
        first = names[0]
        if first in standing:
            return f"{first.removeprefix(MAIN)}@{begun.base}" if first.startswith(MAIN) else None
        if first not in candidates:
            return None
        names = candidates[first].answered.ancestors
    return None


def _parent(
    name: str,
    begun: Begun,
    candidates: Mapping[str, Candidate],
    standing: Mapping[str, Standing],
    journal: Journal,
) -> Parent:
    if name in standing:
        one = standing[name]
        return Parent(
            slug=one.source.manifest.name,
            commit=one.commit,
            manifest=one.source.manifest_bytes,
            code=one.source.code,
        )
    candidate = candidates[name]
    return Parent(
        slug=candidate.answered.slug,
        commit=begun.base if candidate.judged is None else candidate.judged.commit,
        manifest=journal.attachment(candidate.newest, "manifest.toml") or b"",
        code=journal.attachment(candidate.newest, "strategy.py") or b"",
        metrics=dict(candidate.metrics),
    )


def _told(made: Proposal) -> dict[str, object]:
    return {
        "model": made.model,
        "usd": format(made.usage.usd, "f"),
        "tokens": made.usage.tokens,
        "turns": made.usage.turns,
        "is_estimate": made.usage.is_estimate,
        "trials": len(made.trials),
        "hypothesis": made.hypothesis[:TEXT_MAX],
        "mechanism": made.mechanism[:TEXT_MAX],
        "falsifier": made.falsifier[:TEXT_MAX],
        "expected": made.expected[:TEXT_MAX],
        "prompt": made.prompt,
        "transcript": made.transcript,
        "summary": made.summary[:TEXT_MAX],
        "confinement": made.confinement,
        "cutoff": "" if made.cutoff is None else made.cutoff.isoformat(),
    }


def problem_of(files: Mapping[str, bytes]) -> str | None:
    """Return what keeps these files from being one strategy's folder."""
    strange = sorted(name for name in files if name not in BYTES_MAX)
    if strange:
        return f"it wrote {strange[0][:80]!r}; a strategy's folder holds {', '.join(BYTES_MAX)} and nothing else"
    missing = [name for name in REQUIRED_FILES if name not in files]
    if missing:
        return f"it wrote no {missing[0]}"
    big = [name for name, content in files.items() if len(content) > BYTES_MAX[name]]
    return f"its {big[0]} has {len(files[big[0]])} bytes; at most {BYTES_MAX[big[0]]} are allowed" if big else None


def _with(record: Answered, told: Mapping[str, object]) -> Answered:
    changed: Answered = msgspec.structs.replace(record, **told)
    return changed
