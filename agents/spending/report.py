"""What was spent, by agent and model, and what one merged and one promoted strategy came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from agents.models import read_models
from agents.ports import Attempt, Caps, Usage
from agents.spending.caps import read_budget
from agents.spending.purse import FILE, Purse, day_and_month_ms
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.repo.git import GitRepo
from autarch.repo.signers import trust_at
from autarch.repo.strategies import list_strategies

COMMITS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """Briefs (by digest) whose commits are on main, and those of strategies that were promoted; by agent and model."""

    merged: frozenset[str] = frozenset()
    promoted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent asking one model. `merged` and `promoted` count strategies; `failed` attempts without an answer."""

    agent: str
    model: str
    attempts: int
    failed: int
    usage: Usage
    merged: int
    promoted: int
    is_scripted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All of it. `day` and `month` are what real models took of the caps since midnight and the first, UTC."""

    rows: tuple[Row, ...] = ()
    day: Usage = field(default_factory=Usage)
    month: Usage = field(default_factory=Usage)
    day_caps: Caps = field(default_factory=Caps)
    month_caps: Caps = field(default_factory=Caps)


def costs_of(root: Path, *, now_ms: int, since_ms: int, landed: Landed) -> Costs:
    """Return what the workspace at `root` has spent since `since_ms`."""
    budget, models = read_budget(root), read_models(root)
    if not (root / FILE).is_file():
        return Costs(day_caps=budget.day, month_caps=budget.month)
    purse = Purse(root / FILE, lambda: now_ms)
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in purse.attempts():
        if attempt.when_ms >= since_ms:
            groups.setdefault((attempt.agent, attempt.model), []).append(attempt)
    scripted = {name for name, model in models.models.items() if model.scripted}
    rows = [_row(agent, model, found, landed, scripted) for (agent, model), found in sorted(groups.items())]
    day_ms, month_ms = day_and_month_ms(now_ms)
    return Costs(
        rows=tuple(rows),
        day=purse.spent_since(day_ms),
        month=purse.spent_since(month_ms),
        day_caps=budget.day,
        month_caps=budget.month,
    )


def landed_at(repo: GitRepo, main: str) -> Landed:
    """Return which briefs are on main, by their commits' trailers, and which were promoted, by the ledger.

    Raises:
        RefusedError: the ledger does not hold.
    """
    briefs: dict[str, set[str]] = {}
    listed = set(list_strategies(repo, main))
    log = repo.run("log", f"--max-count={COMMITS_MAX}", "--format=%H", main).stdout.decode("ascii").split()
    for commit in log:
        trailers = repo.read_commit(commit).trailers
        digest = trailers.get("Brief-SHA256")
        if digest is not None:
            slugs = {path.split("/")[1] for path in _paths(repo, commit) if path.startswith("strategies/")}
            briefs[digest] = slugs & listed
    merged = frozenset(digest for digest, slugs in briefs.items() if slugs)
    promoted = _promoted(repo, main)
    return Landed(merged=merged, promoted=frozenset(d for d in merged if briefs[d] & promoted))


def lines_of(costs: Costs) -> list[str]:
    """Return the table, and what is left of the caps."""
    lines = [
        f"{'agent':<18} {'model':<20} {'attempts':>8} {'turns':>6} {'tokens':>12} {'USD':>10}  per merged  per promoted"
    ]
    for row in costs.rows:
        usd, note = row.usage.usd, " estimate" if row.usage.is_estimate else ""
        note += " scripted, no real money" if row.is_scripted else ""
        lines.append(
            f"{row.agent:<18} {row.model:<20} {row.attempts:>8} {row.usage.turns:>6} {row.usage.tokens:>12,} "
            f"{usd:>10.4f}  {_each(usd, row.merged):>10}  {_each(usd, row.promoted):>12}{note}"
        )
    if not costs.rows:
        lines.append("nothing was spent yet")
    lines.append(f"today {_of(costs.day, costs.day_caps)}; this month {_of(costs.month, costs.month_caps)}")
    return lines


def to_json(costs: Costs) -> dict[str, object]:
    """Return the object of `autarch costs --json`; dollars are texts, so that they stay exact."""
    return {
        "rows": [
            {
                "agent": row.agent,
                "model": row.model,
                "attempts": row.attempts,
                "failed": row.failed,
                "turns": row.usage.turns,
                "tokens": row.usage.tokens,
                "usd": format(row.usage.usd, "f"),
                "is_estimate": row.usage.is_estimate,
                "is_scripted": row.is_scripted,
                "merged": row.merged,
                "promoted": row.promoted,
            }
            for row in costs.rows
        ],
        "day": {"usd": format(costs.day.usd, "f"), "cap": _cap(costs.day_caps)},
        "month": {"usd": format(costs.month.usd, "f"), "cap": _cap(costs.month_caps)},
    }


def _row(agent: str, model: str, found: list[Attempt], landed: Landed, scripted: Iterable[str]) -> Row:
    briefs = {attempt.brief.partition("/")[0] for attempt in found}
    total = Usage()
    for attempt in found:
        total += attempt.usage
    return Row(
        agent=agent,
        model=model,
        attempts=len(found),
        failed=sum(attempt.end != "answered" for attempt in found),
        usage=total,
        merged=len(briefs & landed.merged),
        promoted=len(briefs & landed.promoted),
        is_scripted=model in scripted,
    )


def _paths(repo: GitRepo, commit: str) -> list[str]:
    parents = repo.read_commit(commit).parents
    return [] if len(parents) != 1 else [entry.path for entry in repo.diff_tree(parents[0], commit)]


def _promoted(repo: GitRepo, main: str) -> set[str]:
    head = repo.read_ref(LEDGER_REF)
    if head is None:
        return set()
    entries = Ledger(repo, trust=trust_at(repo, main, "ci")).entries(head)
    judged = [s.entry for s in entries if s.entry.kind == "judgement" and s.entry.judgement is not None]
    return {e.slug for e in judged if e.slug and e.judgement is not None and e.judgement.word == "may be promoted"}


def _each(usd: Decimal, count: int) -> str:
    return "-" if not count else f"{usd / count:.4f}"


def _of(usage: Usage, caps: Caps) -> str:
    return f"{usage.usd:.2f} USD" + ("" if caps.usd is None else f" of {caps.usd:.2f}")


def _cap(caps: Caps) -> str | None:
    return None if caps.usd is None else format(caps.usd, "f")
