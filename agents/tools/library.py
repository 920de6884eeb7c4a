"""What a model may read: strategies and the guide as main has them, and the public board."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from agents.ports import Quoted
from agents.quoting import quote, shorten
from autarch.errors import StrategyError, UsageError
from autarch.manifest import SLUG, StrategySource
from autarch.repo.git import GitRepo
from autarch.repo.strategies import list_strategies, read_strategy

GUIDE = "docs/strategy_authoring.md"
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Main at one commit, read from the object store. `board` answers `leaderboard` and `rejections`."""

    repo: GitRepo
    base: str
    board: Callable[[str], str] | None = None

    def list(self) -> str:
        """Return a line for each strategy on main."""
        lines = [self._line(slug) for slug in list_strategies(self.repo, self.base)]
        return "\n".join(lines) or "main has no strategy yet"

    def strategy(self, slug: str) -> StrategySource:
        """Return a strategy on main.

        Raises:
            UsageError: there is none of that name.
            StrategyError: what main has does not parse.
        """
        if not SLUG.match(slug):
            raise UsageError(f"{slug!r} is no strategy's name; ask list_strategies")
        return read_strategy(self.repo, self.base, slug)

    def read(self, slug: str) -> str:
        """Return both files of a strategy on main, as data."""
        source = self.strategy(slug)
        return show_files({"manifest.toml": source.manifest_bytes, "strategy.py": source.code}, where=f"main, {slug}")

    def guide(self, section: str | None, *, bytes_max: int) -> str:
        """Return the guide's headings, or the section whose heading has the words of `section`.

        Raises:
            UsageError: main has no guide, or it has no such section.
        """
        content = self.repo.blob_at(self.base, GUIDE)
        if content is None:
            raise UsageError(f"main has no {GUIDE}; work from the contract you were told")
        parts = _HEADING.split(content.decode("utf-8", "replace"))
        sections = dict(zip(parts[1::2], parts[2::2], strict=True))
        if not section:
            return f"{parts[0].strip()}\n\nSections: {'; '.join(sections)}"
        words = section.casefold().strip("# ")
        found = next((name for name in sections if words in name.casefold()), None)
        if found is None:
            raise UsageError(f"the guide has no section {section[:80]!r}; it has: {'; '.join(sections)}")
        return shorten(f"## {found}\n{sections[found].strip()}", bytes_max)

    def show_board(self, what: str) -> str:
        """Return the `leaderboard` or the `rejections`, or say that there is none to show."""
        if self.board is None:
            return f"no {what} can be shown here; nothing depends on it, go on without"
        return quote(Quoted(source=f"the {what}", text=self.board(what)))

    def _line(self, slug: str) -> str:
        try:
            manifest = self.strategy(slug).manifest
        except StrategyError:
            return f"{slug}: cannot be read"
        title = "".join(letter for letter in manifest.title if letter.isprintable())[:80]
        return f'{slug}: "{title}", {", ".join(manifest.symbols)}, {manifest.interval}, {manifest.mode}'


def show_files(files: dict[str, bytes], *, where: str) -> str:
    """Return files as marked data."""
    shown = [
        quote(Quoted(source=f"{where}, {name}", text=content.decode("utf-8", "replace")))
        for name, content in files.items()
    ]
    return "\n".join(shown)
