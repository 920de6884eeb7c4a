"""Candidates on the forge: one pull request each, found again after a crash, with the whole run's trials behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from agents.describing import Story, proposal_of
from agents.evolution.journal import Journal
from agents.evolution.population import MAIN, Candidate, runs_of
from agents.evolution.records import Begun, Opened
from agents.ports import UNCONFINED
from agents.proposal import PullForge, open_pull_request
from agents.study import Study
from autarch.errors import AutarchError
from autarch.repo.git import GitRepo
from autarch.repo.runner import Remote
from autarch.repo.strategies import BYTES_MAX

CANDIDATE = "Candidate"
STUDIES = "refs/autarch/studies/"


Compare = Callable[[Candidate, Begun], str]
"""Says in Markdown what a candidate changes about what stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgePublisher:
    """Pushes with the agent's token and asks with it. `counting` has the ledger told, where this host may."""

    repo: GitRepo
    journal: Journal
    remote: Remote
    forge: Callable[[], AbstractContextManager[PullForge]]
    compare: Compare
    counting: Callable[[Study], None]

    def waiting(self) -> tuple[str, ...]:
        """Return the names of candidates whose pull requests are open, oldest first; see `Publisher`."""
        with self.forge() as forge:
            pulls = [pull for pull in forge.pulls(state="open") if pull.head_ref.startswith("agent/")]
        names = []
        for pull in reversed(pulls):
            try:
                names.append(self.repo.read_commit(pull.head_sha).trailers.get(CANDIDATE))
            except AutarchError:  # another clone's: not ours to count
                continue
        return tuple(name for name in names if name)

    def publish(self, candidate: Candidate, study: Study, *, begun: Begun) -> Opened:
        """Open one candidate's pull request; see `Publisher`."""
        judged = candidate.judged
        when_s = begun.when_s if judged is None else judged.when_s
        contents = {name: self.journal.attachment(candidate.newest, name) for name in BYTES_MAX}
        proposal = proposal_of(
            _story(candidate, self.compare(candidate, begun)),
            base=begun.base,
            files={name: content for name, content in contents.items() if content is not None},
            trailers=trailers_of(candidate, study, begun, parents=self._parents(candidate, begun)),
            study=study,
        )
        with self.forge() as forge:
            pull, head = open_pull_request(proposal, repo=self.repo, remote=self.remote, forge=forge, when_s=when_s)
        step = candidate.answered.step
        return Opened(run=begun.run, when_s=when_s, step=step, pull=pull.number, branch=pull.head_ref, head=head)

    def _parents(self, candidate: Candidate, begun: Begun) -> tuple[str, ...]:
        """Return whom it comes from as `slug@commit`."""
        known = {c.name: c for run in runs_of(self.journal.read()) for c in run.candidates}
        found = []
        for name in candidate.answered.ancestors:
            one = known.get(name)
            commit = begun.base if one is None or one.judged is None else one.judged.commit
            found.append(f"{name.removeprefix(MAIN) if one is None else one.answered.slug}@{commit}")
        return tuple(found)

    def count(self, study: Study) -> None:
        """Publish a run's study and have it counted; see `Publisher`."""
        ref = f"{STUDIES}{study.digest}"
        if ref not in self.repo.ls_remote(self.remote, ref):
            self.repo.push(self.remote, {ref: self.repo.write_blob(study.packed())})
        self.counting(study)


def trailers_of(
    candidate: Candidate, study: Study, begun: Begun, *, parents: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return the trailers of a candidate's commit: where it comes from, what it took, what stands behind it."""
    answered = candidate.answered
    free = [("Confinement", UNCONFINED)] if answered.confinement == UNCONFINED else []
    read_until = [("Knowledge-Cutoff", answered.cutoff)] if answered.cutoff else []
    return (
        ("Agent", answered.agent),
        ("Model", answered.model),
        *(("Parent", parent) for parent in parents),
        ("Operator", answered.operator),
        ("Trials", str(len(study.trials))),
        ("Cost-USD", answered.usd),
        ("Prompt-SHA256", answered.prompt),
        ("Transcript-SHA256", answered.transcript),
        ("Brief-SHA256", answered.brief),
        ("Seed", str(begun.seed)),
        (CANDIDATE, candidate.name),
        ("Arm", answered.arm),
        *read_until,
        *free,
        ("Study", study.digest),
    )


def _story(candidate: Candidate, change: str) -> Story:
    answered, judged = candidate.answered, candidate.judged
    return Story(
        agent=answered.agent,
        model=answered.model,
        operator=answered.operator,
        slug=answered.slug,
        hypothesis=answered.hypothesis,
        mechanism=answered.mechanism,
        expected=answered.expected,
        falsifier=answered.falsifier,
        change=change,
        numbers=numbers_text(
            kept_own=judged is None or judged.kept_own,
            walked=None if judged is None else judged.walk_forward,
            own=None if judged is None else judged.walk_forward_own,
        ),
        summary=answered.summary,
        transcript=answered.transcript,
        usd=answered.usd,
        is_estimate=answered.is_estimate,
    )


def numbers_text(*, kept_own: bool, walked: float | None, own: float | None) -> str:
    """Return how [params] came about, in a sentence."""
    if walked is None and own is None:
        return "[params] are as they were proposed."
    shown = f"walk-forward Sharpe {_shown(walked)} against {_shown(own)} of the proposer's own numbers"
    if kept_own:
        return f"[params] are the proposer's own: choosing within [search] was not worth it ({shown})."
    return f"[params] were chosen within [search] by walking forward through train ({shown})."


def _shown(value: float | None) -> str:
    return "none" if value is None else format(value, "+.2f")
