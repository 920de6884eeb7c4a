"""The rules played bar by bar for every symbol, with no look ahead: what the kernel must equal to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autarch.engine import layout as at
from autarch.engine import margin, state
from autarch.engine.packing import listed_rows, marks_at, paid_stamps, settled_row, stacked_tiers
from autarch.engine.terms import terms_of, tiers_of


class Plain:
    """One account: `sleeves` as (decisions, capital), `spare` quote that none of them has."""

    def __init__(self, market, sleeves, costs, *, spare=0.0):
        self.market, self.sleeves, self.spare = market, sleeves, spare
        self.columns = [(g, k, s) for g, (d, _) in enumerate(sleeves) for k, s in enumerate(d.symbols)]
        places = [market.symbols.index(symbol) for _, _, symbol in self.columns]
        self.series = [market.series[i] for i in places]
        self.contracts = [market.instruments[i] for i in places]
        self.terms = np.array([self._terms(j, costs) for j in range(len(places))])
        self.tiers = stacked_tiers([tiers_of(contract) for contract in self.contracts])
        self.states = np.array([state.new_state() for _ in places])
        self.stamps = [s.funding_ms[: paid_stamps(s, c)] for s, c in zip(self.series, self.contracts, strict=True)]
        self.marks = [marks_at(market, s, stamps) for s, stamps in zip(self.series, self.stamps, strict=True)]
        self.traded = [listed_rows(market, s, c) for s, c in zip(self.series, self.contracts, strict=True)]
        self.settled = [settled_row(market, c) for c in self.contracts]
        self.cross = costs.margin_mode == "cross"
        self.capital = spare + sum(capital for _, capital in sleeves)
        self.events, self.equity, self.broke = [], [], [None] * (len(sleeves) + 1)

    def _terms(self, j, costs):
        decisions = self.sleeves[self.columns[j][0]][0]
        fraction = decisions.slice_fraction()
        return terms_of(self.contracts[j], costs, max_leverage=decisions.max_leverage, fraction=fraction)

    def play(self):
        for row in range(self.market.n_bars):
            self._bar(row)
            self._close(row)
        return self

    def _bar(self, row):
        ts, step = int(self.market.ts[row]), self.market.interval_ms
        everyone = range(len(self.columns))
        for j in everyone:
            self._fund(j, row, ts, ts + 1, at.AT_OPEN)
        opens = np.array([s.open[row] for s in self.series])
        if self.cross:
            before = np.array([s.close[max(0, row - 1)] for s in self.series])
            worst = [margin.worst_at_open(self.states[j], opens[j]) for j in everyone]
            self._try(row, worst, before, at.AT_OPEN)
        for j in everyone:
            self._log(j, row, state.open_bar, opens[j], bool(self.traded[j][row]), self._depth(j, row), orders())
        if self.cross:
            extremes = [(s.high[row], s.low[row]) for s in self.series]
            worst = [margin.worst_inside(self.states[j], opens[j], *extremes[j]) for j in everyone]
            self._try(row, worst, opens, at.INSIDE)
        for j in everyone:
            s = self.series[j]
            if self.traded[j][row]:
                self._log(j, row, state.inside_bar, opens[j], s.high[row], s.low[row], self._depth(j, row))
            self._fund(j, row, ts + 1, ts + step, at.INSIDE)
            if row == self.settled[j]:
                self._log(j, row, state.settle_delisted, s.close[row])

    def _depth(self, j, row):
        return state.market_depth(np.require(self.series[j].turnover, requirements="W"), row, self.terms[j])

    def _log(self, j, row, rule, *arguments, time=None):
        out = np.empty((at.EVENTS_A_BAR, at.N_EVENT))
        n = rule(self.states[j], self.terms[j], self.tiers[j], *arguments, out, 0)
        self._keep(out[:n], row, j, self.market.ts[row] if time is None else time)

    def _keep(self, events, row, j, time):
        events[:, at.E_ROW], events[:, at.E_SYMBOL], events[:, at.E_TIME] = row, j, time
        self.events.extend(events.copy())

    def _fund(self, j, row, since, until, phase):
        for k, stamp in enumerate(self.stamps[j]):
            if since <= stamp < until:
                rate, mark = self.series[j].funding_rate[k], self.marks[j][k]
                self._log(j, row, state.pay_funding, rate, mark, phase, time=stamp)

    def _try(self, row, worst, last, phase):
        prices = np.array(worst)
        if not margin.is_called(self.states, self.terms, self.tiers, prices, self.capital):
            return
        out = np.empty((2 * len(self.columns), at.N_EVENT))
        n = margin.take_over(self.states, self.terms, self.tiers, prices, last, self.capital, phase, out, 0)
        for event in out[:n]:
            self._keep(event[np.newaxis], row, event[at.E_SYMBOL], self.market.ts[row])
        self.broke[-1] = row if self.broke[-1] is None else self.broke[-1]

    def _close(self, row):
        equity = [capital for _, capital in self.sleeves]
        for j, (g, _, _) in enumerate(self.columns):
            equity[g] += state.own_equity(self.states[j], self.terms[j], self.series[j].close[row])
        account = sum(equity, start=self.spare)
        self.equity.append([*equity, account])
        for g, own in reversed(list(enumerate([*equity, account]))):
            if self.broke[g] is None and (own <= 0.0 or self.broke[-1] is not None):
                self.broke[g] = row
        if row == self.market.n_bars - 1:
            return
        for j, (g, k, _) in enumerate(self.columns):
            decisions = self.sleeves[g][0]
            exposure = 0.0 if self.broke[g] is not None else decisions.exposure[row, k]
            stop, take = decisions.stop_loss[row, k], decisions.take_profit[row, k]
            close = self.series[j].close[row]
            state.on_decision(self.states[j], self.terms[j], exposure, stop, take, equity[g], close)


def orders():
    return np.empty((at.ORDERS_MAX, 2))


def listed(market, *, symbol=0, listed_row=None, delisted_row=None, into_bar_ms=0):
    """Return `market` with a listing or delisting of one symbol, a little into that row's bar."""
    contracts = list(market.instruments)
    changes = {}
    if listed_row is not None:
        changes["listed_ms"] = int(market.ts[listed_row]) + into_bar_ms
    if delisted_row is not None:
        changes["delisted_ms"] = int(market.ts[delisted_row]) + into_bar_ms
    contracts[symbol] = replace(contracts[symbol], **changes)
    return replace(market, instruments=tuple(contracts))
