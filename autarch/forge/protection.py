"""Protection as code: what `.github` on main says the platform should enforce, ready to be sent or compared.

`.github/rulesets/*.json` and `.github/environments/*.json` are GitHub's own bodies, but for two marks that
only a repository can fill in (`$gate_app`, `$reviewers`) and a key `autarch` that never leaves the house:
for which profiles a piece is meant, what it says, and what is lost where the platform cannot enforce it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from autarch.errors import ConfigError
from autarch.forge.wire_more import Label, Repository
from autarch.repo.git import GitRepo

Profile = Literal["free", "pro", "org"]
PROFILES: tuple[Profile, ...] = ("free", "pro", "org")
"""A free personal account, a paid personal one, an organisation with a paid plan."""

Kind = Literal["ruleset", "environment"]
FOLDERS: dict[Kind, str] = {"ruleset": ".github/rulesets", "environment": ".github/environments"}
LABELS = ".github/labels.json"
CODEOWNERS = ".github/CODEOWNERS"
OPEN_PATH = "/strategies/"
"""The one path that needs no owner's review."""

GATE_APP, REVIEWERS = "$gate_app", "$reviewers"
ACTIONS_APP = 15368
"""GitHub's own App for workflows: whoever may edit one may write its checks, so a gate's own App is better."""

REPOSITORY_SETTINGS: dict[str, Any] = {
    "allow_merge_commit": True,
    "allow_squash_merge": False,
    "allow_rebase_merge": False,
    "allow_auto_merge": False,
}
_EXACT = frozenset({"allowed_merge_methods"})
"""Lists in which a member more is a permission more, where in all others it is one more thing that is asked."""

ACTIONS_POLICY: dict[str, Any] = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The key `autarch` of a file."""

    says: str
    lost: str
    profiles: tuple[Profile, ...] = PROFILES
    branches: tuple[tuple[Literal["branch", "tag"], str], ...] = ()
    secrets: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One ruleset or environment. `body` is GitHub's, with the marks still in it."""

    kind: Kind
    name: str
    body: Mapping[str, Any]
    meta: Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """All that main wants of the platform."""

    pieces: tuple[Piece, ...]
    labels: tuple[Label, ...]

    def of(self, profile: Profile) -> tuple[Piece, ...]:
        """Return the pieces meant for a profile."""
        return tuple(piece for piece in self.pieces if profile in piece.meta.profiles)


def read_protection(repo: GitRepo, commit: str) -> Protection:
    """Return the protection that `commit` describes.

    Raises:
        ConfigError: it describes none, or a file does not parse.
    """
    pieces = [
        _piece(kind, entry.path, repo.cat_blob(entry.oid))
        for kind, folder in FOLDERS.items()
        for entry in repo.ls_tree(commit, folder)
        if entry.path.endswith(".json")
    ]
    if not pieces:
        raise ConfigError(f"{commit[:12]} has no {FOLDERS['ruleset']}; take this project's own, they are its rules")
    labels = repo.blob_at(commit, LABELS) or b"[]"
    try:
        return Protection(pieces=tuple(pieces), labels=msgspec.json.decode(labels, type=tuple[Label, ...]))
    except msgspec.DecodeError as error:
        raise ConfigError(f"{LABELS}: {error}; expected a list of name, color, description") from error


def filled(piece: Piece, *, gate_app: int, reviewers: Sequence[int]) -> dict[str, Any]:
    """Return the body to send: the gate's App and the reviewers in place of their marks."""
    users = [{"type": "User", "id": number} for number in reviewers]
    return {key: _filled(value, gate_app, users) for key, value in piece.body.items()}


