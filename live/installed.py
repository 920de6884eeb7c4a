"""A verified release on this host: `releases/<tag>/` with its portfolio, data set lock and strategy blobs.

Written in one step, from blobs and never from a checkout, hashed against git's ids when written and
whenever read: from here on neither the forge nor a repository is needed to trade, restart or roll back.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autarch.canonical import Sha256, canonical_json, sha256_hex
from autarch.errors import DeployError
from autarch.evidence.released import Released
from autarch.manifest import StrategySource, parse_source
from autarch.market.lock import DatasetLock, read_lock
from autarch.paths import private_directory
from autarch.repo.objects import object_id
from live.portfolio import Portfolio, parse_portfolio

RECORD, PORTFOLIO, DATASET = "release.json", "portfolio.toml", "dataset.toml"
FILE_BYTES_MAX = 8_000_000


class InstalledRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the deployer verified. `files` maps path in the release folder to git blob id; `engine` is the runtime's."""

    schema: int
    tag_object: str
    engine: str
    signer: str
    demo: bool
    walkthrough: bool
    released: Released
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A release read back from the host's folder, every byte hashed again."""

    record: InstalledRecord
    portfolio: Portfolio
    portfolio_sha256: Sha256
    lock: DatasetLock
    sources: Mapping[str, StrategySource]

    @property
    def tag(self) -> str:
        """The release's name."""
        return self.record.released.tag


def install(folder: Path, record: InstalledRecord, content: Mapping[str, bytes]) -> None:
    """Write a release to `folder`, whole or not at all, replacing an earlier verification of the same tag.

    Raises:
        DeployError: bytes that do not have the git id the record names, read back from the disk.
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
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_installed(folder: Path) -> Installed:
    """Return the release in `folder`, hashing every file against the git id recorded for it.

    Raises:
        DeployError: absent, malformed, or a file that was changed, added or removed.
    """
    again = f"verify it again: `autarch live verify {folder.name}`"
    if not (folder / RECORD).is_file():
        raise DeployError(f"release {folder.name} is not installed on this host; {again}")
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=InstalledRecord, strict=True)
    except msgspec.MsgspecError as error:
        raise DeployError(f"{folder / RECORD} does not parse: {error}; {again}") from error
    if record.schema != 1:
        raise DeployError(f"{folder / RECORD} has schema {record.schema}, this runtime reads 1; {again}")
    content = {path: _read(folder / path, oid, again) for path, oid in sorted(record.files.items())}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    extra = [path for path in found if path not in {*record.files, RECORD}]
    if extra:
        raise DeployError(f"{folder / extra[0]} does not belong to release {folder.name}; remove it and {again}")
    return Installed(
        record=record,
        portfolio=parse_portfolio(content[PORTFOLIO]),
        portfolio_sha256=sha256_hex(content[PORTFOLIO]),
        lock=read_lock(content[DATASET]),
        sources={
            item.strategy: parse_source(
                slug=item.strategy,
                manifest_bytes=content[f"strategies/{item.strategy}/manifest.toml"],
                code=content[f"strategies/{item.strategy}/strategy.py"],
            )
            for item in record.released.strategies
        },
    )


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, oid: str, again: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise DeployError(f"{path} of the release cannot be read ({error.strerror}); {again}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DeployError(f"{path} is not a regular file; {again}")
        content = file.read(FILE_BYTES_MAX + 1)
    found = object_id("blob", content, like=oid)
    if found != oid:
        raise DeployError(f"{path} has git id {found}, the release says {oid}; it was changed. Remove it and {again}")
    return content
