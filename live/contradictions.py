"""Where a journal says something else than the signed tag: whoever has the file can make its chain fit again.

The journal's hashes prove that it is whole, not who wrote it; the release's key proves that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autarch.errors import AutarchError
from autarch.evidence.claim import Claim
from autarch.evidence.released import Released, ReleasedStrategy, parse_release
from autarch.repo.git import GitRepo
from autarch.repo.signing import SignatureError, Trust, signer_of, verify_tag
from live.journal import Event

BOUND = ("tag", "commit", "engine", "policy", "policy_path", "dataset")
SLEEVE = ("tree", "evidence", "decisions", "tier")


def against_tag(repo: GitRepo, order: Event, opened: Event, trusts: Sequence[Trust]) -> tuple[str, ...]:
    """Return every difference between the run a journal recorded and the tag object it names.

    Args:
        repo: Where the tag is; an object that is not here contradicts nothing.
        order: The order asked about; its sleeve is compared.
        opened: The run's first event.
        trusts: Who may sign releases, tried in order.
    """
    said: Mapping[str, Any] = opened.body
    name, oid = str(said.get("tag")), str(said.get("tag_object"))
    there = repo.read_ref(f"refs/tags/{name}")
    found = [] if there in {None, oid} else [_line("tag object", oid, there, "the repository")]
    try:
        tag = repo.read_tag(oid)
    except AutarchError:
        return tuple(found)
    try:
        released = parse_release(tag.message)
    except AutarchError as error:
        return (*found, f"tag {name} carries no release: {error}")
    if tag.target != released.commit:
        found.append(f"tag {name} points at {tag.target} and its message says {released.commit}")
    found += [
        _line(field, said.get(field), getattr(released, field))
        for field in BOUND
        if said.get(field) != getattr(released, field)
    ]
    return (*found, *_sleeve(order, said, released), *_signature(repo, said, oid, name, trusts))


def against_claim(claim: Claim, *, slug: str, tree: object) -> tuple[str, ...]:
    """Return where the evidence speaks of another strategy than `slug` as the tree `tree`."""
    wanted = (("strategy", slug, claim.strategy.name), ("tree", tree, claim.strategy.tree))
    return tuple(
        _line(f"{what} of the evidence", ours, theirs, "the evidence")
        for what, ours, theirs in wanted
        if ours != theirs
    )


def sleeve_of(repo: GitRepo, order: Event, opened: Event) -> ReleasedStrategy | None:
    """Return what the run's tag says of the order's strategy, or None when that cannot be read here."""
    try:
        released = parse_release(repo.read_tag(str(opened.body["tag_object"])).message)
    except AutarchError:
        return None
    return next((item for item in released.strategies if item.strategy == order.body["strategy"]), None)


def _sleeve(order: Event, said: Mapping[str, Any], released: Released) -> list[str]:
    slug = str(order.body["strategy"])
    ours: Mapping[str, Any] = said.get("sleeves", {}).get(slug, {})
    items = [item for item in released.strategies if item.strategy == slug]
    if not items:
        listed = ", ".join(item.strategy for item in released.strategies)
        return [_line("strategy", slug, listed)]
    differing = [[field for field in SLEEVE if ours.get(field) != getattr(item, field)] for item in items]
    least = min(range(len(items)), key=lambda index: len(differing[index]))
    return [_line(f"{slug}'s {field}", ours.get(field), getattr(items[least], field)) for field in differing[least]]


def _signature(repo: GitRepo, said: Mapping[str, Any], oid: str, name: str, trusts: Sequence[Trust]) -> list[str]:
    problem = f"nobody is listed who may sign tag {name}"
    for trust in trusts:
        try:
            tag = verify_tag(repo, f"refs/tags/{name}", trust=trust, oid=oid)
        except SignatureError as error:
            problem = str(error)
            continue
        content = repo.tag_bytes(oid)
        signer = signer_of(content[: len(content) - len(tag.signature)], tag.signature)
        return [] if signer == said.get("signer") else [_line("signer", said.get("signer"), signer)]
    return [problem]


def _line(what: str, journal: object, other: object, where: str = "tag") -> str:
    return f"{what}: journal says {journal}, {where} says {other}"
