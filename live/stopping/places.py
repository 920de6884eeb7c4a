"""Where the files of stopping lie in a host folder, one set an account."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autarch.errors import UsageError
from autarch.paths import private_directory
from live.portfolio import ACCOUNT_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of one account; `root` is the host folder."""

    root: Path
    account: str

    def __post_init__(self) -> None:
        """Refuse a name that is no account's: it becomes part of paths.

        Raises:
            UsageError: as said.
        """
        if not ACCOUNT_NAME.match(self.account):
            raise UsageError(f"{self.account!r} is no account's name; expected {ACCOUNT_NAME.pattern}")

    @property
    def folder(self) -> Path:
        """The private folder that holds them all; see `make`."""
        return self.root / "stopping" / self.account

    @property
    def latch(self) -> Path:
        """The halt latch."""
        return self.folder / "latch.json"

    @property
    def socket(self) -> Path:
        """The control socket of a running executor."""
        return self.folder / "control.sock"

    @property
    def heartbeat(self) -> Path:
        """The newest heartbeat."""
        return self.folder / "heartbeat.json"

    @property
    def kills(self) -> Path:
        """One record a kill."""
        return self.folder / "kills"

    def make(self) -> None:
        """Create the folder, private to its owner.

        Raises:
            ConfigError: it cannot be made, or others may write it.
        """
        private_directory(self.root)
        private_directory(self.folder.parent)
        private_directory(self.folder)
