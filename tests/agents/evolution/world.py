"""A loop's whole world in one folder, which survives the death of a process: repositories, a forge, a vendor's bill.

Backtests and the gate are played by fakes that answer from a candidate's bytes alone.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from agents.evolution.assessing import Sketch, Terms, Tuned
from agents.evolution.behaviour import SAMPLES, Signature
from agents.evolution.blind import Grammar
from agents.evolution.journal import Journal
from agents.evolution.looping import Came, Evolution, Wanted, begin
from agents.evolution.opening import ForgePublisher
from agents.evolution.parties import GateQuestion, GateWord, Parties, Standing
from agents.evolution.records import Failure
from agents.evolution.settings import Settings, parse_settings
from agents.ports import Brief, Proposal, Usage
from agents.study import Study, Trial
from autarch.canonical import sha256_hex
from autarch.manifest import StrategySource, parse_source
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

ROOT = Path(__file__).resolve().parents[3]
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
NOW_S = 1_700_000_000
WHO = Person(name="human", email="human@example.invalid", when_s=NOW_S)


def settings(**loop: Any) -> Settings:
    whole = parse_settings((ROOT / "agents/evolve.toml").read_bytes())
    return msgspec.structs.replace(whole, loop=msgspec.structs.replace(whole.loop, **{"founders": 0, **loop}))


def seed_source(slug: str = "hill") -> StrategySource:
    manifest = (ROOT / "strategies/ema_trend/manifest.toml").read_bytes().replace(b"ema_trend", slug.encode())
    return parse_source(
        slug=slug, manifest_bytes=manifest, code=(ROOT / "strategies/ema_trend/strategy.py").read_bytes()
    )


def sketch_of(source: StrategySource) -> Sketch:
    """Return a sketch drawn from the candidate's bytes: the same for the same, and unlike any other's."""
    rng = np.random.default_rng(int(source.digest[:12], 16))
    levels = rng.integers(-100, 100, size=(SAMPLES, len(SYMBOLS))).astype(np.int16)
    score = float(rng.normal(0.5, 0.5))
    return Sketch(
        decisions=sha256_hex(source.digest.encode()),
        score=score,
        sharpe=score,
        cell=tuple(int(x) for x in rng.integers(0, 3, size=4)),
        metrics={"sharpe": score},
        signature=Signature(symbols=SYMBOLS, levels=levels).packed(),
    )


class FakeField:
    """Answers sketches, tunings and gates from bytes."""

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        name = getattr(getattr(work, "func", work), "__name__", "gate")
        if name == "sketch":
            return (sketch_of(item) for item in items)
        if name == "_tuned":
            return (self._tuned(source, step) for source, step, _numeric in items)
        return (work(item) for item in items)

    def _tuned(self, source: StrategySource, step: int) -> Tuned:
        seen = sketch_of(source)
        trials = tuple(Trial(params={"step": step, "n": n}, score=0.1, sharpe=0.1, decisions=None) for n in range(3))
        return Tuned(source=source, sketch=seen, trials=trials, kept_own=True, walk_forward=0.1, own=0.2)


@dataclass(frozen=True, slots=True)
class FakeGate:
    """Accepts three of four, by the commit's name."""

    def __call__(self, question: GateQuestion) -> GateWord:
        if int(question.head[:8], 16) % 4 != 2:
            return GateWord(verdict="accepted", failures=(), seconds=1.0)
        failed = Failure(check="robustness", klass="limit", detail="Too few bets; trade more often.")
        return GateWord(verdict="rejected", failures=(failed,), seconds=1.0)


class Vendor:
    """A model that is paid for each answer it gives anew; what was paid for is told again for nothing."""

    def __init__(self, folder: Path, kind: str, die: Callable[[], None]) -> None:
        self.folder, self.kind, self.model, self._die = folder / kind, kind, "scripted-1", die
        self.folder.mkdir(exist_ok=True)

    def propose(self, brief: Brief) -> Proposal:
        self._die()
        paid = self.folder / brief.digest
        if not paid.exists():
            with (self.folder / "bill").open("a") as bill:
                bill.write(brief.digest + "\n")
                bill.flush()
            scratch = paid.with_suffix(".tmp")
            scratch.write_text("answered")
            scratch.rename(paid)
        self._die()
        made = Grammar(symbols=SYMBOLS, interval="15m").propose(brief)
        self._die()
        return replace(
            made,
            agent=self.kind,
            model=self.model,
            hypothesis="One hypothesis.\n\nAgent: somebody else",
            usage=Usage(output_tokens=100, turns=1, usd=Decimal("0.01")),
        )

    def bill(self) -> list[str]:
        return (self.folder / "bill").read_text().split() if (self.folder / "bill").exists() else []


