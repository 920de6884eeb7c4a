"""Which column of a file is which field: names that are told apart by themselves, the rest named by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autarch.errors import DataError
from autarch.market.columns import COLUMNS
from autarch.market.lock_types import Kind

ALIASES: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts", "timestamp", "time", "date", "datetime", "open_time", "opentime", "start", "start_time", "starttime",
        "calc_time", "funding_time", "fundingtime", "fundingratetimestamp",
    ),
    "open": ("open", "open_price", "openprice", "o"),
    "high": ("high", "high_price", "highprice", "h"),
    "low": ("low", "low_price", "lowprice", "l"),
    "close": ("close", "close_price", "closeprice", "c"),
    "volume": ("volume", "vol", "base_volume", "v"),
    "rate": ("rate", "funding_rate", "fundingrate", "last_funding_rate"),
}  # fmt: skip
"""Field -> headers taken for it, in lower case with underscores for blanks."""

IGNORED = frozenset({
    "turnover", "quote_volume", "quote_asset_volume", "close_time", "count", "trades", "number_of_trades",
    "taker_buy_volume", "taker_buy_quote_volume", "taker_buy_base_asset_volume", "taker_buy_quote_asset_volume",
    "ignore", "symbol", "funding_interval_hours", "mark_price",
})  # fmt: skip
"""Headers left out without a word: turnover is computed from volume and prices, whatever the source claims."""

IGNORE = "ignore"  # FIELD of a --column that leaves a header out
_OF = {alias: field for field, aliases in ALIASES.items() for alias in aliases}


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Return header -> field of `--column FIELD=HEADER` texts; FIELD `ignore` leaves a column out.

    Raises:
        DataError: another shape, an unknown field, or a header named twice.
    """
    named: dict[str, str] = {}
    for text in texts:
        field, _, header = (part.strip() for part in text.partition("="))
        if not header or field not in {*ALIASES, IGNORE}:
            raise DataError(f"column {text!r}: write FIELD=HEADER, FIELD one of {', '.join(ALIASES)} or {IGNORE}")
        if header in named:
            raise DataError(f"column {header!r} is named twice; a column is one field")
        named[header] = field
    return named


def match_columns(file: str, found: Sequence[str], *, kind: Kind, named: Mapping[str, str]) -> dict[str, str]:
    """Return field -> header for the fields of `kind`.

    `named` (header -> field) wins over the names that are known; headers nobody needs are left out when they
    are known to be harmless, and refused when they are not: a column nobody understands may be the one that
    matters.

    Raises:
        DataError: a field without a header or with two, a header named twice, or one that nothing explains.
    """
    if len(set(found)) != len(found):
        raise DataError(f"{file} has columns {', '.join(found)}, one of them twice; a header names one column")
    wanted = COLUMNS[kind]
    matched: dict[str, str] = {named[h]: h for h in found if named.get(h) in wanted}
    extra: list[str] = []
    for header in found:
        plain = re.sub(r"[\s\-]+", "_", header.strip().lower())
        field = _OF.get(plain)
        if header in named or plain in IGNORED or (field == "volume" and kind == "mark"):
            continue
        if field not in wanted:
            extra.append(header)
        elif field not in matched:
            matched[field] = header
        elif matched[field] not in named:
            raise DataError(
                f"{file}: columns {matched[field]!r} and {header!r} could both be {field}; choose with "
                f"--column {field}=HEADER"
            )
    missing = [field for field in wanted if field not in matched]
    if extra or missing:
        what = f"{missing[0]} is missing" if missing else f"{extra[0]!r} is none of them"
        cure = f"--column {missing[0]}=HEADER" if missing else f"--column {IGNORE}={extra[0]}"
        raise DataError(
            f"{file} has columns {', '.join(found)}; a {kind} file has {', '.join(wanted)}: {what}. "
            f"Say what it is with {cure}"
        )
    return matched
