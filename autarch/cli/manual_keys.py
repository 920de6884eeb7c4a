"""Limits and file formats as pages: keys, types and ranges from the structs that parse them."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from msgspec import inspect as shapes
from tomlkit.items import Comment, Table, Whitespace

from autarch.cli.main import load
from autarch.cli.manual_table import cell, table
from autarch.errors import ConfigError

PRESETS = ("research", "standard", "strict")

POLICY_HEAD = """# Limits: ci/policy.toml

Written by `autarch manual --write docs/reference` from `ci/policy.toml`, the presets and the structs that parse them. A
key that is missing, unknown, ill-typed or out of range is refused by name. The file's SHA-256 is part of every verdict;
changing it is a platform change that a code owner approves (`autarch policy use strict`).
"""

FORMATS_HEAD = """# File formats

Written by `autarch manual --write docs/reference` from the structs that parse each file. Unknown keys are refused
everywhere, a schema from a later version is refused with a sentence.
"""


@dataclass(frozen=True, slots=True)
class Format:
    """One file: what it is called, which struct parses it, what it is for, and which class speaks for the struct."""

    title: str
    module: str
    struct: str
    about: str
    spoken_by: str = ""


FORMATS = (
    Format(
        "strategies/&lt;slug>/manifest.toml",
        "autarch.manifest",
        "_Wire",
        "What a strategy trades, needs and may vary.",
        "Manifest",
    ),
    Format(
        "ci/datasets/&lt;name>.toml",
        "autarch.market.lock_types",
        "DatasetLock",
        "A data set by the digests of its bytes.",
    ),
    Format(
        "ci/waivers/&lt;slug>.toml",
        "autarch.evidence.waiver",
        "_File",
        "Limits that a human lets be missed for a while.",
    ),
    Format(
        "live/portfolio.toml",
        "live.portfolio",
        "_Wire",
        "Accounts, their limits, and which strategies trade in them.",
        "Portfolio",
    ),
    Format(
        "&lt;host>/trust.toml",
        "live.trust",
        "_Wire",
        "Whose tags a host follows, and what it never follows again.",
        "Trust",
    ),
    Format("&lt;host>/alerts.toml", "live.observing.alerting", "AlertsFile", "Where alerts go."),
    Format("&lt;host>/phone.toml", "live.stopping.phone", "Phone", "From where a human may halt without a terminal."),
    Format(".autarch/config.toml", "autarch.workspace", "Config", "A clone's forge, tokens, keys and stores."),
    Format(
        "agents/models.toml", "agents.models", "Models", "Model ids, prices and knowledge cutoffs, with their date."
    ),
    Format("claim.json", "autarch.evidence.claim", "Claim", "What a verdict claims and anybody re-derives."),
    Format(
        "attestation.json",
        "autarch.evidence.attestation",
        "Attestation",
        "Who derived a claim, where and when; signed.",
    ),
    Format(
        "ledger entry",
        "autarch.evidence.ledger_entry",
        "LedgerEntry",
        "One attempt, look or judgement; signed, chained.",
    ),
    Format("message of a release tag", "autarch.evidence.released", "Released", "What a signed tag sends live."),
    Format("installed.json", "live.installed", "InstalledRecord", "A release as a host verified it."),
    Format("heartbeat.json", "live.observing.heartbeat", "Heartbeat", "What a second host watches."),
)


def policy_page() -> str:
    """Return every key of the policy with its meaning, range and the presets' values."""
    here = Path(str(load("ci").__file__)).parent
    presets = {name: (here / "presets" / f"{name}.toml").read_text("utf-8") for name in PRESETS}
    values = {name: tomlkit.parse(text).unwrap() for name, text in presets.items()}
    ranges = _ranges(shapes.type_info(load("ci.policy").Policy), ())
    parts = [POLICY_HEAD, table(("key", "what", "range", *PRESETS), _rows((), presets["standard"], values, ranges))]
    for name, item in tomlkit.parse(presets["standard"]).items():
        if isinstance(item, Table):
            parts += [f"## [{name}]\n", table(("key", "what", "range", *PRESETS), _rows((name,), item, values, ranges))]
    return "\n".join(parts)


def _rows(
    path: tuple[str, ...],
    item: Table | str,
    values: Mapping[str, Mapping[str, Any]],
    ranges: Mapping[tuple[str, ...], str],
) -> Iterator[tuple[str, ...]]:
    said: list[str] = []
    body = tomlkit.parse(item).body if isinstance(item, str) else item.value.body
    for key, value in body:
        if isinstance(value, Comment):
            said.append(value.trivia.comment.lstrip("# "))
        elif isinstance(value, (Whitespace, Table)) or key is None:
            said = [] if isinstance(value, Table) else said
        else:
            where = (*path, key.key)
            shown = tuple(_shown(_at(values[name], where)) for name in PRESETS)
            yield (f"`{key.key}`", cell(" ".join(said)), cell(ranges.get(where, "")), *shown)
            said = []


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = values
    for word in path:
        found = found[word]
    return found


def _shown(value: object) -> str:
    text = json.dumps(value)
    return cell(f"`{text}`") if len(text) <= 24 else f"{len(value) if isinstance(value, list) else 1} named in the file"


