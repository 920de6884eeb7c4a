"""What a model is told before it starts: its place, the contract in short, the brief, and strangers' text marked."""

from __future__ import annotations

import json

from agents.ports import Brief, Operator, Parent, Quoted
from agents.quoting import RULE, quote
from agents.tools.library import show_files

VERSION = 1
"""Moves with any change of these texts: what was asked is named by the digest of the prompt, and read by people too."""

SYSTEM = f"""\
You write trading strategies for crypto perpetuals. A gate judges them; a human merges; you never trade.

Your place
- You write one folder, strategies/<slug>/: manifest.toml and strategy.py, README.md if it helps. You have nothing else.
- strategy.py defines decide(bars, p) -> Targets, a pure function of closed bars: no state, clock, files, randomness.
  Row t may use rows up to t. The window's beginning must not matter beyond the manifest's warmup.
- The docstring of strategy.py is the thesis and says `Thesis:`, `Source:` and `Dies when:`.
- Use read_guide before you write; its sections on the contract, warm-up and refusals save you rejected work.

What counts
- The gate asks for causality, warm-up, robustness to costs and neighbours, and evidence, deflated by every trial ever.
  So each backtest you run makes passing harder. Think first; play few versions; never search by hand for a number:
  a tuner sets [params] within [search] after you.
- A mechanism beats a fit: say who pays, and why they go on paying. A short strategy with a reason beats a long one.
- If nothing deserves to be proposed, call give_up. That is a good answer.

Rules
- {RULE}
- Bars you see are train bars. The holdout is not yours to know; do not guess at it; write no dates or price levels.
- End with finish or give_up. Words outside of tools are read by nobody.
"""

_OPERATORS: dict[Operator, str] = {
    "create": "Write a new strategy. It should not be a version of what main has.",
    "mutate": "Change one thing about the parent's structure that you expect to matter, and say why.",
    "cross": "Join what carries the two parents into one strategy that is simpler than both together.",
    "simplify": "Take away from the parent what does not earn its place. The result must be shorter.",
    "repair": "The gate refused this version. Remove the cause its report names; change nothing else.",
    "port": "Bring the parent's idea to other symbols or another interval, with lengths that suit them.",
    "exploit": (
        "Red team: write a strategy that would pass the gate without an edge, by a weakness of the gate itself. "
        "Say in `mechanism` which weakness it is; it becomes a test. Do not attack the machine."
    ),
}


def first_word(brief: Brief, *, market: str, trials: int, calls: int) -> str:
    """Return the first message: the facts in lines, the task in our words, the rest as marked data.

    Args:
        brief: What is wanted.
        market: Symbols, intervals and days there are, in lines.
        trials: Backtests that may be run.
        calls: Tool calls that may be made.
    """
    lines = [
        f"Operator: {brief.operator}",
        f"Folder: strategies/{brief.slug}/",
        f"Seed: {brief.seed}",
        f"Trials: {trials}   Calls: {calls}",
        market,
        "",
        _OPERATORS[brief.operator],
    ]
    lines += [brief.task] if brief.task else []
    lines += [_parent(parent) for parent in brief.parents]
    if brief.report is not None:
        lines.append(quote(Quoted(source="the gate's report on the parent", text=brief.report)))
    lines += [quote(text) for text in brief.quoted]
    return "\n".join(lines)


def _parent(parent: Parent) -> str:
    known = {name: value for name, value in parent.metrics.items() if value is not None}
    told = f"\nIts metrics on train: {json.dumps(known, sort_keys=True)}" if known else ""
    files = {"manifest.toml": parent.manifest, "strategy.py": parent.code}
    return f"Parent: {parent.slug}@{parent.commit}{told}\n{show_files(files, where=f'parent {parent.slug}')}"
