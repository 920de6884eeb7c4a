"""Where practice cases and a reader's answers are kept between sittings: one small JSON file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from autarch.canonical import sha256_hex
from autarch.errors import ConfigError
from autarch.forge.state import write_private
from autarch.paths import private_directory
from autarch.repo.engine import engine_digest
from ci.calibration.cases import COUNT, Case
from ci.calibration.scoring import Answer
from ci.policy import PRESETS

T = TypeVar("T")


class Shelf:
    """The cases of one seed, and the answers of one reader to one view of them.

    Args:
        folder: Of the seed; made when missing.
        view: What the reader is shown: answers to another view are another file.
    """

    def __init__(self, folder: Path, *, view: str) -> None:
        self.folder = private_directory(folder)
        self._answers = folder / f"answers-{view}.json"

    def case(self, number: int) -> Case | None:
        """Return a case, None while it is not made.

        Raises:
            ConfigError: its file is damaged.
        """
        path = self._case(number)
        return _read(path, Case) if path.is_file() else None

    def cases(self) -> list[Case]:
        """Return every case there is, by number."""
        return [case for case in map(self.case, range(1, COUNT + 1)) if case is not None]

    @property
    def is_whole(self) -> bool:
        """Whether every case is there."""
        return all(self._case(number).is_file() for number in range(1, COUNT + 1))

    def put(self, case: Case) -> None:
        """Keep a case."""
        _write(self._case(case.number), msgspec.json.encode(case))

    def answers(self) -> dict[int, Answer]:
        """Return the answers so far, by case.

        Raises:
            ConfigError: their file is damaged.
        """
        found = _read(self._answers, list[Answer]) if self._answers.is_file() else []
        return {answer.number: answer for answer in found}

    def answer(self, given: Answer) -> None:
        """Keep one more answer."""
        kept: Mapping[int, Answer] = {**self.answers(), given.number: given}
        _write(self._answers, msgspec.json.encode([kept[number] for number in sorted(kept)]))

    def forget(self) -> None:
        """Throw the answers away; the cases stay."""
        self._answers.unlink(missing_ok=True)

    def _case(self, number: int) -> Path:
        return self.folder / f"case-{number:02}.json"


def makers_digest(root: Path) -> str:
    """Return the digest of the code below `root` that makes cases: engine and gate, their first screen, the limits.

    Raises:
        ConfigError: it has no lock of packages.
    """
    shown = [*sorted((root / "ci").glob("report*.py")), root / PRESETS["standard"]]
    words = [engine_digest(root), *(sha256_hex(path.read_bytes()) for path in shown)]
    return sha256_hex("\n".join(words).encode())


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind, strict=True)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; remove it, and it is made again") from error


def _write(path: Path, content: bytes) -> None:
    """Replace a file whole: an interrupted sitting loses nothing."""
    try:
        write_private(path, content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; free some space and start again") from error
