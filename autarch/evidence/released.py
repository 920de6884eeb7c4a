"""The message of a release tag: what a human reads, and one canonical JSON line that a deployer reads. Schema 1."""

from __future__ import annotations

import re

import msgspec

from autarch.canonical import canonical_json
from autarch.errors import DeployError

VERSION = re.compile(r"v(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\Z")


class ReleasedStrategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sleeve of the released portfolio and the evidence it stands on.

    `tree` is the git tree id of strategies/<strategy> at the tag, `evidence` the claim's SHA-256,
    `decisions` its decision digest, `weight` a decimal in text.
    """

    account: str
    strategy: str
    tree: str
    evidence: str
    decisions: str
    tier: str
    weight: str


class Released(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a release binds beside its commit. `ledger_head` is a commit of `autarch/ledger`."""

    schema: int
    tag: str
    commit: str
    engine: str
    policy: str
    policy_path: str
    dataset: str
    ledger_head: str
    waivers: list[str]
    strategies: list[ReleasedStrategy]


def render_release(released: Released) -> str:
    """Return the tag message of `released`: subject, readable lines, the canonical JSON line."""
    line = canonical_json(msgspec.to_builtins(released)).decode()
    return "\n".join((f"Release {released.tag}", "", *_readable(released), "", line, ""))


def parse_release(message: str) -> Released:
    """Return the release a tag message (without its signature) carries.

    Raises:
        DeployError: no such line, more than one, unknown keys, or readable text that says
            something else than the JSON: a human approved what a machine would not run.
    """
    lines = [line for line in message.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise DeployError(
            f"the tag's message holds {len(lines)} JSON lines, expected 1; sign it with `autarch release`"
        )
    try:
        released = msgspec.json.decode(lines[0], type=Released, strict=True)
    except msgspec.MsgspecError as error:
        raise DeployError(f"the tag's JSON line does not parse: {error}; sign it with `autarch release`") from error
    if released.schema != 1:
        raise DeployError(f"the tag's schema is {released.schema}; this runtime reads schema 1. Upgrade the runtime")
    if render_release(released).strip() != message.strip():
        raise DeployError("the tag's readable text and its JSON line disagree; sign it again with `autarch release`")
    return released


def _readable(released: Released) -> list[str]:
    lines = [
        f"commit   {released.commit}",
        f"dataset  {released.dataset}",
        f"policy   {released.policy_path} {released.policy}",
        f"engine   {released.engine}",
        f"ledger   {released.ledger_head}",
        f"waivers  {', '.join(released.waivers) or 'none'}",
    ]
    for item in released.strategies:
        lines += [
            "",
            f"{item.account}: {item.strategy}  tier {item.tier}  weight {item.weight}",
            f"  evidence  {item.evidence}",
            f"  decisions {item.decisions}",
            f"  tree      {item.tree}",
        ]
    return lines
