"""Put protection in force on a platform, piece by piece, and tell of each whether it now holds there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from autarch.forge import protection
from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.protection import Piece, Profile, Protection
from autarch.forge.wire_more import Repository

Word = Literal["made", "changed", "kept", "would be made", "would be changed", "refused", "not on this plan"]
_PLAN = frozenset({httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of one piece. `why` says why it does not hold; `lost` what only the deployer refuses then."""

    kind: str
    name: str
    word: Word
    says: str
    why: str = ""
    lost: str = ""

    @property
    def enforced(self) -> bool:
        """True when the platform enforces it, or would after this."""
        return self.word not in {"refused", "not on this plan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to put in force: for which profile, whose App judges, who consents, and whether only to look."""

    protection: Protection
    profile: Profile
    gate_app: int
    reviewers: tuple[int, ...]
    dry_run: bool = False


def put_in_force(forge: ForgeClient, order: Order, *, told: Callable[[str], None]) -> Iterator[Held]:
    """Yield what became of each piece, in the order it is done; done again, it changes nothing.

    Raises:
        ForgeRefusedError: the token may not administer the repository.
    """
    about = forge.about()
    told(f"{about.full_name}: {'private' if about.private else 'public'}, profile {order.profile}")
    yield _settings(forge, order)
    yield from _labels(forge, order)
    known = _known_rulesets(forge, order, about)
    for piece in order.protection.of(order.profile):
        reason = protection.unavailable(piece, order.profile, about)
        if reason:
            yield _held(piece, "not on this plan", why=reason)
        elif piece.kind == "ruleset":
            yield _ruleset(forge, piece, order, known)
        else:
            yield _environment(forge, piece, order)


def table_of(held: Sequence[Held]) -> list[str]:
    """Return lines that say what the platform enforces and what is left to the deployer."""
    width = max((len(each.name) for each in held), default=0)
    lines = ["", "the platform enforces:"]
    lines += [f"  {each.name:<{width}}  {each.says}" for each in held if each.enforced]
    left = [each for each in held if not each.enforced]
    if left:
        lines += ["", "only the deployer refuses (not enforced here):"]
        lines += [f"  {each.name:<{width}}  {each.lost}\n  {'':<{width}}  why: {each.why}" for each in left]
    lines += ["", "no platform rule covers refs/autarch/**: readers believe the signatures there, never the references"]
    return lines


def _settings(forge: ForgeClient, order: Order) -> Held:
    says = "merges are merge commits; a workflow's own token reads, and approves nothing"
    if not order.dry_run:
        forge.change_repository(protection.REPOSITORY_SETTINGS)
        forge.set_actions_policy(protection.ACTIONS_POLICY)
    return Held(kind="settings", name="settings", word="would be changed" if order.dry_run else "changed", says=says)


def _labels(forge: ForgeClient, order: Order) -> Iterator[Held]:
    known = {label.name for label in forge.repository_labels()}
    for label in order.protection.labels:
        says = label.description or ""
        if label.name in known:
            yield Held(kind="label", name=label.name, word="kept", says=says)
        else:
            if not order.dry_run:
                forge.make_label(label)
            word: Word = "would be made" if order.dry_run else "made"
            yield Held(kind="label", name=label.name, word=word, says=says)


def _known_rulesets(forge: ForgeClient, order: Order, about: Repository) -> dict[str, int]:
    pieces = [piece for piece in order.protection.of(order.profile) if piece.kind == "ruleset"]
    if all(protection.unavailable(piece, order.profile, about) for piece in pieces):
        return {}
    try:
        return {ruleset.name: ruleset.id for ruleset in forge.rulesets()}
    except ForgeRefusedError as error:
        if error.status in _PLAN and not error.needed:
            return {}  # each piece is refused below, with the platform's own words
        raise


def _ruleset(forge: ForgeClient, piece: Piece, order: Order, known: dict[str, int]) -> Held:
    body = protection.filled(piece, gate_app=order.gate_app, reviewers=order.reviewers)
    number = known.get(piece.name)

    def put() -> Word:
        if number is None:
            if not order.dry_run:
                forge.create_ruleset(body)
            return "would be made" if order.dry_run else "made"
        if not protection.differences(body, forge.ruleset(number)):
            return "kept"
        if not order.dry_run:
            forge.update_ruleset(number, body)
        return "would be changed" if order.dry_run else "changed"

    return _tried(piece, put)


def _environment(forge: ForgeClient, piece: Piece, order: Order) -> Held:
    body = protection.filled(piece, gate_app=order.gate_app, reviewers=order.reviewers)

    def put() -> Word:
        found = forge.environment(piece.name)
        if order.dry_run:
            return "would be made" if found is None else "would be changed"
        forge.set_environment(piece.name, body)
        known = set(forge.environment_branches(piece.name))
        for kind, pattern in piece.meta.branches:
            if (kind, pattern) not in known:
                forge.add_environment_branch(piece.name, kind=kind, pattern=pattern)
        return "made" if found is None else "changed"

    held = _tried(piece, put)
    if held.enforced or not body["reviewers"]:
        return held
    # Reviewers are the first thing a plan lacks; without them the environment still keeps its secrets to itself.
    without = replace(piece, body={**piece.body, "reviewers": []})
    again = _environment(forge, without, order)
    return replace(again, word="refused", why=f"{held.why}; made without reviewers") if again.enforced else held


def _tried(piece: Piece, put: Callable[[], Word]) -> Held:
    try:
        return _held(piece, put())
    except ForgeRefusedError as error:
        if error.status not in _PLAN or error.needed:
            raise
        return _held(piece, "refused", why=error.message)


def _held(piece: Piece, word: Word, why: str = "") -> Held:
    lost = piece.meta.lost if why else ""
    return Held(kind=piece.kind, name=piece.name, word=word, says=piece.meta.says, why=why, lost=lost)


def as_json(held: Sequence[Held]) -> list[dict[str, Any]]:
    """Return what became of each piece, for a machine."""
    names = ("kind", "name", "word", "says", "why", "lost")
    return [{**{name: getattr(each, name) for name in names}, "enforced": each.enforced} for each in held]
