"""Releases of tags: words and files beside a signed tag, kept at `refs/autarch/releases/<tag>`.

They carry evidence and bills of material to people; what a host trusts is the tag.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from autarch.canonical import EpochMs, sha256_hex
from autarch.errors import RefusedError
from autarch.forge.shapes_common import Place, node_of, number_of, time_of, user_json
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR, TreeEntry

PREFIX = "refs/autarch/releases/"
FILE = "release.json"
ASSETS_MAX = 100
NAME_LENGTH_MAX = 255
ASSET_BYTES_MAX = 16 * 1024 * 1024


class NewRelease(msgspec.Struct, frozen=True, kw_only=True):
    """POST /releases."""

    tag_name: str
    name: str | None = None
    body: str | None = None
    draft: bool = False
    prerelease: bool = False


class AssetRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a release; its bytes are blob `oid`."""

    name: str
    kind: str
    size: int
    sha256: str
    oid: str
    by: str
    created_ms: EpochMs


class ReleaseRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One release."""

    tag: str
    name: str
    body: str
    prerelease: bool
    author: str
    created_ms: EpochMs
    assets: tuple[AssetRecord, ...] = ()

    @property
    def id(self) -> int:
        """Its number."""
        return number_of("release", self.tag)


class ReleaseStore:
    """Reads and writes releases. Only the forge writes them."""

    def __init__(self, repo: GitRepo, clock: Callable[[], EpochMs]) -> None:
        """Use `repo`, a bare repository, and `clock`, now in milliseconds since the epoch."""
        self._repo = repo
        self._clock = clock
        self._lock = threading.Lock()

    def all(self) -> tuple[ReleaseRecord, ...]:
        """Return every release, newest first."""
        found = [self._read(oid) for oid in self._repo.refs(PREFIX).values()]
        return tuple(sorted(found, key=lambda release: (-release.created_ms, release.tag)))

    def of(self, tag: str) -> ReleaseRecord | None:
        """Return the release of a tag, or None."""
        oid = self._repo.read_ref(f"{PREFIX}{tag}")
        return None if oid is None else self._read(oid)

    def add(self, new: NewRelease, *, author: str) -> ReleaseRecord:
        """Make the release of a tag that exists.

        Raises:
            RefusedError: no such tag, a draft, or it has a release.
        """
        with self._lock:
            if new.draft or self._repo.read_ref(f"refs/tags/{new.tag_name}") is None:
                raise RefusedError(
                    f"there is no tag {new.tag_name!r} to release, or this is a draft; push the tag first"
                )
            if self.of(new.tag_name) is not None:
                raise RefusedError(f"{new.tag_name} has a release: already_exists")
            record = ReleaseRecord(
                tag=new.tag_name,
                name=new.name or new.tag_name,
                body=new.body or "",
                prerelease=new.prerelease,
                author=author,
                created_ms=self._clock(),
            )
            self._write(record)
            return record

    def attach(self, tag: str, name: str, content: bytes, *, kind: str, by: str) -> AssetRecord:
        """Add a file to the release of `tag`.

        Raises:
            RefusedError: no such release, a file of that name, too many, or no plain name.
        """
        with self._lock:
            record = self.of(tag)
            if record is None:
                raise RefusedError(f"{tag} has no release")
            if not name or "/" in name or not name.isprintable() or len(name) > NAME_LENGTH_MAX:
                raise RefusedError(f"{name!r} is no file name")
            if len(record.assets) >= ASSETS_MAX or any(asset.name == name for asset in record.assets):
                raise RefusedError(f"the release has a file {name}, or {ASSETS_MAX} of them: already_exists")
            asset = AssetRecord(
                name=name,
                kind=kind,
                size=len(content),
                sha256=sha256_hex(content),
                oid=self._repo.write_blob(content),
                by=by,
                created_ms=self._clock(),
            )
            self._write(msgspec.structs.replace(record, assets=(*record.assets, asset)))
            return asset

    def _read(self, oid: str) -> ReleaseRecord:
        content = self._repo.blob_at(oid, FILE) or b""
        return msgspec.json.decode(content, type=ReleaseRecord, strict=True)

    def _write(self, record: ReleaseRecord) -> None:
        entries = [TreeEntry(mode=REGULAR, oid=self._repo.write_blob(msgspec.json.encode(record)), path=FILE)]
        entries += [
            TreeEntry(mode=REGULAR, oid=asset.oid, path=f"asset-{place}") for place, asset in enumerate(record.assets)
        ]
        ref = f"{PREFIX}{record.tag}"
        self._repo.update_ref(ref, self._repo.write_tree(entries), old=self._repo.read_ref(ref))


def release_json(record: ReleaseRecord, place: Place) -> dict[str, Any]:
    """Return GitHub's release object."""
    at = f"{place.api}/releases/{record.id}"
    return {
        "id": record.id,
        "node_id": node_of("RE", record.id),
        "url": at,
        "html_url": place.url,
        "assets_url": f"{at}/assets",
        "upload_url": f"{at}/assets{{?name,label}}",
        "tarball_url": None,
        "zipball_url": None,
        "tag_name": record.tag,
        "target_commitish": "main",
        "name": record.name,
        "body": record.body,
        "draft": False,
        "prerelease": record.prerelease,
        "created_at": time_of(record.created_ms),
        "published_at": time_of(record.created_ms),
        "author": user_json(record.author, place.url),
        "assets": [asset_json(asset, record, place) for asset in record.assets],
    }


def asset_json(asset: AssetRecord, record: ReleaseRecord, place: Place) -> dict[str, Any]:
    """Return GitHub's release asset object."""
    number = number_of("asset", f"{record.tag}/{asset.name}")
    at = f"{place.api}/releases/assets/{number}"
    return {
        "id": number,
        "node_id": node_of("RA", number),
        "url": at,
        "browser_download_url": at,
        "name": asset.name,
        "label": None,
        "state": "uploaded",
        "content_type": asset.kind,
        "size": asset.size,
        "digest": f"sha256:{asset.sha256}",
        "download_count": 0,
        "created_at": time_of(asset.created_ms),
        "updated_at": time_of(asset.created_ms),
        "uploader": user_json(asset.by, place.url),
    }
