"""memory: a strategy that knows prices by heart decides otherwise when every price is another.

Prices are multiplied by 16, by 1/4, and each symbol's by a prime of its own: an honest decision rests on
ratios and does not notice. Powers of two change no digit of a result; primes do, so a fourth pass, which
moves prices by less than anyone trades, tells how much the last digit alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.market.types import Market, SymbolSeries
from autarch.sandbox.protocol import columns_named
from autarch.verdict import Measure
from ci.checks.asking import retold
from ci.checks.busy import require_its_own
from ci.checks.opinions import Difference, compare
from ci.context import Answer, Evaluated
from ci.policy_tables import MemoryPolicy

NUDGE = 2.0**-40
"""Share of a price that is below any tick or threshold and above its last digit."""
JITTER = 2.0**-10
"""Share by which funding rates move, to ask who knows them one by one."""
ROUNDING_MULTIPLE = 2.0
"""Primes may move this many times the exposure that nudges move: both throw the last digits anew."""
ADVICE_TOLERANCE = 0.01
"""Of max_leverage: what is only shown speaks of other decisions, not of slightly other sizes."""

PRICES = ("open", "high", "low", "close", "turnover")
VOLUMES = ("volume", "turnover")
FUNDING = ("funding",)

CURE = (
    "a decision may rest on ratios of prices and not on their level: compare with an average, an extreme or a "
    "volatility of the same symbol, or use returns and logs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One way to change a market: what is multiplied, by which factor a symbol, and the words for a reader."""

    name: str
    words: str
    columns: tuple[str, ...]
    factors: Mapping[str, float]


def check(evaluated: Evaluated, decisions: Decisions) -> Answer:
    """Pass when no decision depends on the unit of a price; what volume's unit and funding's digits do is shown.

    Raises:
        StrategyError: `decide` fails on prices of another size.
    """
    symbols = involved(evaluated)
    found = [(scale, _ask(evaluated, decisions, scale)) for scale in price_scales(symbols)]
    rounding = next(difference.moved_frac for scale, difference in found if scale.name == "prices_nudged")
    judged = [
        (scale, difference, _judged(evaluated.policy.memory, scale, difference, rounding=rounding))
        for scale, difference in found
    ]
    measures = [measure for _, _, held in judged for measure in held]
    wrong = [
        _explain(evaluated, scale, difference)
        for scale, difference, held in judged
        if not all(measure.holds for measure in held)
    ]
    shown = [(scale, _share(evaluated, decisions, scale)) for scale in advice_scales(symbols)]
    measures += [Measure(name=f"{scale.name}.differing", value=share, unit="of bars") for scale, share in shown]
    if wrong:
        return Answer(verdict="failed", detail=f"{wrong[0]}; {CURE}", measures=tuple(measures))
    felt = [f"{share:.2%} of bars hang on {scale.words}" for scale, share in shown if share > 0.0]
    detail = "; ".join(["decisions are the same whatever the unit of a price", *felt])
    return Answer(verdict="passed", detail=detail, measures=tuple(measures))


def involved(evaluated: Evaluated) -> tuple[str, ...]:
    """Return the symbols the strategy sees."""
    manifest = evaluated.source.manifest
    return (*manifest.symbols, *manifest.context)


def price_scales(symbols: tuple[str, ...]) -> tuple[Scale, ...]:
    """Return the changes of prices that no decision may feel."""
    nudges = {symbol: 1.0 + (place + 1) * NUDGE for place, symbol in enumerate(symbols)}
    own = {symbol: prime_of(place) for place, symbol in enumerate(symbols)}
    listed = ", ".join(f"{symbol} x {_told(place)}" for place, symbol in enumerate(symbols))
    every = dict.fromkeys
    return (
        Scale(name="prices_x16", words="every price x 16", columns=PRICES, factors=every(symbols, 16.0)),
        Scale(name="prices_x1_4", words="every price x 1/4", columns=PRICES, factors=every(symbols, 0.25)),
        Scale(name="prices_nudged", words="prices moved in their last digits", columns=PRICES, factors=nudges),
        Scale(name="prices_by_primes", words=f"prices of {listed}", columns=PRICES, factors=own),
    )


