"""One life drawn from a seed: a market, decisions, limits, and what goes wrong. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from live.portfolio import Limits

from .faults import ALL, FILLS, PAIRS, PRICED, REQUESTS, WRITING, Aim
from .market import START_MS, SYMBOLS, Drawn, draw

CALM_BARS = 6
CRASHES = 0.25  # share of the faults at any time: what a restart forgets shows only after one
LED = 0.9  # share of the lives whose decisions lead to the state that is aimed at
LEADS = {
    "held": (0.3, 0.8),
    "closing": (0.8, 0.3, 0.3, 0.3),
    "flipping": (0.6, -0.6),
    "flat": (0.0,),
    "still": (0.5,),
}
LONELY = (
    (("entering", "reads_lag"), ("protecting", "reset")),  # an account read just after a fill shows none of it
    (("held", "lose_stop"),),
    (("held", "leverage"),),
    (("entering", "accept_then_10000"),),
)
"""What shows little of itself: each has some lives in which nothing else goes wrong. All but the first are one fault:
reads that lag are noticed by nobody who hears the stream, so the stream breaks off as well."""
LONELY_EVERY = 8  # seeds
SETTLED_MS = 15_000  # after a bar, by when its entry has its stop
QUIET_BARS = 3  # of a life that is led: what comes before its aim would lead elsewhere
FILLING = ("entering", "closing", "flipping")
WAYS = {"halted": "margin_mode", "reducing": "disk_full", "starting": "crash"}
"""What brings a state about that decisions do not."""
CAPITAL = Decimal(100_000)
Wanted = tuple[float, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a seed means.

    Attributes:
        seed: It.
        drawn: The market, one bar longer than what is decided on.
        table: By symbol and row: exposure, stop and take distance.
        limits: Of the account.
        aims: Faults that wait for a state.
        noise: (venue time, fault), whatever the state.
        calm_ms: From here on nothing goes wrong.
        beat_ms: Between two looks of the executor at its latch.
        shuffled: Whether what is ready at one time runs in a drawn order.
    """

    seed: int
    drawn: Drawn
    table: dict[str, tuple[Wanted, ...]]
    limits: Limits
    aims: tuple[Aim, ...]
    noise: tuple[tuple[int, str], ...]
    calm_ms: int
    beat_ms: int
    shuffled: bool

    @property
    def interval_ms(self) -> int:
        """Length of a bar."""
        return self.drawn.market.interval_ms

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded."""
        return self.drawn.market.symbols

    @property
    def end_ms(self) -> int:
        """When the life is judged: shortly before the last drawn bar would close."""
        return START_MS + self.drawn.market.n_bars * self.interval_ms - 500

    @property
    def kinds(self) -> frozenset[str]:
        """Every fault it means to throw."""
        return frozenset({aim.kind for aim in self.aims} | {kind for _, kind in self.noise})


def scenario_of(seed: int, *, kinds: tuple[str, ...] = ALL, faults: bool = True) -> Scenario:
    """Return what a seed means. What is aimed goes round with the seed; everything else is drawn."""
    rng = Random(f"life {seed}")  # noqa: S311  a reproducible sequence is the point
    interval_ms = 60_000 if rng.random() < 0.95 else 300_000
    stormy = rng.randrange(5, 9) if interval_ms == 60_000 else 3
    n_bars = 1 + stormy + CALM_BARS + 1
    symbols = SYMBOLS[: 1 + (rng.random() < 0.35)]
    calm_ms = START_MS + (1 + stormy) * interval_ms
    aims, noise = [], []
    led: tuple[float, ...] = ()
    if faults and seed % LONELY_EVERY == 0:
        settled_ms, led = START_MS + interval_ms + SETTLED_MS, LEADS["still"]
        aims += [
            Aim(state=state, kind=kind, after_ms=settled_ms if state == "held" else 0)
            for state, kind in LONELY[seed // LONELY_EVERY % len(LONELY)]
        ]
    elif faults:
        aim, led, before = _aimed(rng, seed - seed // LONELY_EVERY - 1, interval_ms)
        aims.append(aim)
        noise += before
        if aim.state == "settling":
            aims.append(
                Aim(state="entering", kind=rng.choice(("accept_then_timeout", "accept_then_503", "lose_request")))
            )
        if rng.random() < 0.5:
            aims.append(Aim(state=rng.choice(WRITING), kind=rng.choice(REQUESTS), skip=rng.choice((0, 0, 1, 3))))
        if rng.random() < 0.25:
            aims.append(Aim(state=rng.choice(FILLING), kind=rng.choice(sorted(FILLS)), skip=rng.choice((0, 0, 1))))
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            when = START_MS + rng.randrange(QUIET_BARS * interval_ms if led else interval_ms // 2, calm_ms - START_MS)
            noise += [(when, "crash" if rng.random() < CRASHES else rng.choice(kinds))]
    return Scenario(
        seed=seed,
        drawn=draw(rng, symbols=symbols, n_bars=n_bars, interval_ms=interval_ms),
        table={symbol: _wanted(rng, n_bars, led) for symbol in symbols},
        limits=_limits(rng),
        aims=tuple(aims),
        noise=tuple(sorted(noise)),
        calm_ms=calm_ms,
        beat_ms=1000 if rng.random() < 0.1 else 5000,
        shuffled=rng.random() < 0.7,
    )


def _aimed(rng: Random, turn: int, interval_ms: int) -> tuple[Aim, tuple[float, ...], list[tuple[int, str]]]:
    """Return a fault whose turn it is, aimed at its state, exposures that lead there if any, and faults that do."""
    state, kind = PAIRS[turn % len(PAIRS)]
    after_ms, skip = START_MS + rng.randrange(0, 2) * interval_ms, rng.choice((0, 0, 0, 1))
    if rng.random() >= LED:
        return Aim(state=state, kind=kind, after_ms=after_ms, skip=skip), (), []
    before = START_MS + interval_ms + 10_000
    noise = [(before, WAYS[state])] if state in WAYS else []
    if state == "starting" and kind not in PRICED:
        noise, before = [], 0
    skip = 0 if state in WAYS else skip
    return (
        Aim(state=state, kind=kind, after_ms=max(after_ms, before) if before else 0, skip=skip),
        LEADS["still" if kind == "lose_stop" and state not in WRITING else state if state in LEADS else "held"],
        noise,
    )


def _wanted(rng: Random, n_bars: int, led: tuple[float, ...]) -> tuple[Wanted, ...]:
    """Jump, flip, fade and hold, or do as is `led`; in the calm be flat for two bars and take one last position."""
    rows: list[Wanted] = []
    exposure = 0.0
    stop: float | None = None
    for row in range(n_bars - CALM_BARS):
        if led:
            rows.append((led[row % len(led)], 0.03, 0.03))
            continue
        if rng.random() < 0.65 or not rows:
            exposure = rng.choice((-1.1, -0.5, 0.0, 0.3, 0.8, 1.6))
            stop = rng.uniform(0.004, 0.03) if rng.random() < 0.85 else None
        take = rng.uniform(0.004, 0.03) if rng.random() < 0.3 else None
        rows.append((exposure, stop, take))
    last = rng.choice((-0.9, -0.4, 0.4, 0.9))
    rows += [(0.0, None, None)] * 2
    rows += [(last, 0.2, None)] * (CALM_BARS - 2)
    return tuple(rows)


def _limits(rng: Random) -> Limits:
    tight = rng.random() < 0.2
    return Limits(
        max_gross_leverage=1.2 if tight else 10.0,
        max_order_notional=Decimal(90_000) if tight else Decimal(10**7),
        orders_per_minute=3 if tight else 60,
        max_daily_loss_frac=0.02 if tight else 1.0,
        max_drawdown_frac=0.05 if tight else 1.0,
    )
