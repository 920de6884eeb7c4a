"""A release tag names a version, is signed, binds a commit that main itself went through, and stays."""

from __future__ import annotations

from autarch.errors import DeployError
from autarch.evidence.released import VERSION, parse_release
from autarch.forge.checks import RELEASE_SIGNERS
from autarch.forge.rules import Move, Rulebook, need_role, refuse
from autarch.repo import signing
from autarch.repo.objects import Tag
from autarch.repo.signing import SignatureError, Trust

_RELEASE = "sign a new version with: autarch release"


def judge_tag(book: Rulebook, move: Move) -> None:
    """Refuse unless `move` creates a release tag.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    name = move.ref.removeprefix("refs/tags/")
    need_role(book, ("human",), "a release tag")
    if move.new is None:
        raise refuse("tag-delete", f"{name} is released; hosts may run it", "release a newer version instead")
    if move.old is not None:
        raise refuse("tag-immutable", f"{name} is released at {move.old[:12]}", _RELEASE)
    if not VERSION.match(name):
        raise refuse("tag-version", f"{name!r} is no version such as v1.2.3; no host would run it", _RELEASE)
    if book.repo.kind_of(move.new) != "tag":
        raise refuse("tag-annotated", f"{name} is lightweight, so nobody signed it", _RELEASE)
    tag = book.repo.read_tag(move.new)
    if tag.name != name:
        raise refuse("tag-name", f"the signed object calls itself {tag.name!r}, not {name!r}", _RELEASE)
    try:
        trust = Trust(signers=book.signers(RELEASE_SIGNERS), principal=signing.RELEASE_PRINCIPAL)
        signing.verify_tag(book.repo, move.ref, trust=trust, oid=move.new)
    except SignatureError as error:
        raise refuse("tag-signature", str(error), _RELEASE) from error
    if not book.repo.first_parent_contains(book.main(), tag.target):
        why = f"{tag.target[:12]} is not a commit that main went through"
        raise refuse("tag-on-main", why, "tag a merge commit of main, not a branch's own commits")
    _judge_message(tag, name)


def _judge_message(tag: Tag, name: str) -> None:
    """Refuse unless the signed message is a release of this very name and commit.

    A signature says who wrote the text, not that a host can read it; a name once taken stays taken.
    """
    try:
        released = parse_release(tag.message)
    except DeployError as error:
        raise refuse("tag-message", str(error), _RELEASE) from error
    if released.tag != name:
        raise refuse("tag-message", f"its message releases {released.tag!r}, not {name!r}", _RELEASE)
    if released.commit != tag.target:
        why = f"its message releases {released.commit[:12]!r}, the tag is of {tag.target[:12]}"
        raise refuse("tag-message", why, _RELEASE)
