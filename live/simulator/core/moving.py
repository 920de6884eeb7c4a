"""What a price does: triggers, funding, resting orders, settlement, and the bar that everybody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from live.lines import to_decimal
from live.simulator.core.account import Account
from live.simulator.core.matching import Matching
from live.simulator.core.prices import (
    BarClosed,
    BarOpened,
    BarSwept,
    Delisted,
    FundingDue,
    MarkMoved,
    PriceEvent,
    Traded,
)
from live.simulator.core.quotes import Quote, band, closed_bar
from live.simulator.core.rows import OrderRow, TradeRow
from live.simulator.core.sharing import stages, try_margin

MatchNow = Callable[[Account, OrderRow], None]


class Moving:
    """Plays price events on all accounts, in the order in which they were opened."""

    def __init__(
        self,
        matching: Matching,
        accounts: dict[str, Account],
        match_now: MatchNow,
        *,
        bar_ms: int,
        public: bool = True,
    ) -> None:
        """Play through `matching`; `match_now` takes a conditional order that has triggered."""
        self._matching = matching
        self._accounts = accounts
        self._match_now = match_now
        self._bar_ms = bar_ms
        self._public = public

    def play(self, instant: Sequence[PriceEvent]) -> None:
        """Let happen what happens at one instant; a shared margin is tried before anything is met at its prices."""
        sharing = [account for account in self._holders() if account.shared]
        if not sharing:
            for event in instant:
                self._play(event)
            return
        for events in stages(instant):
            for account in sharing:
                try_margin(self._matching, account, events)
            for event in events:
                self._play(event)

    def _play(self, event: PriceEvent) -> None:
        """Let one event happen; what names an unknown symbol concerns nobody here."""
        quote = self._matching.quotes.get(event.symbol)
        if quote is None:
            return
        match event:
            case BarOpened():
                self._open(quote, event)
            case BarSwept():
                self._sweep(quote, event)
            case BarClosed():
                self._close(quote, event)
            case FundingDue():
                self._fund(quote, event)
            case MarkMoved():
                quote.mark_at(event.mark)
                self._show(quote)
            case Traded():
                self._trade(quote, event)
            case Delisted():
                self._settle(quote, event)

    def _holders(self) -> Iterable[Account]:
        return list(self._accounts.values())

    def _open(self, quote: Quote, event: BarOpened) -> None:
        quote.move(event.open)
        quote.depth, quote.traded, quote.at_open = event.depth, event.traded, True
        if self._public:
            self._matching.out.append(quote.opened(event, self._bar_ms))
        self._show(quote)
        if not event.traded:
            return
        for account in self._holders():
            holding = account.holdings[event.symbol]
            held = holding.qty
            filled = holding.jump(event.open, event.depth)
            if filled is not None:
                self._matching.forced(account, event.symbol, filled, held=held)
            self._rest(account, quote, low=event.open, high=event.open)

    def _sweep(self, quote: Quote, event: BarSwept) -> None:
        quote.at_open, quote.depth = False, event.depth
        if event.traded:
            for account in self._holders():
                self._meet(account, quote, (event.open, event.high, event.low))
        quote.move(event.close)
        bar = quote.swept(event) if self._public else None
        if bar is not None:
            self._matching.out.append(bar)
        self._show(quote)

    def _trade(self, quote: Quote, event: Traded) -> None:
        quote.at_open, quote.traded = False, True
        quote.move(event.price)
        for account in self._holders():
            self._meet(account, quote, (event.price, event.price, event.price))
        self._show(quote)

    def _meet(self, account: Account, quote: Quote, prices: tuple[float, float, float]) -> None:
        """Meet triggers and resting orders between open, high and low, all one price at a single trade."""
        open_, high, low = prices
        symbol = quote.contract.symbol
        holding = account.holdings[symbol]
        held = holding.qty
        filled = holding.sweep(open_, high, low, quote.depth) if held != 0 else None
        if filled is not None:
            self._matching.forced(account, symbol, filled, held=held)
        self._rest(account, quote, low=low, high=high)

    def _rest(self, account: Account, quote: Quote, *, low: float, high: float) -> None:
        """Trigger conditional orders and fill resting limits that the prices have reached, oldest first."""
        if not account.open_orders:
            return
        bottom, top = to_decimal(low), to_decimal(high)
        for order in account.orders_of(quote.contract.symbol):
            if account.open_orders.get(order.order_id) is not order:
                continue  # an earlier one of these has changed it
            if order.stop_order_type == "Stop" and order.status == "Untriggered":
                if _triggers(order, bottom, top):
                    self._trigger(account, quote, order)
            elif order.status in {"New", "PartiallyFilled"} and _trades_through(order, bottom, top):
                self._matching.execute_maker(account, order)

    def _trigger(self, account: Account, quote: Quote, order: OrderRow) -> None:
        before = quote.last
        trigger = order.trigger_price if order.trigger_price is not None else Decimal(0)
        beyond = to_decimal(before) >= trigger if order.trigger_direction == 1 else to_decimal(before) <= trigger
        if not beyond:
            quote.move(float(trigger))
        order = self._matching.order(account, order, status="Triggered")
        price = band(quote, order.side) if order.order_type == "Market" else order.price
        self._match_now(account, self._matching.order(account, order, status="New", price=price))
        quote.move(before)

    def _close(self, quote: Quote, event: BarClosed) -> None:
        quote.move(event.close)
        if self._public:
            self._matching.out.append(closed_bar(event))
        self._show(quote)

    def _fund(self, quote: Quote, event: FundingDue) -> None:
        quote.funding_rate = event.rate
        for account in self._holders():
            self._matching.fund(account, event)

    def _settle(self, quote: Quote, event: Delisted) -> None:
        quote.move(event.price)
        quote.traded = False
        for account in self._holders():
            holding = account.holdings[event.symbol]
            held = holding.qty
            filled = holding.settle(event.price)
            if filled is not None:
                self._matching.forced(account, event.symbol, filled, held=held)
            for order in account.orders_of(event.symbol):
                self._matching.order(account, order, status="Cancelled", cancel_type="CancelBySettle")

    def _show(self, quote: Quote) -> None:
        if not self._public:
            return
        matching = self._matching
        ticker = quote.ticker(seq=matching.next_seq(), now_ms=matching.now_ms)
        matching.out.append(ticker)
        if quote.traded:
            matching.out.append(
                TradeRow(
                    seq=ticker.seq,
                    symbol=ticker.symbol,
                    side="Buy",
                    price=ticker.last_price,
                    qty=quote.contract.instrument.min_order_qty,
                    trade_id=f"{matching.seed}-{ticker.seq}",
                    time_ms=matching.now_ms,
                )
            )


def _triggers(order: OrderRow, low: Decimal, high: Decimal) -> bool:
    if order.trigger_price is None:
        return False
    return high >= order.trigger_price if order.trigger_direction == 1 else low <= order.trigger_price


def _trades_through(order: OrderRow, low: Decimal, high: Decimal) -> bool:
    """Return whether the price has been beyond a resting limit: a touch alone need not have reached our place."""
    return low < order.price if order.side == "Buy" else high > order.price
