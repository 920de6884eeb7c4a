"""What happens to orders and positions, told as rows: the only place where an account's state moves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from live.lines import to_decimal
from live.simulator.core.account import Account
from live.simulator.core.holding import Filled, Holding
from live.simulator.core.prices import FundingDue
from live.simulator.core.quotes import Quote
from live.simulator.core.rows import (
    ExecType,
    ExecutionRow,
    OrderRow,
    PositionRow,
    PrivateRow,
    PublicRow,
    Side,
    StopOrderType,
    WalletRow,
)

ZERO = Decimal(0)
Liquidity = Callable[[OrderRow], Sequence[Decimal]]
"""Says in which pieces a market order fills; what they leave is cancelled."""

_FORCED: dict[float, tuple[StopOrderType, str, ExecType]] = {
    at.STOP_OUT: ("StopLoss", "CreateByStopLoss", "Trade"),
    at.TAKE_PROFIT: ("TakeProfit", "CreateByTakeProfit", "Trade"),
    at.LIQUIDATED: ("", "CreateByTakeOver_PassThrough", "BustTrade"),
    at.SETTLED: ("", "CreateBySettle", "Settle"),
}


def whole(order: OrderRow) -> Sequence[Decimal]:
    """Fill a market order in one piece."""
    return (order.leaves_qty,)


@dataclass(slots=True, kw_only=True)
class Matching:
    """The clock's present, the quotes, and what has happened since somebody drained it."""

    quotes: Mapping[str, Quote]
    seed: str
    now_ms: EpochMs
    liquidity: Liquidity = whole
    seq: int = 0
    out: list[PrivateRow | PublicRow] = field(default_factory=list)

    def next_seq(self) -> int:
        """Return a number above every earlier one."""
        self.seq += 1
        return self.seq

    def new_id(self, kind: str) -> str:
        """Return an id in the venue's form, the same in every run of the same seed."""
        found = hashlib.sha256(f"{self.seed}|{kind}|{self.next_seq()}".encode()).hexdigest()
        return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:32]}"

    def tell(self, account: Account, row: PrivateRow) -> None:
        """Note a row on its account and hand it on."""
        account.note(row)
        self.out.append(row)

    def order(self, account: Account, row: OrderRow, **changes: Any) -> OrderRow:
        """Tell a new state of an order."""
        new: OrderRow = replace(row, seq=self.next_seq(), updated_ms=self.now_ms, **changes)
        self.tell(account, new)
        return new

    def execute_market(self, account: Account, order: OrderRow) -> OrderRow:
        """Match a market order, or a limit that crosses, now: immediate or cancelled."""
        holding, quote = account.holdings[order.symbol], self.quotes[order.symbol]
        for piece in self.liquidity(order):
            qty = self._allowed(holding, order, min(piece, order.leaves_qty))
            if qty <= 0 or not self._within_band(holding, quote, order, qty):
                break
            before = holding.qty
            filled = holding.fill_taker(_signed(holding, order, qty), quote.last, quote.depth, at_open=quote.at_open)
            order = self._book(account, order, filled, maker=False)
            self._protect(account, order, before)
        if order.leaves_qty > 0:
            reason = "EC_NoError" if order.reduce_only else "EC_NoImmediateQtyToFill"
            cancel = "CancelByReduceOnly" if order.reduce_only else "UNKNOWN"
            order = self.order(account, order, status="Cancelled", cancel_type=cancel, reject_reason=reason)
            self.position(account, order.symbol)
        return order

    def execute_maker(self, account: Account, order: OrderRow) -> OrderRow:
        """Fill a resting limit order at its price."""
        holding = account.holdings[order.symbol]
        qty = self._allowed(holding, order, order.leaves_qty)
        if qty > 0:
            before = holding.qty
            filled = holding.fill_maker(_signed(holding, order, qty), float(order.price))
            order = self._book(account, order, filled, maker=True)
            self._protect(account, order, before)
        if order.leaves_qty > 0:
            order = self.order(account, order, status="Cancelled", cancel_type="CancelByReduceOnly")
            self.position(account, order.symbol)
        return order

    def forced(self, account: Account, symbol: str, filled: Filled, *, held: Decimal) -> None:
        """Tell a close that a trigger or the venue made; `held` is the position before it."""
        stop_type, create_type, exec_type = _FORCED[filled.kind]
        order = next((o for o in account.orders_of(symbol) if o.stop_order_type == stop_type and stop_type), None)
        if order is None:
            order = self._venue_order(account, symbol, held, create_type)
        else:
            order = self.order(account, order, status="Triggered", qty=abs(held), leaves_qty=abs(held))
        self._book(account, order, [filled], maker=False, exec_type=exec_type)

    def deleverage(self, account: Account, symbol: str, qty: Decimal, price: float) -> None:
        """Close part of a position against a bankrupt stranger."""
        holding = account.holdings[symbol]
        held = holding.qty
        order = self._venue_order(account, symbol, held, "CreateByAdl_PassThrough", qty=qty)
        steps = -holding.contract.steps(qty) if held > 0 else holding.contract.steps(qty)
        filled = holding.force(at.REDUCE, steps, price, fee_rate=0.0)
        self._book(account, order, [filled], maker=False, exec_type="AdlTrade")

    def fund(self, account: Account, due: FundingDue) -> None:
        """Settle funding, with the row the venue mixes among the fills."""
        symbol = due.symbol
        holding = account.holdings[symbol]
        held = holding.qty
        paid = holding.fund(due.rate, due.mark, at_open=due.at_open)
        if paid is None:
            return
        row = self._execution(account, symbol, "Buy" if held > 0 else "Sell", price=due.mark, fee=paid)
        row = replace(row, exec_type="Funding", order_id=self.new_id("venue"), time_ms=due.time_ms)
        self.tell(account, replace(row, exec_qty=abs(held), fee_rate=to_decimal(due.rate)))
        self.position(account, symbol)
        self.wallet(account)

    def position(self, account: Account, symbol: str) -> PositionRow:
        """Tell a position as it stands."""
        holding, quote = account.holdings[symbol], self.quotes[symbol]
        initial, maintenance = holding.margins(quote.mark)
        size = abs(holding.qty)
        row = PositionRow(
            seq=self.next_seq(),
            uid=account.uid,
            symbol=symbol,
            side="" if size == 0 else "Buy" if holding.qty > 0 else "Sell",
            size=size,
            entry_price=holding.entry or ZERO,
            mark_price=to_decimal(quote.mark),
            leverage=holding.leverage,
            take_profit=holding.take_profit,
            stop_loss=holding.stop_loss,
            liq_price=holding.liq_price,
            bust_price=holding.bust_price,
            initial_margin=initial,
            maintenance_margin=maintenance,
            unrealised_pnl=holding.unrealised(quote.mark),
            cum_realised_pnl=holding.realised,
            created_ms=holding.created_ms,
            updated_ms=self.now_ms,
        )
        self.tell(account, row)
        return row

    def wallet(self, account: Account) -> WalletRow:
        """Tell the account's money as it stands."""
        unrealised = margin = ZERO
        for symbol, holding in account.holdings.items():
            mark = self.quotes[symbol].mark
            if holding.is_open:
                unrealised += holding.unrealised(mark)
                margin += holding.margins(mark)[0]
        row = WalletRow(
            seq=self.next_seq(),
            uid=account.uid,
            balance=account.balance,
            equity=account.balance + unrealised,
            position_margin=margin,
            order_margin=account.order_margin(),
            unrealised_pnl=unrealised,
            cum_realised_pnl=account.balance - account.deposited,
            updated_ms=self.now_ms,
        )
        self.tell(account, row)
        return row

    def place_triggers(self, account: Account, symbol: str, *, parent: str = "") -> None:
        """Make the position's stop and take-profit orders match its triggers: one each, as large as the position."""
        holding = account.holdings[symbol]
        for kind, price in (("StopLoss", holding.stop_loss), ("TakeProfit", holding.take_profit)):
            resting = next((o for o in account.orders_of(symbol) if o.stop_order_type == kind), None)
            size = abs(holding.qty)
            if size == 0 or price is None:
                if resting is not None:
                    why = "CancelByTpSlTsClear" if size == 0 else "CancelByUser"
                    self.order(account, resting, status="Deactivated" if size == 0 else "Cancelled", cancel_type=why)
            elif resting is None:
                self.order(account, self._trigger_order(account, holding, kind, price, parent))
            elif (resting.trigger_price, resting.qty) != (price, size):
                self.order(account, resting, trigger_price=price, qty=size, leaves_qty=size)

    def _book(
        self, account: Account, order: OrderRow, filled: list[Filled], *, maker: bool, exec_type: ExecType = "Trade"
    ) -> OrderRow:
        """Tell the fills of one match: executions, the order, the position, the wallet, then the triggers."""
        holding = account.holdings[order.symbol]
        value, fee, qty, leaves = order.cum_exec_value, order.cum_exec_fee, order.cum_exec_qty, order.leaves_qty
        for one in filled:
            size = abs(holding.contract.qty(one.steps))
            qty, leaves = qty + size, leaves - size
            value, fee = value + size * to_decimal(one.price), fee + to_decimal(one.fee)
            row = self._execution(account, order.symbol, order.side, price=one.price, fee=one.fee)
            instrument = holding.contract.instrument
            self.tell(
                account,
                replace(
                    row,
                    exec_type=exec_type,
                    order_id=order.order_id,
                    order_link_id=order.order_link_id,
                    order_type=order.order_type,
                    order_qty=order.qty,
                    order_price=order.price,
                    leaves_qty=leaves,
                    exec_qty=size,
                    fee_rate=instrument.maker_fee if maker else instrument.taker_fee,
                    closed_size=abs(holding.contract.qty(one.closed)),
                    exec_pnl=to_decimal(one.realised),
                    is_maker=maker,
                    stop_order_type=order.stop_order_type,
                    create_type=order.create_type,
                ),
            )
        done = "Filled" if leaves == 0 else "PartiallyFilled"
        sums = {"cum_exec_qty": qty, "cum_exec_value": value, "cum_exec_fee": fee, "leaves_qty": leaves}
        order = self.order(account, order, status=done, **sums)
        if holding.is_open and holding.created_ms == 0:
            holding.created_ms = self.now_ms
        elif not holding.is_open:
            holding.created_ms = EpochMs(0)
        self.position(account, order.symbol)
        self.wallet(account)
        self.place_triggers(account, order.symbol, parent=order.order_link_id)
        self._cut_reductions(account, order.symbol)
        return order

    def _protect(self, account: Account, order: OrderRow, before: Decimal) -> None:
        """Arm what the order carries, once it has opened or raised the position."""
        holding = account.holdings[order.symbol]
        opened = holding.is_open and (before * holding.qty <= 0 or abs(holding.qty) > abs(before))
        if not opened or (order.stop_loss is None and order.take_profit is None):
            return
        holding.set_triggers(
            stop_loss=order.stop_loss if order.stop_loss is not None else holding.stop_loss,
            take_profit=order.take_profit if order.take_profit is not None else holding.take_profit,
        )
        self.place_triggers(account, order.symbol, parent=order.order_link_id)
        self.position(account, order.symbol)

    def _cut_reductions(self, account: Account, symbol: str) -> None:
        """Cancel resting reduce-only orders that have nothing left to reduce."""
        held = account.holdings[symbol].qty
        for resting in account.orders_of(symbol):
            against = held != 0 and (held > 0) == (resting.side == "Sell")
            if resting.reduce_only and resting.stop_order_type == "" and not against:
                self.order(account, resting, status="Cancelled", cancel_type="CancelByReduceOnly")

    def _allowed(self, holding: Holding, order: OrderRow, qty: Decimal) -> Decimal:
        held = holding.qty
        if not order.reduce_only:
            return qty
        if held == 0 or (held > 0) == (order.side == "Buy"):
            return ZERO
        return min(qty, abs(held))

    def _within_band(self, holding: Holding, quote: Quote, order: OrderRow, qty: Decimal) -> bool:
        """Return whether the fill stays within the order's price: a market order's inner limit, or its own."""
        if not quote.traded:
            return False
        if _surely_within(quote, order):
            return True
        steps = _signed(holding, order, qty)
        price = to_decimal(holding.taker_price(steps, quote.last, quote.depth, at_open=quote.at_open))
        return price <= order.price if order.side == "Buy" else price >= order.price

    def _execution(self, account: Account, symbol: str, side: Side, *, price: float, fee: float) -> ExecutionRow:
        return ExecutionRow(
            seq=self.next_seq(),
            uid=account.uid,
            exec_id=self.new_id("exec"),
            exec_type="Trade",
            symbol=symbol,
            side=side,
            order_id="",
            order_link_id="",
            order_type="UNKNOWN",
            order_qty=ZERO,
            order_price=ZERO,
            leaves_qty=ZERO,
            exec_qty=ZERO,
            exec_price=to_decimal(price),
            exec_fee=to_decimal(fee),
            fee_rate=ZERO,
            closed_size=ZERO,
            exec_pnl=ZERO,
            mark_price=to_decimal(self.quotes[symbol].mark),
            is_maker=False,
            stop_order_type="",
            create_type="",
            time_ms=self.now_ms,
        )

    def _venue_order(
        self, account: Account, symbol: str, held: Decimal, create_type: str, *, qty: Decimal | None = None
    ) -> OrderRow:
        """Return the order by which the venue itself closes; it carries no link id of ours."""
        size = abs(held) if qty is None else qty
        return OrderRow(
            seq=self.seq,
            uid=account.uid,
            order_id=self.new_id("order"),
            order_link_id="",
            symbol=symbol,
            side="Sell" if held > 0 else "Buy",
            order_type="Market",
            qty=size,
            price=ZERO,
            time_in_force="IOC",
            status="New",
            leaves_qty=size,
            reduce_only=True,
            create_type=create_type,
            last_price_on_created=to_decimal(self.quotes[symbol].last),
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )

    def _trigger_order(self, account: Account, holding: Holding, kind: str, price: Decimal, parent: str) -> OrderRow:
        falls = (holding.qty > 0) == (kind == "StopLoss")
        base = self._venue_order(account, holding.contract.symbol, holding.qty, f"CreateBy{kind}")
        return replace(
            base,
            status="Untriggered",
            close_on_trigger=True,
            stop_order_type="StopLoss" if kind == "StopLoss" else "TakeProfit",
            trigger_price=price,
            trigger_direction=2 if falls else 1,
            parent_link_id=parent,
        )


def _surely_within(quote: Quote, order: OrderRow) -> bool:
    """Return whether even the worst slippage that costs allow, and a tick, stay within the order's price."""
    costs, tick = quote.contract.costs, float(quote.contract.instrument.tick_size)
    worst = (costs.half_spread_bps + costs.impact_cap_bps) / 10_000
    away = quote.last * worst + 2 * tick
    limit = float(order.price)
    return quote.last + away <= limit if order.side == "Buy" else quote.last - away >= limit


def _signed(holding: Holding, order: OrderRow, qty: Decimal) -> float:
    steps = holding.contract.steps(qty)
    return steps if order.side == "Buy" else -steps
