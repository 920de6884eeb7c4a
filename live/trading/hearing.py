"""News: which executions are booked, in which order, which wait for a decision, and which nobody explains."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from live.orders import KILL_PREFIX
from live.ports.venue import Changed, Connected, Disturbed, Executed, Execution, News
from live.stopping.alone import other_executor
from live.trading.carrying import is_taken_over
from live.trading.core import Core
from live.trading.sleeves import entry_deadline_ms

OVERLAP_MS = 600_000
"""How far behind the newest booked execution a read begins: a row may become readable late."""
SEEN_MAX = 20_000
TAKEN_OVER = "the venue has taken over the account's positions: the margin they share is used up"
FORCED = ("StopLoss", "TakeProfit", "TakeOver", "Liq", "Adl")


@dataclass(slots=True, kw_only=True)
class Hearing:
    """Takes news.

    Attributes:
        ears: What the listener has heard.
        boundary: By sleeve, the close that is decided on next.
        past: Name of the newest execution of earlier runs, until the venue has shown it; empty then.
    """

    core: Core
    ears: deque[News] = field(default_factory=deque)
    boundary: dict[str, EpochMs] = field(default_factory=dict)
    past: str = ""
    _seen: dict[str, None] = field(default_factory=dict)
    _held: dict[str, Execution] = field(default_factory=dict)

    def hear(self, *, strict: bool = False) -> None:
        """Take all that is known by now and book what may be booked.

        `strict`: what belongs after a decision waits for it, however late the decision is.
        """
        executions: list[Execution] = []
        while self.ears:
            self._take(self.ears.popleft(), executions)
        for news in self.core.world.venue.heard():
            self._take(news, executions)
        self.book(executions, strict=strict)

    def book(self, executions: list[Execution], *, strict: bool = False) -> None:
        """Book executions that are new, in the order of the facts; repeats are dropped."""
        for execution in executions:
            if self._is_new(execution):
                self._held[execution.exec_id] = execution
        if not self._held:
            return
        strict = strict or self.core.behind
        ready = [execution for execution in self._held.values() if strict_or_due(self, execution, strict=strict)]
        for execution in sorted(ready, key=lambda one: (one.time_ms, one.order, one.exec_id)):
            del self._held[execution.exec_id]
            self._book(execution)

    def held_back(self, symbol: str) -> Decimal:
        """Return what executions that wait for a decision will do to the position."""
        total = Decimal(0)
        for execution in self._held.values():
            if execution.symbol == symbol and execution.exec_type != "Funding":
                total += execution.qty if execution.side == "Buy" else -execution.qty
        return total

    async def read(self) -> None:
        """Ask the venue for executions that the stream may have lost."""
        newest = self.core.books.newest_ms or self.core.now_ms  # a first run has no past to ask for
        oldest = min((order.sent_ms for order in self.core.books.orders.values()), default=newest)
        since = EpochMs(max(0, min(newest, oldest) - OVERLAP_MS))
        found = await self.core.world.venue.executions(since_ms=since)
        if any(execution.exec_id == self.past for execution in found):
            self.past = ""
        self.book(list(found))

    def until(self, execution: Execution) -> EpochMs | None:
        """Return the close whose decision an execution must wait for, None when it need not wait."""
        books = self.core.books
        if execution.symbol not in books.symbols:
            return None
        close = self.boundary.get(books.owner(execution.symbol).key)
        return close if close is not None and execution.time_ms >= close else None

    def _take(self, news: News, executions: list[Execution]) -> None:
        core = self.core
        match news:
            case Executed(execution=execution):
                executions.append(execution)
            case Changed(symbol=symbol):
                core.look.add(symbol)
            case Connected():
                core.blind, core.reconcile_ms = "", EpochMs(0)
            case Disturbed(reason=reason, fatal=fatal):
                core.blind = reason
                core.tell("warning", "stream", reason)
                if fatal:
                    core.state("HALTED", reason)

    def _is_new(self, execution: Execution) -> bool:
        if execution.exec_id in self._seen or execution.exec_id in self._held:
            return False
        self._seen[execution.exec_id] = None
        if len(self._seen) > SEEN_MAX:
            for old in list(self._seen)[: SEEN_MAX // 2]:
                del self._seen[old]
        known = self.core.world.journal.about(execution.exec_id)
        return not any(event.kind in {"execution", "foreign"} for event in known)

    def _book(self, execution: Execution) -> None:
        core = self.core
        body = self._body(execution)
        why = self._unexplained(execution, body)
        if why is None:
            core.draft("execution", body, execution.exec_id, time_ms=execution.time_ms)
        else:
            core.draft("foreign", body, execution.exec_id, time_ms=execution.time_ms)
            core.state("HALTED", why, symbol=execution.symbol)
            self._halt_beside_another(execution)
            return
        if execution.order_link_id.startswith(KILL_PREFIX):
            self._halt_after_kill(execution)
        if is_taken_over(body, core.release):
            core.state("REDUCING", TAKEN_OVER)

    def _halt_after_kill(self, execution: Execution) -> None:
        """Trade no further, unless a human has looked since and said so."""
        core, latched = self.core, self.core.world.latch.read()
        if latched.release is not None and latched.release.at_ms >= execution.time_ms:
            return
        core.state("HALTED", f"{execution.symbol} was closed by kill or dead-man ({execution.order_link_id})")

    def _halt_beside_another(self, execution: Execution) -> None:
        """Halt the account where a fill has a name of our making that this journal never wrote down."""
        another = other_executor(
            (),
            (execution,),
            is_known=lambda link: bool(self.core.world.journal.about(link)),
            since_ms=execution.time_ms,
        )
        if another is not None:
            self.core.state("HALTED", another)

    def _body(self, execution: Execution) -> dict[str, Any]:
        intent = self._intent_of(execution)
        opener = self.core.books.opener.get(execution.symbol, "")
        return {
            "exec_id": execution.exec_id,
            "exec_type": execution.exec_type,
            "create_type": execution.create_type,
            "symbol": execution.symbol,
            "side": execution.side,
            "order_link_id": execution.order_link_id,
            "opened_by": "" if execution.order_link_id else opener,
            "order": execution.order,
            "qty": str(execution.qty),
            "price": str(execution.price),
            "fee": str(execution.fee),
            "leg": "" if intent is None else intent["leg"],
            "stop_loss_frac": None if intent is None else intent["stop_loss_frac"],
            "take_profit_frac": None if intent is None else intent["take_profit_frac"],
            "stop_loss": None if intent is None else intent["stop_loss"],
            "take_profit": None if intent is None else intent["take_profit"],
        }

    def _intent_of(self, execution: Execution) -> Any:
        order = self.core.books.orders.get(execution.order_link_id)
        if order is not None:
            return order.body
        known = self.core.world.journal.about(execution.order_link_id) if execution.order_link_id else ()
        return next((event.body for event in known if event.kind == "intent"), None)

    def _unexplained(self, execution: Execution, body: dict[str, Any]) -> str | None:
        """Return why no order or trigger of ours explains an execution, or None when one does."""
        books, symbol = self.core.books, execution.symbol
        if symbol in books.symbols and execution.exec_type == "Funding":
            return None
        what = f"{execution.side} {execution.qty} {symbol} ({execution.exec_id})"
        if symbol not in books.symbols:
            return f"{what}: no sleeve of this account trades {symbol}; somebody else does"
        kill = execution.order_link_id.startswith(KILL_PREFIX)
        if body["leg"] == "" and not kill and not _is_forced(execution):
            return f"{what}: not by an order of ours; somebody traded the symbol by hand or with another program"
        why = self._contradiction(execution, enters=body["leg"] == "enter")
        return None if why is None else f"{what}: {why}"

    def _contradiction(self, execution: Execution, *, enters: bool) -> str | None:
        """Return how a fill contradicts what our books hold, or None."""
        sleeve = self.core.books.owner(execution.symbol)
        line = sleeve.lines[execution.symbol]
        if execution.qty % line.instrument.qty_step != 0:
            return f"not a multiple of qty_step {line.instrument.qty_step}; the venue's filters have changed"
        held = sleeve.states[execution.symbol][at.POSITION]
        steps = line.steps(execution.qty) * (1.0 if execution.side == "Buy" else -1.0)
        if not enters and (held * steps >= 0.0 or abs(steps) > abs(held)):
            return f"closes what our books do not hold ({line.qty(held)})"
        return f"an entry against what our books hold ({line.qty(held)})" if enters and held * steps < 0.0 else None


def _is_forced(execution: Execution) -> bool:
    """Return whether the venue made a fill by itself: a trigger, a takeover, a settlement."""
    return execution.exec_type != "Trade" or any(word in execution.create_type for word in FORCED)


def strict_or_due(hearing: Hearing, execution: Execution, *, strict: bool) -> bool:
    """Return whether an execution may be booked now."""
    close = hearing.until(execution)
    if close is None:
        return True
    if strict:
        return False
    waits_ms = entry_deadline_ms(hearing.core.books.owner(execution.symbol).interval_ms)
    if hearing.core.now_ms > close + waits_ms:
        return True
    hearing.core.again_at(close + waits_ms + 1)
    return False
