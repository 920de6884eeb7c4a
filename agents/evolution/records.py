"""What the loop remembers: one record a fact, each a commit of the journal. Formats, schema 1.

A candidate is known by its run and step, written `run.step`. A step has one answer, at most one sketch, at most one
judgement and at most one pull request; what stopped it stands in the last of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Arm = Literal["evolution", "baseline"]
"""`baseline`: written from nothing, as often as the settings say, so that the loop has something to beat."""

Stop = Literal["", "no proposal", "outside its folder", "policy", "code", "fault", "score", "decisions"]
"""Why a candidate went no further before it was judged; empty: it was not stopped."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """One fact of run `run`, recorded at `when_s` (epoch seconds)."""

    run: int
    when_s: int


class Begun(_Record, frozen=True, kw_only=True, tag="begun"):
    """A run: from which main, on what bars, with whom, and how long at most."""

    base: str
    dataset: str
    agents: tuple[str, ...]
    rounds: int
    seed: int
    nightly: bool
    settings: str


class Answered(_Record, frozen=True, kw_only=True, tag="answered"):
    """What an agent handed in for one step, kept before anything else is done with it.

    Attached: the files of the strategy. `ancestors` are candidates (`run.step`) or strategies of main (their slug).
    `usd` is a decimal in text. `detail` says why there is no proposal.
    """

    step: int
    round: int
    agent: str
    model: str
    arm: Arm
    operator: str
    island: int
    ancestors: tuple[str, ...]
    brief: str
    slug: str
    stopped: Stop = ""
    detail: str = ""
    usd: str = "0"
    tokens: int = 0
    turns: int = 0
    is_estimate: bool = False
    trials: int = 0
    hypothesis: str = ""
    mechanism: str = ""
    falsifier: str = ""
    expected: str = ""
    prompt: str = ""
    transcript: str = ""
    summary: str = ""
    confinement: str = ""
    cutoff: str = ""
    structure: str = ""
    """Digest of the code whatever its names, comments and layout are; see `agents.evolution.structure`."""


class Sketched(_Record, frozen=True, kw_only=True, tag="sketched"):
    """What a candidate's own numbers decide and earn on train. Attached: its signature."""

    step: int
    stopped: Stop = ""
    detail: str = ""
    decisions: str = ""
    score: float | None = None
    sharpe: float | None = None
    cell: tuple[int, ...] = ()
    metrics: dict[str, float | None] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check that did not pass, with its sentence."""

    check: str
    klass: str
    detail: str


class Judged(_Record, frozen=True, kw_only=True, tag="judged"):
    """A candidate's numbers as the tuner chose them, and the gate's answer on train.

    Attached: the files with these numbers, their signature, the study. `commit` is the candidate's. `verdict` is
    empty where the gate's minutes were spent. `gate_s` is wall time, for the cap alone.
    """

    step: int
    commit: str
    study: str
    trials: int
    kept_own: bool
    walk_forward: float | None
    walk_forward_own: float | None
    decisions: str
    score: float | None
    sharpe: float | None
    cell: tuple[int, ...]
    metrics: dict[str, float | None]
    verdict: Literal["", "accepted", "rejected", "undecided"]
    failures: tuple[Failure, ...] = ()
    gate_s: float = 0.0


class Opened(_Record, frozen=True, kw_only=True, tag="opened"):
    """A candidate became a pull request."""

    step: int
    pull: int
    branch: str
    head: str


class Ended(_Record, frozen=True, kw_only=True, tag="ended"):
    """A run came to its end. `study` names its packed trials; `counted` whether the ledger holds them."""

    why: str
    study: str
    trials: int


Record = Begun | Answered | Sketched | Judged | Opened | Ended


def name_of(run: int, step: int) -> str:
    """Return how a candidate is called."""
    return f"{run}.{step}"
