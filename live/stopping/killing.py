"""Kill: stop an account from another process with its own key, whether or not its executor still answers.

The latch first, so that nothing comes back; then the executor's process, and its journal's lock, held until the end;
then the venue. Each step is tried even when the one before it failed, since the positions are what matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autarch.errors import AutarchError, ConfigError, UndecidedError, VenueError
from live.ports.venue import Venue
from live.stopping.flattening import Flattened, Flattening, Patience, Unsettled
from live.stopping.latch import Halted, Latch
from live.stopping.process import Hold, end, hold, holder
from live.stopping.record import KillRecord
from live.stopping.unsettled import read_unsettled

END_WAIT_S = 10.0
ENDS_MAX = 20
END_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What a kill did. `done`: the latch holds, no executor runs on this host, and the venue is proven flat."""

    latched: bool
    executor: Literal["absent", "ended", "left"]
    flattened: Flattened | None
    problems: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do by hand."""
        return self.latched and self.executor != "left" and self.flattened is not None and self.flattened.flat

    @property
    def body(self) -> dict[str, object]:
        """Return it for a record or a machine; quantities as text."""
        found = self.flattened
        held = None if found is None or found.after is None else {s: format(q, "f") for s, q in found.after.items()}
        return {
            "done": self.done,
            "latched": self.latched,
            "executor": self.executor,
            "flat": found is not None and found.flat,
            "before": {} if found is None else {s: format(q, "f") for s, q in found.before.items()},
            "after": held,
            "orders_sent": 0 if found is None else found.sent,
            "orders_cancelled": 0 if found is None else found.cancelled,
            "problems": list(self.problems),
        }


@dataclass(kw_only=True)
class Kill:
    """One kill of one account.

    `open_venue` returns the venue, started, with the kill key; it is called when nobody else trades any more, and
    closed at the end. `run` is unique to this kill.
    """

    account: str
    journal: Path
    latch: Latch
    record: KillRecord
    open_venue: Callable[[], Awaitable[Venue]]
    run: str
    patience: Patience = field(default_factory=Patience)
    _problems: list[str] = field(default_factory=list)

    async def carry_out(self) -> Killed:
        """Do all of it and say what came of it; raises nothing that a step may raise."""
        latched = self._set_latch()
        executor, held = await self._end_executor()
        try:
            flattened = await self._flatten(self._unsettled())
        finally:
            if held is not None:
                held.release()
        problems = (*self._problems, *(() if flattened is None else flattened.problems))
        if self.record.problem is not None:
            problems = (*problems, self.record.problem)
        killed = Killed(latched=latched, executor=executor, flattened=flattened, problems=problems)
        self.record.close(killed.body)
        return killed

    def _set_latch(self) -> bool:
        self.record.note("set the halt latch")
        halted = Halted(by="kill", who=self.record.who, why=self.record.why, at_ms=self.record.clock.now_ms())
        try:
            self.latch.halt(halted)
        except AutarchError as error:
            self._problem(f"the latch is not set, so a restart would trade again: {error}")
            return False
        return True

    async def _end_executor(self) -> tuple[Literal["absent", "ended", "left"], Hold | None]:
        """Kill whoever holds the journal until it is ours; a supervisor may start others meanwhile."""
        lock = self.journal.with_name(self.journal.name + ".lock")
        if not lock.parent.exists():
            self.record.note("no executor ever ran here")
            return "absent", None
        ended: Literal["absent", "ended"] = "absent"
        try:
            for _ in range(ENDS_MAX):
                held = hold(lock, role="kill")
                if held is not None:
                    return ended, held
                found = holder(lock)
                if found is not None and found.role == "kill":
                    self.record.note(f"another kill (process {found.pid}) is at work; no executor can run beside it")
                    return ended, None
                if found is not None:
                    self.record.note(f"kill the executor, process {found.pid}")
                    if end(found, wait_s=END_WAIT_S) == "ended":
                        ended = "ended"
                        continue
                await asyncio.sleep(END_EVERY_S)  # whoever has just taken it has yet to sign it
        except (ConfigError, UndecidedError, OSError) as error:
            self._problem(f"the executor was not ended: {error}")
            return "left", None
        self._problem(f"somebody holds {lock} and cannot be told; find the process with: fuser {lock}")
        return "left", None

    def _unsettled(self) -> tuple[Unsettled, ...] | None:
        try:
            return read_unsettled(self.journal, self.account)
        except (AutarchError, LookupError, ValueError, ArithmeticError) as error:
            self._problem(f"what was in flight is not known: {error!r}")
            return None

    async def _opened(self) -> Venue:
        """Open the venue, again and again while it is only out of reach; a key it refuses is refused for good."""
        loop, waits = asyncio.get_running_loop(), self.patience.rounds_s
        ends, rounds = loop.time() + self.patience.limit_s, 0
        while True:
            try:
                return await self.open_venue()
            except VenueError as error:
                if loop.time() >= ends:
                    raise
                self.record.note(f"the venue is out of reach: {error}")
                await asyncio.sleep(waits[min(rounds, len(waits) - 1)])
                rounds += 1

    async def _flatten(self, unsettled: tuple[Unsettled, ...] | None) -> Flattened | None:
        try:
            venue = await self._opened()
        except AutarchError as error:
            self._problem(f"the venue could not be reached with the kill key: {error}")
            return None
        try:
            flattening = Flattening(venue=venue, run=self.run, note=self.record.note, patience=self.patience)
            return await flattening.bring_flat(unsettled)
        except Exception as error:  # noqa: BLE001  the latch and the record must be told even of a bug of ours
            self._problem(f"flattening ended early, close the positions by hand: {error!r}")
            return None
        finally:
            await venue.close()

    def _problem(self, text: str) -> None:
        self._problems.append(text)
        self.record.note(text)
