"""What happens to a round's answers: copies are refused by code, then by decisions; then numbers, then the gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from agents.evolution import novelty
from agents.evolution.assessing import Sketch, Terms, Tuned, sketch, tune, untuned
from agents.evolution.behaviour import Signature
from agents.evolution.judging import judged_of, write_candidate
from agents.evolution.parties import GateQuestion, GateWord, Parties, Standing
from agents.evolution.population import Candidate, Member, runs_of
from agents.evolution.records import Begun, Sketched
from agents.evolution.structure import structure_digest
from agents.evolution.studying import study_of
from agents.evolution.tournament import gate_minutes
from autarch.manifest import StrategySource, parse_source


class Steps:
    """Takes candidates of one run from an answer to a judgement."""

    def __init__(self, parties: Parties, begun: Begun, standing: Sequence[Standing]) -> None:
        """Prepare; nothing runs yet."""
        self._with, self._begun, self._standing = parties, begun, standing
        self._signatures: dict[str, Signature] = {}
        self._read: dict[str, Signature] = {}
        self._structures = [(one.name, structure_digest(one.source) or "") for one in standing]
        self.seeds: tuple[Member, ...] = ()

    def sketch_standing(self) -> None:
        """Learn what stands already does on these bars; what cannot be played here breeds nothing."""
        seen = self._with.field.each(partial(sketch, self._with.terms), [one.source for one in self._standing])
        seeds = []
        for index, (one, found) in enumerate(zip(self._standing, seen, strict=True)):
            if found.stopped or found.score is None:
                self._with.progress(f"{one.name} breeds nothing: {found.detail}")
                continue
            self._signatures[one.name] = Signature.unpacked(found.signature)
            if one.breeds:
                seeds.append(_seed(one, found, island=index % self._with.settings.loop.islands))
        self.seeds = tuple(seeds)

    def sketch(self, steps: frozenset[int]) -> None:
        """Refuse copies and learn what the others do, in the order of their steps."""
        candidates = self._candidates()
        waiting = [c for c in self._of(candidates, steps) if c.sketched is None and not c.stopped]
        fresh: list[Candidate] = []
        for one in waiting:
            twin = self._copied_code(one, candidates)
            if twin is None:
                fresh.append(one)
            else:
                self._note(one, Sketch(stopped="code", detail=f"the same code as {twin}, but for names and numbers"))
        seen = self._with.field.each(partial(sketch, self._with.terms), [self._source(one) for one in fresh])
        for one, found in zip(fresh, seen, strict=True):
            self._note(one, self._novel(one, found))

    def judge(self, steps: frozenset[int]) -> None:
        """Choose the numbers of what is new, and have the gate judge it."""
        waiting = [c for c in self._of(self._candidates(), steps) if c.is_member and not c.is_done]
        jobs = [(self._source(c), c.answered.step, c.answered.agent in self._with.numeric) for c in waiting]
        tuned = list(self._with.field.each(partial(_tuned, self._with.terms, self._begun.seed), jobs))
        heads = [
            write_candidate(self._with.repo, self._begun, c.answered.slug, numbers.source)
            for c, numbers in zip(waiting, tuned, strict=True)
        ]
        reasons = [self._why_not(numbers) for numbers in tuned]
        words = self._words([head for head, reason in zip(heads, reasons, strict=True) if not reason])
        for one, numbers, head, reason in zip(waiting, tuned, heads, reasons, strict=True):
            self._note_judgement(one, numbers, head, reason or next(words))

    def _why_not(self, numbers: Tuned) -> str:
        """Return why a candidate is not worth a gate, empty where it is."""
        least, score = self._with.settings.gate.score_min, numbers.sketch.score
        if score is None:
            return numbers.sketch.detail or "it has no score"
        if score < least:
            return f"its train score {score:+.3f} is below {least:+.3f}, so no gate was spent on it"
        if self._with.gate is None:
            return "nothing is judged in this run"
        most = self._with.settings.gate.minutes_per_day_max
        if gate_minutes(self._candidates(), now_s=self._with.clock_s()) >= most:
            return f"today's {most:.0f} minutes of gates are spent"
        return ""

    def _words(self, heads: list[str]) -> Iterator[GateWord]:
        gate = self._with.gate
        if gate is None:
            return iter(())
        return self._with.field.each(gate, [GateQuestion(base=self._begun.base, head=head) for head in heads])

    def _novel(self, one: Candidate, found: Sketch) -> Sketch:
        """Return what was found, stopped where somebody known decides the same."""
        if found.stopped:
            return found
        known = [*self._signatures.items(), *self._earlier(one)]
        twin = novelty.copied_decisions(Signature.unpacked(found.signature), known, limits=self._with.settings.novelty)
        return found if twin is None else replace(found, stopped="decisions", detail=f"{twin[0]} again: {twin[1]}")

    def _earlier(self, one: Candidate) -> Iterator[tuple[str, Signature]]:
        for other in self._candidates():
            if (other.run, other.answered.step) < (one.run, one.answered.step) and other.is_member:
                found = self._signature_of(other)
                if found is not None:
                    yield other.name, found

    def _signature_of(self, other: Candidate) -> Signature | None:
        """Return what a candidate decides, read from the journal once for each record that says so."""
        noted = other.judgement or other.sketch
        if noted is None:
            return None
        if noted.commit not in self._read:
            packed = self._with.journal.attachment(noted, "signature")
            if not packed:
                return None
            self._read[noted.commit] = Signature.unpacked(packed)
        return self._read[noted.commit]

    def _copied_code(self, one: Candidate, candidates: Sequence[Candidate]) -> str | None:
        if one.answered.agent in self._with.own_numbers:
            return None
        earlier = [
            (c.name, c.answered.structure)
            for c in candidates
            if (c.run, c.answered.step) < (one.run, one.answered.step) and not c.stopped
        ]
        return novelty.copied_code(one.answered.structure, [*self._structures, *earlier])

    def _note(self, one: Candidate, found: Sketch) -> None:
        record = Sketched(
            run=one.run,
            when_s=self._with.clock_s(),
            step=one.answered.step,
            stopped=found.stopped,
            detail=found.detail,
            decisions=found.decisions,
            score=found.score,
            sharpe=found.sharpe,
            cell=found.cell,
            metrics=dict(found.metrics or {}),
        )
        kept = {} if found.stopped else {"signature": found.signature}
        self._with.journal.append(record, attached=kept)
        if found.stopped:
            self._with.progress(f"step {record.step}: stopped by {found.stopped}: {found.detail}")

    def _note_judgement(self, one: Candidate, numbers: Tuned, head: str, word: GateWord | str) -> None:
        study = study_of(numbers.trials, begun=self._begun, slug=one.answered.slug)
        record = judged_of(one, numbers, head, word, study=study.digest, when_s=self._with.clock_s())
        attached = {
            "manifest.toml": numbers.source.manifest_bytes,
            "strategy.py": numbers.source.code,
            "signature": numbers.sketch.signature,
            "study.json": study.packed(),
        }
        readme = self._with.journal.attachment(one.answer, "README.md")
        if readme is not None:
            attached["README.md"] = readme
        self._with.journal.append(record, attached=attached, keep=head)
        score = "none" if record.score is None else format(record.score, "+.2f")
        told = record.verdict or "not judged"
        why = f": {record.failures[0].check}: {record.failures[0].detail}" if record.failures else ""
        self._with.progress(f"step {record.step}: score {score}, {told}{why}")

    def _candidates(self) -> tuple[Candidate, ...]:
        runs = runs_of(self._with.journal.read())
        return tuple(c for run in runs if run.begun.dataset == self._begun.dataset for c in run.candidates)

    def _of(self, candidates: Sequence[Candidate], steps: frozenset[int]) -> list[Candidate]:
        return [c for c in candidates if c.run == self._begun.run and c.answered.step in steps]

    def _source(self, one: Candidate) -> StrategySource:
        files = {name: self._with.journal.attachment(one.answer, name) for name in ("manifest.toml", "strategy.py")}
        return parse_source(
            slug=one.answered.slug, manifest_bytes=files["manifest.toml"] or b"", code=files["strategy.py"] or b""
        )


def _tuned(terms: Terms, seed: int, job: tuple[StrategySource, int, bool]) -> Tuned:
    """Choose the numbers of one candidate, in whatever process this is; an optimiser's own stand."""
    source, step, has_numbers = job
    return untuned(terms, source) if has_numbers else tune(terms, source, seed=seed + step)


def _seed(one: Standing, found: Sketch, *, island: int) -> Member:
    return Member(
        name=one.name,
        slug=one.source.manifest.name,
        family=one.source.manifest.name,
        island=island,
        score=found.score or 0.0,
        cell=found.cell,
        metrics=dict(found.metrics or {}),
        has_search=bool(one.source.manifest.search),
    )
