"""A freqtrade data folder: `BTC_USDT_USDT-15m-futures.feather` with its mark and funding files beside it.

Also as Parquet, JSON or gzipped JSON. Every file has date, open, high, low, close, volume; a funding file holds
the rate in `open` at the settlement's date and nothing else. The interval in a funding file's name is a label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from autarch.errors import DataError
from autarch.market.files import FORMATS, read_part
from autarch.market.headers import IGNORE
from autarch.market.import_instruments import read_instruments
from autarch.market.lock_types import STORED_MS, InstrumentEntry, Kind
from autarch.market.validate import Part

_FILE = re.compile(
    r"(?P<base>[A-Z0-9]+)_USDT_USDT-(?P<interval>\w+)-(?P<what>futures|mark|funding_rate)"
    r"(?P<end>\.feather|\.parquet|\.json|\.json\.gz)\Z"
)
_KINDS: dict[str, Kind] = {"futures": "kline", "mark": "mark", "funding_rate": "funding"}
_RATE_IN_OPEN = {"open": "rate", **dict.fromkeys(("high", "low", "close", "volume"), IGNORE)}


def freqtrade_folder(source: Path) -> Path | None:
    """Return where freqtrade's futures files are: `source` itself or its `futures`; None when it has none."""
    for folder in (source, source / "futures"):
        if folder.is_dir() and any(_FILE.match(file.name) for file in folder.iterdir()):
            return folder
    return None


class Freqtrade:
    """The USDT futures of one such folder."""

    def __init__(self, folder: Path, *, venue: str, instruments: Path | None) -> None:
        self._folder = folder
        self._venue = venue
        self._instruments = instruments
        self._files: dict[str, list[tuple[Kind, str, Path]]] = {}
        for file in sorted(folder.iterdir()):
            found = _FILE.match(file.name)
            if found is not None:
                entry = (_KINDS[found["what"]], found["interval"], file)
                self._files.setdefault(f"{found['base']}USDT", []).append(entry)

    @property
    def origin(self) -> str:
        """Name the tool that collected the bars."""
        return f"{self._venue} bars imported from freqtrade's files"

    def instruments(self, symbols: tuple[str, ...]) -> tuple[InstrumentEntry, ...]:
        """Return the instruments from a file of their own: freqtrade keeps none beside its bars."""
        for symbol in symbols:
            if symbol not in self._files:
                raise DataError(f"{self._folder} has no files of {symbol}; it has {', '.join(self._files) or 'none'}")
        return read_instruments(self._instruments or self._folder / "instruments.toml", symbols)

    def klines(self, symbol: str, interval: str) -> Sequence[Part]:
        """Return the bars of one interval; one format of them, or the rows overlap."""
        found = [file for kind, own, file in self._files[symbol] if kind == "kline" and own == interval]
        if not found:
            have = [file.name for kind, _, file in self._files[symbol] if kind == "kline"]
            wanted = f"{symbol.removesuffix('USDT')}_USDT_USDT-{interval}-futures"
            raise DataError(
                f"{self._folder} has no {wanted}{{{','.join(e for e in FORMATS if 'csv' not in e)}}}; "
                f"it has {', '.join(have) or 'none'}"
            )
        return [read_part(file, kind="kline", interval_ms=STORED_MS[interval], named={}) for file in found]

    def marks(self, symbol: str) -> Mapping[str, Sequence[Part]]:
        """Return mark prices by interval."""
        parts: dict[str, list[Part]] = {}
        for kind, interval, file in self._files[symbol]:
            if kind != "mark":
                continue
            if interval not in STORED_MS:
                raise DataError(f"{file}: the interval is not one of {', '.join(STORED_MS)}")
            part = read_part(file, kind="mark", interval_ms=STORED_MS[interval], named={})
            parts.setdefault(interval, []).append(part)
        return {interval: parts[interval] for interval in STORED_MS if interval in parts}

    def funding(self, symbol: str) -> Sequence[Part]:
        """Return settlements."""
        found = [file for kind, _, file in self._files[symbol] if kind == "funding"]
        return [read_part(file, kind="funding", interval_ms=None, named=_RATE_IN_OPEN) for file in found]

    def missing_funding(self, symbol: str) -> str:
        """Name the file that is missing."""
        return f"{self._folder} has no {symbol.removesuffix('USDT')}_USDT_USDT-*-funding_rate file"
