"""The escape corpus as data: hostile snippets, each with its class, its harm and the rule that refuses it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Harm = Literal[
    "read", "write", "connect", "neighbour", "parent", "secret", "future", "clock", "random", "state", "inside", "hang",
    "noise", "garbage",
]  # fmt: skip
"""What happens when nothing stops a snippet.

read: a canary file's text is in the answer. write: a file appears, changes or goes. connect: a loopback listener is
touched. neighbour: another process ends or stops. parent: whoever started the child ends. secret: a key out of another
process, its environment or a file is in the answer. future: a later bar is. clock: today is. random: two runs answer
differently. state: a second call knows of the first. inside: the snippet itself says it came through (a process was
started, a resource taken beyond its limit). hang: no answer comes. noise: it writes where people read. garbage: what
comes back is no answer.
"""
Place = Literal["body", "top", "last"]

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One hostile piece of a strategy.

    Attributes:
        kind: The attack class it belongs to.
        name: Unique in its class.
        code: Stands in `decide`, at module level, or behind everything else, by `place`.
        rule: The construct the source policy names when it refuses it.
        harm: What it does when nothing stops it.
        first: Stands before everything else.
        left_to: The check that sees what confinement lets be: a generator seeded when a zygote started differs from
            zygote to zygote, an address may, and determinism asks two.
    """

    kind: str
    name: str
    code: str
    rule: str
    harm: Harm
    place: Place = "body"
    first: str = ""
    left_to: str = ""

    @property
    def id(self) -> str:
        """Return `kind: name`."""
        return f"{self.kind}: {self.name}"


def load() -> tuple[Snippet, ...]:
    """Return every snippet of the corpus, in the order of its files."""
    found: list[Snippet] = []
    for path in sorted(FOLDER.glob("*.toml")):
        with path.open("rb") as file:
            classes = tomllib.load(file)["class"]
        for one in classes:
            found += [Snippet(kind=one["name"], **each) for each in one["snippet"]]
    if len({each.id for each in found}) != len(found):
        raise ValueError("two snippets have one name; rename one")
    unknown = {each.harm for each in found} - set(get_args(Harm)) | {each.place for each in found} - set(
        get_args(Place)
    )
    if unknown:
        raise ValueError(f"found {sorted(unknown)}; expected a harm of {get_args(Harm)}, a place of {get_args(Place)}")
    return tuple(found)
