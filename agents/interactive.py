"""A proposer that is a person's own session in Claude Code, Codex or any program that speaks MCP.

The session gets the loop's tools, bounds and record, so what is tried by hand counts like what the loop tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.conversing import conversation, parents_of, said_of
from agents.ports import Brief, NoProposalError, Proposal
from agents.prompting import SYSTEM, first_word
from agents.serving import serve_stdio
from agents.tools.offered import TOOLS
from autarch.canonical import canonical_digest

if TYPE_CHECKING:
    from agents.household import Household

KIND = "interactive"


class InteractiveProposer:
    """Serves its tools on standard input and output until the client leaves. What a model costs there is not known."""

    def __init__(self, house: Household, *, model: str) -> None:
        """Be asked by `model`, by its user's word; its knowledge's end is looked up where it is listed."""
        self._house, self._model = house, model

    @property
    def kind(self) -> str:
        """As in the branch's name."""
        return KIND

    @property
    def model(self) -> str:
        """As its user says."""
        return self._model

    def propose(self, brief: Brief) -> Proposal:
        """Return what the session handed in, once it is over; see `agents.ports.Proposer.propose`."""
        house = self._house
        box = house.furnish(brief, kind=KIND, model=self._model)
        word = first_word(brief, market=house.bench.words(), trials=box.bounds.trials, calls=box.bounds.calls)
        word = house.redactor.clean_all(word)
        said: list[str] = []

        def call(name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
            answer = box.call(name, arguments)
            said.append(f"{name}{' (refused)' if answer.failed else ''}")
            return answer.text, answer.failed

        serve_stdio(TOOLS, call, instructions=f"{SYSTEM}\n{word}")
        trials = box.counter.trials()
        study = box.counter.study(slug=brief.slug, parent=parents_of(brief), agent=KIND, seed=brief.seed)
        spent = house.purse.spent(conversation(brief, kind=KIND, model=self._model))
        if box.finished is None:
            raise NoProposalError(
                f"the session ended without finish; nothing is proposed. Its {len(trials)} trials are on the record",
                usage=spent,
                trials=trials,
                study=study,
            )
        listed = house.models.models.get(self._model)
        summary = "\n".join(f"{number}. {line}" for number, line in enumerate(said, start=1))[:2_000]
        return Proposal(
            agent=KIND,
            model=self._model,
            brief=brief,
            **said_of(box.finished),
            usage=spent,
            trials=trials,
            study=study,
            prompt=canonical_digest([SYSTEM, word]),
            transcript=house.keep_transcript(summary.encode()),
            summary=summary,
            cutoff=None if listed is None else listed.cutoff,
            confinement="interactive",
        )
