"""What a backtest shows, whoever shows it: columns of numbers, what they rest on, and one object for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autarch.canonical import Sha256
from autarch.engine import Backtest, CostModel
from autarch.evaluation.playing import Likeness
from autarch.manifest import ParamValue
from autarch.market.types import Market, Split

Kind = Literal["backtest", "comparison", "portfolio"]

NOT_A_VERDICT = (
    "A backtest is not a verdict: nothing here asked for causality, warm-up or how often somebody tried. "
    "That is: autarch gate"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One curve with its numbers: a strategy, or the sleeves of an account together.

    Attributes:
        label: As it was asked for.
        place: Folder, commit or account it came from.
        title: In words.
        result: What happened; an account's is that of all sleeves joined.
        market: What it was played on.
        metrics: Of `autarch.metrics.summarise`.
        first_ms: Open of the first bar whose decision counts, epoch ms.
        params: Of a strategy; empty for an account.
        decisions: The decision digest, None for an account.
        findings: What the source policy refuses in the code.
    """

    label: str
    place: str
    title: str
    result: Backtest
    market: Market
    metrics: dict[str, float | None]
    first_ms: int
    params: Mapping[str, ParamValue]
    decisions: Sha256 | None
    findings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the column's part of the object for machines."""
        return {
            "name": self.label,
            "from": self.place,
            "title": self.title,
            "symbols": list(self.result.symbols),
            "interval": self.market.interval,
            "bars": self.market.n_bars,
            "from_ms": int(self.market.ts[0]),
            "first_decision_ms": self.first_ms,
            "to_ms": int(self.market.ts[-1]) + self.market.interval_ms,
            "capital": self.result.capital,
            "params": dict(self.params),
            "metrics": self.metrics,
            "policy_findings": list(self.findings),
            "digests": {
                "decisions": self.decisions,
                "fills": self.result.fills_digest(),
                "equity": self.result.equity_digest(),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Columns that belong beside each other: one strategy, two compared, or an account and its sleeves."""

    title: str
    columns: tuple[Column, ...]
    margin_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One run of `autarch backtest`.

    Attributes:
        kind: What was asked for.
        dataset: `name@digest`.
        split: Which bars.
        costs: The cost model of every column, the factor included.
        costs_factor: What the lock's model was multiplied by.
        assumed: Values of the data set that nobody measured, of the symbols played.
        sandbox: The confinement of the worker that decided, in words.
        numerics: The worker's numeric self-test.
        parts: At least one.
        likeness: Of the two columns of a comparison.
    """

    kind: Kind
    dataset: str
    split: Split
    costs: CostModel
    costs_factor: float
    assumed: tuple[str, ...]
    sandbox: str
    numerics: str
    parts: tuple[Part, ...]
    likeness: Likeness | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch backtest --json`."""
        like = self.likeness
        return {
            "kind": self.kind,
            "verdict": None,
            "note": NOT_A_VERDICT,
            "dataset": self.dataset,
            "split": self.split,
            "costs": {
                "factor": self.costs_factor,
                "half_spread_bps": self.costs.half_spread_bps,
                "impact_k": self.costs.impact_k,
                "impact_cap_bps": self.costs.impact_cap_bps,
                "fee_factor": self.costs.fee_factor,
            },
            "assumed": list(self.assumed),
            "sandbox": self.sandbox,
            "numerics": self.numerics,
            "likeness": None if like is None else {"correlation": like.correlation, "alike": like.alike},
            "parts": [
                {
                    "title": part.title,
                    "margin_mode": part.margin_mode,
                    "columns": [column.to_json() for column in part.columns],
                }
                for part in self.parts
            ],
        }


def assumed_of(names: tuple[str, ...], symbols: frozenset[str]) -> tuple[str, ...]:
    """Return those of a lock's assumed values, `owner.field`, that concern `symbols` or the costs."""
    return tuple(name for name in names if name.partition(".")[0] in symbols | {"costs"})


def assumed_words(names: tuple[str, ...]) -> str:
    """Return assumed values grouped by field, with the symbols where it is not all of them; `nothing` for none."""
    owners: dict[str, list[str]] = {}
    for value in names:
        owner, _, field = value.partition(".")
        owners.setdefault(f"costs.{field}" if owner == "costs" else field, []).append(owner)
    symbols = {owner for owned in owners.values() for owner in owned if owner != "costs"}
    words = [
        field if field.startswith("costs.") or set(owned) == symbols else f"{field} of {', '.join(owned)}"
        for field, owned in owners.items()
    ]
    return ", ".join(words) or "nothing"
