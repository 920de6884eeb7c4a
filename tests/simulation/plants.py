"""The faults that are planted: each is a mistake that somebody has made in a trading program, or nearly did here."""

from __future__ import annotations

from typing import Final

from .planting import Plant

EXECUTOR: Final = "live.trading.executor:Executor"
SENDING: Final = "live.trading.sending:Sending"
HEARING: Final = "live.trading.hearing:Hearing"
BOOKS: Final = "live.trading.books:Books"
GUARDING: Final = "live.trading.guarding:Guarding"
RECONCILING: Final = "live.trading.reconciling:Reconciling"
CORE: Final = "live.trading.core:Core"
VENUE: Final = "live.venue.bybit.venue"
READS: Final = "live.venue.bybit.reads:Reads"
ASKER: Final = "live.venue.bybit.asking:Asker"
PARSING: Final = "live.venue.bybit.parsing"
DISK: Final = "tests.simulation.disks:DiskJournal"


def _plant(name: str, where: str, old: str, new: str) -> Plant:
    return Plant(name=name, where=where, old=old, new=new)


PLANTS: Final[tuple[Plant, ...]] = (
    # the journal and the order of things
    _plant("send before the journal has it", f"{EXECUTOR}.advance", "core.commit()\n            await", "await"),
    _plant("acknowledge an append that is not durable", f"{DISK}.append",
           "made = disk.kept.append(drafts, claims=claims)",
           "made = disk.lazily(drafts, claims)"),
    _plant("swallow a full disk", f"{CORE}._reduce", "freed = self.world.reserve.free()", "return"),
    _plant("start from nothing after a crash", f"{EXECUTOR}._refold", "if opened is None:", "if True:"),
    _plant("fold only what was carried", f"{EXECUTOR}._refold",
           "core.books.apply(event.kind", "(lambda *_: None)(event.kind"),
    _plant("lose the positions at a restart", "live.trading.carrying:take_over", "sleeve.take(body", "repr(body"),
    # sending
    _plant("send again when nobody answers", f"{SENDING}._place",
           "return await self.core.world.venue.place(request)",
           "try:\n            return await self.core.world.venue.place(request)\n"
           "        except VenueUnknown:\n            return await self.core.world.venue.place(request)"),
    _plant("take silence for a refusal", f"{SENDING}._place",
           "return error if isinstance(error, VenueUnknown)", "return VenueRejected('silence') if True"),
    _plant("take silence for consent", f"{SENDING}._place",
           "return error if isinstance(error, VenueUnknown)",
           "return OrderAck(order_id='x', order_link_id=request.order_link_id) if True"),
    _plant("reuse an order's name", f"{BOOKS}._plan", "before + 1 if", "0 if"),
    _plant("enter before the close has filled", f"{SENDING}._sendable",
           "queue = core.books.owed[symbol]", "return list(core.books.owed[symbol])\n    queue = []"),
    _plant("take the whole bar for an entry's deadline", "live.trading.sleeves:entry_deadline_ms",
           "return min(ENTRY_DEADLINE_MS, interval_ms // 10)", "return interval_ms"),
    _plant("close without reduce-only", f"{SENDING}._intent_body",
           '"reduce_only": planned.leg != "enter"', '"reduce_only": False'),
    _plant("round up the quantity", f"{SENDING}._intent_body",
           '"qty": str(line.qty(abs(planned.steps)))', '"qty": str(line.qty(abs(planned.steps) + 1))'),
    _plant("journal one quantity, send another", "live.trading.sending:_request",
           'qty=Decimal(intent["qty"])', 'qty=Decimal(intent["qty"]) * 2'),
    _plant("give up an exit that was refused", f"{SENDING}._wants_plan", "if pending == at.FRESH:",
           "if pending == at.PURSUE:\n        return False\n    if pending == at.FRESH:"),
    _plant("call a cancelled order filled", f"{SENDING}._note",
           "if link in core.books.orders and found.filled == order.filled:", "if False:"),
    _plant("send the stop to the wrong side", f"{SENDING}._intent_body", "last, -side, planned", "last, side, planned"),
    _plant("forget the stop of an entry", "live.trading.sending:_request",
           "stop_loss=None if stop is None else Decimal(stop)", "stop_loss=None"),
    _plant("conclude from one empty read", "live.venue.bybit.settling:Settling.settle",
           "if found is not None:", "if True:"),
    # limits and states
    _plant("ignore the limits", f"{SENDING}._intend", "core.books.gate.refuse(", "(lambda _order: None)("),
    _plant("count a leg as one order", f"{SENDING}._proposed", "orders=len(leg)", "orders=1"),
    _plant("forget to count orders", f"{BOOKS}._intend", "self.gate.note_sent(time_ms)", "pass"),
    _plant("halt without a word", f"{CORE}.tell", "self.world.alerts.tell(", "(lambda *_: None)("),
    # facts
    _plant("book what was booked", f"{HEARING}._is_new", "if execution.exec_id in self._seen",
           "return True\n    if execution.exec_id in self._seen"),
    _plant("forget what an earlier process booked", f"{HEARING}._is_new", "return not any(", "return True or any("),
    _plant("take funding for a fill", f"{BOOKS}._book", 'if body["exec_type"] == "Funding":', "if False:"),
    _plant("take funding for a fill of the wire", f"{PARSING}:execution_of", "exec_type=kind", 'exec_type="Trade"'),
    _plant("pay no fees", f"{BOOKS}._book", 'float(body["fee"])', "0.0"),
    _plant("overlook fills without a name", f"{HEARING}.book", "if self._is_new(execution):",
           "if execution.order_link_id and self._is_new(execution):"),
    _plant("count a sell as a buy", f"{BOOKS}._book", '(1.0 if body["side"] == "Buy" else -1.0)', "1.0"),
    _plant("never read what the stream lost", f"{READS}.executions", "while start <= now_ms:", "while False:"),
    _plant("read fills from the newest on only", f"{HEARING}.read", "- OVERLAP_MS", "+ OVERLAP_MS"),
    _plant("explain everything", f"{HEARING}._unexplained", "books, symbol = ", "return None\n    books, symbol = "),
    # stops
    _plant("never move the stop to the contract's price", f"{GUARDING}.protect",
           "wanted = self._missing(symbol)", "wanted = None"),
    _plant("take the stop away", f"{GUARDING}._set", "stop_loss=stop", "stop_loss=None"),
    _plant("believe that a stop stands for ever", f"{GUARDING}.found",
           "if position.size == 0", "return\n    if position.size == 0"),
    # bars and releases
    _plant("take over a release without its positions", f"{BOOKS}.handed", "sleeve.take(", "(lambda *_: None)("),
    # comparing
    _plant("never compare", f"{RECONCILING}.reconcile", "self._believe(", "(lambda _found: None)("),
    _plant("believe the first contradiction", f"{RECONCILING}._believe",
           "core.now_ms - since >= patience and reads + 1 >= READS_MIN", "True"),
    _plant("read a short as a long", f"{PARSING}:position_of", '-size if side == "Sell" else size', "size"),
    # the wire
    _plant("take 10000 for a refusal", "live.venue.bybit.outcomes:order_error",
           'in {"refused",', 'in {"unknown", "refused",'),
    _plant("take a timeout for a refusal", "live.venue.bybit.outcomes:order_error",
           'return VenueUnknown(f"{what}: no answer', 'return VenueRejected(f"{what}: no answer'),
    _plant("let the library try again", f"{ASKER}.once",
           "self._note(ended)\n        raise",
           "self._note(ended)\n        return await self._transport.request('POST', path, body, signed=True)"),
    _plant("never connect again", "live.venue.bybit.supervising:Supervisor.run",
           "await asyncio.sleep(self._backoff_s(failures))", "await asyncio.sleep(10**9)"),
    _plant("overlook another leverage", f"{RECONCILING}._leverage", "shown.leverage == line.leverage", "True"),
)  # fmt: skip
