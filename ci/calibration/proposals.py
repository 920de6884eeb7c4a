"""What a practice pull request is made of: how it looks, whatever it is worth, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from autarch.manifest import StrategySource
from ci.calibration import templates
from ci.calibration.bench import Bench, Try, Unplanted, Values, drawn
from ci.calibration.templates import Template, Value
from ci.calibration.worlds import World, WorldKind
from ci.candidate import Incumbent

SHARPE: Final = (1.4, 2.2)
"""What proposals show, sound or not: the bare figure is to tell nothing."""
SUBSETS_MAX: Final = 6
_FIRST: Final = (
    "amber", "brisk", "calm", "dusky", "early", "faint", "grey", "hollow",
    "idle", "keen", "lucid", "mellow", "north", "olive", "plain", "quiet",
)  # fmt: skip
_SECOND: Final = (
    "bison", "crane", "egret", "finch", "goose", "heron", "hyena", "moose",
    "otter", "raven", "robin", "shrew", "skunk", "stoat", "tapir", "zebra",
)  # fmt: skip
"""Of one length: nor is a longer name to tell."""


def names_of(rng: np.random.Generator) -> tuple[str, str]:
    """Return two slugs that say nothing and differ in nothing that a rule could ask for."""
    first = _FIRST[int(rng.integers(len(_FIRST)))]
    one, other = (_SECOND[int(n)] for n in rng.permutation(len(_SECOND))[:2])
    return f"{first}_{one}", f"{first}_{other}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is drawn before it is known whether a case is flawed; all but the slug a flaw shares with its sound twin.

    Attributes:
        slug: Of the proposal.
        symbols: How many it trades.
        leverage: What its manifest allows.
    """

    slug: str
    symbols: int
    leverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A made-up pull request, before anybody judges it.

    Attributes:
        source: What it proposes.
        world: The market it is about.
        trials: How many sets were tried for it, as a ledger would have counted them.
        main: Strategies on main, with the share of capital each trades.
        incumbent: What stands in its place.
    """

    source: StrategySource
    world: World
    trials: int
    main: tuple[tuple[StrategySource, float], ...]
    incumbent: Incumbent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Where a proposal comes from: its number and look, the markets, and the dice."""

    bench: Bench
    case: int
    attempt: int
    look: Look
    rng: np.random.Generator

    def world(self, kind: WorldKind) -> World:
        """Return this attempt's market of a kind."""
        return self.bench.world(kind, case=self.case, attempt=self.attempt, traded=self.look.symbols)

    def target(self) -> float:
        """Return the Sharpe ratio to look for."""
        return float(self.rng.uniform(*SHARPE))

    def trials(self) -> int:
        """Return how often a proposer who did not search has tried."""
        return int(self.rng.integers(1, 5))

    def symbols(self, world: World) -> tuple[str, ...]:
        """Return as many of a market's symbols as the look wants, any of them."""
        return self.choices(world)[0]

    def choices(self, world: World) -> list[tuple[str, ...]]:
        """Return ways to choose as many symbols as the look wants, at most `SUBSETS_MAX`."""
        every = list(combinations(world.market.symbols, self.look.symbols))
        return [every[int(n)] for n in self.rng.permutation(len(every))[:SUBSETS_MAX]]

    def sets(self, template: Template, count: int, **fixed: Value) -> list[dict[str, Value]]:
        """Return parameter sets drawn from the template's ranges, `fixed` ones as given."""
        return drawn(template, self.rng, count, **fixed)

    def tries(self, template: Template, sets: Sequence[Values], *, world: World, symbols: Sequence[str]) -> list[Try]:
        """Return what each set comes to."""
        return self.bench.tries(template, sets, world=world, symbols=symbols, leverage=self.look.leverage)

    def written(self, template: Template, chosen: Try, *, slug: str, constants: str = "") -> StrategySource:
        """Return the strategy of a try, as a proposer would write it."""
        return template.source(
            slug=slug,
            symbols=chosen.symbols,
            params=chosen.values,
            leverage=self.look.leverage,
            constants=constants,
        )

    def standing(self, world: World, symbol: str) -> StrategySource:
        """Return a strategy that follows what this market does not hold, small: somebody always trades already."""
        template = templates.CARRY if world.kind != "funding" else templates.REVERSION
        values: dict[str, Value] = {"size": 0.3}
        return template.source(slug=names_of(self.rng)[0], symbols=(symbol,), params=values)

    def proposal(  # noqa: PLR0913  what a proposal may carry
        self,
        template: Template,
        chosen: Try,
        world: World,
        *,
        trials: int | None = None,
        main: tuple[tuple[StrategySource, float], ...] = (),
        before: Try | None = None,
        constants: str = "",
    ) -> Proposal:
        """Return the pull request; without anything else on main, one that follows something else trades there.

        Raises:
            Unplanted: its Sharpe ratio would tell by itself.
        """
        slug = self.look.slug
        incumbent = None
        if before is not None:
            held = self.written(template, before, slug=slug)
            incumbent = Incumbent(slug=slug, tree="0" * 40, source=held)
            main = ((held, 0.3), (self.standing(world, chosen.symbols[0]), 0.7))
        made = Proposal(
            source=self.written(template, chosen, slug=slug, constants=constants),
            world=world,
            trials=self.trials() if trials is None else trials,
            main=main or ((self.standing(world, chosen.symbols[0]), 1.0),),
            incumbent=incumbent,
        )
        if not SHARPE[0] <= chosen.curve.sharpe <= SHARPE[1]:
            raise Unplanted
        return made


Kind = Callable[[Draw], Proposal]


def levels_text(levels: Sequence[float]) -> str:
    """Return prices as the constants of a strategy."""
    return f"\nLEVELS = ({', '.join(f'{level:.4g}' for level in levels)})\n"
