"""API keys of a venue account: from systemd, from a sealed descriptor, or from a private file; nowhere else.

Never from the command line or the environment, which other processes can read, and never from the workspace, which
agents can. Trading and killing have a key each, `<account>.trade` and `<account>.kill`: the API key on the first line,
its secret on the second.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from autarch.errors import ConfigError

KeyUse = Literal["trade", "kill"]
CREDENTIAL_BYTES_MAX = 4096
LINE_LENGTH_MIN, LINE_LENGTH_MAX = 8, 512
FILES_ALLOWED = ("sim", "testnet", "demo")
"""Environments whose keys may lie in a file: no money hangs on them."""
_HIDDEN = "[secret]"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An API key and its secret. Shows neither, and refuses to be pickled: it must not leave this process."""

    key: str
    secret: str

    def __repr__(self) -> str:
        """Name the class alone."""
        return f"Credentials({_HIDDEN})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied into another process or a file."""
        raise TypeError("credentials stay in the process that read them")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be written anywhere."""
        return (self.key, self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where a process may find its keys.

    Attributes:
        systemd: The folder of $CREDENTIALS_DIRECTORY, or None outside a unit with LoadCredential=.
        descriptor: Number of an inherited pipe or sealed memfd, or None.
        folder: Where key files lie for environments without money.
        workspace: What must not hold such a file.
    """

    systemd: Path | None
    descriptor: int | None
    folder: Path
    workspace: Path

    @classmethod
    def of_process(cls, workspace: Path, *, descriptor: int | None = None) -> KeySource:
        """Return this process's: systemd's folder as it told, key files in the user's configuration folder."""
        systemd = os.environ.get("CREDENTIALS_DIRECTORY")
        configured = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return cls(
            systemd=Path(systemd) if systemd else None,
            descriptor=descriptor,
            folder=Path(configured) / "autarch" / "keys",
            workspace=workspace,
        )


def load_credentials(account: str, source: KeySource, *, environment: str, use: KeyUse = "trade") -> Credentials:
    """Return the key of `account`. Start confined workers first: what is read here must not be in their memory.

    A descriptor is read once and closed, a process that starts later does not inherit it.

    Raises:
        ConfigError: there is none, it is malformed, or others could have read it.
    """
    name = f"{account}.{use}"
    if source.descriptor is not None:
        return _parse(_from_descriptor(source.descriptor), f"descriptor {source.descriptor}")
    if source.systemd is not None and (path := source.systemd / name).is_file():
        return _parse(_from_file(path), str(path))
    path = source.folder / name
    if environment in FILES_ALLOWED and path.is_file():
        _require_outside(path, source.workspace)
        return _parse(_from_file(path), str(path))
    ways = [f"LoadCredential={name}:FILE in the systemd unit", "--key-fd N with a pipe or sealed memfd"]
    if environment in FILES_ALLOWED:
        ways.append(f"the file {path}, mode 0600, key on its first line and secret on its second")
    raise ConfigError(
        f"account {account!r} has no key to {use} with on Bybit {environment}; give it by {', or '.join(ways)}"
    )


def load_token(name: str, source: KeySource) -> str:
    """Return the one word in the credential `name`, which opens a chat channel: no key, so a private file will do.

    Raises:
        ConfigError: there is none, it is malformed, or others could have read it.
    """
    folders = [folder for folder in (source.systemd, source.folder) if folder is not None]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        raise ConfigError(f"there is no token {name!r}; expected one of: {', '.join(str(f / name) for f in folders)}")
    _require_outside(path, source.workspace)
    words = _from_file(path).decode("ascii", "replace").split()
    if len(words) != 1 or not words[0].isprintable() or not words[0].isascii():
        raise ConfigError(f"{path} holds no token: expected one word of printable ASCII")
    return words[0]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without any of `secrets`, longest first, so that one inside another leaves nothing behind."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _from_descriptor(number: int) -> bytes:
    """Read a pipe to its end or a sealed memfd whole, and close it."""
    try:
        found = os.fstat(number)
    except OSError as error:
        raise ConfigError(
            f"descriptor {number} is not open here ({error.strerror}); pass it on when starting"
        ) from error
    os.set_inheritable(number, False)
    with os.fdopen(number, "rb", buffering=0) as file:
        if not stat.S_ISFIFO(found.st_mode) and not _is_sealed(number):
            raise ConfigError(f"descriptor {number} is neither a pipe nor a sealed memfd; others may write to it")
        if not stat.S_ISFIFO(found.st_mode):
            os.lseek(number, 0, os.SEEK_SET)
        content = b""
        while len(content) <= CREDENTIAL_BYTES_MAX and (more := file.read(CREDENTIAL_BYTES_MAX)):
            content += more
    return content


def _is_sealed(number: int) -> bool:
    try:
        return bool(fcntl.fcntl(number, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)
    except OSError:
        return False  # no memfd at all


def _from_file(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"the key in {path} cannot be read: {error.strerror}; check owner and mode") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        mode = stat.S_IMODE(found.st_mode)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in {0, os.geteuid()} or mode & 0o077:
            raise ConfigError(
                f"the key in {path} is not a private file (owner {found.st_uid}, mode {mode:04o}); others may have "
                "read it. Make a new key at the venue, and: chmod 600"
            )
        return file.read(CREDENTIAL_BYTES_MAX + 1)


def _require_outside(path: Path, workspace: Path) -> None:
    if path.resolve().is_relative_to(workspace.resolve()):
        raise ConfigError(
            f"the key in {path} lies in the workspace {workspace}, where agents work; move it out of there"
        )


def _parse(content: bytes, where: str) -> Credentials:
    lines = [line.strip() for line in content.decode("ascii", "replace").splitlines() if line.strip()]
    good = [line.isascii() and line.isprintable() and " " not in line for line in lines]
    sized = [LINE_LENGTH_MIN <= len(line) <= LINE_LENGTH_MAX for line in lines]
    if len(content) > CREDENTIAL_BYTES_MAX or len(lines) != len(Credentials.__slots__) or not all((*good, *sized)):
        raise ConfigError(f"{where} holds no key: expected the API key on one line and its secret on the next")
    return Credentials(*lines)
