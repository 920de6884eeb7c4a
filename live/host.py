"""Where a live host keeps its own things: `.autarch/host/`, outside Git, private to its owner."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import ConfigError
from autarch.paths import private_directory
from live.portfolio import Limits, tighten
from live.trust import Trust, parse_trust, render_trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The host folder and the files in it."""

    root: Path

    @property
    def trust_path(self) -> Path:
        """What this host believes in."""
        return self.root / "trust.toml"

    @property
    def limits_path(self) -> Path:
        """Optional limits that tighten every portfolio's."""
        return self.root / "limits.toml"

    @property
    def releases(self) -> Path:
        """One folder a verified release."""
        return self.root / "releases"

    @property
    def next_path(self) -> Path:
        """Which release this host is to trade; see `live.watching.choice`."""
        return self.root / "next.json"

    @property
    def refused_path(self) -> Path:
        """Which releases did not verify here, and why; see `live.watching.refusals`."""
        return self.root / "refused.json"

    def journal_path(self, account: str) -> Path:
        """Return where the journal of `account` lives."""
        return self.root / "journal" / f"{account}.sqlite3"

    def book_path(self, account: str) -> Path:
        """Return where the paper venue keeps the orders it accepted from `account`."""
        return self.root / "paper" / f"{account}.sqlite3"

    def trust(self) -> Trust:
        """Return what this host trusts; nothing before the first `autarch live trust add`."""
        if not self.trust_path.exists():
            return Trust()
        return parse_trust(self.trust_path.read_bytes())

    def save_trust(self, trust: Trust) -> None:
        """Replace trust.toml in one step."""
        private_directory(self.root)
        write_whole(self.trust_path, render_trust(trust))

    def limits(self, portfolio: Limits, *, account: str = "") -> Limits:
        """Return the `portfolio` limits of `account` as tightened by this host.

        Raises:
            ConfigError: limits.toml is malformed or looser than the portfolio.
        """
        if not self.limits_path.exists():
            return portfolio
        return tighten(portfolio, self.limits_path.read_bytes(), account=account)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that a reader sees the old file or the new one, also after a power cut.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; check the folder's owner and mode") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}; check the disk") from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
