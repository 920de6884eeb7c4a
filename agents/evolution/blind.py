"""The grammar as a proposer: `--agent grammar`. It costs nothing, and tells what a model's money must beat."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agents.evolution import grammar
from agents.evolution.trees import Written
from agents.ports import Brief, NoProposalError, Parent, Proposal, Usage
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
            made = self._made(rng, brief, parents)
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

    def _made(self, rng: random.Random, brief: Brief, parents: list[Written]) -> Written:
        if not parents or brief.operator == "create":
            return grammar.create(rng, slug=brief.slug, symbols=self.symbols, interval=self.interval)
        if brief.operator == "cross" and len(parents) > 1:
            return grammar.cross(rng, parents[0], parents[1], slug=brief.slug)
        if brief.operator == "simplify":
            return grammar.simplify(rng, parents[0], slug=brief.slug)
        if brief.operator == "port":
            return grammar.port(rng, parents[0], slug=brief.slug, symbols=self.symbols)
        return grammar.mutate(rng, parents[0], slug=brief.slug)


def _origin(parents: tuple[Parent, ...]) -> str | None:
    return f"{parents[0].slug}@{parents[0].commit}" if parents else None
