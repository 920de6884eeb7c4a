"""Manifests rewritten with comments and layout kept."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from autarch.manifest import ParamValue, SearchRange


def with_numbers(manifest: bytes, params: Mapping[str, ParamValue]) -> bytes:
    """Return `manifest` with these values in [params]."""
    document = _parsed(manifest)
    for name, value in params.items():
        document["params"][name] = value
    return _written(document)


def with_added(manifest: bytes, params: Mapping[str, ParamValue], *, search: Mapping[str, SearchRange | None]) -> bytes:
    """Return `manifest` with these in [params] too, and in [search] what has a range there; both made where missing."""
    if not params:
        return manifest
    document = _parsed(manifest)
    for name, value in params.items():
        document.setdefault("params", tomlkit.table())[name] = value
        span = search.get(name)
        if span is not None:
            row = tomlkit.inline_table()
            row.update({"low": span.low, "high": span.high})
            row.update({"log": True} if span.log else {} if span.step is None else {"step": span.step})
            document.setdefault("search", tomlkit.table())[name] = row
    return _written(document)


def with_parent(manifest: bytes, parent: str | None) -> bytes:
    """Return `manifest` with `[origin] parent`, or without one for None; the same bytes where it says so already."""
    if tomllib.loads(manifest.decode("utf-8")).get("origin", {}).get("parent") == parent:
        return manifest
    document = _parsed(manifest)
    origin = document.get("origin")
    if parent is None:
        if origin is not None and "parent" in origin:
            del origin["parent"]
            if not origin:
                del document["origin"]
        return _written(document)
    if origin is None:
        document["origin"] = tomlkit.table()
    document["origin"]["parent"] = parent
    return _written(document)


def renamed(manifest: bytes, slug: str) -> bytes:
    """Return `manifest` for the folder `slug`."""
    document = _parsed(manifest)
    document["name"] = slug
    return _written(document)


def traded(manifest: bytes, *, symbols: Sequence[str], interval: str) -> bytes:
    """Return `manifest` for other symbols and another interval."""
    document = _parsed(manifest)
    document["symbols"] = list(symbols)
    document["interval"] = interval
    return _written(document)


def _parsed(manifest: bytes) -> Any:
    return tomlkit.parse(manifest.decode("utf-8"))


def _written(document: Any) -> bytes:
    return tomlkit.dumps(document).encode("utf-8")
