"""One bar: what the strategies want of it, written down with what they were shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from autarch.canonical import EpochMs
from autarch.errors import SandboxError, StrategyError
from live.journal import BarClaim
from live.ports.bars import Instant
from live.ports.brain import Decided
from live.trading.core import Core


@dataclass(slots=True, kw_only=True)
class Deciding:
    """Asks the brains of the sleeves whose bar closes, side by side, and drafts what they answer."""

    core: Core

    async def decide(self, instant: Instant) -> bool:
        """Decide on every bar that closes at `instant`; return whether anything was decided."""
        asked = [(key, row) for key, row in instant.closing if key in self.core.books.sleeves]
        if len(asked) == 1:
            answers = [await self._ask(*asked[0])]
        else:
            answers = await asyncio.gather(*(self._ask(key, row) for key, row in asked))
        for (key, row), decided in zip(asked, answers, strict=True):
            if decided is not None:
                self._note(key, row, decided, instant.time_ms)
        return any(decided is not None for decided in answers)

    async def _ask(self, key: str, row: int) -> Decided | None:
        world, core = self.core.world, self.core
        try:
            world.keeper.keep(key, world.bars.market(key), row=row)
            return await world.brains[key].decide(row)
        except (StrategyError, SandboxError) as error:
            if core.books.sleeves[key].decided_bar is None:
                raise  # nothing has been traded by it: whoever started it is to know at once
            for symbol in core.books.sleeves[key].lines:
                core.state("HALTED", f"{key} failed to decide: {error}", symbol=symbol)
            return None

    def _note(self, key: str, row: int, decided: Decided, time_ms: EpochMs) -> None:
        core = self.core
        sleeve, market = core.books.sleeves[key], core.world.bars.market(key)
        bar = EpochMs(int(market.ts[row]))
        closes = {symbol: float(market.of(symbol).close[row]) for symbol in sleeve.lines}
        body: dict[str, Any] = {
            "tag": sleeve.terms.tag,
            "strategy": sleeve.terms.strategy,
            "bar": bar,
            "inputs": decided.inputs,
            "equity": sleeve.equity(closes),
            "closes": closes,
            "symbols": decided.symbols,
        }
        if key != sleeve.terms.strategy:
            body["sleeve"] = key
        self._missed(key, bar)
        gate = core.books.gate
        before = gate.state, gate.cause
        core.draft("decision", body, time_ms=time_ms)
        if (gate.state, gate.cause) != before:
            told = {"state": gate.state, "reason": gate.reason, "by": "limits", "symbol": ""}
            core.draft("state", told, time_ms=time_ms)
            core.tell("warning", gate.state, gate.reason)
        for symbol in decided.symbols:
            if symbol not in sleeve.lines or core.books.owner(symbol) is not sleeve:
                continue  # another release's sleeve still holds it
            core.claim(BarClaim(symbol=symbol, bar=bar, tag=sleeve.terms.tag))

    def _missed(self, key: str, bar: EpochMs) -> None:
        """Say so where an entry or a bar was passed over that somebody should have acted on or decided on."""
        sleeve = self.core.books.sleeves[key]
        for symbol, qty in self.core.books.overdue(sleeve).items():
            about = {"strategy": sleeve.terms.strategy, "symbol": symbol, "bar": sleeve.decided_bar, "qty": qty}
            self.core.draft("missed", {**about, "reason": "the next bar closed before it could be acted on"})
        if sleeve.decided_bar is None or bar <= sleeve.decided_bar + sleeve.interval_ms:
            return
        first, last = sleeve.decided_bar + sleeve.interval_ms, bar - sleeve.interval_ms
        body = {
            "strategy": sleeve.terms.strategy,
            "first_bar": first,
            "last_bar": last,
            "reason": "no bars were at hand",
        }
        self.core.draft("missed", body)