def unavailable(piece: Piece, profile: Profile, repository: Repository) -> str:
    """Return why a platform is known not to enforce a piece there, or the empty text.

    Source: GitHub's documentation of plans. Where it is silent the platform is asked, and its answer told.
    """
    if piece.body.get("target") == "push" and not repository.private:
        return "push rules exist for private repositories only"
    if repository.private and profile == "free":
        return "a private repository on the free plan has no rulesets and no environments"
    if _rule_types(piece) == {"merge_queue"} and repository.owner.type != "Organization":
        return "a merge queue needs an organisation"
    return ""


def covered(codeowners: str) -> list[str]:
    """Return what is wrong with a CODEOWNERS file: its last matching line decides, and only strategies are open."""
    lines = [fields for line in codeowners.splitlines() if (fields := line.partition("#")[0].split())]
    problems = []
    if not lines or lines[0][0] != "*" or len(lines[0]) == 1:
        problems.append("its first rule must give everything (*) an owner")
    open_paths = [fields[0] for fields in lines if len(fields) == 1]
    problems += [f"{path} needs no review; only {OPEN_PATH} may" for path in open_paths if path != OPEN_PATH]
    if OPEN_PATH not in open_paths:
        problems.append(f"{OPEN_PATH} is not open to agents")
    if any("@owner" in fields[1:] for fields in lines):
        problems.append("it names @owner, which is nobody: write your account or team there")
    return problems


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return how a ruleset in force falls short of the one wanted; more rules than wanted are no fault."""
    problems = [
        f"{key} is {found.get(key)!r}, expected {wanted[key]!r}"
        for key in ("target", "enforcement", "conditions")
        if key in wanted and wanted[key] != found.get(key)  # an exclusion more is a hole, so equal and not within
    ]
    problems += _bypasses(wanted.get("bypass_actors", ()), found.get("bypass_actors"))
    rules = {rule["type"]: rule.get("parameters") or {} for rule in found.get("rules") or ()}
    for rule in wanted.get("rules", ()):
        kind, parameters = rule["type"], rule.get("parameters") or {}
        if kind not in rules:
            problems.append(f"rule {kind} is missing")
            continue
        problems += [
            f"{kind}: {key} is {rules[kind].get(key)!r}, expected {value!r}"
            for key, value in parameters.items()
            if not (_within(value, there := rules[kind].get(key)) and (key not in _EXACT or _within(there, value)))
        ]
    return problems


def _within(wanted: Any, found: Any) -> bool:
    """Return True when all of `wanted` is in `found`: keys of mappings, members of lists, equal values."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_within(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and all(any(_within(each, other) for other in found) for each in wanted)
    return bool(wanted == found)


def _bypasses(wanted: Sequence[Mapping[str, Any]], found: object) -> list[str]:
    if not isinstance(found, list):
        return ["who may bypass it is not shown to this token"]
    key = ("actor_type", "actor_id", "bypass_mode")
    allowed, actual = ({tuple(str(actor.get(name)) for name in key) for actor in actors} for actors in (wanted, found))
    return [f"{' '.join(actor)} may bypass it, and should not" for actor in sorted(actual - allowed)] + [
        f"{' '.join(actor)} cannot bypass it, and should" for actor in sorted(allowed - actual)
    ]


def _rule_types(piece: Piece) -> set[str]:
    return {str(rule["type"]) for rule in piece.body.get("rules", ())}


def _piece(kind: Kind, path: str, content: bytes) -> Piece:
    try:
        body = json.loads(content)
        meta = msgspec.convert(body.pop("autarch"), Meta, strict=True)
        stem = path.rpartition("/")[2].removesuffix(".json")
        return Piece(kind=kind, name=str(body["name"]) if kind == "ruleset" else stem, body=body, meta=meta)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path} is no {kind}: {error!r}; see autarch/forge/protection.py for its form") from error


def _filled(value: Any, gate_app: int, users: list[dict[str, Any]]) -> Any:
    if value == GATE_APP:
        return gate_app
    if value == [REVIEWERS]:
        return users
    if isinstance(value, Mapping):
        return {key: _filled(each, gate_app, users) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, gate_app, users) for each in value]
    return value
