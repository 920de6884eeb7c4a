"""A folder a symbol: `<symbol>/kline-<interval>[.part].<format>`, `mark-…`, `funding-…`, and `instruments.toml`.

Formats are Parquet, Feather and CSV (also gzipped); parts of one series may differ in theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from autarch.errors import DataError
from autarch.market.files import FORMATS, extension, read_part
from autarch.market.import_instruments import read_instruments
from autarch.market.lock_types import STORED_MS, InstrumentEntry, Kind
from autarch.market.validate import Part

_ENDINGS = tuple(end for end, name in FORMATS.items() if name != "JSON")


class Tree:
    """One such folder. `named` says which header is which field where the names alone do not."""

    def __init__(self, root: Path, *, venue: str, instruments: Path | None, named: Mapping[str, str]) -> None:
        self._root = root
        self._venue = venue
        self._instruments = instruments
        self._named = named
        self._formats: dict[str, None] = {}

    @property
    def origin(self) -> str:
        """Name the formats that were read."""
        return f"{self._venue} bars imported from {' and '.join(sorted(self._formats))} files"

    def instruments(self, symbols: tuple[str, ...]) -> tuple[InstrumentEntry, ...]:
        """Return the instruments; the folder of each symbol must exist."""
        for symbol in symbols:
            if not (self._root / symbol).is_dir():
                found = sorted(p.name for p in self._root.iterdir() if p.is_dir())
                raise DataError(f"{self._root} has no folder {symbol}; it has {', '.join(found) or 'none'}")
        return read_instruments(self._instruments or self._root / "instruments.toml", symbols)

    def klines(self, symbol: str, interval: str) -> Sequence[Part]:
        """Return the bars of one interval."""
        parts = self._parts(symbol, "kline", interval)
        if not parts:
            have = sorted(p.name for p in self._files(symbol) if p.name.startswith("kline-"))
            raise DataError(
                f"{self._root / symbol} has no kline-{interval}.parquet, .feather or .csv; "
                f"it has {', '.join(have) or 'none'}"
            )
        return parts

    def marks(self, symbol: str) -> Mapping[str, Sequence[Part]]:
        """Return mark prices by interval."""
        names = [file.name for file in self._files(symbol) if file.name.startswith("mark-")]
        found = {name.split("-", 1)[1].split(".", 1)[0]: name for name in names}
        unknown = sorted(set(found) - set(STORED_MS))
        if unknown:
            raise DataError(
                f"{self._root / symbol}: {found[unknown[0]]}: the interval is not one of {', '.join(STORED_MS)}"
            )
        return {interval: self._parts(symbol, "mark", interval) for interval in STORED_MS if interval in found}

    def funding(self, symbol: str) -> Sequence[Part]:
        """Return settlements; a file's name is a label, its interval is not believed."""
        return self._parts(symbol, "funding", None)

    def missing_funding(self, symbol: str) -> str:
        """Name the file that is missing."""
        return f"{self._root / symbol} has no funding-*.parquet, .feather or .csv"

    def _files(self, symbol: str) -> list[Path]:
        return sorted(f for f in (self._root / symbol).iterdir() if extension(f) in _ENDINGS)

    def _parts(self, symbol: str, kind: Kind, interval: str | None) -> list[Part]:
        stem = f"{kind}-" if interval is None else f"{kind}-{interval}."
        files = [f for f in self._files(symbol) if f.name.startswith(stem)]
        self._formats |= {FORMATS[extension(file) or ""]: None for file in files}
        step = None if interval is None else STORED_MS[interval]
        return [read_part(file, kind=kind, interval_ms=step, named=self._named) for file in files]
