"""One margin behind all positions of an account: tried and taken over by the engine's own functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from autarch.engine import layout as at
from autarch.engine.margin import is_called, take_over
from autarch.engine.packing import stacked_tiers
from autarch.market.types import Floats
from live.simulator.core.account import Account
from live.simulator.core.matching import Matching
from live.simulator.core.prices import BarClosed, BarOpened, BarSwept, Delisted, FundingDue, PriceEvent, Traded

CLOSED, PAID_AT_OPEN, OPENING, SWEEPING, ANYTHING, PAID_INSIDE, SETTLED = range(7)
_STAGES = {
    BarClosed: CLOSED,
    BarOpened: OPENING,
    BarSwept: SWEEPING,
    FundingDue: PAID_INSIDE,
    Delisted: SETTLED,
}


def stages(instant: Sequence[PriceEvent]) -> Iterator[list[PriceEvent]]:
    """Yield what happens at one instant in the order of one bar of the engine, what is met together in one list.

    What was before has closed, all funding at the open is paid, then all bars open; all extremes are met, then
    funding inside the bar is paid and what is delisted is settled. Single trades are met one by one.
    """
    for stage, events in groupby(sorted(instant, key=_stage), key=_stage):
        if stage in {OPENING, SWEEPING}:
            yield list(events)
        else:
            yield from ([event] for event in events)


def _stage(event: PriceEvent) -> int:
    if isinstance(event, FundingDue) and event.at_open:
        return PAID_AT_OPEN
    return _STAGES.get(type(event), ANYTHING)


def try_margin(matching: Matching, account: Account, events: Sequence[PriceEvent]) -> None:
    """Take an account over where the prices of `events`, all met at one instant, leave it too little.

    Each position is tried at the worst price at which it can still be held, the others where they stand. What the
    account had ordered beside is cancelled.
    """
    worst: dict[str, float] = {}
    at_open = True
    for event in events:
        holding = account.holdings.get(event.symbol)
        if holding is None or not holding.is_open:
            continue
        match event:
            case BarOpened(open=price):
                worst[event.symbol] = holding.worst(price, price, price, at_open=True)
            case BarSwept(open=price, high=high, low=low):
                worst[event.symbol] = holding.worst(price, high, low, at_open=False)
                at_open = False
            case Traded(price=price):
                worst[event.symbol] = holding.worst(price, price, price, at_open=False)
                at_open = False
            case _:
                pass
    if worst:
        _take_over(matching, account, worst, phase=at.AT_OPEN if at_open else at.INSIDE)


def warm_up(account: Account) -> None:
    """Compile what a trial of a flat account's margin calls, so that no price waits for it."""
    states, terms, tiers = _tables(account)
    prices, out = np.zeros(len(states)), np.empty((len(states), at.N_EVENT))
    is_called(states, terms, tiers, prices, 0.0)
    take_over(states, terms, tiers, prices, prices, 0.0, at.INSIDE, out, 0)


def _tables(account: Account) -> tuple[Floats, Floats, Floats]:
    holdings = account.holdings.values()
    return (
        np.stack([holding.state for holding in holdings]),
        np.stack([holding.terms for holding in holdings]),
        stacked_tiers([holding.contract.tiers for holding in holdings]),
    )


def _take_over(matching: Matching, account: Account, worst: Mapping[str, float], *, phase: float) -> None:
    symbols, holdings = list(account.holdings), list(account.holdings.values())
    last = np.array([matching.quotes[symbol].last for symbol in symbols])
    tried = np.array([worst.get(symbol, matching.quotes[symbol].last) for symbol in symbols])
    states, terms, tiers = _tables(account)
    capital = float(account.deposited if account.stake is None else account.stake)
    if not is_called(states, terms, tiers, tried, capital):
        return
    out = np.empty((len(holdings), at.N_EVENT))
    count = take_over(states, terms, tiers, tried, last, capital, phase, out, 0)
    for event in out[:count]:
        place = int(event[at.E_SYMBOL])
        held = holdings[place].qty
        filled = holdings[place].taken_over(states[place], event)
        matching.forced(account, symbols[place], filled, held=held)
    for order in list(account.open_orders.values()):
        matching.order(account, order, status="Cancelled", cancel_type="CancelByPrepareLiq")
