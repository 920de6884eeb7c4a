"""What the gate judges: one strategy as bytes, where it came from, and the diff that proposes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autarch.manifest import StrategySource

Kind = Literal["strategy", "platform", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposal. Bytes come from the object store, for a folder from its regular files.

    `scope_problems` are reasons why the diff or folder is not one strategy; `source_problem` says
    why `source` is None although files exist (a manifest that does not parse). `base` seeds the
    gate's samples and is where main stood; `head` and `tree` are None for a folder.
    """

    kind: Kind
    slug: str | None
    source: StrategySource | None
    source_problem: str | None = None
    scope_problems: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    base: str | None = None
    head: str | None = None
    tree: str | None = None