def advice_scales(symbols: tuple[str, ...]) -> tuple[Scale, ...]:
    """Return the changes that are asked about and never judged: honest strategies feel them too."""
    every = dict.fromkeys
    return (
        Scale(name="volume_x16", words="volume x 16", columns=VOLUMES, factors=every(symbols, 16.0)),
        Scale(name="volume_x1_4", words="volume x 1/4", columns=VOLUMES, factors=every(symbols, 0.25)),
        Scale(name="funding_nudged", words="funding x 1.001", columns=FUNDING, factors=every(symbols, 1.0 + JITTER)),
    )


def prime_of(place: int) -> float:
    """Return the factor of the symbol at `place`: primes, every second one dividing.

    So neither a factor nor the ratio of two is a power of two, which some ways to read a level would not notice.
    """
    prime = _prime(place)
    return float(prime) if place % 2 == 0 else 1.0 / prime


def scaled(market: Market, scale: Scale) -> Market:
    """Return `market` as a strategy would see it changed; marks, ticks and instruments it does not see stay."""
    return replace(market, series=tuple(_scaled(series, scale) for series in market.series))


def _scaled(series: SymbolSeries, scale: Scale) -> SymbolSeries:
    factor = scale.factors[series.symbol]
    if scale.columns == FUNDING:
        return replace(series, funding_rate=series.funding_rate * factor)
    return replace(series, **{name: getattr(series, name) * factor for name in scale.columns})


def _prime(place: int) -> int:
    """Return the odd prime number `place`, from 3 on."""
    found: list[int] = []
    for number in count(3, 2):
        if all(number % prime for prime in found):
            found.append(number)
        if len(found) > place:
            break
    return found[-1]


def _told(place: int) -> str:
    return str(_prime(place)) if place % 2 == 0 else f"1/{_prime(place)}"


def _ask(evaluated: Evaluated, decisions: Decisions, scale: Scale, *, tolerance: float | None = None) -> Difference:
    """Decide again on the changed market, unless the strategy names no column that has changed."""
    bound = evaluated.policy.memory.tolerance_of_max_leverage if tolerance is None else tolerance
    if not set(scale.columns) & set(columns_named(evaluated.source.code)):
        return compare(decisions, decisions, evaluated.market, tolerance=bound, signs=False)
    try:
        again = decide_blocks(evaluated.other, evaluated.source, scaled(evaluated.market, scale))
    except StrategyError as error:
        raise retold(error, asked=f"with {scale.words}", cure=CURE) from error
    return compare(decisions, again, evaluated.market, tolerance=bound, signs=False)


def _share(evaluated: Evaluated, decisions: Decisions, scale: Scale) -> float:
    try:
        return _ask(evaluated, decisions, scale, tolerance=ADVICE_TOLERANCE).differing_frac
    except StrategyError as error:
        require_its_own(error)
        return 1.0  # it may raise on another volume; that it does is all there is to show


def _judged(limits: MemoryPolicy, scale: Scale, found: Difference, *, rounding: float) -> tuple[Measure, ...]:
    """Return what is asked of one scale of prices; where last digits play a part, exposure is weighed, not bars."""
    if scale.name == "prices_nudged":
        return (_at_most(f"{scale.name}.moved", found.moved_frac, limits.rounding_frac_max, "of exposure"),)
    earned = _at_most(f"{scale.name}.earned", found.earned_frac, limits.earned_frac_max, "of the gain")
    if scale.name == "prices_by_primes":
        limit = min(1.0, limits.disagreement_frac_max + ROUNDING_MULTIPLE * rounding)
        return _at_most(f"{scale.name}.moved", found.moved_frac, limit, "of exposure"), earned
    return _at_most(f"{scale.name}.differing", found.differing_frac, limits.disagreement_frac_max, "of bars"), earned


def _at_most(name: str, value: float, limit: float, unit: str) -> Measure:
    return Measure(name=name, value=value, op="<=", limit=limit, unit=unit)


def _explain(evaluated: Evaluated, scale: Scale, found: Difference) -> str:
    if found.first is None:
        raise ValueError(f"{scale.name} differs nowhere: a limit below zero")
    first = found.first.told(evaluated.market, evaluated.source.manifest.symbols, otherwise=f"with {scale.words}")
    earned = f", which earn {found.earned_frac:.0%} of the gain," if found.earned_frac >= 0.01 else ""
    return f"{found.differing_frac:.2%} of bars{earned} are decided otherwise with {scale.words}: first, {first}"
