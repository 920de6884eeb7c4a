"""Git's objects as values: parsed from exact bytes, named by their own hash. No process, no disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ObjectKind = Literal["blob", "tree", "commit", "tag"]

REGULAR, EXECUTABLE, SYMLINK, GITLINK, FOLDER = "100644", "100755", "120000", "160000", "040000"
OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One name in a tree. `path` keeps undecodable bytes as surrogates, so it is exact; `mode` has six digits."""

    mode: str
    oid: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffEntry:
    """One path that differs between two trees; renames are a D and an A. Absent sides have mode 000000."""

    status: str
    path: str
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who wrote or recorded a commit, and when (UTC seconds since the epoch)."""

    name: str
    email: str
    when_s: int = 0

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit as stored. `message` excludes the headers."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.partition("\n")[0]

    @property
    def trailers(self) -> dict[str, str]:
        """The `Key: value` lines that end the message; see `parse_trailers`."""
        return parse_trailers(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """An annotated tag as stored. `name` is what the signed object calls itself, whatever ref points at it."""

    oid: str
    name: str
    target: str
    target_kind: str
    tagger: Person
    message: str
    signature: bytes

    @property
    def trailers(self) -> dict[str, str]:
        """The `Key: value` lines that end the message; see `parse_trailers`."""
        return parse_trailers(self.message)


def object_id(kind: str, content: bytes, *, like: str = "") -> str:
    """Return the name git gives `content`: SHA-1, or SHA-256 when `like` is a 64-character name."""
    hasher = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    hasher.update(f"{kind} {len(content)}\0".encode())
    hasher.update(content)
    return hasher.hexdigest()


def parse_tree(content: bytes, *, oid_bytes: int = 20) -> tuple[TreeEntry, ...]:
    """Return a tree object's entries in stored order; each path is one name.

    Raises:
        ValueError: the bytes are no tree.
    """
    entries = []
    at = 0
    while at < len(content):
        zero = content.index(b"\0", at)
        mode, _, name = content[at:zero].partition(b" ")
        end = zero + 1 + oid_bytes
        if end > len(content) or not name:
            raise ValueError("a tree entry is cut short")
        entries.append(
            TreeEntry(mode=mode.decode("ascii").zfill(6), oid=content[zero + 1 : end].hex(), path=text(name))
        )
        at = end
    return tuple(entries)


def format_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the tree object that holds `entries` (single names), in git's order: folders sort as `name/`."""

    def order(entry: TreeEntry) -> bytes:
        return raw(entry.path) + (b"/" if entry.mode == FOLDER else b"")

    return b"".join(
        entry.mode.lstrip("0").encode() + b" " + raw(entry.path) + b"\0" + bytes.fromhex(entry.oid)
        for entry in sorted(entries, key=order)
    )


def parse_commit(oid: str, content: bytes) -> Commit:
    """Return the commit stored as `content`.

    Raises:
        ValueError: a header is missing.
    """
    headers, message = _split(content)
    return Commit(
        oid=oid,
        tree=_one(headers, "tree"),
        parents=tuple(value for key, value in headers if key == "parent"),
        author=parse_person(_one(headers, "author")),
        committer=parse_person(_one(headers, "committer")),
        message=text(message),
    )


def parse_tag(oid: str, content: bytes) -> Tag:
    """Return the annotated tag stored as `content`; `signature` is empty when it carries none.

    Raises:
        ValueError: a header is missing.
    """
    headers, body = _split(content)
    message, signature = split_tag_signature(body)
    return Tag(
        oid=oid,
        name=_one(headers, "tag"),
        target=_one(headers, "object"),
        target_kind=_one(headers, "type"),
        tagger=parse_person(_one(headers, "tagger")),
        message=text(message),
        signature=signature,
    )


def split_tag_signature(body: bytes) -> tuple[bytes, bytes]:
    """Return a tag's message and its armoured SSH signature, empty when absent."""
    at = body.find(b"-----BEGIN SSH SIGNATURE-----")
    if at < 0 or (at > 0 and body[at - 1 : at] != b"\n"):
        return body, b""
    return body[:at], body[at:]


def parse_person(line: str) -> Person:
    """Return the person in `Name <mail> seconds zone`."""
    who, _, when = line.rpartition("> ")
    name, _, email = who.partition(" <")
    return Person(name=name, email=email, when_s=int(when.split(" ")[0]))


def parse_trailers(message: str) -> dict[str, str]:
    """Return the `Key: value` lines of the last paragraph, if it holds nothing else.

    A message of one paragraph has none: it is the subject. A key given twice keeps its last value.
    """
    paragraphs = [part for part in re.split(r"\n\s*\n", message.strip("\n")) if part.strip()]
    if len(paragraphs) < 2:
        return {}
    found = [_TRAILER.match(line) for line in paragraphs[-1].splitlines()]
    if not all(found):
        return {}
    return {match[1]: match[2].strip() for match in found if match is not None}


def format_message(subject: str, body: str = "", *, trailers: dict[str, str] | None = None) -> str:
    """Return a commit message that `parse_trailers` reads back.

    Raises:
        ValueError: a trailer's value has more than one line or its key is not letters, digits, hyphens.
    """
    lines = [f"{key}: {value}" for key, value in (trailers or {}).items()]
    for line in lines:
        if not _TRAILER.match(line) or "\n" in line:
            raise ValueError(f"{line!r} is no trailer; expected one line `Key: value`")
    return "\n\n".join(part.strip("\n") for part in (subject, body, "\n".join(lines)) if part.strip()) + "\n"


def text(content: bytes) -> str:
    """Return `content` as text that `raw` turns back into the same bytes."""
    return content.decode("utf-8", "surrogateescape")


def raw(content: str) -> bytes:
    """Return the bytes `text` was given."""
    return content.encode("utf-8", "surrogateescape")


def _split(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    head, _, message = content.partition(b"\n\n")
    headers: list[tuple[str, str]] = []
    for line in text(head).split("\n"):
        key, _, value = line.partition(" ")
        if key == "" and headers:  # a continuation line, as signatures of commits have
            headers[-1] = (headers[-1][0], f"{headers[-1][1]}\n{value}")
        else:
            headers.append((key, value))
    return headers, message


def _one(headers: list[tuple[str, str]], key: str) -> str:
    found = [value for name, value in headers if name == key]
    if len(found) != 1:
        raise ValueError(f"found {len(found)} `{key}` headers; expected one")
    return found[0]
