"""The exchange: one clock, its markets, its accounts, and everything that happens, in the venue's order.

`advance` plays prices up to a time; requests happen at `now_ms`. What happens is noted on the accounts and handed to
whoever drains it. Assumes that a market order fills whole at the price that stands, moved by the cost model's
slippage, unless `liquidity` says otherwise; that nobody else reacts; and that a recorded bar's extremes reach every
trigger. Unfit to tell what a real book would have done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from autarch.canonical import EpochMs
from live.lines import to_decimal
from live.simulator.core.acceptance import Standing, check_amended, check_order, check_triggers
from live.simulator.core.account import HISTORY_MAX, Account, MarginMode
from live.simulator.core.contract import Contract
from live.simulator.core.holding import Holding
from live.simulator.core.matching import Liquidity, Matching, whole
from live.simulator.core.moving import Moving
from live.simulator.core.prices import Tape
from live.simulator.core.quotes import Quote, band
from live.simulator.core.requests import AmendOrder, CreateOrder, Refused
from live.simulator.core.rows import OrderRow, PrivateRow, PublicRow, TickerRow
from live.simulator.core.sharing import warm_up

MINUTE_MS = 60_000


class Exchange:
    """A simulated venue for linear perpetuals settled in USDT."""

    def __init__(  # noqa: PLR0913  all but two are options
        self,
        contracts: Sequence[Contract],
        tape: Tape,
        *,
        start_ms: EpochMs,
        seed: str = "0",
        bar_ms: int = MINUTE_MS,
        public: bool = True,
    ) -> None:
        """Open with nobody trading.

        Args:
            contracts: What is listed.
            tape: What moves the prices.
            start_ms: The clock's first time.
            seed: Of all ids.
            bar_ms: Length of the bars that are shown while they are made.
            public: Whether anybody listens to tickers, trades and bars; making them costs most of a quiet bar.
        """
        self.quotes = {contract.symbol: Quote(contract=contract) for contract in contracts}
        self.accounts: dict[str, Account] = {}
        self._tape = tape
        self._matching = Matching(quotes=self.quotes, seed=seed, now_ms=start_ms)
        self._moving = Moving(self._matching, self.accounts, self._match_now, bar_ms=bar_ms, public=public)

    @property
    def now_ms(self) -> EpochMs:
        """The exchange's clock."""
        return self._matching.now_ms

    @property
    def seq(self) -> int:
        """Number of the newest thing that happened."""
        return self._matching.seq

    def fill_by(self, liquidity: Liquidity | None) -> None:
        """Let `liquidity` say in which pieces market orders fill; None fills them whole again."""
        self._matching.liquidity = whole if liquidity is None else liquidity

    def drain(self) -> list[PrivateRow | PublicRow]:
        """Return what has happened since the last call, oldest first."""
        found, self._matching.out = self._matching.out, []
        return found

    def open_account(self, uid: str, deposit: Decimal, *, kept: int = HISTORY_MAX) -> Account:
        """Open an account with so much USDT; of each of its histories at least the newest `kept` rows are there.

        Raises:
            ValueError: there is one of that name.
        """
        if uid in self.accounts:
            raise ValueError(f"account {uid} exists")
        account = Account(uid=uid, deposited=deposit, kept=kept)
        account.holdings = {symbol: Holding(quote.contract) for symbol, quote in self.quotes.items()}
        self.accounts[uid] = account
        self._matching.wallet(account)
        return account

    def transfer(self, uid: str, amount: Decimal) -> None:
        """Deposit, or withdraw a negative amount."""
        account = self.accounts[uid]
        account.deposited += amount
        self._matching.wallet(account)

    def next_ms(self) -> EpochMs | None:
        """Return when the market moves next, None when it does not."""
        return self._tape.next_ms()

    def advance(self, to_ms: EpochMs) -> None:
        """Play all prices up to and at `to_ms`, and stand there.

        Raises:
            ValueError: it lies in the past.
        """
        if to_ms < self.now_ms:
            raise ValueError(f"the clock stands at {self.now_ms}; it does not go back to {to_ms}")
        while (due := self._tape.next_ms()) is not None and due <= to_ms:
            self._matching.now_ms = max(self.now_ms, due)
            instant = [self._tape.pop()]
            while self._tape.next_ms() == due:
                instant.append(self._tape.pop())
            self._moving.play(instant)
        self._matching.now_ms = to_ms

    def create(self, uid: str, request: CreateOrder) -> OrderRow:
        """Take an order and match what can be matched at once; the row returned is the order as it was taken.

        Raises:
            Refused: nothing happened.
        """
        account, quote = self.accounts[uid], self._quote(request.symbol)
        check_order(account, quote.contract, request, self._standing(account, quote))
        taken = self._taken(account, quote, request)
        self._matching.tell(account, taken)
        if taken.order_link_id:
            account.name(taken.order_link_id, taken.order_id)
        self._matching.position(account, taken.symbol)
        if taken.status == "New":
            self._match_now(account, taken)
        return taken

    def amend(self, uid: str, request: AmendOrder) -> OrderRow:
        """Change an open order.

        A stop or take-profit that the venue made for a position moves with its trigger, the position's with it.

        Raises:
            Refused: it is not open, the change is not one, or the order that it makes would not have been taken.
        """
        account = self.accounts[uid]
        order = self._find_open(account, request.symbol, request.order_id, request.order_link_id)
        if order.stop_order_type in {"StopLoss", "TakeProfit"}:
            return self._move_trigger(account, order, request)
        quote = self.quotes[order.symbol]
        check_amended(account, quote.contract, order, request, self._standing(account, quote))
        wanted = {"qty": request.qty, "price": request.price, "trigger_price": request.trigger_price}
        changes = {name: value for name, value in wanted.items() if value not in {None, getattr(order, name)}}
        if not changes:
            raise Refused(10001, "order not modified")
        if "qty" in changes:
            changes["leaves_qty"] = changes["qty"] - order.cum_exec_qty
        changed = self._matching.order(account, order, **changes)
        self._matching.position(account, order.symbol)
        if changed.status != "Untriggered":
            self._match_now(account, changed)
        return changed

    def cancel(self, uid: str, symbol: str, *, order_id: str = "", order_link_id: str = "") -> OrderRow:
        """Cancel an open order.

        Raises:
            Refused: 110001, it is not open.
        """
        account = self.accounts[uid]
        order = self._find_open(account, symbol, order_id, order_link_id)
        cancelled = self._matching.order(account, order, status="Cancelled", cancel_type="CancelByUser")
        self._after_cancel(account, cancelled)
        return cancelled

    def cancel_all(
        self, uid: str, *, symbols: Collection[str], kind: Literal["", "Order", "StopOrder"] = ""
    ) -> list[OrderRow]:
        """Cancel the open orders of these symbols.

        `kind`: Order keeps conditional ones, stops and take-profits; StopOrder cancels nothing else.
        """
        account = self.accounts[uid]
        chosen = [
            order
            for order in list(account.open_orders.values())
            if order.symbol in symbols and kind in {"", "StopOrder" if order.status == "Untriggered" else "Order"}
        ]
        for order in chosen:
            self._after_cancel(
                account, self._matching.order(account, order, status="Cancelled", cancel_type="CancelByUser")
            )
        return chosen

    def set_triggers(
        self, uid: str, symbol: str, *, stop_loss: Decimal | None, take_profit: Decimal | None, beyond: bool = False
    ) -> None:
        """Move the whole position's stop and take-profit; zero takes one away, None leaves it.

        `beyond` takes a trigger that the price has passed already, which then fills at the next look at prices; the
        venue this imitates would refuse it.

        Raises:
            Refused: no position (10001), on the wrong side, off the tick, or nothing changes (34040).
        """
        account, quote = self.accounts[uid], self._quote(symbol)
        holding = account.holdings[symbol]
        if not holding.is_open:
            raise Refused(10001, "can not set tp/sl/ts for zero position")
        for price in (stop_loss, take_profit):
            if price and (price < 0 or not quote.contract.is_on_tick(price)):
                raise Refused(10001, f"params error: price {price} is not a multiple of the tick")
        side = "Buy" if holding.qty > 0 else "Sell"
        if not beyond:
            check_triggers(side, to_decimal(quote.last), stop_loss=stop_loss, take_profit=take_profit)
        stop = holding.stop_loss if stop_loss is None else stop_loss or None
        take = holding.take_profit if take_profit is None else take_profit or None
        if (stop, take) == (holding.stop_loss, holding.take_profit):
            raise Refused(34040, "not modified")
        holding.set_triggers(stop_loss=stop, take_profit=take)
        self._matching.place_triggers(account, symbol)
        self._matching.position(account, symbol)

    def set_leverage(self, uid: str, symbol: str, leverage: Decimal) -> None:
        """Set the leverage of a symbol's position.

        Raises:
            Refused: 110043 unchanged, 110013 beyond the contract's.
        """
        quote = self._quote(symbol)
        holding = self.accounts[uid].holdings[symbol]
        if not 1 <= leverage <= quote.contract.max_leverage:
            raise Refused(110013, f"cannot set leverage [{leverage}] gt maxLeverage [{quote.contract.max_leverage}]")
        if leverage == holding.leverage:
            raise Refused(110043, "leverage not modified")
        holding.set_leverage(leverage)
        self._matching.position(self.accounts[uid], symbol)

    def switch_mode(self, uid: str, mode: int) -> None:
        """Choose one-way (0) or hedge (3) mode.

        Raises:
            Refused: 110025 unchanged, 110024 with a position, 110028 with orders.
        """
        account = self.accounts[uid]
        if mode not in {0, 3}:
            raise Refused(10001, f"params error: mode invalid {mode}")
        if mode == account.position_mode:
            raise Refused(110025, "Position mode is not modified")
        if any(holding.is_open for holding in account.holdings.values()):
            raise Refused(110024, "Existing position, can not switch mode")
        if account.open_orders:
            raise Refused(110028, "Existing orders, can not switch mode")
        account.position_mode = mode

    def set_margin_mode(self, uid: str, mode: MarginMode) -> None:
        """Choose the account's margin mode.

        Raises:
            Refused: 3400045 while a position is open.
        """
        account = self.accounts[uid]
        if mode != account.margin_mode and any(holding.is_open for holding in account.holdings.values()):
            raise Refused(3400045, "Set margin mode failed")
        account.margin_mode, account.shared = mode, mode == "REGULAR_MARGIN"
        for holding in account.holdings.values():
            holding.share(shares=account.shared)
        if account.shared:
            warm_up(account)

    def deleverage(self, uid: str, symbol: str, qty: Decimal) -> None:
        """Close part of a position as auto-deleveraging does, at the last price."""
        account = self.accounts[uid]
        size = min(qty, abs(account.holdings[symbol].qty))
        if size > 0:
            self._matching.deleverage(account, symbol, size, self.quotes[symbol].last)

    def list_as(self, contract: Contract) -> None:
        """Change a listed contract: filters, or its status."""
        self.quotes[contract.symbol].contract = contract
        for account in self.accounts.values():
            account.holdings[contract.symbol].list_as(contract)

    def available(self, uid: str) -> Decimal:
        """Return what the account may still put behind a position, USDT; a shared margin counts open profit too."""
        account = self.accounts[uid]
        free = account.balance - account.order_margin()
        for symbol, holding in account.holdings.items():
            if holding.is_open:
                mark = self.quotes[symbol].mark
                free -= holding.margins(mark)[0]
                free += holding.unrealised(mark) if account.shared else 0
        return free

    def ticker(self, symbol: str) -> TickerRow:
        """Return a symbol's newest prices.

        Raises:
            Refused: there is no such symbol.
        """
        return self._quote(symbol).ticker(seq=self.seq, now_ms=self.now_ms)

    def _quote(self, symbol: str) -> Quote:
        if symbol not in self.quotes:
            raise Refused(10001, f"params error: symbol invalid {symbol}")
        return self.quotes[symbol]

    def _find_open(self, account: Account, symbol: str, order_id: str, order_link_id: str) -> OrderRow:
        self._quote(symbol)
        found = account.open_orders.get(order_id or account.links.get(order_link_id, ""))
        if found is None or found.symbol != symbol:
            raise Refused(110001, "order not exists or too late to cancel")
        return found

    def _taken(self, account: Account, quote: Quote, request: CreateOrder) -> OrderRow:
        holding = account.holdings[request.symbol]
        qty = abs(holding.qty) if request.qty == 0 else request.qty
        market = request.order_type == "Market"
        conditional = request.trigger_price is not None
        return OrderRow(
            seq=self._matching.next_seq(),
            uid=account.uid,
            order_id=self._matching.new_id("order"),
            order_link_id=request.order_link_id,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            qty=qty,
            price=band(quote, request.side) if market else request.price or Decimal(0),
            time_in_force="IOC" if market else request.time_in_force,
            status="Untriggered" if conditional else "New",
            leaves_qty=qty,
            reduce_only=request.reduce_only,
            close_on_trigger=request.close_on_trigger,
            stop_order_type="Stop" if conditional else "",
            trigger_price=request.trigger_price,
            trigger_direction=request.trigger_direction,
            trigger_by=request.trigger_by,
            take_profit=request.take_profit or None,
            stop_loss=request.stop_loss or None,
            tp_trigger_by=request.tp_trigger_by,
            sl_trigger_by=request.sl_trigger_by,
            last_price_on_created=to_decimal(quote.last),
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )

    def _match_now(self, account: Account, order: OrderRow) -> None:
        """Match a new order: at once where it crosses the price, else let it rest."""
        quote = self.quotes[order.symbol]
        last = to_decimal(quote.last)
        crosses = order.order_type == "Market" or (order.price >= last if order.side == "Buy" else order.price <= last)
        if crosses and order.time_in_force == "PostOnly":
            cancelled = self._matching.order(
                account,
                order,
                status="Cancelled",
                cancel_type="CancelByUser",
                reject_reason="EC_PostOnlyWillTakeLiquidity",
            )
            self._after_cancel(account, cancelled)
        elif crosses:
            self._matching.execute_market(account, order)
        elif order.time_in_force in {"IOC", "FOK"}:
            self._matching.order(account, order, status="Cancelled", reject_reason="EC_NoImmediateQtyToFill")

    def _standing(self, account: Account, quote: Quote) -> Standing:
        available = self.available(account.uid)
        return Standing(last=to_decimal(quote.last), mark=to_decimal(quote.mark), available=available)

    def _move_trigger(self, account: Account, order: OrderRow, request: AmendOrder) -> OrderRow:
        """Move a position's stop or take-profit by the order that stands for it."""
        if request.trigger_price is None or request.trigger_price <= 0 or request.qty or request.price:
            raise Refused(10001, "params error: of a position's stop or take-profit only triggerPrice may change")
        stops = order.stop_order_type == "StopLoss"
        self.set_triggers(
            account.uid,
            order.symbol,
            stop_loss=request.trigger_price if stops else None,
            take_profit=None if stops else request.trigger_price,
        )
        return account.open_orders[order.order_id]

    def _after_cancel(self, account: Account, order: OrderRow) -> None:
        if order.stop_order_type in {"StopLoss", "TakeProfit"}:
            holding = account.holdings[order.symbol]
            stop = None if order.stop_order_type == "StopLoss" else holding.stop_loss
            take = None if order.stop_order_type == "TakeProfit" else holding.take_profit
            holding.set_triggers(stop_loss=stop, take_profit=take)
        self._matching.position(account, order.symbol)
