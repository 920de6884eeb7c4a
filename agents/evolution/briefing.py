"""The morning brief: what a night came to, in fifteen lines for somebody who reads it before coffee. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.evolution.figures import ArmFigures, Figures
from agents.evolution.population import Candidate, Run

LINES = 15
WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the loop does not know by itself, each in words: tests and wealth left, what trades, days and months' spend.

    An empty one is shown as unknown.
    """

    wealth: str = ""
    live: str = ""
    spend: str = ""


def morning_brief(run: Run, figures: Figures, around: Surroundings) -> str:
    """Return the brief: at most `LINES` lines of at most `WIDTH` characters."""
    opened = [c for c in run.candidates if c.opened is not None]
    ended = "unfinished" if run.ended is None else run.ended.why
    loop, baseline = figures.arms["evolution"], figures.arms["baseline"]
    lines = [
        f"Run {run.number} on {run.begun.dataset.partition('@')[0]}: {ended}",
        f"Tried {figures.tried} candidates with {', '.join(run.begun.agents)}; {figures.trials} trials, all counted",
        f"Stopped: {_reasons(figures)}",
        f"Accepted by the gate on train: {figures.accepted}; opened: {figures.opened}; the rest is in the ledger only",
        *_best(opened, accepted=figures.accepted, is_over=run.ended is not None),
        f"Evolution: {_arm(loop)}",
        f"Baseline:  {_arm(baseline)}{_lead(loop, baseline)}",
        f"Gain per proposal: {_agents(figures)}",
        f"Diversity: {figures.cells} behaviours, {figures.families} families; {_stale(figures)}",
        f"Spent: {'at most ' if figures.is_estimate else ''}${figures.usd:.2f}, {figures.tokens:,} tokens"
        + (f"; {around.spend}" if around.spend else ""),
        f"Wealth: {around.wealth or 'unknown'}",
        f"Live: {around.live or 'unknown'}",
        _next(opened),
    ]
    return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines[:LINES])


def _best(opened: Sequence[Candidate], *, accepted: int, is_over: bool) -> list[str]:
    """Return the best two, one line each, worst case one line that there are none, and why."""
    found = [
        f"  #{c.opened.pull} {c.answered.slug} by {c.answered.agent}: score {_number(c.score)}, "
        f"Sharpe {_number(None if c.judged is None else c.judged.sharpe)}"
        for c in sorted(opened, key=lambda c: -(c.score or 0.0))
        if c.opened is not None
    ]
    full = (
        "none opened: max_prs_per_night or max_open_prs is reached" if is_over else "none opened yet: the run goes on"
    )
    why = full if accepted else "nothing deserved a pull request"
    return found[:2] or [f"  {why}"]


def _stale(figures: Figures) -> str:
    return f"{figures.stagnant_rounds} rounds without a better score"


def _reasons(figures: Figures) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in figures.stopped) or "nothing"


def _arm(arm: ArmFigures) -> str:
    return f"{arm.members} of {arm.proposals} new, best {_number(arm.best)}, mean {_number(arm.mean)}"


def _lead(loop: ArmFigures, baseline: ArmFigures) -> str:
    if loop.mean is None or baseline.mean is None:
        return ""
    return (
        f"; evolution is {'ahead' if loop.mean > baseline.mean else 'behind'} by {abs(loop.mean - baseline.mean):.2f}"
    )


def _agents(figures: Figures) -> str:
    shown = [
        f"{name} {record.gain / record.proposals:.3f} of {record.proposals} (${record.usd:.2f})"
        for name, record in sorted(figures.agents.items())
        if record.proposals
    ]
    return ", ".join(shown) or "none"


def _next(opened: Sequence[Candidate]) -> str:
    if not opened:
        return "Next: nothing waits for you from this run"
    numbers = " ".join(f"autarch pr show {c.opened.pull};" for c in opened if c.opened is not None)
    return f"Next: {numbers.rstrip(';')}"


def _number(value: float | None) -> str:
    return "none" if value is None else format(value, "+.2f")
