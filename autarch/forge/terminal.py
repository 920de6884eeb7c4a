"""Pull requests as lines of a terminal. What others wrote cannot move the cursor or change a colour."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autarch.forge.wire import GATE_CONTEXT, REPORT_MARKER, CombinedStatus, Comment, Pull

NAME_WIDTH = 32
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Return `text` with everything a terminal would obey, or that reorders text, replaced by U+FFFD.

    Zero-width spaces, which reports put into names so that a platform notifies nobody, are left out.
    """
    shown = text.replace("\N{ZERO WIDTH SPACE}", "")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in shown)


def unescaped(markdown: str) -> str:
    """Return Markdown as text, without the backslashes that keep a renderer from reading marks."""
    return _ESCAPE.sub(r"\1", markdown)


def verdict_of(pull: Pull, combined: CombinedStatus) -> str:
    """Return the gate's word on the present head: accepted, rejected, undecided, running, queued or unknown.

    The local forge tells it with the main it speaks of; elsewhere it is the status of the head.
    """
    if pull.gate is not None:
        return pull.gate.state
    found = next((status for status in combined.statuses if status.context == GATE_CONTEXT), None)
    words = {"success": "accepted", "failure": "rejected", "error": "undecided", "pending": "running"}
    return words[found.state] if found is not None else "unknown"


def list_lines(pulls: Sequence[Pull]) -> list[str]:
    """Return one line for each pull request."""
    if not pulls:
        return ["no pull requests"]
    return [f"{p.number:>5}  {_state(p):<10} {p.head_sha[:12]}  {plain(p.author):<12} {plain(p.title)}" for p in pulls]


def show_lines(pull: Pull, combined: CombinedStatus, comments: Sequence[Comment]) -> list[str]:
    """Return everything a reviewer reads: verdict, statuses, provenance, text, comments."""
    lines = [f"pull request {pull.number}: {plain(pull.title)}", f"state    {_state(pull)}"]
    lines.append(f"verdict  {verdict_of(pull, combined)}")
    if pull.gate is not None and pull.gate.sentence:
        lines.append(f"         {plain(pull.gate.sentence)}")
    if pull.state == "open":
        lines.append(f"merge    {'may be merged' if pull.mergeable else plain(pull.blocked_by) or 'blocked'}")
    lines += [_status_line(s.context, s.state, s.description) for s in combined.statuses]
    lines += [f"{plain(name):<20} {plain(value)}" for name, value in pull.provenance]
    lines += ["", plain(pull.body)]
    for comment in comments:
        body = comment.body.removeprefix(REPORT_MARKER).lstrip("\n")
        lines += ["", f"-- {plain(comment.author)}", unescaped(plain(body))]
    return lines


def _status_line(context: str, state: str, description: str) -> str:
    word = "FAILED" if state in {"failure", "error"} else state
    return f"{plain(context) + ' ':.<{NAME_WIDTH}} {word}  {plain(description)}"


def _state(pull: Pull) -> str:
    if pull.merged:
        return "merged"
    return pull.gate.state if pull.state == "open" and pull.gate is not None else pull.state
