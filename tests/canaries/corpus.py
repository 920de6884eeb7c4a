"""The corpus: cheats as an agent would hand them in, each with the check that must catch it.

`corpus/<name>/` is a complete strategy folder and `corpus/<name>.toml` beside it says what it does and which
check must refuse it. `twins/<name>/` is the same idea without the cheat, where there is one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

HERE = Path(__file__).resolve().parent
CORPUS, TWINS = HERE / "corpus", HERE / "twins"

Kind = Literal["clairvoyant", "memory", "state", "unstable", "reckless", "flattering", "repository"]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside a canary.

    `says` must be in the detail of the check that catches it. `behind` is the check that catches it when
    the one that should is out of the way. `on_main` is a twin that stands on main when it is proposed. `through`
    says why nothing catches it yet; `check` is then the one that should.
    """

    does: str
    kind: Kind
    check: str
    says: str = ""
    behind: str | None = None
    on_main: str | None = None
    through: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One cheat: its folder, and the honest strategy it is beside, if it has one."""

    name: str
    card: Card
    folder: Path
    twin: Path | None


def read_card(content: bytes) -> Card:
    """Return the card in `content`, parsed strictly.

    Raises:
        msgspec.ValidationError, tomllib.TOMLDecodeError: it is malformed.
    """
    return msgspec.convert(tomllib.loads(content.decode("ascii")), Card, strict=True)


def canaries() -> tuple[Canary, ...]:
    """Return every canary in the corpus, by name."""
    return tuple(_canary(path) for path in sorted(CORPUS.glob("*.toml")))


def canary(name: str) -> Canary:
    """Return one canary; FileNotFoundError when there is none of this name."""
    return _canary(CORPUS / f"{name}.toml")


def _canary(path: Path) -> Canary:
    twin = TWINS / path.stem
    return Canary(
        name=path.stem,
        card=read_card(path.read_bytes()),
        folder=path.with_suffix(""),
        twin=twin if twin.is_dir() else None,
    )
