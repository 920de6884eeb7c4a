"""The command line as a page: walks the verbs that `autarch` has and writes down what each says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from autarch.cli.app import VERBS, load_verb
from autarch.cli.manual_table import cell, table

HEAD = """# Commands

Written by `autarch manual --write docs/reference` from the commands themselves. Exit codes: 0 yes, 1 no, 2 misuse or
a wrong configuration, 3 could not tell. Answers are on stdout, progress and errors on stderr; `--json` prints one JSON
object for programs.
"""


def commands_page() -> str:
    """Return every verb, in the order of `autarch --help`, as Markdown."""
    parts = [HEAD]
    for verb in VERBS:
        parts += _sections(load_verb(verb), f"autarch {verb}", level=2)
    return "\n".join(parts)


def _sections(command: Any, name: str, *, level: int) -> Iterator[str]:
    if getattr(command, "hidden", False):
        return
    below = getattr(command, "commands", None)
    yield f"{'#' * level} {name}\n"
    if below is None:
        yield f"```\n{_usage(command, name)}\n```\n"
    yield _prose(command.help or "")
    if below is None:
        yield from _parameters(command)
        return
    for word, each in below.items():
        yield from _sections(each, f"{name} {word}", level=level + 1)


def _usage(command: Any, name: str) -> str:
    words = [name]
    if any(_is_option(each) for each in command.params):
        words.append("[OPTIONS]")
    words += [_argument(each) for each in command.params if not _is_option(each)]
    return " ".join(words)


def _argument(parameter: Any) -> str:
    many = "..." if parameter.nargs != 1 else ""
    word = parameter.name.upper().strip("_")
    return f"{word}{many}" if parameter.required else f"[{word}]{many}"


def _parameters(command: Any) -> Iterator[str]:
    rows = []
    for each in command.params:
        if getattr(each, "hidden", False):
            continue
        word = " / ".join((*each.opts, *each.secondary_opts)) if _is_option(each) else _argument(each)
        rows.append((f"`{word}`", cell(each.help or ""), _default(each)))
    if rows:
        yield table(("", "what", "default"), rows)


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "must be given"
    if value is None or value in ("", False) or callable(value) or value == ():
        return ""
    return f"`{value}`"


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _prose(text: str) -> str:
    """Return help as Markdown, each example as a block of its own."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text.replace("\f", "")).split("\n\n"):
        said = " ".join(paragraph.split())
        if not said:
            continue
        first, found, example = said.partition("Example: ")
        lines.append(f"```\n{example}\n```\n" if found and not first else f"{said}\n")
    return "\n".join(lines)
