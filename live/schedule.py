"""When bars of an account's sleeves open and close, on one clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autarch.canonical import EpochMs
from autarch.market.types import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment: the sleeves whose bar closes, with its row, and those whose next bar opens."""

    time_ms: EpochMs
    closing: tuple[tuple[str, int], ...]
    opening: tuple[tuple[str, int], ...]


def instants(markets: Mapping[str, Market]) -> Iterator[Instant]:
    """Yield every instant at which a bar of any sleeve opens or closes, ascending.

    Args:
        markets: By strategy; intervals may differ, each market is dense.
    """
    times = sorted(
        {int(t) for market in markets.values() for t in (*market.ts, *(market.ts[-1:] + market.interval_ms))}
    )
    for time_ms in times:
        closing = [(name, _row(market, time_ms) - 1) for name, market in markets.items() if _row(market, time_ms) > 0]
        opening = [(name, _row(market, time_ms)) for name, market in markets.items()]
        yield Instant(
            time_ms=EpochMs(time_ms),
            closing=tuple(closing),
            opening=tuple((name, row) for name, row in opening if 0 <= row < markets[name].n_bars),
        )


def _row(market: Market, time_ms: int) -> int:
    """Return the row whose bar opens at `time_ms` (n_bars: the end of the last bar), or -1."""
    row, rest = divmod(time_ms - int(market.ts[0]), market.interval_ms) if market.n_bars else (-1, 0)
    return row if rest == 0 and 0 <= row <= market.n_bars else -1
