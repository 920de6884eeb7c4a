"""A proposer that runs a command-line agent in a worktree, confined, with its tools behind one door."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agents.confining import cage
from agents.confining.gateway import Door, Gateway, Vendored
from agents.confining.outputs import Reported, read_output
from agents.confining.recipes import Recipe, find_recipe
from agents.confining.worktree import PACKAGES, PROJECT, Worktree, arm, make_worktree
from agents.conversing import conversation, parents_of, said_of
from agents.paying import Till
from agents.ports import Brief, NoProposalError, Proposal
from agents.prompting import SYSTEM, first_word
from agents.spending.caps import narrower
from agents.tools.box import Finished, ToolAnswer, Toolbox
from autarch.canonical import canonical_digest
from autarch.errors import AutarchError, ConfigError, UsageError

if TYPE_CHECKING:
    from agents.household import Household

WORK = ".autarch/agents/work"
SECONDS_MAX = 1_800.0
TURNS_MAX = 40
TOOLS_WORD = """
Your tools
- Write strategies/{slug}/ with your own editor. Everything else here is to read; a change elsewhere is refused.
- Run the rest as `python3 tool.py NAME 'JSON'`, or by the MCP server `autarch`: list_strategies, read_guide,
  check_policy, backtest, compare, finish, give_up and so on; `python3 tool.py` names them.
