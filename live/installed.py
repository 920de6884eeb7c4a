"""A verified release on this host: `releases/<tag>/` with its portfolio, data set lock and strategy blobs.

Written in one step, from blobs and never from a checkout, with the signed tag, the commit and the trees
that lead from it to each file. Whenever it is read, every file is followed from the tag by hash; whether
the tag's key is still trusted is `live.deployer`'s to ask. From here on neither the forge nor a
repository is needed to trade, restart or roll back.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import msgspec

from autarch.canonical import Sha256, canonical_json, sha256_hex
from autarch.errors import AutarchError, ConfigError, DeployError
from autarch.evidence.released import Released
from autarch.manifest import StrategySource, parse_source
from autarch.market.lock import DatasetLock, read_lock
from autarch.paths import private_directory
from autarch.repo.git import GitRepo
from autarch.repo.objects import OBJECT_ID, ObjectKind, object_id
from live.bound import DATASET, POLICY, PORTFOLIO, Bound, follow, opened, stored_form
from live.portfolio import Portfolio, Tier, parse_portfolio

RECORD, OBJECTS = "release.json", "objects"
SCHEMA = 2
FILE_BYTES_MAX = 8_000_000


class InstalledRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the deployer verified, and with which engine. What the tag binds too is compared with it at every read."""

    schema: int
    tag_object: str
    engine: str
    signer: str
    demo: bool
    walkthrough: bool
    released: Released


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A release read back from the host's folder, every byte hashed again.

    `unread` names what a repeated verification could not read again, because nobody who has it answered.
    `ceilings` are the highest tiers that the newest ledger read allows, by strategy: they only lower what the tag says.
    """

    record: InstalledRecord
    bound: Bound
    policy: bytes
    portfolio: Portfolio
    portfolio_sha256: Sha256
    lock: DatasetLock
    sources: Mapping[str, StrategySource]
    unread: tuple[str, ...] = ()
    ceilings: Mapping[str, Tier] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The release's name."""
        return self.record.released.tag


def install(folder: Path, record: InstalledRecord, content: Mapping[str, bytes]) -> None:
    """Write a release to `folder`, whole or not at all, replacing an earlier verification of the same tag.

    Args:
        folder: Its place on the host.
        record: What was verified.
        content: Every file by path, with each git object on the way from the tag at `objects/<id>`.

    Raises:
        DeployError: it is not what the tag binds, read back from the disk.
        ConfigError: the disk did not take it.
    """
    private_directory(folder.parent)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, blob in content.items():
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, blob)
        _write(temporary / RECORD, canonical_json(msgspec.to_builtins(record)) + b"\n")
        read_installed(temporary)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}; check the disk and verify again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_installed(folder: Path) -> Installed:
    """Return the release in `folder`, every file followed by hash from the signed tag stored with it.

    Raises:
        DeployError: absent, malformed, or a file that was changed, added or removed.
    """
    again = f"remove the folder {folder} and verify again: `autarch live verify {folder.name}`"
    if not (folder / RECORD).is_file():
        raise DeployError(f"release {folder.name} is not installed on this host: `autarch live verify {folder.name}`")
    record = _record(folder, again)
    bound, used = _bound(folder, record.tag_object, again)
    said = (record.released, record.engine)
    if said != (bound.released, bound.released.engine):
        raise DeployError(f"{folder / RECORD} is not what the signed tag says; it was changed: {again}")
    content = {path: _blob(folder / path, oid, again) for path, oid in sorted(bound.blobs.items())}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    extra = [path for path in found if path not in {*content, *used, RECORD}]
    if extra:
        raise DeployError(f"{folder / extra[0]} does not belong to release {folder.name}: {again}")
    if sha256_hex(content[POLICY]) != bound.released.policy:
        raise DeployError(f"{folder / POLICY} is not the policy the tag names: {again}")
    try:
        return _parsed(record, bound, content)
    except (AutarchError, KeyError) as error:
        raise DeployError(f"release {folder.name} does not parse: {error}; {again}") from error


def _parsed(record: InstalledRecord, bound: Bound, content: Mapping[str, bytes]) -> Installed:
    return Installed(
        record=record,
        bound=bound,
        policy=content[POLICY],
        portfolio=parse_portfolio(content[PORTFOLIO]),
        portfolio_sha256=sha256_hex(content[PORTFOLIO]),
        lock=read_lock(content[DATASET]),
        sources={
            item.strategy: parse_source(
                slug=item.strategy,
                manifest_bytes=content[f"strategies/{item.strategy}/manifest.toml"],
                code=content[f"strategies/{item.strategy}/strategy.py"],
            )
            for item in bound.released.strategies
        },
    )


def _record(folder: Path, again: str) -> InstalledRecord:
    try:
        record = msgspec.json.decode(_content(folder / RECORD, again), type=InstalledRecord, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DeployError(f"{folder / RECORD} does not parse: {error}; {again}") from error
    if record.schema != SCHEMA:
        raise DeployError(f"{folder / RECORD} has schema {record.schema}, this runtime reads {SCHEMA}; {again}")
    if not OBJECT_ID.match(record.tag_object):
        raise DeployError(f"{folder / RECORD} names tag object {record.tag_object!r}, which is no git id; {again}")
    return record


def _bound(folder: Path, tag_object: str, again: str) -> tuple[Bound, set[str]]:
    """Return what the stored tag binds, and the paths of the objects it was followed through."""
    used: set[str] = set()

    def read(oid: str, kind: ObjectKind) -> bytes:
        path = object_path(oid)
        content = opened(_content(folder / path, again), oid, kind)
        if content is None:
            raise DeployError(f"{folder / path} is not the {kind} of that id; it was changed: {again}")
        used.add(path)
        return content

    return follow(read, tag_object), used


def release_content(repo: GitRepo, tag_object: str) -> dict[str, bytes]:
    """Return a release's files by path in its folder, and the objects that lead to them from the tag.

    Raises:
        DeployError: as `live.bound.follow`, or an object is of another kind than its place wants.
        GitError: an object is missing or damaged.
    """
    content: dict[str, bytes] = {}

    def read(oid: str, kind: ObjectKind) -> bytes:
        found, stored = repo.read_objects([oid])[0]
        if found != kind:
            raise DeployError(f"object {oid} is a {found}, expected a {kind}; check the repository")
        content[object_path(oid)] = stored_form(kind, stored)
        return stored

    blobs = follow(read, tag_object).blobs
    return {**content, **{path: repo.cat_blob(oid) for path, oid in blobs.items()}}


def object_path(oid: str) -> str:
    """Return where a release's folder keeps the git object `oid`, in its stored form."""
    return (PurePosixPath(OBJECTS) / oid).as_posix()


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _content(path: Path, again: str) -> bytes:
    try:
        # NONBLOCK: opening a named pipe must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise DeployError(f"{path} of the release cannot be read ({error.strerror}); {again}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DeployError(f"{path} is not a regular file; {again}")
    with os.fdopen(handle, "rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def _blob(path: Path, oid: str, again: str) -> bytes:
    content = _content(path, again)
    found = object_id("blob", content, like=oid)
    if found != oid:
        raise DeployError(f"{path} has git id {found}, the tag binds {oid}; it was changed: {again}")
    return content
