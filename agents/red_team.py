"""The red team: a model tries to get a strategy past the gate on a market that has nothing to find.

The market is synthetic and without any edge, made anew from a seed and committed beside main where nobody but the gate
sees it. Whatever the gate accepts there has none, by construction, so it is an exploit; it becomes a canary, which the
build then demands to be caught.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import tomlkit

from agents.describing import one_line, quoted
from agents.evolution.answering import problem_of
from agents.evolution.parties import Gate, GateQuestion, GateWord
from agents.evolution.writing import renamed
from agents.ports import Brief, NoProposalError, Proposer
from autarch.errors import RefusedError, StrategyError
from autarch.manifest import StrategySource, parse_source
from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import DEFAULT_BARS, default_spec, synth_recipe
from autarch.repo.git import GitRepo, StaleRefError
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

DATASET = "no_edge"
CORPUS = "tests/canaries/corpus"
KIND = "red-team"
ATTEMPTS_MAX = 20
SHOULD_CATCH = "evidence"
_EMAIL = "agent@autarch.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One try: what was handed in, and what the gate said of it; no word where it never came to a gate."""

    slug: str
    hypothesis: str
    source: StrategySource | None
    word: GateWord | None
    detail: str = ""

    @property
    def is_exploit(self) -> bool:
        """Whether the gate accepted what cannot have an edge."""
        return self.word is not None and self.word.verdict == "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """A market without an edge on top of main: the commit that holds its lock, and the lock."""

    base: str
    lock: bytes
    seed: int


def arena(  # noqa: PLR0913  what a market is made of, and where it goes
    repo: GitRepo, main: str, stores: Stores, *, seed: int, when_s: int, bars: int = DEFAULT_BARS
) -> Arena:
    """Make a market without edges, keep its bars, and commit its lock on top of `main`; no branch names the commit.

    Raises:
        DataError: a store cannot be written.
    """
    built = build(synth_recipe(default_spec(seed=seed, edges=(), n_bars=bars), name=DATASET))
    write_blobs(built, stores)
    lock = lock_toml(built.lock)
    tree = repo.with_files(repo.tree_of(main), {f"ci/datasets/{DATASET}.toml": lock})
    author = Person(name=KIND, email=_EMAIL, when_s=when_s)
    message = f"Add a market without an edge, seed {seed}\n"
    return Arena(base=repo.commit_tree(tree, parents=[main], message=message, author=author), lock=lock, seed=seed)


def probe(  # noqa: PLR0913  who tries what, against what
    proposer: Proposer, where: Arena, *, repo: GitRepo, gate: Gate, number: int, when_s: int, task: str = ""
) -> Probe:
    """Have `proposer` try once.

    Raises:
        BudgetError, VendorError: as `Proposer.propose`.
        UndecidedError: the gate could not be asked.
    """
    slug = f"probe_{where.seed}_{number}"
    brief = Brief(operator="exploit", slug=slug, base=where.base, seed=where.seed + number, task=task)
    blank = Probe(slug=slug, hypothesis="", source=None, word=None)
    try:
        made = proposer.propose(brief)
        problem = problem_of(made.files)
        if problem is not None:
            return replace(blank, detail=problem)
        source = parse_source(slug=slug, manifest_bytes=made.files["manifest.toml"], code=made.files["strategy.py"])
    except (NoProposalError, StrategyError) as error:
        return replace(blank, detail=str(error))
    files = {f"strategies/{slug}/manifest.toml": source.manifest_bytes, f"strategies/{slug}/strategy.py": source.code}
    head = repo.commit_tree(
        repo.with_files(repo.tree_of(where.base), files),
        parents=[where.base],
        message=f"Probe {slug}\n",
        author=Person(name=KIND, email=_EMAIL, when_s=when_s),
    )
    word = gate(GateQuestion(base=where.base, head=head))
    caught = ", ".join(failure.check for failure in word.failures)
    return Probe(slug=slug, hypothesis=made.hypothesis, source=source, word=word, detail=caught)


def canary_files(found: Probe, where: Arena, *, name: str) -> Mapping[str, bytes]:
    """Return the files of an exploit as a canary: its folder, and the card beside it that says what should catch it.

    Raises:
        RefusedError: it is no exploit.
    """
    if not found.is_exploit or found.source is None:
        raise RefusedError(
            f"{found.slug} was caught by {found.detail or 'the gate'}; only what gets through is a canary"
        )
    card = tomlkit.document()
    card["does"] = _ascii(found.hypothesis)[:200] or "passes the gate without an edge"
    card["kind"] = "flattering"
    card["check"] = SHOULD_CATCH
    card["through"] = f"accepted on a market without any edge, seed {where.seed}; nothing catches it yet"
    return {
        f"{CORPUS}/{name}.toml": tomlkit.dumps(card).encode("ascii"),
        f"{CORPUS}/{name}/manifest.toml": renamed(found.source.manifest_bytes, name),
        f"{CORPUS}/{name}/strategy.py": found.source.code,
    }


def propose_canary(  # noqa: PLR0913  what is proposed, from where, and to whom
    found: Probe, where: Arena, *, main: str, agent: str, repo: GitRepo, remote: Remote, when_s: int
) -> tuple[str, str, str, str]:
    """Push an exploit as a canary on a branch of its own; return branch, head, title and body of its pull request.

    It is a platform change: a code owner reads it, and whoever cures the gate removes the card's `through`.

    Raises:
        RefusedError: it is no exploit, or the forge refuses.
    """
    name = f"red_{found.slug}"
    title = f"Add canary {name}: the gate accepted it on a market without an edge"
    body = (
        f"The gate accepted what {agent} wrote, on a synthetic market without any edge (seed {where.seed}).\n\n"
        f"What it claims:\n\n{quoted(found.hypothesis)}\n\n"
        "Reproduce: the market is that of `autarch data synth` with that seed and without edges. The card says "
        "`through` until a check catches it."
    )
    changes = dict(canary_files(found, where, name=name))
    head = repo.commit_tree(
        repo.with_files(repo.tree_of(main), changes),
        parents=[main],
        message=f"{title}\n\n{body}\n\nAgent: {one_line(agent)}\nOperator: exploit\n",
        author=Person(name=KIND, email=_EMAIL, when_s=when_s),
    )
    for number in range(1, ATTEMPTS_MAX + 1):
        branch = f"agent/{KIND}/{name}-{number}"
        ref = f"refs/heads/{branch}"
        try:
            repo.push(remote, {ref: head}, leases={ref: None})
        except StaleRefError:
            continue
        return branch, head, title, body
    raise RefusedError(
        f"branches agent/{KIND}/{name}-1 and the {ATTEMPTS_MAX - 1} after it are taken; close some first"
    )


def _ascii(text: str) -> str:
    return one_line(text).encode("ascii", "replace").decode("ascii")
