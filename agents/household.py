"""Every proposer by its name, with what it needs: keys, caps, tools, train bars. One household a run.

    with Household.at(workspace, ...) as house:
        proposal = house.proposer("claude").propose(brief)

Names: `claude`, `codex`, `scripted-claude`, `scripted-codex`, each with `:MODEL` after it where another model than the
default is meant, and `command:RECIPE` for a command-line agent of agents/recipes.toml, with `:subscription` after it
where it is to use your login instead of a key.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agents.conversing import ModelProposer, Seat, ask, conversation
from agents.models import Models, read_models
from agents.paying import Answers, Till
from agents.ports import Brief, Budget, Proposer
from agents.scripted.talking import Script
from agents.secrets import redactor_of
from agents.spending.caps import narrower, read_budget
from agents.spending.purse import FILE, Purse
from agents.tools.boarding import LocalBoard
from agents.tools.box import Bounds, Toolbox
from agents.tools.counted import Counter
from agents.tools.library import Library
from agents.tools.trying import Bench, TrainBench
from agents.vendors.wire import Wire
from autarch.canonical import Sha256, sha256_hex
from autarch.errors import ConfigError, UsageError
from autarch.market.lock import read_lock
from autarch.redacting import Redactor
from autarch.repo.git import GitRepo
from autarch.workspace import Workspace

KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
KINDS = ("claude", "codex", "scripted-claude", "scripted-codex")
TRANSCRIPTS = ".autarch/transcripts"


@dataclass(slots=True, kw_only=True)
class Household:
    """What all proposers of one run share. Closing it ends workers, servers and connections.

    Attributes:
        repo: Holds `base`.
        base: Commit of main everything is read from.
        root: The workspace's folder.
        bench: Train bars and a worker.
        models: The list of models.
        budget: Caps of the workspace.
        purse: Its record of what was spent and tried.
        answers: Where paid-for answers are kept; the purse itself by default.
        redactor: Takes this host's secrets out of texts.
        progress: Told what goes on.
        unconfined: Run command-line agents with the caller's own rights.
        script: What scripted agents play; their author by default.
    """

    repo: GitRepo
    base: str
    root: Path
    bench: Bench
    models: Models
    budget: Budget
    purse: Purse
    answers: Answers
    redactor: Redactor
    environment: Mapping[str, str]
    clock_ms: Callable[[], int]
    progress: Callable[[str], None]
    keep_transcript: Callable[[bytes], Sha256]
    board: Callable[[str], str] | None = None
    bounds: Bounds = field(default_factory=Bounds)
    sleep: Callable[[float], None] = time.sleep
    unconfined: bool = False
    script: Script | None = None
    _closing: ExitStack = field(default_factory=ExitStack)
    _scripted: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(  # noqa: PLR0913  each names one thing of the host, and most have defaults
        cls,
        workspace: Workspace,
        *,
        base: str,
        dataset: str,
        capital: float,
        clock_ms: Callable[[], int],
        progress: Callable[[str], None],
        allow_weak: bool = False,
        unconfined: bool = False,
        answers: Answers | None = None,
        keep_transcript: Callable[[bytes], Sha256] | None = None,
        board: Callable[[str], str] | None = None,
        bounds: Bounds | None = None,
    ) -> Household:
        """Return the household of a workspace whose repository holds `base`.

        Args:
            workspace: Where we are.
            base: Commit of main everything is read from.
            dataset: Name of a lock that `base` has.
            capital: Quote units of each backtest.
            clock_ms: Epoch ms.
            progress: Told what goes on.
            allow_weak: Try drafts without full confinement; nothing of that is a verdict.
            unconfined: Run command-line agents with the caller's own rights, and say so on what they propose.
            answers: Where paid-for answers are kept.
            keep_transcript: Stores a redacted transcript and returns its digest.
            board: Answers `leaderboard` and `rejections`; by default from the ledger of this clone.
            bounds: What one proposal's tools may do.

        Raises:
            ConfigError: no such data set on main, or the list of models or the caps do not parse.
        """
        content = workspace.repo.blob_at(base, f"ci/datasets/{dataset}.toml")
        if content is None:
            raise ConfigError(f"main has no ci/datasets/{dataset}.toml; `autarch data ls` shows what exists")
        bench = TrainBench(lock=read_lock(content), stores=workspace.stores(), capital=capital, allow_weak=allow_weak)
        purse = Purse(workspace.root / FILE, clock_ms)
        house = cls(
            repo=workspace.repo,
            base=base,
            root=workspace.root,
            bench=bench,
            models=read_models(workspace.root),
            budget=read_budget(workspace.root),
            purse=purse,
            answers=answers or purse,
            redactor=redactor_of(workspace.root, dict(os.environ)),
            environment=dict(os.environ),
            clock_ms=clock_ms,
            progress=progress,
            keep_transcript=keep_transcript or (lambda content: store_transcript(workspace.root, content)),
            board=board or LocalBoard(workspace.repo, base, dataset),
            bounds=bounds or Bounds(),
            unconfined=unconfined,
        )
        house._closing.callback(bench.close)
        return house

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all it began. Twice is fine."""
        self._closing.close()
        self._scripted.clear()

    def proposer(self, name: str) -> Proposer:
        """Return the proposer of that name.

        Raises:
            UsageError: there is none of that name.
            UnknownModelError: its model, or the model's price, is not listed.
            ConfigError: its key is missing.
            SandboxError: a command-line agent cannot be confined here, and `unconfined` was not said.
        """
        kind, _, rest = name.partition(":")
        if kind == "command":
            from agents.commanding import command_proposer  # noqa: PLC0415  the others need none of it

            recipe, _, login = rest.partition(":")
            return command_proposer(self, recipe, subscription=login == "subscription")
        till, wire = self._seated(kind, rest)
        return ModelProposer(
            Seat(
                kind=kind,
                till=lambda brief: self._budgeted(till, brief),
                name=till.name,
                wire=wire,
                furnish=lambda brief: self.furnish(brief, kind=kind, model=till.name),
                market=self.bench.words,
                keep_transcript=self.keep_transcript,
            )
        )

    def ask(self, name: str, *, system: str, prompt: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], Sha256]:
        """Put one question to a model; see `agents.conversing.ask`. Strangers' text in `prompt` is to be quoted.

        Raises:
            UsageError, UnknownModelError, ConfigError: as `proposer`.
            BudgetError, VendorError: as `agents.conversing.ask`.
        """
        kind, _, rest = name.partition(":")
        till, wire = self._seated(kind, rest)
        return ask(till, wire, system=system, prompt=prompt, schema=schema)

    def furnish(self, brief: Brief, *, kind: str, model: str) -> Toolbox:
        """Return the tools of one brief, with what was tried for it before."""
        counter = Counter(
            brief=conversation(brief, kind=kind, model=model),
            book=self.purse,
            bench=self.bench,
            trials_max=self.bounds.trials,
        )
        library = Library(repo=self.repo, base=self.base, board=self.board)
        return Toolbox(
            brief=brief,
            library=library,
            bench=self.bench,
            counter=counter,
            redactor=self.redactor,
            bounds=self.bounds,
        )

    def till(self, *, kind: str, model: str) -> Till:
        """Return who pays for a kind of agent that asks `model`.

        Raises:
            UnknownModelError: the model is not listed.
        """
        return Till(
            agent=kind,
            name=model,
            model=self.models.get(model),
            priced=self.models.as_of.isoformat(),
            purse=self.purse,
            answers=self.answers,
            budget=self.budget,
            clean=self.redactor.clean_all,
            clock_ms=self.clock_ms,
            sleep=self.sleep,
            progress=self.progress,
        )

    def key_of(self, variable: str, upstream: str) -> str:
        """Return the key in a variable, or the script's where there is no vendor upstream.

        Raises:
            ConfigError: it is not set.
        """
        from agents.scripted.server import KEY  # noqa: PLC0415  for scripts alone

        key = self.environment.get(variable, "") if upstream else KEY
        if not key:
            raise ConfigError(
                f"{variable} is not set, and without a key nobody answers; export it, or choose a scripted agent, "
                "which needs none"
            )
        return key

    def script_url(self, name: str, model: str) -> str:
        """Return the address of the server that plays `model` for the agent `name`, started when first asked for."""
        if name not in self._scripted:
            from agents.scripted.author import Author  # noqa: PLC0415  for scripts alone
            from agents.scripted.server import ScriptedServer  # noqa: PLC0415

            server = ScriptedServer(self.script or Author(model))
            self._closing.callback(server.close)
            self._scripted[name] = server.url
            self.progress(f"{name} is a script behind a local server, no model: its code is drawn from a grammar")
        return self._scripted[name]

    def _seated(self, kind: str, rest: str) -> tuple[Till, Wire]:
        if kind not in KINDS:
            raise UsageError(f"there is no agent {kind!r}; there are: {', '.join(KINDS)}, command:RECIPE and tuner")
        till = self.till(kind=kind, model=rest or self.models.default.get(kind, kind))
        if till.model.scripted != kind.startswith("scripted-"):
            raise UsageError(f"{kind} does not ask {till.name}: one is a script, the other a vendor's model")
        url = self.script_url(kind, till.name) if till.model.scripted else None
        return till, self._wire(till.model.vendor, till.name, url)

    def _budgeted(self, till: Till, brief: Brief) -> Till:
        return replace(till, budget=narrower(self.budget, brief.budget))

    def _wire(self, vendor: str, model: str, url: str | None) -> Wire:
        from agents.vendors.anthropic_wire import AnthropicWire  # noqa: PLC0415  a vendor's library is asked for late
        from agents.vendors.openai_wire import OpenAIWire  # noqa: PLC0415

        key = self.key_of(KEYS[vendor], "" if url is not None else vendor)
        if vendor == "anthropic":
            wire: Wire = AnthropicWire(model=model, key=key, base_url=url)
        else:
            wire = OpenAIWire(model=model, key=key, base_url=None if url is None else f"{url}/v1")
        self._closing.callback(wire.close)
        return wire


def store_transcript(root: Path, content: bytes) -> Sha256:
    """Write a redacted transcript into the workspace's own store, outside of Git, and return its digest."""
    digest = sha256_hex(content)
    folder = root / TRANSCRIPTS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{digest}.jsonl"
    if not target.exists():
        fresh = folder / f"{digest}.{os.getpid()}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.replace(target)
    return digest