def _ranges(kind: Any, path: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for field in kind.fields:
        where = (*path, field.encode_name)
        if isinstance(field.type, shapes.StructType):
            found |= _ranges(field.type, where)
        else:
            found[where] = _kind(field.type)
    return found


def formats_page() -> str:
    """Return every format, key by key, with the tables it holds below it."""
    parts = [FORMATS_HEAD]
    for each in FORMATS:
        module = load(each.module)
        struct = getattr(module, each.struct, None)
        if struct is None:
            raise ConfigError(
                f"{each.module} has no {each.struct} any more; correct FORMATS in autarch/cli/manual_keys.py"
            )
        speaker = getattr(module, each.spoken_by) if each.spoken_by else struct
        parts += [f"## {each.title}\n", f"{each.about}\n"]
        parts += _structs(shapes.type_info(struct), speaker, "", set())
    return "\n".join(parts)


def _structs(kind: Any, speaker: type, name: str, seen: set[type]) -> Iterator[str]:
    """Yield a struct's table, then those of the structs it holds, each once."""
    if kind.cls in seen:
        return
    seen.add(kind.cls)
    if name:
        yield f"### {name}\n"
    said = inspect.cleandoc(speaker.__doc__ or "")
    yield from (f"{_sentence(part)}\n" for part in _paragraphs(said))
    meanings = attributes(said)
    head = ("key", "type", "default", "what") if meanings else ("key", "type", "default")
    rows = []
    for field in kind.fields:
        row = (f"`{field.encode_name}`", cell(_kind(field.type)), _default(field))
        rows.append((*row, cell(meanings.get(field.name, ""))) if meanings else row)
    yield table(head, rows)
    for field in kind.fields:
        for below in _held(field.type):
            yield from _structs(below, _speaker(below.cls), f"{name}.{field.encode_name}".lstrip("."), seen)


def _speaker(struct: type) -> type:
    """Return the class whose docstring explains `struct`: a private one parses what a public one of its name is."""
    module = sys.modules[struct.__module__]
    return getattr(module, struct.__name__.lstrip("_"), struct)


def _paragraphs(said: str) -> Iterator[str]:
    """Yield the prose of a docstring, without its sections and without msgspec's own words."""
    for part in said.split("\n\n"):
        if part.split("\n", 1)[0].strip().rstrip(":") in {"Attributes", "Raises", "Args", "Returns"}:
            return
        yield part


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _held(kind: Any) -> Iterator[Any]:
    if isinstance(kind, shapes.StructType):
        yield kind
    for name in ("item_type", "value_type", "type"):
        if (below := getattr(kind, name, None)) is not None:
            yield from _held(below)
    for below in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        yield from _held(below)


def _default(field: Any) -> str:
    if field.required:
        return "must be there"
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else None
    if value is None or isinstance(value, msgspec.Struct):
        return "none"
    return f"`{json.dumps(value, default=str)}`"


_NAMES: dict[Any, str] = {
    shapes.IntType: "integer",
    shapes.FloatType: "number",
    shapes.StrType: "text",
    shapes.BoolType: "true or false",
    shapes.NoneType: "nothing",
    shapes.DateTimeType: "time",
    shapes.DecimalType: "decimal",
    shapes.AnyType: "anything",
    shapes.BytesType: "bytes",
}


def _kind(kind: Any) -> str:
    """Return a type in words, with its range."""
    for shape, worded in _WORDED:
        if isinstance(kind, shape):
            return worded(kind)
    return _NAMES.get(type(kind), type(kind).__name__.removesuffix("Type").lower()) + _bounds(kind)


def _either(kind: Any) -> str:
    names = [_kind(each) for each in kind.types]
    return "number" if set(names) == {"integer", "number"} else " or ".join(names)


_MANY = (shapes.ListType, shapes.VarTupleType, shapes.SetType, shapes.FrozenSetType)
_WORDED: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (shapes.Metadata, lambda kind: _kind(kind.type)),
    (shapes.UnionType, _either),
    (shapes.LiteralType, lambda kind: " or ".join(f"`{value}`" for value in kind.values)),
    (shapes.EnumType, lambda kind: " or ".join(f"`{each.value}`" for each in kind.cls)),
    (shapes.StructType, lambda kind: "table"),  # noqa: ARG005  its keys have a table of their own
    (shapes.DictType, lambda kind: f"table of {_kind(kind.value_type)}"),
    (_MANY, lambda kind: f"list of {_kind(kind.item_type)}{_length(kind)}"),
    (shapes.TupleType, lambda kind: "list of " + ", ".join(_kind(each) for each in kind.item_types)),
)


def _bounds(kind: Any) -> str:
    signs = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
    said = [f"{sign} {bound:g}" for name, sign in signs if (bound := getattr(kind, name, None)) is not None]
    if pattern := getattr(kind, "pattern", None):
        said.append(f"matching `{pattern}`")
    return f" {', '.join(said)}" if said else ""


def _length(kind: Any) -> str:
    least = kind.min_length
    return f", at least {least}" if least else ""


def attributes(docstring: str) -> dict[str, str]:
    """Return what a Google docstring, its indent cleaned away, says of each attribute."""
    found: dict[str, str] = {}
    _, section, rest = docstring.partition("Attributes:\n")
    name = ""
    for line in rest.splitlines() if section else ():
        if line and not line.startswith("    "):
            break
        word, colon, said = line.strip().partition(": ")
        if colon and word.isidentifier() and not line.startswith("     "):
            name, found[word] = word, said
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found
