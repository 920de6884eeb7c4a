"""Releases that did not verify on this host: told once, tried again only when something has changed or time has passed.

Deriving evidence again takes minutes, so a refusal is remembered with what it depends on: the tag's object, what the
host trusts, and the engine. What could not be decided is tried again after a while.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from autarch.canonical import EpochMs
from autarch.paths import private_directory
from live.host import Host, write_whole

SCHEMA = 1
REFUSALS_MAX = 100
RETRY_MS = {True: 6 * 3_600_000, False: 600_000}
"""Whether it was decided -> how long it stands; even a refusal may be cured elsewhere, as by evidence pushed late."""


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One release that may not trade. `basis` digests what that depends on; `decided`: it was no mere trouble."""

    tag: str
    tag_object: str
    basis: str
    why: str
    decided: bool
    at_ms: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: int = SCHEMA
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusals:
    """The file of one host; only the watcher writes it, and losing it costs one more verification each."""

    host: Host

    def read(self) -> dict[str, Refusal]:
        """Return the refusals by tag; none when the file is absent or not one we wrote."""
        try:
            found = msgspec.json.decode(self.host.refused_path.read_bytes(), type=_File, strict=True)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}
        return {refusal.tag: refusal for refusal in found.refusals} if found.schema == SCHEMA else {}

    def add(self, refusal: Refusal) -> bool:
        """Remember one and return whether its reason is news.

        Raises:
            ConfigError: the folder cannot be written.
        """
        known = self.read()
        before = known.pop(refusal.tag, None)
        private_directory(self.host.root)
        kept = (*known.values(), refusal)[-REFUSALS_MAX:]
        write_whole(self.host.refused_path, msgspec.json.encode(_File(refusals=kept)) + b"\n")
        return before is None or (before.why, before.tag_object) != (refusal.why, refusal.tag_object)


def is_settled(known: Refusal | None, tag_object: str, basis: str, now_ms: EpochMs) -> bool:
    """Return whether a release need not be verified again now."""
    if known is None or (known.tag_object, known.basis) != (tag_object, basis):
        return False
    return 0 <= now_ms - known.at_ms < RETRY_MS[known.decided]
