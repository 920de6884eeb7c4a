"""The tuner as a proposer: `--agent tuner`. It takes a parent's structure and searches its numbers with Optuna."""

from __future__ import annotations

from dataclasses import dataclass

from agents.evolution.assessing import Terms, bench_of
from agents.evolution.writing import with_numbers
from agents.ports import Brief, NoProposalError, Proposal, Usage
from agents.tuner import tune
from autarch.canonical import canonical_digest, sha256_hex
from autarch.errors import StrategyError, UsageError
from autarch.manifest import parse_source

KIND = "tuner"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersProposer:
    """Moves what [search] lets move; `trials` sets a proposal, each counted."""

    terms: Terms
    trials: int

    @property
    def kind(self) -> str:
        """In branch names."""
        return KIND

    @property
    def model(self) -> str:
        """There is none."""
        return "none"

    def propose(self, brief: Brief) -> Proposal:
        """Return the brief's parent with the numbers that score best on train.

        Raises:
            NoProposalError: there is no parent with numbers to move, or none scores above its own.
        """
        if not brief.parents:
            raise NoProposalError("the tuner needs a parent; it writes no structure")
        parent = brief.parents[0]
        try:
            source = parse_source(slug=parent.slug, manifest_bytes=parent.manifest, code=parent.code)
            with bench_of(self.terms, source) as bench, bench.scorer() as score:
                study = tune(
                    source.manifest,
                    score,
                    trials=self.trials,
                    seed=brief.seed,
                    parent=f"{parent.slug}@{parent.commit}",
                    dataset=bench.lock.ref,
                    progress=lambda _line: None,
                )
        except (StrategyError, UsageError) as error:
            raise NoProposalError(f"the tuner cannot work on {parent.slug}: {error}") from error
        best, first = study.best, study.trials[0]
        if best is None or best.params == first.params or (best.score or 0.0) <= (first.score or 0.0):
            raise NoProposalError(
                f"none of {len(study.trials)} trials of {parent.slug} scores above its own numbers",
                trials=study.trials,
                study=study,
            )
        own = "none" if first.score is None else format(first.score, "+.3f")
        return Proposal(
            agent=KIND,
            model="none",
            brief=brief,
            files={
                "manifest.toml": with_numbers(parent.manifest, {**source.manifest.params, **best.params}),
                "strategy.py": parent.code,
            },
            hypothesis=(
                f"The structure of {parent.slug} is right and its numbers are not: on train another choice within "
                f"[search] scores {best.score:+.3f} against {own}."
            ),
            mechanism=f"That of {parent.slug}.",
            falsifier="Forward bars on which the proposed numbers earn less than the parent's.",
            expected="The same trades, sooner or later, larger or smaller.",
            usage=Usage(),
            trials=study.trials,
            study=study,
            prompt=canonical_digest([KIND, brief.digest]),
            transcript=sha256_hex(b""),
            summary=f"{len(study.trials)} parameter sets by {study.sampler}.",
            confinement="none needed",
        )