- There is no network beyond that, no git, no keys. You end with finish or give_up.
"""


def command_proposer(house: Household, name: str, *, subscription: bool = False) -> CommandProposer:
    """Return the proposer of one recipe.

    Raises:
        UsageError: there is no such recipe, or `subscription` without a login to copy.
        ConfigError: the program or the key is missing.
        UnknownModelError: the recipe's model is not listed.
    """
    recipe = find_recipe(name, house.root)
    program = sys.executable if recipe.program == "{python}" else str(cage.find_program(recipe.program))
    till = house.till(kind=name, model=recipe.model)
    key = house.key_of(recipe.key, recipe.upstream) if not subscription else ""
    if subscription and not recipe.login:
        raise UsageError(f"recipe {name} has no login of a subscription to copy; leave --subscription out")
    base = recipe.upstream or house.script_url(name, recipe.model)
    vendored = None if subscription else Vendored(vendor=recipe.vendor, base=base, key=key, model=recipe.model)
    return CommandProposer(house, name, recipe, program=program, till=till, vendored=vendored)


class CommandProposer:
    """Runs one recipe's program for each brief."""

    def __init__(  # noqa: PLR0913  what a run is made of
        self, house: Household, name: str, recipe: Recipe, *, program: str, till: Till, vendored: Vendored | None
    ) -> None:
        """Know what to run; nothing runs yet."""
        self._house, self._name, self._recipe = house, name, recipe
        self._program, self._till, self._vendored = program, till, vendored

    @property
    def kind(self) -> str:
        """The recipe's name."""
        return self._name

    @property
    def model(self) -> str:
        """The model the recipe names."""
        return self._recipe.model

    def propose(self, brief: Brief) -> Proposal:
        """Return what the program hands in; see `agents.ports.Proposer.propose`.

        Raises:
            SandboxError: it cannot be confined here, and the household was not told `unconfined`.
        """
        house = self._house
        box = house.furnish(brief, kind=self._name, model=self.model)
        named = conversation(brief, kind=self._name, model=self.model)
        word = house.redactor.clean_all(
            first_word(brief, market=house.bench.words(), trials=box.bounds.trials, calls=box.bounds.calls)
        )
        stored = house.answers.recall(f"outcome {named}")
        if stored is None:
            outcome = self._run(brief, box, word, named)
            house.answers.keep(f"outcome {named}", msgspec.json.encode(outcome))
        else:
            outcome = msgspec.json.decode(stored, type=_Outcome)
        return self._proposal(brief, box, outcome, word, named)

    def _proposal(self, brief: Brief, box: Toolbox, outcome: _Outcome, word: str, named: str) -> Proposal:
        house = self._house
        spent, trials = house.purse.spent(named), box.counter.trials()
        agent = f"{self._name} {self.model}"
        study = box.counter.study(slug=brief.slug, parent=parents_of(brief), agent=agent, seed=brief.seed)
        if outcome.finished is None:
            raise NoProposalError(
                f"{self._name} handed in nothing for {brief.slug}: {outcome.problem}. Its {len(trials)} trials count",
                usage=spent,
                trials=trials,
                study=study,
            )
        finished = Finished(
            files=dict(outcome.files), **{name: text for name, text in outcome.finished.items() if name != "files"}
        )
        return Proposal(
            agent=self._name,
            model=self.model,
            brief=brief,
            **said_of(finished),
            usage=spent,
            trials=trials,
            study=study,
            prompt=canonical_digest([SYSTEM, word]),
            transcript=house.keep_transcript(outcome.transcript),
            summary=outcome.summary,
            cutoff=self._till.model.cutoff,
            confinement=outcome.confinement,
        )

    def _run(self, brief: Brief, box: Toolbox, word: str, named: str) -> _Outcome:
        house, recipe = self._house, self._recipe
        till = replace(self._till, budget=narrower(house.budget, brief.budget))
        with cage.rooms(house.root / WORK) as (ours, theirs):
            tree = make_worktree(theirs, repo=house.repo, base=house.base, slug=brief.slug, own=box.files)
            run = _Run(tree=tree, box=box)
            door = Door(tool=run.tool, vendored=self._vendored, till=till, conversation=named, hosts=self._hosts())
            opened: list[Gateway] = []
            errand_of = _Errands(self, run, word, opened, door)
            booked = None if self._vendored is not None else till.begin_run(named, turns=self._turns(till))
            try:
                ran = cage.run(errand_of, errand_of.serve, unconfined=house.unconfined, folder=ours)
            finally:
                for gateway in opened:
                    gateway.close()
            reported = read_output(ran.output, recipe.output)
            if booked is not None:
                used = reported.tokens
                till.end_run(booked, named, used, turns=reported.turns, is_whole=reported.is_whole)
            refused = opened[0].refused if opened else []
            return self._outcome(run, ran, reported, refused)

    def _outcome(self, run: _Run, ran: cage.Ran, reported: Reported, refused: list[str]) -> _Outcome:
        clean = self._house.redactor.clean_all
        outside = run.tree.outside_edits()
        finished, box = run.box.finished, run.box
        problem = reported.problem or "it ended without finish"
        if ran.code is None:
            problem = f"it was ended after {SECONDS_MAX:,.0f} s or too much output"
        elif ran.code:
            problem = f"exit code {ran.code}: {' '.join(ran.told.split())[-200:]}; {problem}"
        if box.gave_up is not None:
            problem = box.gave_up
        if outside:
            finished, problem = None, f"it edited outside its folder: {', '.join(outside[:5])}"
        lines = [f"{reported.turns} turns, {box.calls} tool calls, {ran.confinement}", *refused[:5]]
        return _Outcome(
            finished=None if finished is None else {k: v for k, v in said_of(finished).items() if k != "files"},
            files={} if finished is None else finished.files,
            problem=clean(problem)[:500],
            summary=clean("\n".join(lines))[:2_000],
            transcript=clean(ran.output.decode("utf-8", "replace")).encode(),
            confinement=ran.confinement,
        )

    def _hosts(self) -> tuple[str, ...]:
        return self._recipe.hosts if self._vendored is None else ()

    def _turns(self, till: Till) -> int:
        return min(TURNS_MAX, till.budget.proposal.turns or TURNS_MAX)

    def errand(self, run: _Run, word: str, gateway: Gateway, port: int) -> cage.Errand:
        """Return the program for a gateway that listens on `port`."""
        address = f"http://127.0.0.1:{port}"
        instructions = SYSTEM + TOOLS_WORD.format(slug=run.box.brief.slug)
        python = sys.executable
        run.tree, named = arm(run.tree, instructions=instructions, python=python, gateway=address, word=gateway.word)
        turns = self._turns(self._till)
        values = {
            **named,
            "prompt": word,
            "model": self.model,
            "turns": str(turns),
            "gateway": address,
            "python": python,
        }
        command, environment = self._recipe.filled(values)
        return cage.Errand(
            command=(self._program, *command[1:]),
            environment={**self._environment(run.tree, gateway, address), **environment},
            cwd=run.tree.root,
            reads=(str(run.tree.root), str(run.tree.code), *_toolchain(self._program, self._recipe)),
            writes=(str(run.tree.own), str(run.tree.home), str(run.tree.scratch)),
            seconds=SECONDS_MAX,
        )

    def _environment(self, tree: Worktree, gateway: Gateway, address: str) -> dict[str, str]:
        """Return all the environment there is: nothing of ours is passed on but where programs lie."""
        plain = {
            "PATH": os.pathsep.join((str(Path(self._program).parent), str(Path(sys.executable).parent), os.defpath)),
            "HOME": str(tree.home),
            "TMPDIR": str(tree.scratch),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(tree.code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        if self._vendored is not None:
            return {**plain, self._recipe.key_in: gateway.word}
        self._copy_login(tree)
        return {**plain, "HTTPS_PROXY": address, "https_proxy": address}

    def _copy_login(self, tree: Worktree) -> None:
        for name in self._recipe.login:
            source = Path.home() / name
            if source.is_file():
                target = tree.home / name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                target.write_bytes(source.read_bytes())
                target.chmod(0o600)


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, kept before it is used: `finished` what was said of `files`, or None with the `problem`."""

    finished: dict[str, str] | None
    files: dict[str, bytes]
    problem: str
    summary: str
    transcript: bytes
    confinement: str


class _Run:
    """One run's tools, which read the agent's folder anew before each."""

    def __init__(self, *, tree: Worktree, box: Toolbox) -> None:
        self.tree, self.box = tree, box

    def tool(self, name: str, arguments: Mapping[str, Any] | None) -> ToolAnswer:
        try:
            for file, content in self.tree.files().items():
                self.box.put(file, content)
        except AutarchError as error:
            return ToolAnswer(text=str(error), failed=True)
        return self.box.call(name, arguments)


class _Errands:
    """Opens the gateway when the port is known, and writes the errand for it."""

    def __init__(self, proposer: CommandProposer, run: _Run, word: str, opened: list[Gateway], door: Door) -> None:
        self._proposer, self._run, self._word, self._opened = proposer, run, word, opened
        self._gateway = Gateway(door)
        opened.append(self._gateway)

    def __call__(self, port: int) -> cage.Errand:
        return self._proposer.errand(self._run, self._word, self._gateway, port)

    def serve(self, listener: socket.socket) -> None:
        self._gateway.serve(listener)


def _toolchain(program: str, recipe: Recipe) -> tuple[str, ...]:
    """Return what the program is made of, and our own tools; never a home or a root as a whole."""
    real = Path(program).resolve()
    package = next((p.parent for p in real.parents if p.name == "node_modules"), real.parent)
    wanted = [*map(Path, (sys.prefix, sys.base_prefix)), package, real, Path(program)]
    wanted += [*(PROJECT / package for package in PACKAGES), *(Path(path).expanduser() for path in recipe.reads)]
    barred = {Path("/"), Path.home(), PROJECT, *Path.home().parents}
    bad = [path for path in wanted if path in barred]
    if bad:
        raise ConfigError(f"a recipe may not open {bad[0]} as a whole; install the program into a folder of its own")
    return tuple(dict.fromkeys(str(path) for path in wanted))
