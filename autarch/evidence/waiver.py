"""A human's word that one limit may be missed by as much as was measured: `ci/waivers/<slug>.toml`, schema 1.

A waiver is bound to the decisions it was given for, covers the values it names and nothing worse, and
ends within 90 days. What is void, and why, is a pure function of the file, the check's measures and a day.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import tomlkit
from msgspec import Meta

from autarch.canonical import parse_toml
from autarch.errors import ConfigError, RefusedError, UsageError
from autarch.evidence.claim import Claim
from autarch.manifest import SLUG
from autarch.verdict import LAWS, Measure

FOLDER = "ci/waivers"
DAYS_MAX = 90
FILE_BYTES_MAX = 65_536
WAIVERS_MAX = 20
REASON_LENGTH = (10, 300)

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_WHO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}\Z")
_Name = Annotated[str, Meta(min_length=1, max_length=60)]


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One waived check of one strategy.

    `decisions` is the decision digest, `measured` the value of every measure that missed its limit,
    by name. Good from the day it was granted to the day it expires, both UTC and both included.
    """

    check: _Name
    decisions: str
    measured: Annotated[dict[str, float], Meta(min_length=1, max_length=100)]
    reason: str
    who: str
    granted: dt.date
    expires: dt.date


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    waiver: Annotated[tuple[Waiver, ...], Meta(min_length=1, max_length=WAIVERS_MAX)]


def waiver_path(slug: str) -> str:
    """Return where the waivers of a strategy stand in the project."""
    return f"{FOLDER}/{slug}.toml"


def is_waiver_path(path: str) -> bool:
    """Return whether a path lies where waivers do, however it is spelt: a checkout may fold case."""
    return f"{path.casefold()}/".startswith(f"{FOLDER}/")


def slug_of(path: str) -> str | None:
    """Return the strategy that the waivers at `path` are of, or None when no waivers belong there."""
    folder, _, name = path.rpartition("/")
    slug = name.removesuffix(".toml")
    return slug if folder == FOLDER and name != slug and SLUG.match(slug) else None


