"""warmup: more history, from another anchor, changes nothing that matters."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.manifest import WARMUP_MAX, Manifest, ParamValue, StrategySource
from autarch.verdict import Measure
from ci.checks.asking import when
from ci.context import Answer, Evaluated
from ci.policy_tables import WarmupPolicy

Params = dict[str, ParamValue]

BISECTIONS = 4
"""Steps from the first sufficient doubling towards the smallest: to within a sixteenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How two opinions on the same bars differ: shares, and the first disagreeing bar with both exposures."""

    compared_frac: float
    disagreeing_frac: float
    first: tuple[int, int, float, float] | None  # row, column, with the declared warm-up, with more


def check(evaluated: Evaluated, decisions: Decisions) -> Answer:
    """Pass when decisions with `history_multiple` times the warm-up, from an anchor moved by half a block, agree.

    Asked for the declared parameters and for the upper ends of [search], which need the longest memory.

    Raises:
        StrategyError: `decide` fails there.
    """
    limits, manifest = evaluated.policy.warmup, evaluated.source.manifest
    upper = upper_ends(manifest)
    cases: dict[str, Params] = {"declared": manifest.params}
    if upper != manifest.params:
        cases["upper_ends"] = upper
    found = {}
    for name, params in cases.items():
        production = decisions if name == "declared" else _decide(evaluated, params)
        found[name] = _against_more(evaluated, production, params)
    measures = tuple(measure for name, case in found.items() for measure in _measures(name, case, limits))
    problems = [_explain(evaluated, name, case) for name, case in found.items() if not _suffices(case, limits)]
    if problems:
        if any(case.disagreeing_frac > limits.disagreement_frac_max for case in found.values()):
            problems.append(_advice(evaluated, tuple(cases.values())))
        return Answer(verdict="failed", detail=" ".join(problems), measures=measures)
    detail = f"{limits.history_multiple} x {manifest.warmup} bars from another anchor decide alike"
    return Answer(verdict="passed", detail=detail, measures=measures)


def upper_ends(manifest: Manifest) -> dict[str, ParamValue]:
    """Return the parameters with every searched one at its upper end, ints kept ints."""
    raised: dict[str, ParamValue] = dict(manifest.params)
    for name, span in manifest.search.items():
        declared = manifest.params[name]
        raised[name] = int(span.high) if isinstance(declared, int) else float(span.high)
    return raised


def compare(production: Decisions, longer: Decisions, *, tolerance_of_max_leverage: float) -> Disagreement:
    """Return where production's exposures and those with a longer history disagree, on bars that count in both.

    Args:
        production: Decisions with the declared warm-up.
        longer: With more history, from another anchor.
        tolerance_of_max_leverage: Exposures further apart than this share of max_leverage disagree.
    """
    both = production.counts & longer.counts
    tolerance = tolerance_of_max_leverage * production.max_leverage
    apart = np.abs(production.exposure - longer.exposure) > tolerance
    apart |= np.sign(production.exposure) != np.sign(longer.exposure)
    apart &= both
    compared, counting = int(both.sum()), int(production.counts.sum())
    first = None
    if apart.any():
        row = int(np.argmax(apart.any(axis=1)))
        column = int(np.argmax(apart[row]))
        first = (row, column, float(production.exposure[row, column]), float(longer.exposure[row, column]))
    return Disagreement(
        compared_frac=compared / counting if counting else 0.0,
        disagreeing_frac=float(apart.sum()) / compared if compared else 0.0,
        first=first,
    )


def _decide(evaluated: Evaluated, params: Params) -> Decisions:
    try:
        return decide_blocks(evaluated.other, evaluated.source, evaluated.market, params=params)
    except StrategyError as error:
        listed = ", ".join(f"{name} = {value}" for name, value in params.items())
        raise StrategyError(f"with the upper ends of [search] ({listed}): {error}") from error


def _against_more(evaluated: Evaluated, decisions: Decisions, params: Params) -> Disagreement:
    source, market = evaluated.source, evaluated.market
    longer = decide_blocks(
        evaluated.other,
        source,
        market,
        params=params,
        anchor_shift=source.manifest.block // 2,
        history=evaluated.policy.warmup.history_multiple,
    )
    tolerance = evaluated.policy.warmup.tolerance_of_max_leverage
    return compare(decisions, longer, tolerance_of_max_leverage=tolerance)


def _suffices(found: Disagreement, limits: WarmupPolicy) -> bool:
    return found.disagreeing_frac <= limits.disagreement_frac_max and found.compared_frac >= limits.compared_frac_min


def _measures(name: str, found: Disagreement, limits: WarmupPolicy) -> list[Measure]:
    return [
        Measure(
            name=f"{name}.disagreeing",
            value=found.disagreeing_frac,
            op="<=",
            limit=limits.disagreement_frac_max,
            unit="of compared bars",
        ),
        Measure(
            name=f"{name}.compared",
            value=found.compared_frac,
            op=">=",
            limit=limits.compared_frac_min,
            unit="of counting bars",
        ),
    ]


def _case_name(name: str) -> str:
    return "the declared parameters" if name == "declared" else "the upper ends of [search]"


def _explain(evaluated: Evaluated, name: str, found: Disagreement) -> str:
    limits, manifest = evaluated.policy.warmup, evaluated.source.manifest
    if found.first is None:
        return (
            f"With {_case_name(name)} only {found.compared_frac:.0%} of the bars have {limits.history_multiple} x "
            f"{manifest.warmup} bars before them: lower warmup, or judge on a longer data set."
        )
    row, column, declared, more = found.first
    return (
        f"With {_case_name(name)} exposure on {found.disagreeing_frac:.2%} of bars depends on history beyond "
        f"warmup = {manifest.warmup}: first {manifest.symbols[column]} at {when(evaluated.market, row)}, "
        f"{declared:.6g}, with more history {more:.6g}."
    )


def _advice(evaluated: Evaluated, cases: tuple[Params, ...]) -> str:
    smallest = smallest_sufficient(evaluated, cases)
    if smallest is None:
        return "No warm-up this data set can test suffices: use indicators with a finite memory."
    return f"The smallest warm-up found to suffice is {smallest}: set warmup = {smallest}."


def smallest_sufficient(evaluated: Evaluated, cases: tuple[Params, ...]) -> int | None:
    """Return a warm-up that passes with every case: the first sufficient doubling, then a few bisections; or None."""
    low, high = evaluated.source.manifest.warmup, max(2 * evaluated.source.manifest.warmup, 64)
    while not _would_pass(evaluated, cases, high):
        low, high = high, 2 * high
        if high > min(WARMUP_MAX, evaluated.market.n_bars):
            return None
    for _ in range(BISECTIONS):
        middle = (low + high) // 2
        if _would_pass(evaluated, cases, middle):
            high = middle
        else:
            low = middle
    return high


def _would_pass(evaluated: Evaluated, cases: tuple[Params, ...], warmup: int) -> bool:
    source: StrategySource = evaluated.source
    longer = dataclasses.replace(source, manifest=dataclasses.replace(source.manifest, warmup=warmup))
    trial = dataclasses.replace(evaluated, source=longer)
    try:
        return all(
            _suffices(_against_more(trial, _decide(trial, params), params), evaluated.policy.warmup) for params in cases
        )
    except StrategyError:
        return False
