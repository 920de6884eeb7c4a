"""What a proposer is told, what it hands back, and what either costs: the seam between models and the loop.

Whoever writes strategies, a vendor's model, a command-line agent, a script or an optimiser, is a `Proposer`; whoever
turns proposals into pull requests, evolves or reviews knows nothing else of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

from agents.study import Study, Trial
from autarch.canonical import Sha256, canonical_digest, sha256_hex
from autarch.errors import ConfigError, RefusedError, UndecidedError

Operator = Literal["create", "mutate", "cross", "simplify", "repair", "port", "exploit"]
"""How a strategy comes from its parents; `exploit` is the red team's: pass the gate without an edge."""

AttemptEnd = Literal["answered", "failed", "cut", "abandoned"]
"""`cut`: the stream ended before its usage was told; `abandoned`: this process ended before an answer came."""

UNCONFINED = "unconfined"
"""`Proposal.confinement` of an agent that ran with the caller's own rights; written into trailers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Text of a stranger: it reaches a model only as marked data. `source` says whose, in our words."""

    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A strategy to start from, with its metrics on train where they are known."""

    slug: str
    commit: str
    manifest: bytes
    code: bytes
    metrics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What may be spent at most; None: no cap of this kind. `usd` is the vendor's price, not a subscription's."""

    usd: Decimal | None = None
    tokens: int | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Caps of one call, one proposal, one UTC day and one UTC month; the last two are of all agents together."""

    call: Caps = Caps()
    proposal: Caps = Caps()
    day: Caps = Caps()
    month: Caps = Caps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a proposer is told.

    Attributes:
        operator: How the strategy is to come about.
        slug: The one folder that may be written.
        base: Commit of main it is written against.
        seed: Of whatever the proposer draws.
        parents: What to start from: none for create, two for cross, one for the rest.
        report: The gate's words about the version to repair, or None. Data, never instructions.
        task: What is wanted beside the operator, in our words: a niche of behaviour, a family to leave.
        quoted: Issue text, comments and the like. Data, never instructions.
        budget: Caps for this proposal; the workspace's own hold beside them.
        attempt: Told apart from an earlier brief of the same content: a new attempt is paid for anew.
    """

    operator: Operator
    slug: str
    base: str
    seed: int
    parents: tuple[Parent, ...] = ()
    report: str | None = None
    task: str = ""
    quoted: tuple[Quoted, ...] = ()
    budget: Budget = Budget()
    attempt: int = 1

    @property
    def digest(self) -> Sha256:
        """Name of this brief: what is stored of its answers is found by it after a crash. Budgets do not count."""
        parents = [[p.slug, p.commit, sha256_hex(p.manifest), sha256_hex(p.code)] for p in self.parents]
        asked = [self.operator, self.slug, self.base, self.seed, self.task, self.attempt]
        return canonical_digest([asked, parents, self.report, [[q.source, q.text] for q in self.quoted]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, turns and dollars; sums with `+`.

    Attributes:
        input_tokens: Read at the full price: neither from a cache nor into one.
        cache_read: Read from a cache.
        cache_write: Written to a cache for the vendor's usual time.
        cache_write_long: Written to a cache for longer, at a higher price.
        output_tokens: Written, reasoning included.
        turns: Answers of a model.
        usd: At the prices of agents/models.toml.
        is_estimate: Some of it is what an attempt may have cost at most, since nobody told.
    """

    input_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    output_tokens: int = 0
    turns: int = 0
    usd: Decimal = Decimal(0)
    is_estimate: bool = False

    @property
    def tokens(self) -> int:
        """All of them, in and out."""
        return self.input_tokens + self.cache_read + self.cache_write + self.cache_write_long + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            cache_write_long=self.cache_write_long + other.cache_write_long,
            output_tokens=self.output_tokens + other.output_tokens,
            turns=self.turns + other.turns,
            usd=self.usd + other.usd,
            is_estimate=self.is_estimate or other.is_estimate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to a vendor, answered or not, as it is recorded: every attempt may cost.

    Attributes:
        brief: Digest of the brief (or of a review's request) it was made for.
        turn: Of the conversation, from 1; `number` counts the tries of that turn from 1.
        request: The vendor's name for it, empty when none was told.
        status: HTTP status, None when there was none.
        priced: Date of the price list it was reckoned with.
        when_ms: When it was sent, epoch ms.
    """

    agent: str
    model: str
    brief: str
    turn: int
    number: int
    end: AttemptEnd
    usage: Usage
    when_ms: int
    priced: str
    request: str = ""
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One strategy folder as a proposer leaves it, checked against the source policy and the manifest's schema.

    Attributes:
        agent: Kind of proposer, as it stands in the branch's name: `claude`, `codex`, `scripted-claude`, ...
        model: The vendor's id of the model, `none` for an optimiser.
        files: File name inside the folder -> bytes; manifest.toml and strategy.py at least.
        hypothesis: What is claimed, `mechanism` why it should be so, `falsifier` what would refute it, and
            `expected` how the behaviour differs from the parent's.
        usage: All attempts for this proposal together.
        trials: Every backtest on train that was run for it; each counts.
        prompt: SHA-256 of what the model was told first.
        transcript: SHA-256 of the redacted transcript in the local store.
        summary: The transcript in a few lines, redacted.
        cutoff: Last day the model can have read of, None for an optimiser: bars before it were no secret to it.
        confinement: In words how a command-line agent was confined; UNCONFINED; or `api` for a vendor's API.
    """

    agent: str
    model: str
    brief: Brief
    files: Mapping[str, bytes]
    hypothesis: str
    mechanism: str
    falsifier: str
    expected: str
    usage: Usage
    trials: tuple[Trial, ...]
    study: Study | None
    prompt: Sha256
    transcript: Sha256
    summary: str
    confinement: str = "api"
    cutoff: date | None = None

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Return the commit trailers that name where this came from, in order."""
        parents = [("Parent", f"{parent.slug}@{parent.commit}") for parent in self.brief.parents]
        study = [] if self.study is None else [("Study", self.study.digest)]
        free = [("Confinement", UNCONFINED)] if self.confinement == UNCONFINED else []
        known = [] if self.cutoff is None else [("Knowledge-Cutoff", self.cutoff.isoformat())]
        return (
            ("Agent", self.agent),
            ("Model", self.model),
            *parents,
            ("Operator", self.brief.operator),
            ("Trials", str(len(self.trials))),
            ("Cost-USD", format(self.usage.usd, ".6f")),
            ("Prompt-SHA256", self.prompt),
            ("Transcript-SHA256", self.transcript),
            ("Brief-SHA256", self.brief.digest),
            ("Seed", str(self.brief.seed)),
            *known,
            *study,
            *free,
        )


class Proposer(Protocol):
    """Writes one strategy when it is told what for."""

    @property
    def kind(self) -> str:
        """As in `Proposal.agent`."""

    @property
    def model(self) -> str:
        """As in `Proposal.model`."""

    def propose(self, brief: Brief) -> Proposal:
        """Return a proposal for `brief`.

        Called again with the same brief after a crash it goes on from what was paid for.

        Raises:
            BudgetError: a cap would be passed; what was paid for is kept, and the same brief goes on from it.
            VendorError: the vendor could not be reached, or refused the key or the request.
            NoProposalError: the model ended without a valid proposal; its trials count all the same.
        """


class UnknownModelError(ConfigError):
    """A model, or its price, is not in agents/models.toml: nothing is spent on what cannot be reckoned."""


class BudgetError(RefusedError):
    """A cap would be passed by the next call. Nothing is lost: raise the cap, or wait, and run the same again."""


class VendorError(UndecidedError):
    """A vendor did not answer, or refused the key or the request."""


class NoProposalError(RefusedError):
    """A model ended without a valid proposal: it gave up, refused, ran out of turns, or broke the rules.

    `usage` and `trials` are what it took; both count.
    """

    def __init__(
        self, text: str, *, usage: Usage | None = None, trials: tuple[Trial, ...] = (), study: Study | None = None
    ) -> None:
        """Say `text`: found, expected, next step."""
        super().__init__(text)
        self.usage = usage or Usage()
        self.trials = trials
        self.study = study
