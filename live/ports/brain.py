"""The port to whoever decides for one sleeve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autarch.canonical import Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The decision of one bar: wanted exposure and distances by symbol, None for no distance.

    Symbols whose bar does not count yet are left out. `inputs` is a digest of all the decision may depend on.
    """

    inputs: Sha256
    symbols: dict[str, dict[str, float | None]]


class Brain(Protocol):
    """Who decides for one sleeve. Rows must ascend; several brains may be asked side by side."""

    async def decide(self, row: int) -> Decided | None:
        """Return the decision at the close of `row`; None when no symbol's bar counts yet.

        Raises:
            StrategyError: the strategy failed or broke its contract.
            SandboxError: its child could not be confined or was killed.
        """
        ...

    def close(self) -> None:
        """End the child, if there is one."""
        ...
