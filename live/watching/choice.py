"""Which release this host is to trade: `next.json`, beside what each account's journal says it trades now.

The watcher moves it forward, an operator anywhere. Executors take it at their next bar. After an operator's choice
the watcher only takes releases newer than all that were known then, so that a rollback stays until somebody signs a
new version.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import msgspec

from autarch.errors import ConfigError
from autarch.evidence.released import VERSION
from autarch.paths import private_directory
from live.host import Host, write_whole

SCHEMA = 1
HISTORY_MAX = 50
FILE_BYTES_MAX = 65_536
By = Literal["watch", "operator"]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be traded.

    `history` holds what a rollback leads to, newest last; `passed_over` the newest version that an operator knew of
    and did not choose, or nothing.
    """

    schema: int = SCHEMA
    tag: str
    tag_object: str
    by: By
    passed_over: str = ""
    history: tuple[str, ...] = ()


def version_of(tag: str) -> tuple[int, int, int]:
    """Return a release's version as numbers; a name that is none sorts before every release."""
    found = VERSION.match(tag)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (-1, -1, -1)


def chosen(before: Choice | None, tag: str, tag_object: str, *, by: By, known: Iterable[str] = ()) -> Choice:
    """Return the choice of `tag` after `before`; the same tag again only changes who wants it.

    Args:
        before: What was chosen until now.
        tag: What is chosen.
        tag_object: Its id.
        by: Who chooses.
        known: Every release that is known now; an operator passes over those newer than `tag`.
    """
    history = () if before is None else before.history
    if tag in history:
        history = history[: history.index(tag)]  # going back: what came after it is not on the way any more
    elif before is not None and before.tag != tag:
        history = (*history, before.tag)[-HISTORY_MAX:]
    passed_over = "" if before is None else before.passed_over
    if by == "operator":
        passed_over = max((name for name in known if version_of(name) > version_of(tag)), key=version_of, default="")
    return Choice(tag=tag, tag_object=tag_object, by=by, passed_over=passed_over, history=history)


def newer(tags: Iterable[str], choice: Choice | None) -> tuple[str, ...]:
    """Return the releases among `tags` that the watcher may move to, newest first."""
    floor = (-1, -1, -1) if choice is None else max(version_of(choice.tag), version_of(choice.passed_over))
    return tuple(sorted((tag for tag in tags if version_of(tag) > floor), key=version_of, reverse=True))


@dataclass(frozen=True, slots=True)
class Choices:
    """The file of one host."""

    host: Host

    def read(self) -> Choice | None:
        """Return the present choice, or None before the first.

        Raises:
            ConfigError: the file is not one we wrote.
        """
        path = self.host.next_path
        try:
            content = path.read_bytes()[: FILE_BYTES_MAX + 1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}; check the folder's owner and mode") from error
        cure = f"remove {path} and choose again: autarch live switch TAG"
        try:
            found = msgspec.json.decode(content, type=Choice, strict=True)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} does not parse: {error}; {cure}") from error
        if found.schema != SCHEMA or not VERSION.match(found.tag):
            raise ConfigError(f"{path} has schema {found.schema} and tag {found.tag!r}, this runtime reads 1; {cure}")
        return found

    def change(self, to: Callable[[Choice | None], Choice | None]) -> Choice | None:
        """Replace the choice by what `to` makes of the present one, None leaves it; nobody else writes meanwhile.

        Raises:
            ConfigError: as `read`, or the folder cannot be written.
        """
        private_directory(self.host.root)
        with self._alone():
            before = self.read()
            after = to(before)
            if after is not None and after != before:
                write_whole(self.host.next_path, msgspec.json.encode(after) + b"\n")
        return before if after is None else after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self.host.next_path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
