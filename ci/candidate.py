"""What the gate judges: one strategy as bytes, where it came from, and the diff that proposes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autarch.manifest import StrategySource

Kind = Literal["strategy", "platform", "mixed", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """What stands on main in a candidate's place: main's version of the slug, else of its `[origin] parent`."""

    slug: str
    tree: str
    source: StrategySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposal. Bytes come from the object store, for a folder from its regular files.

    `problems` are reasons why the diff or folder is not one strategy; `source_problem` says why
    `source` is None although the files are in order (a manifest that does not parse). `base` is
    where main stood and seeds the gate's samples; `head` and `tree` are None for a folder, `head`
    also when a claim is re-derived. `removal`: nothing is proposed in place of what goes. `incumbent`
    is what `base` holds in its place, None for cash; where a claim is of main itself it is the
    candidate's own tree.
    """

    kind: Kind
    slug: str | None
    source: StrategySource | None
    source_problem: str | None = None
    problems: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    removal: bool = False
    base: str | None = None
    head: str | None = None
    tree: str | None = None
    incumbent: Incumbent | None = None
