"""What a candidate would join: every strategy on main, and what the portfolio gives each of them."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import StrategyError
from autarch.manifest import SLUG, StrategySource, parse_source
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR, TreeEntry
from autarch.repo.strategies import BYTES_MAX, FOLDER_NAME, REQUIRED_FILES

PORTFOLIO_PATH = "live/portfolio.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Strategies of one commit by slug, sorted, and the share of all accounts' capital that each trades."""

    strategies: tuple[StrategySource, ...] = ()
    sleeves: tuple[tuple[str, float], ...] = ()

    def named(self, slug: str | None) -> StrategySource | None:
        """Return the strategy `slug`, None when there is none."""
        return next((one for one in self.strategies if one.manifest.name == slug), None)


class _Sleeve(msgspec.Struct, frozen=True):
    strategy: str
    weight: int | float


class _Account(msgspec.Struct, frozen=True):
    capital: int | float
    sleeves: list[_Sleeve]


class _Wire(msgspec.Struct, frozen=True):
    account: list[_Account]


def neighbours_at(repo: GitRepo, commit: str) -> Neighbours:
    """Return what stands on `commit`; a folder that is no strategy, or a portfolio that is none, is left out."""
    files = {entry.path: entry.oid for entry in repo.ls_tree(commit, FOLDER_NAME, recursive=True) if _is_ours(entry)}
    slugs = sorted({path.split("/")[1] for path in files if SLUG.match(path.split("/")[1])})
    whole = [slug for slug in slugs if all(f"{FOLDER_NAME}/{slug}/{name}" in files for name in REQUIRED_FILES)]
    wanted = [files[f"{FOLDER_NAME}/{slug}/{name}"] for slug in whole for name in REQUIRED_FILES]
    contents = [content for _, content in repo.read_objects(wanted)] if wanted else []
    found = []
    for index, slug in enumerate(whole):
        manifest, code = contents[2 * index : 2 * index + 2]
        if len(manifest) <= BYTES_MAX["manifest.toml"] and len(code) <= BYTES_MAX["strategy.py"]:
            with suppress(StrategyError):
                found.append(parse_source(slug=slug, manifest_bytes=manifest, code=code))
    return Neighbours(strategies=tuple(found), sleeves=sleeves_in(repo.blob_at(commit, PORTFOLIO_PATH)))


def sleeves_in(portfolio: bytes | None) -> tuple[tuple[str, float], ...]:
    """Return each strategy of a portfolio file with its share of all capital, sorted; empty when it cannot be read.

    All accounts are one book here: a sleeve's share is weight x capital of its account over that of all.
    Whether the file is right in every other respect is for whoever trades by it to say.
    """
    try:
        wire = msgspec.convert(parse_toml(portfolio or b""), _Wire, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError):
        return ()
    whole = float(sum(account.capital for account in wire.account))
    shares: dict[str, float] = {}
    for account in wire.account:
        for sleeve in account.sleeves:
            share = float(sleeve.weight) * float(account.capital) / whole if whole > 0.0 else 0.0
            shares[sleeve.strategy] = shares.get(sleeve.strategy, 0.0) + share
    return tuple(sorted((slug, share) for slug, share in shares.items() if share > 0.0))


def _is_ours(entry: TreeEntry) -> bool:
    return entry.mode == REGULAR and entry.path.count("/") == 2 and entry.path.rpartition("/")[2] in REQUIRED_FILES
