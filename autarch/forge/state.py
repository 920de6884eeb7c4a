"""Where a local forge keeps itself: the bare repository, its settings, and who holds which token.

<state>/repo.git       the repository; all that the forge knows of pull requests is in it
<state>/forge.json     settings
<state>/tokens.json    logins, roles and the SHA-256 of each token; the tokens themselves are elsewhere
<state>/url            where the running forge listens
<state>/logs/          one file for each run of the gate
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from autarch.canonical import sha256_hex
from autarch.errors import ConfigError, UsageError
from autarch.forge.wire import LOCAL_REPOSITORY, ROLES, Account, Role

LOGIN = re.compile(r"[a-z][a-z0-9_-]{0,38}\Z")
TOKEN_PREFIX = "autarch_"  # noqa: S105  a marker for secret scanners, not a secret
STATE_FILE_BYTES_MAX = 1_000_000
_T = TypeVar("_T")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `forge.json` holds. `policy_path` is relative to the project's root and read from main."""

    schema: int = 1
    repository: str = LOCAL_REPOSITORY
    policy_path: str = "ci/policy.toml"


class _Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: str
    role: Role
    sha256: str


@dataclass(frozen=True, slots=True)
class ForgeState:
    """Paths of one forge's state directory."""

    root: Path

    @property
    def repo(self) -> Path:
        """The bare repository."""
        return self.root / "repo.git"

    @property
    def settings_file(self) -> Path:
        """The settings."""
        return self.root / "forge.json"

    @property
    def tokens_file(self) -> Path:
        """Hashes of tokens."""
        return self.root / "tokens.json"

    @property
    def url_file(self) -> Path:
        """Written while the forge listens."""
        return self.root / "url"

    @property
    def logs(self) -> Path:
        """Folder of the gate's logs."""
        return self.root / "logs"

    def settings(self) -> Settings:
        """Read the settings.

        Raises:
            ConfigError: no forge lives here, or its settings are of another version.
        """
        return _decode(self.settings_file, Settings)

    def write_settings(self, settings: Settings) -> None:
        """Replace the settings."""
        write_private(self.settings_file, msgspec.json.encode(settings) + b"\n")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def issue_token(state: Path, *, login: str, role: Role) -> str:
    """Make a new token for `login`, replacing its former one, and return the only copy of it.

    Raises:
        UsageError: a login that is not 1 to 39 of a-z, 0-9, _ and -, beginning with a letter, or an unknown role.
    """
    if not LOGIN.match(login) or role not in ROLES:
        raise UsageError(f"found login {login!r} with role {role!r}; expected [a-z][a-z0-9_-]* and one of {ROLES}")
    file = ForgeState(state).tokens_file
    kept = [token for token in _read_tokens(file) if token.login != login]
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    held = _Token(login=login, role=role, sha256=sha256_hex(secret.encode()))
    write_private(file, msgspec.json.encode([*kept, held]) + b"\n")
    return secret


class TokenBook:
    """Answers whom a token speaks for; reads the file again when it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._tokens: tuple[_Token, ...] = ()

    def account(self, secret: str) -> Account | None:
        """Return who holds `secret`, or None; takes the same time for every wrong one."""
        digest = sha256_hex(secret.encode("utf-8", "replace"))
        found = [token for token in self._read() if hmac.compare_digest(token.sha256, digest)]
        return Account(login=found[0].login, role=found[0].role) if found else None

    def role_of(self, login: str) -> Role | None:
        """Return the role of a login, or None when nobody has it."""
        return next((token.role for token in self._read() if token.login == login), None)

    def humans(self) -> tuple[str, ...]:
        """Return the logins of humans."""
        return tuple(token.login for token in self._read() if token.role == "human")

    def _read(self) -> tuple[_Token, ...]:
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._tokens, self._stamp = _read_tokens(self._file), stamp
        return self._tokens

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns


def _read_tokens(file: Path) -> tuple[_Token, ...]:
    return _decode(file, tuple[_Token, ...]) if file.exists() else ()


def _decode(file: Path, kind: type[_T]) -> _T:
    try:
        content = file.read_bytes()[:STATE_FILE_BYTES_MAX]
        return msgspec.json.decode(content, type=kind, strict=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{file} does not exist; no forge lives here. Run: autarch init") from error
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{file} is not this version's: {error}. Restore it, or make a forge with: autarch init"
        ) from error
