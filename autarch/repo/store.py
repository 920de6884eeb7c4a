"""Read and write Git's objects in batches, each checked against its own name, small ones remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

from autarch.repo import objects
from autarch.repo.objects import OBJECT_ID, TreeEntry
from autarch.repo.packing import pack
from autarch.repo.runner import GitError, Runner

BATCH = 2000
REMEMBERED_MAX = 4096
REMEMBERED_BYTES_MAX = 16_384
"""An object is named by its bytes, so what was read once cannot become stale; at most 64 MiB are kept."""


class ObjectStore:
    """The objects of one repository. Any thread may ask."""

    def __init__(self, runner: Runner) -> None:
        """Read through `runner`."""
        self._runner = runner
        self._remembered: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, oids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return (kind, bytes) of every object, in order; see `GitRepo.read_objects`."""
        _check_ids(oids)
        with self._lock:
            found = {oid: self._remembered[oid] for oid in oids if oid in self._remembered}
        missing = [oid for oid in dict.fromkeys(oids) if oid not in found]
        for start in range(0, len(missing), BATCH):
            chunk = missing[start : start + BATCH]
            answer = self._runner.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in chunk).encode())
            found.update(zip(chunk, self._split(chunk, answer.stdout), strict=True))
        self._remember(found)
        return [found[oid] for oid in oids]

    def sizes(self, oids: Sequence[str]) -> list[int]:
        """Return the bytes each object takes when read, in order; nothing is read but its header."""
        _check_ids(oids)
        sizes: list[int] = []
        for start in range(0, len(oids), BATCH):
            chunk = oids[start : start + BATCH]
            answer = self._runner.run("cat-file", "--batch-check", stdin="".join(f"{oid}\n" for oid in chunk).encode())
            for oid, line in zip(chunk, answer.stdout.decode("ascii").splitlines(), strict=True):
                sizes.append(_header(line, oid, self._runner)[1])
        return sizes

    def tree(self, oid: str) -> tuple[TreeEntry, ...]:
        """Return the entries of a tree, or of a commit's, in stored order.

        Raises:
            GitError: missing, damaged or something else.
        """
        kind, content = self.read([oid])[0]
        if kind == "commit":
            kind, content = self.read([objects.parse_commit(oid, content).tree])[0]
        if kind != "tree":
            raise GitError(f"{oid[:12]} in {self._runner.path} is a {kind}; expected a tree")
        return objects.parse_tree(content, oid_bytes=len(oid) // 2)

    def foresee(self, tree: str, folders: Sequence[str]) -> None:
        """Read a tree and those of `folders` in it that exist, by one process, for whoever asks for them next."""
        _check_ids([tree])
        with self._lock:
            if tree in self._remembered and not folders:
                return
        asked = "".join(f"{spec}\n" for spec in (tree, *(f"{tree}:{folder}" for folder in folders)))
        answer = self._runner.run("cat-file", "--batch", stdin=asked.encode()).stdout
        self._remember(dict(self._whole(answer)))

    def write(self, made: Mapping[str, tuple[str, bytes]]) -> None:
        """Store objects, named by what `objects.object_id` says of them, in one process.

        Raises:
            GitError: git refuses one, or cannot write.
        """
        like = next(iter(made), "")
        self._runner.run("unpack-objects", "-q", stdin=pack(made.values(), like=like))
        self._remember(dict(made))

    def object_format(self, *, like: str | None) -> str:
        """Return a name as long as this repository's are: `like`, or one that is made up where nothing is known."""
        if like is not None:
            return like
        told = self._runner.run("rev-parse", "--show-object-format").stdout.decode("ascii").strip()
        return "0" * (64 if told == "sha256" else 40)

    def _whole(self, answer: bytes) -> Iterator[tuple[str, tuple[str, bytes]]]:
        """Yield the objects in an answer that may lack some: by name, kind and bytes."""
        at = 0
        while at < len(answer):
            end = answer.index(b"\n", at)
            line = answer[at:end].decode("ascii")
            at = end + 1
            if not line.endswith(" missing"):
                oid = line.partition(" ")[0]
                size = _header(line, oid, self._runner)[1]
                yield oid, next(self._split([oid], answer[end - len(line) : at + size + 1]))
                at += size + 1

    def _remember(self, found: dict[str, tuple[str, bytes]]) -> None:
        with self._lock:
            for oid, (kind, content) in found.items():
                if len(content) <= REMEMBERED_BYTES_MAX:
                    self._remembered[oid] = (kind, content)
                    self._remembered.move_to_end(oid)
            while len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)

    def _split(self, oids: Sequence[str], answer: bytes) -> Iterator[tuple[str, bytes]]:
        at, path = 0, self._runner.path
        for oid in oids:
            end = answer.index(b"\n", at)
            kind, size = _header(answer[at:end].decode("ascii"), oid, self._runner)
            content = answer[end + 1 : end + 1 + size]
            if objects.object_id(kind, content, like=oid) != oid:
                raise GitError(
                    f"object {oid} in {path} holds other bytes than its name says; the repository is damaged: "
                    "clone it anew, or restore it from a copy"
                )
            yield kind, content
            at = end + 1 + size + 1


def _check_ids(oids: Sequence[str]) -> None:
    for oid in oids:
        if not OBJECT_ID.match(oid):
            raise GitError(f"{oid!r} is no object id; expected 40 or 64 hexadecimal digits")


def _header(line: str, oid: str, runner: Runner) -> tuple[str, int]:
    """Return (kind, size) of git's line about one object."""
    words = line.split(" ")
    if len(words) != 3:
        raise GitError(f"object {oid} is missing in {runner.path}; fetch it again from the forge")
    return words[1], int(words[2])
