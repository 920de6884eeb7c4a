"""A second model reads a pull request and asks what the gate cannot: a comment, never a verdict.

Whatever it says, it approves, judges, merges, waives and tags nothing: its token is an agent's, and the forge takes
from that role a review of the kind COMMENT alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agents.describing import one_line, quoted
from agents.ports import Quoted
from agents.quoting import RULE, quote
from autarch.canonical import Sha256, sha256_hex
from autarch.errors import RefusedError, UndecidedError, UsageError
from autarch.forge.wire import Comment, Pull, Review
from autarch.repo.git import GitRepo
from autarch.repo.strategies import classify

ITEMS_MAX = 12
ITEM_MAX = 600
FILE_BYTES_MAX = 131_072
SECTIONS = (
    ("look_ahead", "Look-ahead suspicions"),
    ("fragile", "Fragile assumptions"),
    ("failure_modes", "How it fails"),
    ("jumps", "Suspicious jumps against what stands in its place"),
    ("questions", "Questions to the author"),
)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
MARKER = "<!-- autarch review -->"

SYSTEM = f"""\
You review a pull request that proposes a trading strategy for crypto perpetuals. A gate has judged or will judge it by
measurement; a human decides. You find what measurement cannot: you never approve, reject, score or merge.

Look for use of anything later than the bar at hand; numbers or conditions that only fit the past; assumptions about
venues, funding, liquidity or sessions that may stop holding; regimes in which it loses; results that jump without a
mechanism; a docstring or body that does not say what the code does. Say where: name the line or the expression.
Say nothing where you found nothing: an empty list is a good answer.

