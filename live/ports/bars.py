"""The port to market data: confirmed bars only, instant by instant, for every sleeve of an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autarch.canonical import EpochMs
from autarch.market.types import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment: the sleeves whose bar closes, with its row, and those whose next bar opens.

    `closing` and `opening` hold (strategy, row). `traded` says of each symbol that opens whether its first bar
    shows trades, where that is known already; a market that is still happening is taken to trade.
    """

    time_ms: EpochMs
    closing: tuple[tuple[str, int], ...]
    opening: tuple[tuple[str, int], ...]
    traded: Mapping[str, bool]


class Bars(Protocol):
    """Where bars come from: recorded, scripted, or a venue's public stream checked by its REST."""

    def market(self, strategy: str) -> Market:
        """Return the bars of a strategy's symbols that are known and confirmed; live ones grow at the end.

        Row numbers never change their meaning.
        """
        ...

    async def next(self) -> Instant | None:
        """Wait for the next instant and return it; None after the last, which only a recording has.

        An instant comes once all its closing bars are confirmed, and never before its time by the venue's clock. A
        bar that is not confirmed within the deadline comes late: the instant's time then tells by how much.

        Raises:
            DataError: bars are missing, or two reads of one bar differ for good.
        """
        ...

    def behind(self) -> bool:
        """Return whether another instant lies in the past and `next` would return it at once."""
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...
