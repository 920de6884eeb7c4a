"""The venue as a site: the exchange behind keys, limits, memory of bars and funding, and reads that lag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from autarch.canonical import EpochMs
from live.simulator.core.exchange import Exchange
from live.simulator.core.rows import KlineRow, Row, TickerRow
from live.simulator.wire.bars import Bars
from live.simulator.wire.keys import ApiKey, Keyring, RateLimit

ORDERS_A_SECOND = 10
READS_A_SECOND = 50
Listener = Callable[[list[Row]], None]


@dataclass(slots=True, kw_only=True)
class Site:
    """What a client talks to. Only `advance` and requests change it.

    Attributes:
        exchange: Behind it.
        bar_ms: Length of the bars its market moves in.
        keyring: Who may come in.
        lag_ms: How far REST reads lag behind the streams.
        orders_a_second: Limit of each order endpoint and account.
    """

    exchange: Exchange
    bar_ms: int
    keyring: Keyring = field(default_factory=Keyring)
    lag_ms: int = 0
    orders_a_second: int = ORDERS_A_SECOND
    bars: dict[str, Bars] = field(default_factory=dict)
    funding: dict[str, list[tuple[EpochMs, Decimal]]] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    _limits: dict[tuple[str, str], RateLimit] = field(default_factory=dict)
    _connections: int = 0

    def __post_init__(self) -> None:
        """Keep bars of every listed symbol."""
        self.bars = {symbol: Bars(base_ms=self.bar_ms) for symbol in self.exchange.quotes}
        self.funding = {symbol: [] for symbol in self.exchange.quotes}

    @property
    def now_ms(self) -> EpochMs:
        """The site's clock is the exchange's."""
        return self.exchange.now_ms

    def add_key(self, key: ApiKey, *, deposit: Decimal) -> None:
        """Let a key in; its account is opened when it is new."""
        self.keyring.keys[key.key] = key
        if key.uid not in self.exchange.accounts:
            self.exchange.open_account(key.uid, deposit)
        self.publish()

    def advance(self, to_ms: EpochMs) -> None:
        """Play the market up to a time and tell everybody."""
        self.exchange.advance(to_ms)
        self.publish()

    def publish(self) -> None:
        """Hand what has happened to the listeners, and remember bars and funding."""
        rows: list[Row] = list(self.exchange.drain())
        if not rows:
            return
        for row in rows:
            if isinstance(row, KlineRow):
                self.bars[row.symbol].take(row)
            elif isinstance(row, TickerRow):
                self._note_funding(row)
        for listener in tuple(self.listeners):
            listener(rows)

    def limit(self, uid: str, path: str, *, reads: bool) -> RateLimit:
        """Return the limit that counts a path for an account."""
        key = (uid, path)
        if key not in self._limits:
            self._limits[key] = RateLimit(limit=READS_A_SECOND if reads else self.orders_a_second)
        return self._limits[key]

    def seen_ms(self) -> EpochMs:
        """Return the time whose state REST reads show."""
        return EpochMs(self.now_ms - self.lag_ms)

    def connection_id(self) -> str:
        """Return the id of one more connection."""
        self._connections += 1
        return f"simulated-{self._connections}"

    def _note_funding(self, row: TickerRow) -> None:
        """Remember the rate in force at each settlement that has passed."""
        contract = self.exchange.quotes[row.symbol].contract
        step = contract.funding_interval_min(row.time_ms) * 60_000
        stamp = EpochMs(row.time_ms - row.time_ms % step)
        history = self.funding[row.symbol]
        if not history or history[-1][0] < stamp:
            history.append((stamp, row.funding_rate))
        elif history[-1][0] == stamp:
            history[-1] = (stamp, row.funding_rate)