{RULE}
"""

_LIST = {"type": "array", "items": {"type": "string"}}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [name for name, _ in SECTIONS],
    "properties": {name: {**_LIST, "description": title} for name, title in SECTIONS},
}


class Asker(Protocol):
    """One structured question to a model: budgeted and recorded, as `agents.household.Household.ask`."""

    def __call__(
        self, name: str, *, system: str, prompt: str, schema: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Sha256]:
        """Return the answer and the digest of the question."""


class ReviewForge(Protocol):
    """The calls of a forge's client that a review makes."""

    def pull(self, number: int) -> Pull:
        """Return one pull request."""

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return what was said."""

    def review(self, number: int, *, event: Any, commit: str, body: str = "") -> Review:
        """Post a review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A review as it stands on the forge, or as it would (`posted` False)."""

    pull: int
    head: str
    reviewer: str
    findings: Mapping[str, tuple[str, ...]]
    body: str
    posted: bool


def require_other_vendor(author: str, reviewer: str, allowed: Mapping[str, Sequence[str]]) -> None:
    """Refuse a reviewer that policy does not let read this author's proposals.

    Args:
        author: Kind of agent that wrote it; a human's name for a human.
        reviewer: Kind of agent that is to read it, without its model; scripted ones count as whom they play.
        allowed: Author -> reviewers, `*` for everybody else.

    Raises:
        UsageError: another should read it.
    """
    who = author.removeprefix("scripted-").partition(":")[0]
    reader = reviewer.removeprefix("scripted-").partition(":")[0]
    readers = allowed.get(who, allowed.get("*", ()))
    if reader not in readers:
        raise UsageError(
            f"{reviewer} may not review what {author} wrote: a model shares its own blind spots; "
            f"agents/evolve.toml lets {', '.join(readers) or 'nobody'} do it"
        )


def review_pull(  # noqa: PLR0913  what is read, by whom, and where it goes
    number: int,
    *,
    agent: str,
    repo: GitRepo,
    forge: ReviewForge,
    ask: Asker,
    fetch: Callable[[str], None],
    base: str,
    allowed: Mapping[str, Sequence[str]],
    post: bool = True,
) -> Reviewed:
    """Have `agent` read a pull request, and post what it found as a comment on its head.

    Args:
        number: Of the pull request.
        agent: Name of a proposer that can be asked.
        repo: Holds `base`; `fetch` brings a commit into it.
        forge: With the agent's token.
        ask: Puts the question.
        fetch: Brings a commit from the forge.
        base: Main.
        allowed: Who may review whom.
        post: Whether to post it.

    Raises:
        UsageError: policy names another reviewer.
        RefusedError: it is closed, holds nothing to read, or the forge refuses.
        UndecidedError: the model or the forge did not answer.
    """
    pull = forge.pull(number)
    if pull.state != "open":
        raise RefusedError(f"pull request {number} is {pull.state}; only an open one is reviewed")
    fetch(pull.head_sha)
    author = author_of(repo, pull)
    require_other_vendor(author, agent, allowed)
    said = [comment.body for comment in forge.comments(number)]
    answer, _ = ask(agent, system=SYSTEM, prompt=prompt_of(repo, pull, base=base, comments=said), schema=SCHEMA)
    findings = findings_of(answer)
    body = body_of(findings, reviewer=agent, author=author, head=pull.head_sha)
    if post:
        forge.review(number, event="COMMENT", commit=pull.head_sha, body=body)
    return Reviewed(pull=number, head=pull.head_sha, reviewer=agent, findings=findings, body=body, posted=post)


def transcript_text(folder: Path, name: str) -> str:
    """Return a transcript of the store as a comment's text: an agent's words, quoted.

    Raises:
        RefusedError: this workspace has no such transcript, or its bytes are not those of its name.
    """
    path = folder / f"{name}.jsonl"
    if not _DIGEST.match(name) or not path.is_file():
        raise RefusedError(
            f"there is no transcript {name[:16] or '(none named)'} in {folder}; it stays with its proposer"
        )
    content = path.read_bytes()
    if sha256_hex(content) != name:
        raise RefusedError(f"{path} holds other bytes than its name says; it is not published")
    return f"**Transcript {name[:16]}**, redacted.\n\n{quoted(content.decode('utf-8', 'replace'))}"


def author_of(repo: GitRepo, pull: Pull) -> str:
    """Return the kind of agent that wrote the head: its trailer, else the branch, else the account."""
    trailer = repo.read_commit(pull.head_sha).trailers.get("Agent", "")
    parts = pull.head_ref.split("/")
    return one_line(trailer) or (parts[1] if len(parts) > 2 and parts[0] == "agent" else pull.author)


def prompt_of(repo: GitRepo, pull: Pull, *, base: str, comments: Sequence[str]) -> str:
    """Return what the reviewer is shown: every byte of it somebody else's, so all of it is quoted data.

    Raises:
        RefusedError: the pull request changes no strategy.
    """
    change = classify(repo, base=base, head=pull.head_sha)
    slug = change.slug
    if slug is None or change.removal:
        raise RefusedError(
            f"pull request {pull.number} proposes no strategy ({change.kind}); there is nothing to review for a model"
        )
    parts = [
        Quoted(source=f"the pull request's title and body, by {pull.author}", text=f"{pull.title}\n\n{pull.body}"),
    ]
    for name in ("manifest.toml", "strategy.py"):
        path = f"strategies/{slug}/{name}"
        for where, commit in (("as proposed", pull.head_sha), ("as main has it", base)):
            content = repo.blob_at(commit, path)
            if content is not None:
                text = content[:FILE_BYTES_MAX].decode("utf-8", "replace")
                parts.append(Quoted(source=f"{path} {where}", text=text))
    parts += [Quoted(source="a comment on the pull request", text=text) for text in comments[-ITEMS_MAX:]]
    return f"Review the proposal of strategies/{slug}.\n\n" + "\n\n".join(quote(part) for part in parts)


def findings_of(answer: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the lists of an answer, cut to what a human reads; strings alone count.

    Raises:
        UndecidedError: a list is missing.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, _ in SECTIONS:
        given = answer.get(name)
        if not isinstance(given, list):
            raise UndecidedError(f"the reviewer answered without a list {name!r}; ask again, or another model")
        found[name] = tuple(one_line(item)[:ITEM_MAX] for item in given if isinstance(item, str) and item.strip())[
            :ITEMS_MAX
        ]
    return found


def body_of(findings: Mapping[str, Sequence[str]], *, reviewer: str, author: str, head: str) -> str:
    """Return the review as Markdown; what the model said is quoted, so that it opens no section of ours."""
    lines = [
        MARKER,
        f"**Review by {reviewer}** of {head[:12]}, written by {author}. A model's reading: it decides nothing.",
    ]
    for name, title in SECTIONS:
        items = findings.get(name, ())
        shown = "\n".join(quoted(f"{number}. {item}") for number, item in enumerate(items, 1)) or "> none found"
        lines.append(f"**{title}**\n\n{shown}")
    return "\n\n".join(lines)
