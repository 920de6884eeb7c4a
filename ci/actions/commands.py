"""Commands that a code owner writes as a comment: `/rerun`, `/close`, `/judge`, `/waive CHECK DAYS REASON`.

The text is a stranger's until its author is known to own the code on main, and even then only these words mean
anything: nothing of it reaches a shell, a path or a workflow's expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from autarch.errors import RefusedError, UsageError
from autarch.forge.client import ForgeClient
from autarch.repo.git import GitRepo
from ci.actions.events import Commented
from ci.policy import CHECK_NAMES

CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for it, in this order."""

OWNED = "ci/policy.toml"
"""Who owns this file may command: it is what judges."""

Verb = Literal["judge", "waive", "rerun", "close"]
_WAIVE = re.compile(r"/waive\s+(?P<check>[a-z]+)\s+(?P<days>\d{1,2})\s+(?P<reason>\S.{4,199})\s*\Z")
_LOGIN = re.compile(r"@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a code owner; the last three are a waiver's."""

    verb: Verb
    number: int
    login: str
    check: str = ""
    days: int = 0
    reason: str = ""


def parse_command(comment: Commented) -> Command | None:
    """Return the command that a comment's first line is; None for what is no command at all.

    Raises:
        UsageError: it begins like one and is none.
    """
    line = comment.body.lstrip().partition("\n")[0].rstrip()
    word = line.partition(" ")[0]
    if word not in {"/judge", "/waive", "/rerun", "/close"}:
        return None
    if word == "/waive":
        match = _WAIVE.match(line)
        if match is None or match["check"] not in CHECK_NAMES or not 0 < int(match["days"]) <= 90:
            raise UsageError("write: /waive CHECK DAYS REASON, such as: /waive risk 14 half of it is hedged elsewhere")
        return Command(
            verb="waive",
            number=comment.number,
            login=comment.login,
            check=match["check"],
            days=int(match["days"]),
            reason=match["reason"],
        )
    if line != word:
        raise UsageError(f"{word} stands alone on its line; found more behind it")
    verb: Verb = "judge" if word == "/judge" else "rerun" if word == "/rerun" else "close"
    return Command(verb=verb, number=comment.number, login=comment.login)


def owners(repo: GitRepo, main: str) -> tuple[str, ...]:
    """Return the logins that own `OWNED` by CODEOWNERS on main: those of the last line that matches, as on GitHub.

    Teams are not read: their members are the platform's to tell, and a command needs a name.

    Raises:
        RefusedError: main has no CODEOWNERS, or nobody by name owns it.
    """
    content = next((blob for path in CODEOWNERS if (blob := repo.blob_at(main, path)) is not None), None)
    found: tuple[str, ...] = ()
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        pattern, *names = line.partition("#")[0].split() or [""]
        if pattern and _matches(pattern):
            found = tuple(match[1].lower() for name in names if (match := _LOGIN.match(name)) is not None)
    if not found:
        raise RefusedError(f"nobody owns {OWNED} by name in {CODEOWNERS[0]} on main; name a login there")
    return found


def require_owner(repo: GitRepo, main: str, comment: Commented, forge: ForgeClient) -> None:
    """Refuse a comment by anybody but a person who owns the code and may write here.

    Raises:
        RefusedError: it is not.
    """
    if not comment.is_person or comment.login.lower() not in owners(repo, main):
        raise RefusedError(f"{comment.login} does not own {OWNED} on main; only a code owner commands here")
    if forge.permission_of(comment.login) not in {"admin", "write", "maintain"}:
        raise RefusedError(f"{comment.login} is named in CODEOWNERS and may not write to this repository any more")


def _matches(pattern: str) -> bool:
    """Return whether a line of CODEOWNERS speaks of `OWNED`; of its patterns those are known that we write."""
    plain = pattern.lstrip("/")
    if plain in {"*", "**", OWNED}:
        return True
    return plain.endswith("/") and OWNED.startswith(plain)
