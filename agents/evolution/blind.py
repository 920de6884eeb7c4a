"""The grammar as a proposer: `--agent grammar`. It costs nothing, and tells what a model's money must beat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agents.evolution import grammar
from agents.evolution.trees import Written
from agents.ports import Brief, NoProposalError, Operator, Parent, Proposal, Usage
from autarch.canonical import canonical_digest, sha256_hex
from autarch.errors import StrategyError

KIND = "grammar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """Draws, edits and grafts, seeded by the brief. `symbols` and `interval` are those of what it draws anew."""

    symbols: tuple[str, ...]
    interval: str

    @property
    def kind(self) -> str:
        """In branch names."""
        return KIND

    @property
    def model(self) -> str:
        """There is none."""
        return "none"

    def propose(self, brief: Brief) -> Proposal:
        """Return what chance makes of the brief's parents.

        Raises:
            NoProposalError: a parent does not parse as this grammar needs it.
        """
        rng = random.Random(brief.digest)  # noqa: S311  a draw that anyone can repeat
        parents = [Written(manifest=parent.manifest, code=parent.code) for parent in brief.parents]
        try:
            made = drawn(rng, brief.operator, parents, slug=brief.slug, symbols=self.symbols, interval=self.interval)
            written = grammar.originated(made, _origin(brief.parents))
        except (SyntaxError, StrategyError, KeyError, ValueError) as error:
            raise NoProposalError(f"the grammar cannot edit {brief.parents[0].slug}: {error}") from error
        nothing = sha256_hex(b"")
        return Proposal(
            agent=KIND,
            model="none",
            brief=brief,
            files=written.files(),
            hypothesis="None. A seeded generator drew this; only its measurements speak for it.",
            mechanism="None.",
            falsifier="Forward bars on which it earns less than what stands in its place.",
            expected="Unknown.",
            usage=Usage(),
            trials=(),
            study=None,
            prompt=canonical_digest([KIND, brief.digest]),
            transcript=nothing,
            summary="Drawn without a model.",
            confinement="none needed",
        )


def drawn(  # noqa: PLR0913  what a draw is made of
    rng: random.Random,
    operator: Operator,
    parents: Sequence[Written],
    *,
    slug: str,
    symbols: Sequence[str],
    interval: str,
) -> Written:
    """Return what chance makes of `parents` by `operator`, without an origin.

    Raises:
        SyntaxError, StrategyError, KeyError, ValueError: a parent does not parse as this grammar needs it.
    """
    if not parents or operator == "create":
        return grammar.create(rng, slug=slug, symbols=symbols, interval=interval)
    if operator == "cross" and len(parents) > 1:
        return grammar.cross(rng, parents[0], parents[1], slug=slug)
    if operator == "simplify":
        return grammar.simplify(rng, parents[0], slug=slug)
    if operator == "port":
        return grammar.port(rng, parents[0], slug=slug, symbols=symbols)
    return grammar.mutate(rng, parents[0], slug=slug)


def _origin(parents: tuple[Parent, ...]) -> str | None:
    return f"{parents[0].slug}@{parents[0].commit}" if parents else None
