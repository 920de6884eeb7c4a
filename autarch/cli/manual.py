"""`autarch manual`: the reference of every command, file format and limit, read from the code itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autarch.errors import UsageError

TOPICS = {
    "commands": "every verb with its arguments, options and examples",
    "policy": "every key of ci/policy.toml, its range and what each preset sets",
    "formats": "every file that people or programs read, key by key",
}


def register(app: typer.Typer) -> None:
    """Add the verb `manual`."""
    app.command("manual")(manual)


def manual(
    topic: Annotated[str, typer.Argument(help=f"One of: {', '.join(TOPICS)}.")] = "",
    *,
    write: Annotated[Path | None, typer.Option(help="Write all pages into this folder instead of printing.")] = None,
) -> int:
    """Print a page of the reference as Markdown: the code's own words, so that it cannot be out of date.

    Example: autarch manual policy | less
    """
    if topic and topic not in TOPICS:
        raise UsageError(f"there is no page {topic!r}; the pages are {', '.join(TOPICS)}")
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name in TOPICS:
            (write / f"{name}.md").write_text(page(name), encoding="utf-8")
            sys.stderr.write(f"wrote {write / name}.md\n")
        return 0
    if not topic:
        print("\n".join(f"autarch manual {name:10s} {about}" for name, about in TOPICS.items()))
        return 0
    print(page(topic), end="")
    return 0


def page(topic: str) -> str:
    """Return one page as Markdown.

    Args:
        topic: One of `TOPICS`.
    """
    if topic == "commands":
        from autarch.cli.manual_commands import commands_page

        return commands_page()
    from autarch.cli.manual_keys import formats_page, policy_page

    return policy_page() if topic == "policy" else formats_page()