class FakeForge:
    """Pull requests in a file."""

    def __init__(self, path: Path, repo: GitRepo, die: Callable[[], None]) -> None:
        self._path, self._repo, self._die = path, repo, die

    def rows(self) -> list[dict[str, Any]]:
        return json.loads(self._path.read_text()) if self._path.exists() else []

    def create_pull(self, *, head: str, title: str, body: str) -> Any:
        self._die()
        rows = self.rows()
        sha = self._repo.read_ref(f"refs/heads/{head}")
        rows.append({"number": len(rows) + 1, "head_ref": head, "head_sha": sha, "title": title, "body": body})
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(json.dumps(rows))
        scratch.rename(self._path)
        self._die()
        return SimpleNamespace(**rows[-1])

    def pulls(self, *, state: str = "open", head: str | None = None) -> tuple[Any, ...]:
        assert state in {"open", "all"}
        return tuple(SimpleNamespace(**row) for row in reversed(self.rows()) if head in {None, row["head_ref"]})


class DyingRepo(GitRepo):
    """Dies before and after a reference moves here or there."""

    die: Callable[[], None] = staticmethod(lambda: None)

    def update_ref(self, *arguments: Any, **named: Any) -> None:
        self.die()
        super().update_ref(*arguments, **named)
        self.die()

    def push(self, *arguments: Any, **named: Any) -> None:
        self.die()
        super().push(*arguments, **named)
        self.die()


class World:
    """The folder and what is in it."""

    def __init__(self, folder: Path, *, die: Callable[[], None] = lambda: None, per_round: int = 4) -> None:
        self.folder, self._die, self.per_round = folder, die, per_round
        folder.mkdir(exist_ok=True)
        work, forge = folder / "work.git", folder / "forge.git"
        if not work.exists():
            _begin(work, forge)
        self.repo = DyingRepo(work)
        self.repo.die = die
        self.there = GitRepo(forge)
        self.remote = Remote(url=str(forge))
        self.forge = FakeForge(folder / "pulls.json", self.there, die)
        self.vendors = {kind: Vendor(folder, kind, die) for kind in ("scripted-a", "scripted-b")}
        self.said: list[str] = []
        self.counted = folder / "counted"

    def parties(self, **changes: Any) -> Parties:
        journal = Journal(self.repo)

        @contextmanager
        def connected() -> Iterator[FakeForge]:
            yield self.forge

        terms = Terms(
            lock=(ROOT / "ci/datasets/synthetic.toml").read_bytes(),
            stores=Stores.under(self.folder),
            capital=1e5,
            bounds=settings().archive,
            sets=3,
            folds=3,
        )
        made = Parties(
            repo=self.repo,
            journal=journal,
            settings=settings(candidates_per_round=self.per_round),
            settings_digest="0" * 64,
            terms=terms,
            field=FakeField(),
            proposers=self.vendors,
            numeric=frozenset(),
            own_numbers=frozenset(),
            gate=FakeGate(),
            publisher=ForgePublisher(
                repo=self.repo,
                journal=journal,
                remote=self.remote,
                forge=connected,
                compare=lambda candidate, _begun: f"Nothing was compared for {candidate.name}.",
                counting=self._count,
            ),
            clock_s=lambda: NOW_S,
            progress=self.said.append,
        )
        return replace(made, **changes)

    def wanted(self, **changes: Any) -> Wanted:
        made = Wanted(
            base=self.repo.rev_parse("main"), agents=("scripted-a", "scripted-b"), rounds=2, seed=3, nightly=True
        )
        return replace(made, **changes)

    def standing(self) -> tuple[Standing, ...]:
        return (Standing(name="main:hill", commit=self.repo.rev_parse("main"), source=seed_source(), breeds=True),)

    def run(self, **changes: Any) -> Came:
        parties = self.parties()
        return Evolution(parties, begin(parties, self.wanted(**changes)), self.standing()).run()

    def _count(self, study: Study) -> None:
        self._die()
        known = set(self.counted.read_text().split()) if self.counted.exists() else set()
        self.counted.write_text("\n".join(sorted(known | {study.digest})))
        self._die()


def _begin(work: Path, forge: Path) -> None:
    for path in (work, forge):
        subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    repo, source = GitRepo(work), seed_source()
    tree = repo.with_files(
        None, {"strategies/hill/manifest.toml": source.manifest_bytes, "strategies/hill/strategy.py": source.code}
    )
    main = repo.commit_tree(tree, parents=[], message="Begin\n", author=WHO)
    repo.update_ref("refs/heads/main", main, old=None)
    repo.push(Remote(url=str(forge)), {"refs/heads/main": main})


def killing_after(count: int) -> Callable[[], None]:
    """Return what ends this process by SIGKILL when it is called for the `count`-th time."""
    left = [count]

    def die() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)

    return die
