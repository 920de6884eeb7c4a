"""What humans ask for: status, halts, an end, a release of the latch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from autarch.engine import layout as at
from autarch.errors import AutarchError, VenueError
from live.ports.venue import Position, Snapshot
from live.stopping.commands import Answer, Asked, Halt, Look, Resume, Status, Stop
from live.stopping.latch import Halted, Latched
from live.stopping.latch import Release as Leave
from live.stopping.seen import Seen, look
from live.trading.core import Core
from live.trading.hearing import Hearing


@dataclass(slots=True, kw_only=True)
class Commanding:
    """Obeys. `ended` is set once the run is to end."""

    core: Core
    hearing: Hearing
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _flattens: str = ""

    async def obey(self, asked: Asked) -> None:
        """Carry out one command and answer it."""
        try:
            asked.answer(await self._answer(asked))
        except AutarchError as error:
            asked.answer(Answer(ok=False, text=str(error)))

    def give_up(self, left: list[Asked]) -> None:
        """Answer commands that came too late."""
        for asked in left:
            asked.answer(Answer(ok=False, text="the run has ended"))

    def end_when_flat(self) -> None:
        """End the run once everything is closed, where that was asked, and halt: a restart must not enter again."""
        if self._flattens and is_flat(self.core):
            self._halt_stopped(self._flattens)
            self.ended.set()

    async def watch_latch(self) -> None:
        """Take over halts from the latch, and carry out a release that lies in it."""
        latched = self.core.world.latch.read()
        if latched.release is not None:
            await self._release(latched.release)
            return
        for halted in latched.halts:
            by = "executor" if halted.by == "executor" else "human"
            self._halt(halted, by)

    async def _answer(self, asked: Asked) -> Answer:
        core = self.core
        match asked.command:
            case Status():
                return Answer(ok=True, text=core.books.gate.state, body=self._status())
            case Look():
                seen = self._seen(await core.world.venue.snapshot(core.books.symbols))
                return Answer(ok=True, text="as the venue shows it", body=seen.body)
            case Halt(symbol=symbol, why=why):
                halted = Halted(by="human", who=asked.who, why=why, at_ms=core.now_ms, symbol=symbol)
                core.world.latch.halt(halted)
                self._halt(halted, "human")
                return Answer(ok=True, text=str(halted))
            case Resume():
                return await self._resume()
            case Stop(flatten=flatten):
                return self._stop(asked.who, flatten=flatten)

    def _status(self) -> dict[str, object]:
        books = self.core.books
        return {
            "state": books.gate.state,
            "reason": books.gate.reason,
            "tag": self.core.release.tag,
            "equity": books.equity(),
            "positions": {symbol: format(held, "f") for symbol, held in books.positions().items()},
            "halted": {symbol: why for symbol, (_, why) in books.states.items()},
            "orders": list(books.orders),
        }

    def _halt(self, halted: Halted, by: str) -> None:
        core = self.core
        present = core.books.states.get(halted.symbol, ("", ""))[0] if halted.symbol else core.books.gate.state
        if present != "HALTED":
            body = {"state": "HALTED", "reason": str(halted), "by": by, "symbol": halted.symbol, "flatten": False}
            core.draft("state", body)
            core.tell("critical", f"HALTED {halted.symbol}".rstrip(), str(halted))

    def _stop(self, who: str, *, flatten: bool) -> Answer:
        core = self.core
        if not flatten or is_flat(core):
            if flatten:
                self._halt_stopped(who)
            self.ended.set()
            return Answer(ok=True, text="the run ends; positions stay, with their stops at the exchange")
        self._flattens = who
        core.state("REDUCING", f"{who} asked to close everything and end", by="human", flatten=True)
        core.tradable.update(dict.fromkeys(core.books.symbols, True))
        return Answer(ok=True, text=f"closing {len(core.books.positions())} positions; the run ends when all are flat")

    def _halt_stopped(self, who: str) -> None:
        halted = Halted(by="stop", who=who, why="everything was closed", at_ms=self.core.now_ms)
        self.core.world.latch.halt(halted)
        self._halt(halted, "human")

    async def _resume(self) -> Answer:
        latched: Latched = self.core.world.latch.read()
        if latched.release is None:
            return Answer(ok=False, text="no release lies in the latch; write it with `autarch live resume`")
        return await self._release(latched.release)

    async def _release(self, leave: Leave) -> Answer:
        """Go on from flat, or with what the venue holds; refused while it is not as was promised."""
        core = self.core
        symbols = core.books.symbols
        try:
            await self.hearing.read()  # what was done while we were away is booked before anything is adopted
            self.hearing.hear()
            snapshot = await core.world.venue.snapshot(symbols)
        except VenueError as error:
            return Answer(ok=False, text=f"the venue cannot be read: {error}", body={"waits": True})
        if any(self.hearing.held_back(symbol) for symbol in symbols):
            text = "executions wait for the decision of their bar; the release is carried out after it"
            return Answer(ok=False, text=text, body={"waits": True})
        refusal = self._refusal(leave, snapshot)
        if refusal is not None:
            core.tell("warning", "resume", refusal)
            core.world.latch.withdraw(leave)  # or it would take effect later, unasked
            return Answer(ok=False, text=refusal)
        for symbol in symbols:
            self._adopt(symbol, snapshot.positions.get(symbol))
        body = {"state": "ACTIVE", "reason": f"{leave.who} resumed from {leave.start}", "by": "human", "symbol": ""}
        core.draft("state", {**body, "flatten": False, "from": leave.start})
        core.commit()
        if not core.world.latch.released(leave):
            return Answer(ok=False, text="another halt came in between; look again and resume again")
        core.tell("info", "ACTIVE", str(body["reason"]))
        return Answer(ok=True, text=str(body["reason"]))

    def _refusal(self, leave: Leave, snapshot: Snapshot) -> str | None:
        held = [f"{p.size} {p.symbol}" for p in snapshot.positions.values() if p.size != 0]
        if leave.start == "flat" and (held or snapshot.orders):
            return (
                f"resume from flat: the venue holds {', '.join(held) or 'no position'}, {len(snapshot.orders)} orders"
            )
        if leave.start == "adopt" and leave.seen != self._seen(snapshot).digest:
            return "resume from adopt: the venue no longer shows what was seen; look again and resume again"
        return None

    def _seen(self, snapshot: Snapshot) -> Seen:
        return look(self.core.release.account, snapshot, self.core.books.positions())

    def _adopt(self, symbol: str, shown: Position | None) -> None:
        """Let the books be what the venue shows, where they differ."""
        core = self.core
        theirs = None if shown is None or shown.size == 0 else shown
        size = core.books.position(symbol)
        if size == (0 if theirs is None else theirs.size) and not any(core.books.unfinished(symbol)):
            return
        body = {
            "symbol": symbol,
            "size": "0" if theirs is None else format(theirs.size, "f"),
            "entry_price": None if theirs is None else str(theirs.entry_price),
        }
        core.draft("adopted", body)


def is_flat(core: Core) -> bool:
    """Return whether nothing is held and nothing under way."""
    held = any(state[at.POSITION] != 0.0 for book in core.books.sleeves.values() for state in book.states.values())
    return not held and not core.books.orders and not core.books.owed
