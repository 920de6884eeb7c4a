"""What becomes of each symbol when a release takes over from another. Pure; why: docs/adr/0029-hand-over-a-release.md.

A symbol is held by one sleeve of one release. `adopt`: the new version of the same strategy takes the position as it
is. `drain`: the old version goes on deciding, yet only reduces, until the symbol is flat. `flatten`: closed at once.
A symbol that the new release gives to nobody, or to another strategy, follows the old release's word, and adopt then
means flatten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from autarch.manifest import Manifest
from live.portfolio import Account, Handover

Action = Literal["start", "adopt", "drain", "flatten", "leave"]
_LEFT: dict[Action, Handover] = {"drain": "drain", "flatten": "flatten"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A sleeve of one release and the symbols it holds or is to hold; `capital` in USDT."""

    strategy: str
    tag: str
    symbols: tuple[str, ...]
    capital: Decimal
    handover: Handover


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolStep:
    """What happens to one symbol.

    start: flat, and `new` may trade it from this boundary on. adopt: `new` takes the position as it is. drain: `old`
    only reduces it by its own decisions; when it is flat, `new` may trade it, if there is one. flatten: close it at
    once, reduce-only; when it is flat, the same. leave: flat, and nobody trades it any more.
    """

    symbol: str
    action: Action
    old: Holding | None
    new: Holding | None
    qty: Decimal

    @property
    def text(self) -> str:
        """Say it in one sentence."""
        old = "nobody" if self.old is None else f"{self.old.strategy} of {self.old.tag}"
        new = "nobody" if self.new is None else f"{self.new.strategy} of {self.new.tag}"
        return {
            "start": f"{self.symbol} is flat: {new} trades it from now on",
            "adopt": f"{new} takes over {self.qty} {self.symbol} from {old} as it is",
            "drain": f"{old} only reduces its {self.qty} {self.symbol}; once flat it is for {new}",
            "flatten": f"{self.qty} {self.symbol} of {old} is closed at once; once flat it is for {new}",
            "leave": f"{self.symbol} is flat and no sleeve trades it any more",
        }[self.action]


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveStep:
    """A sleeve of the new release: its capital before, None where it is new, and after.

    One that goes on keeps what it has won and lost: its equity changes by `after - before`.
    """

    strategy: str
    before: Decimal | None
    after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole hand-over, symbols and sleeves each in one order for ever: sorted by name."""

    tag: str
    symbols: tuple[SymbolStep, ...]
    sleeves: tuple[SleeveStep, ...]

    @property
    def leaving(self) -> tuple[Holding, ...]:
        """Return the old sleeves that still hold something, each with those symbols; `handover` is drain or flatten.

        Those that drain go on deciding. The next hand-over names them before the present release's sleeves.
        """
        kept: dict[tuple[str, str, Handover], list[str]] = {}
        holders: dict[tuple[str, str, Handover], Holding] = {}
        for step in self.symbols:
            word = _LEFT.get(step.action)
            if step.old is not None and word is not None:
                key = (step.old.strategy, step.old.tag, word)
                kept.setdefault(key, []).append(step.symbol)
                holders[key] = step.old
        return tuple(
            replace(holders[key], symbols=tuple(symbols), handover=key[2]) for key, symbols in sorted(kept.items())
        )

    @property
    def text(self) -> tuple[str, ...]:
        """Say it line by line."""
        moved = tuple(
            f"{step.strategy} trades with {step.after} USDT" + ("" if step.before is None else f", not {step.before}")
            for step in self.sleeves
            if step.before != step.after
        )
        return (*(step.text for step in self.symbols), *moved)


def holdings_of(
    account: Account, tag: str, manifests: Mapping[str, Manifest], capitals: Mapping[str, Decimal]
) -> tuple[Holding, ...]:
    """Return the sleeves of one release's account.

    Args:
        account: As the release holds it; what it says of hand-overs outranks a manifest.
        tag: The release.
        manifests: By strategy.
        capitals: Strategy -> USDT, of `live.tiers.sleeve_capitals`.
    """
    return tuple(
        Holding(
            strategy=sleeve.strategy,
            tag=tag,
            symbols=manifests[sleeve.strategy].symbols,
            capital=capitals[sleeve.strategy],
            handover=sleeve.handover or manifests[sleeve.strategy].handover,
        )
        for sleeve in account.sleeves
    )


def plan_handover(
    old: Sequence[Holding], new: Sequence[Holding], positions: Mapping[str, Decimal], *, tag: str
) -> Plan:
    """Return what happens to every symbol at the boundary where release `tag` takes over.

    Args:
        old: Who trades now: what earlier hand-overs left behind (`Plan.leaving`, as far as it is not flat yet), then
            the present release's sleeves.
        new: The sleeves of `tag`.
        positions: Symbol -> signed quantity; what is absent is flat.
        tag: The release that takes over.

    Raises:
        ValueError: two of the new sleeves want one symbol, or a position belongs to no sleeve: our own bug, which
            reconciliation and the portfolio's check must have caught before.
    """
    holders = _owners(tuple(reversed(old)))  # reversed: who still holds a symbol outranks who waits for it
    heirs = _owners(new)
    if sum(len(sleeve.symbols) for sleeve in new) != len(heirs):
        raise ValueError(f"two sleeves of {tag} want one symbol")
    strangers = sorted(symbol for symbol, qty in positions.items() if qty != 0 and symbol not in holders)
    if strangers:
        raise ValueError(f"positions of nobody: {', '.join(strangers)}")
    steps = tuple(
        _step(symbol, holders.get(symbol), heirs.get(symbol), positions.get(symbol, Decimal(0)))
        for symbol in sorted({*holders, *heirs})
    )
    before = {sleeve.strategy: sleeve.capital for sleeve in old}
    sleeves = tuple(
        SleeveStep(strategy=sleeve.strategy, before=before.get(sleeve.strategy), after=sleeve.capital)
        for sleeve in sorted(new, key=lambda sleeve: sleeve.strategy)
    )
    return Plan(tag=tag, symbols=steps, sleeves=sleeves)


def _step(symbol: str, old: Holding | None, new: Holding | None, qty: Decimal) -> SymbolStep:
    return SymbolStep(symbol=symbol, action=_action(old, new, qty), old=old, new=new, qty=qty)


def _action(old: Holding | None, new: Holding | None, qty: Decimal) -> Action:
    if qty == 0 or old is None:
        return "leave" if new is None else "start"
    if new is not None and new.strategy == old.strategy:
        return new.handover
    return "flatten" if old.handover == "adopt" else old.handover


def _owners(sleeves: Sequence[Holding]) -> dict[str, Holding]:
    return {symbol: sleeve for sleeve in sleeves for symbol in sleeve.symbols}
