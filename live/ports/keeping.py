"""The port to whoever keeps the bars of a live feed as the executor saw them, so that a decision can be made again."""

from __future__ import annotations

from typing import Protocol

from autarch.market.types import Market


class Keeper(Protocol):
    """Keeps bars before they are decided on. A recorded feed needs none: its data set is pinned."""

    def begin(self, strategy: str, market: Market, *, seq: int) -> None:
        """Keep all of `market` as it is at the start of the run whose `opened` event has number `seq`.

        Raises:
            ConfigError: the disk did not take it.
        """
        ...

    def keep(self, strategy: str, market: Market, *, row: int) -> None:
        """Keep what is new up to `row`, before the decision at its close is journalled.

        Raises:
            ConfigError: the disk did not take it.
        """
        ...


class Unkept:
    """Keeps nothing."""

    def begin(self, strategy: str, market: Market, *, seq: int) -> None:
        """Do nothing."""

    def keep(self, strategy: str, market: Market, *, row: int) -> None:
        """Do nothing."""
