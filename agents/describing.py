"""What a pull request of a proposer says: hypothesis, what changes, what would refute it, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten

from agents.proposal import Proposal
from agents.study import Study
from autarch.sweep import OBJECTIVE

TITLE_MAX = 120
BODY_MAX = 60_000
_VERBS = {
    "create": "Add",
    "mutate": "Change",
    "cross": "Cross into",
    "simplify": "Simplify",
    "repair": "Repair",
    "port": "Port",
    "exploit": "Probe the gate with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What an agent said of its strategy, and what it took.

    `change` is Markdown of `agents.comparison`; `numbers` how [params] came about; `summary` the transcript in short.
    """

    agent: str
    model: str
    operator: str
    slug: str
    hypothesis: str
    mechanism: str
    expected: str
    falsifier: str
    change: str
    numbers: str
    summary: str
    transcript: str
    usd: str
    is_estimate: bool


def proposal_of(
    story: Story,
    *,
    base: str,
    files: Mapping[str, bytes],
    trailers: tuple[tuple[str, str], ...],
    study: Study | None,
) -> Proposal:
    """Return the pull request that `story` makes of these files.

    Args:
        story: What is told.
        base: Commit of main.
        files: The strategy's folder.
        trailers: Of the commit.
        study: Every trial behind it, whose digest must be among the trailers.
    """
    return Proposal(
        agent=story.agent,
        slug=story.slug,
        base=base,
        files=dict(files),
        title=title_of(story),
        body=body_of(story, study),
        trailers=tuple((key, one_line(value)) for key, value in trailers),
        study=None if study is None else study.packed(),
    )


def title_of(story: Story) -> str:
    """Return one line: what is done to which strategy, and why."""
    why = one_line(story.hypothesis)
    title = f"{_VERBS.get(story.operator, 'Propose')} {story.slug}: {why}"
    return shorten(title, TITLE_MAX, placeholder=" ...")


def body_of(story: Story, study: Study | None) -> str:
    """Return the text a human reads first; what the agent wrote is quoted and marked as its word."""
    trials = 0 if study is None else len(study.trials)
    spent = f"{'at most ' if story.is_estimate else ''}${story.usd}"
    transcript = (
        f"transcript {story.transcript[:16]} in the proposer's workspace" if story.transcript else "no transcript"
    )
    how = f"{story.operator} by {story.agent}; {spent}; {transcript}"
    parts = [
        f"**Hypothesis** ({story.agent}, {story.model})\n\n{quoted(story.hypothesis)}",
        f"**Mechanism**\n\n{quoted(story.mechanism)}",
        f"**Expected against what stands in its place**\n\n{quoted(story.expected)}",
        f"**Change in behaviour, on train**\n\n{story.change}",
        f"**What would refute it**\n\n{quoted(story.falsifier)}",
        f"**Numbers**. {story.numbers} The score is the {OBJECTIVE}; {trials} trials are counted behind this proposal.",
        f"**How it came about**\n\n{quoted(story.summary)}\n\n{how}.",
    ]
    return "\n\n".join(parts)[:BODY_MAX]


def quoted(text: str) -> str:
    """Return an agent's words as a block that can break out of nothing: no heading, link target or trailer of ours."""
    shown = "".join(c if c.isprintable() or c == "\n" else "?" for c in text.strip()) or "(nothing was said)"
    return "\n".join(f"> {line}" for line in shown.splitlines())


def one_line(text: str) -> str:
    """Return `text` on one printable line, as titles and trailers need it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
