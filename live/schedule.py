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
    closing: dict[int, list[tuple[str, int]]] = {}
    opening: dict[int, list[tuple[str, int]]] = {}
    for name, market in markets.items():
        for row, opens in enumerate(market.ts.tolist()):
            opening.setdefault(opens, []).append((name, row))
            closing.setdefault(opens + market.interval_ms, []).append((name, row))
    for time_ms in sorted(opening.keys() | closing.keys()):
        yield Instant(
            time_ms=EpochMs(time_ms),
            closing=tuple(closing.get(time_ms, ())),
            opening=tuple(opening.get(time_ms, ())),
        )