def parse_waivers(content: bytes, *, path: str) -> tuple[Waiver, ...]:
    """Return the waivers in `content`, the file at `path`.

    Raises:
        ConfigError: not TOML, a missing, unknown or ill-typed key, a law, two of one check, a time
            beyond `DAYS_MAX`, a digest, reason or name that is none, or a value that is not finite.
    """
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} has {len(content)} bytes; at most {FILE_BYTES_MAX} are read")
    if slug_of(path) is None:
        raise ConfigError(f"{path!r} is no place for waivers; they stand at {waiver_path('<slug>')}")
    try:
        file = msgspec.convert(parse_toml(content), _File, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; write waivers with: autarch waive") from error
    if file.schema != 1:
        raise ConfigError(f"{path}: schema is {file.schema}; this version reads schema 1")
    checks = [waiver.check for waiver in file.waiver]
    if len(set(checks)) != len(checks):
        raise ConfigError(f"{path} waives a check twice; keep the newer waiver")
    for waiver in file.waiver:
        problem = _problem(waiver)
        if problem is not None:
            raise ConfigError(f"{path}: the waiver of {waiver.check}: {problem}")
    return file.waiver


def render_waivers(waivers: Sequence[Waiver]) -> bytes:
    """Return the file that holds `waivers`, in the order of their checks."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Limits that a human has waived; void for other decisions, worse values, or past expiry.")
    )
    document["schema"] = 1
    tables = tomlkit.aot()
    for waiver in sorted(waivers, key=lambda one: one.check):
        table = tomlkit.table()
        for name in ("check", "decisions", "reason", "who", "granted", "expires"):
            table[name] = getattr(waiver, name)
        measured = tomlkit.table()
        for name, value in sorted(waiver.measured.items()):
            measured[name] = value
        table["measured"] = measured
        tables.append(table)
    document["waiver"] = tables
    return tomlkit.dumps(document).encode("utf-8")


def missed(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the measures that do not hold: what a waiver of their check must name."""
    return tuple(measure for measure in measures if not measure.holds)


def void_reason(waiver: Waiver, measures: Sequence[Measure], *, decisions: str | None, day: dt.date) -> str | None:
    """Return why `waiver` does not cover a failed check with these measures, or None where it does.

    Args:
        waiver: Of this very check.
        measures: All that the check measured.
        decisions: The decision digest that was judged.
        day: UTC, what the waiver's time is held against.
    """
    if waiver.decisions != decisions:
        return f"it was given for decisions {waiver.decisions[:12]}, these are {(decisions or 'none')[:12]}"
    if not waiver.granted <= day <= waiver.expires:
        return f"it is good from {waiver.granted} to {waiver.expires}, and this is {day}"
    failed = missed(measures)
    if not failed:
        return "the check failed without a measure that missed its limit, and a waiver names values"
    return next((why for why in (_uncovered(measure, waiver.measured) for measure in failed) if why), None)


def waived_text(slug: str, waiver: Waiver, measures: Sequence[Measure]) -> str:
    """Return the line by which a verdict, a report and a tag name an applied waiver."""
    values = ", ".join(f"{m.name} {m.value!r} (limit {m.op} {m.limit!r})" for m in missed(measures))
    return f"{waiver.check} of {slug}: {values}; by {waiver.who} until {waiver.expires}: {waiver.reason}"


def day_of(*times_ms: int) -> dt.date:
    """Return the UTC day of the latest of these epoch milliseconds."""
    return dt.datetime.fromtimestamp(max(times_ms) / 1000, dt.UTC).date()


def grant(  # noqa: PLR0913  what is waived, and the four words a human gives
    claim: Claim, check: str, *, who: str, reason: str, today: dt.date, days: int
) -> Waiver:
    """Return the waiver of a check that failed in `claim`, with the values it measured.

    Args:
        claim: A verdict on the strategy.
        check: Name of the check.
        who: Login of the human.
        reason: One line.
        today: The first day it is good, UTC.
        days: How long it is good.

    Raises:
        RefusedError: the check is a law, did not fail, or failed without a value to hold it to.
        UsageError: the verdict has no such check, or `reason` or `days` is out of bounds.
    """
    slug = claim.strategy.name
    found = next((one for one in claim.checks if one.name == check), None)
    if found is None:
        raise UsageError(f"there is no check {check!r}; the checks are {', '.join(one.name for one in claim.checks)}")
    if found.klass != "limit" or check in LAWS:
        raise RefusedError(f"{check} is {found.klass}, and only limits are waived: change {slug} so that it passes")
    if found.verdict not in {"failed", "waived"} or claim.digests.decisions is None:
        raise RefusedError(f"{check} of {slug} is {found.verdict} in the newest verdict; there is nothing to waive")
    measures = [Measure(name=m.name, value=m.value, op=m.op, limit=m.limit, unit=m.unit) for m in found.measures]
    measured = {m.name: m.value for m in missed(measures) if m.value is not None}
    if not measured or len(measured) < len(missed(measures)):
        raise RefusedError(f"{check} of {slug} failed without a value that a waiver could be held to: {found.detail}")
    waiver = Waiver(
        check=check,
        decisions=claim.digests.decisions,
        measured=measured,
        reason=reason,
        who=who,
        granted=today,
        expires=today + dt.timedelta(days=days),
    )
    problem = _problem(waiver)
    if problem is not None:
        raise UsageError(f"no such waiver: {problem}")
    return waiver


def midnight_ms(day: str) -> int:
    """Return the first instant of an ISO 8601 day, UTC, in epoch ms.

    Raises:
        ValueError: it is no day.
    """
    return int(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC).timestamp() * 1000)


def _uncovered(measure: Measure, measured: Mapping[str, float]) -> str | None:
    granted, value = measured.get(measure.name), measure.value
    if granted is None:
        return f"it does not name {measure.name}"
    if value is None:
        return f"{measure.name} is not defined"
    within = {"<=": value <= granted, "<": value <= granted, ">=": value >= granted, ">": value >= granted}
    if within.get(str(measure.op), value == granted):
        return None
    return f"{measure.name} is {value!r} now, worse than the {granted!r} that was waived"


def _problem(waiver: Waiver) -> str | None:
    days = (waiver.expires - waiver.granted).days
    shortest, longest = REASON_LENGTH
    rules = (
        (waiver.check not in LAWS, "it is a law, and laws are never waived"),
        (_DIGEST.match(waiver.decisions) is not None, "decisions is no SHA-256"),
        (0 <= days <= DAYS_MAX, f"it lasts {days} days; 0 to {DAYS_MAX} are allowed"),
        (_WHO.match(waiver.who) is not None, f"who is {waiver.who!r}, which is no name"),
        (shortest <= len(waiver.reason.strip()), f"its reason has fewer than {shortest} characters"),
        (len(waiver.reason) <= longest, f"its reason has more than {longest} characters"),
        (waiver.reason.isascii() and waiver.reason.isprintable(), "its reason is not one line of printable ASCII"),
        (all(value - value == 0 for value in waiver.measured.values()), "a measured value is not finite"),
    )
    return next((text for holds, text in rules if not holds), None)
