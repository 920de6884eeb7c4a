"""warmup: more history, from another anchor, changes nothing that matters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks, frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import WARMUP_MAX, Manifest, ParamValue
from autarch.verdict import Measure
from ci.checks.asking import retold
from ci.checks.busy import require_its_own
from ci.checks.opinions import Difference, compare
from ci.context import Answer, Evaluated
from ci.policy_tables import WarmupPolicy

Params = Mapping[str, ParamValue]

CASES_MAX = 16
"""Searched parameters that are raised one by one; all of them together are always asked."""
BISECTIONS = 4
"""Steps from the first sufficient doubling towards the smallest: to within a sixteenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One set of parameters, and how its decisions differ from those with more history; None: it refuses them."""

    words: str
    params: Params
    found: Difference | None


def check(evaluated: Evaluated, decisions: Decisions) -> Answer:
    """Pass when decisions with `history_multiple` times the warm-up, from an anchor moved by half a block, agree.

    Exposures and distances are compared, for the declared parameters and for the upper ends of [search], one
    parameter at a time and all together, which need the longest memory. An end that `decide` refuses however
    long its history is cannot be traded, and is shown.

    Raises:
        StrategyError: `decide` fails on a longer history.
    """
    limits = evaluated.policy.warmup
    declared = _declared(evaluated, decisions)
    raised = _raised(evaluated)
    measures = (*_measures("declared", [declared], limits), *_measures("upper_ends", raised, limits))
    wrong = [case for case in (declared, *raised) if not _suffices(case.found, limits)]
    if wrong:
        told = " ".join([_explain(evaluated, wrong[0]), *_advice(evaluated, wrong)])
        return Answer(verdict="failed", detail=told, measures=measures)
    detail = f"{limits.history_multiple} x {evaluated.source.manifest.warmup} bars from another anchor decide alike"
    return Answer(verdict="passed", detail=detail, measures=measures)


def upper_ends(manifest: Manifest) -> dict[str, Params]:
    """Return sets of parameters at the upper ends of [search] by what a reader calls them, ints kept ints.

    Each that is not at its end already is raised alone, CASES_MAX at most, and all of them together.
    """
    ends: dict[str, ParamValue] = {}
    for name, span in manifest.search.items():
        declared = manifest.params[name]
        high = int(span.high) if isinstance(declared, int) else float(span.high)
        if high != declared:
            ends[name] = high
    cases: dict[str, Params] = {}
    if len(ends) > 1:
        cases["all upper ends of [search]"] = {**manifest.params, **ends}
    for name, high in list(ends.items())[:CASES_MAX]:
        cases[f"the upper end of [search] {name} = {high}"] = {**manifest.params, name: high}
    return cases


def _declared(evaluated: Evaluated, decisions: Decisions) -> Case:
    """Return the declared parameters' case, asked in a child of its own."""
    words = "the declared parameters"
    try:
        longer = decide_blocks(
            evaluated.other,
            evaluated.source,
            evaluated.market,
            anchor_shift=evaluated.source.manifest.block // 2,
            history=evaluated.policy.warmup.history_multiple,
        )
    except StrategyError as error:
        raise retold(error, asked=f"with {words} and more history") from error
    return Case(words=words, params={}, found=_compare(evaluated, decisions, longer))


def _raised(evaluated: Evaluated, cases: Mapping[str, Params] | None = None) -> list[Case]:
    """Return the cases of the upper ends, all asked together: two children, each window sent once."""
    manifest, market = evaluated.source.manifest, evaluated.market
    asked = upper_ends(manifest) if cases is None else dict(cases)
    if not asked:
        return []
    frames, params = frames_of(manifest, market), list(asked.values())
    multiple = evaluated.policy.warmup.history_multiple
    production = plan_of(frames)
    longer = plan_of(frames, anchor_shift=manifest.block // 2, history=multiple)
    answers = zip(
        asked.items(),
        decide_sets(evaluated.other, evaluated.source, production, params),
        decide_sets(evaluated.other, evaluated.source, longer, params),
        strict=True,
    )
    return [_case(evaluated, words, given, one, other) for (words, given), one, other in answers]


def _case(
    evaluated: Evaluated,
    words: str,
    params: Params,
    one: Decisions | StrategyError,
    other: Decisions | StrategyError,
) -> Case:
    if isinstance(one, StrategyError):
        require_its_own(one)
        if isinstance(other, StrategyError):
            return Case(words=words, params=params, found=None)
        cure = f"with more history it answers, so warmup = {evaluated.source.manifest.warmup} is too short for that end"
        raise retold(one, asked=f"with {words}", cure=cure)
    if isinstance(other, StrategyError):
        raise retold(other, asked=f"with {words} and more history") from other
    return Case(words=words, params=params, found=_compare(evaluated, one, other))


def _compare(evaluated: Evaluated, production: Decisions, longer: Decisions) -> Difference:
    tolerance = evaluated.policy.warmup.tolerance_of_max_leverage
    return compare(production, longer, evaluated.market, tolerance=tolerance, signs=True)


def _suffices(found: Difference | None, limits: WarmupPolicy) -> bool:
    if found is None:
        return True
    return found.differing_frac <= limits.disagreement_frac_max and found.compared_frac >= limits.compared_frac_min


def _measures(name: str, cases: list[Case], limits: WarmupPolicy) -> list[Measure]:
    """Return the worst of the cases; nothing where there is none."""
    found = [case.found for case in cases if case.found is not None]
    measures = []
    if found:
        apart, compared = max(each.differing_frac for each in found), min(each.compared_frac for each in found)
        measures = [
            Measure(
                name=f"{name}.disagreeing",
                value=apart,
                op="<=",
                limit=limits.disagreement_frac_max,
                unit="of compared bars",
            ),
            Measure(
                name=f"{name}.compared",
                value=compared,
                op=">=",
                limit=limits.compared_frac_min,
                unit="of counting bars",
            ),
        ]
    if len(found) < len(cases):
        measures.append(
            Measure(name=f"{name}.refused", value=float(len(cases) - len(found)), unit="sets of parameters")
        )
    return measures


def _explain(evaluated: Evaluated, case: Case) -> str:
    limits, manifest, found = evaluated.policy.warmup, evaluated.source.manifest, case.found
    if found is None or found.differing_frac <= limits.disagreement_frac_max or found.first is None:
        compared = 0.0 if found is None else found.compared_frac
        return (
            f"With {case.words} only {compared:.0%} of the bars have {limits.history_multiple} x "
            f"{manifest.warmup} bars before them: lower warmup, or judge on a longer data set."
        )
    first = found.first.told(evaluated.market, manifest.symbols, otherwise="with more history")
    return (
        f"With {case.words} {found.differing_frac:.2%} of bars hang on history beyond warmup = {manifest.warmup}: "
        f"first, {first}."
    )


def _advice(evaluated: Evaluated, wrong: list[Case]) -> list[str]:
    """Return the cure of a warm-up that is too short; nothing when all that is wrong is that it is too long."""
    limits = evaluated.policy.warmup
    apart = [case for case in wrong if case.found and case.found.differing_frac > limits.disagreement_frac_max]
    if not apart:
        return []
    smallest = smallest_sufficient(evaluated, apart)
    if smallest is None:
        return ["No warm-up this data set can test suffices: use shorter indicators, or ones with a finite memory."]
    return [f"The smallest warm-up found to suffice is {smallest}: set warmup = {smallest}."]


def smallest_sufficient(evaluated: Evaluated, cases: list[Case]) -> int | None:
    """Return a warm-up that passes with every case: the first sufficient doubling, then a few bisections; or None.

    Costs two passes over train for each of at most log2(WARMUP_MAX) + BISECTIONS steps.
    """
    limits, low = evaluated.policy.warmup, evaluated.source.manifest.warmup
    tested = (1.0 - limits.compared_frac_min) * evaluated.market.n_bars / limits.history_multiple
    ceiling = int(min(WARMUP_MAX, tested))
    high = min(max(2 * low, 64), ceiling)
    if ceiling <= low:
        return None
    while not _would_pass(evaluated, cases, high):
        if high == ceiling:
            return None
        low, high = high, min(2 * high, ceiling)
    for _ in range(BISECTIONS):
        middle = (low + high) // 2
        if _would_pass(evaluated, cases, middle):
            high = middle
        else:
            low = middle
    return high


def _would_pass(evaluated: Evaluated, cases: list[Case], warmup: int) -> bool:
    source = evaluated.source
    longer = dataclasses.replace(source, manifest=dataclasses.replace(source.manifest, warmup=warmup))
    trial = dataclasses.replace(evaluated, source=longer)
    try:
        again = _raised(trial, {case.words: case.params for case in cases})
    except StrategyError as error:
        require_its_own(error)
        return False
    return all(_suffices(case.found, evaluated.policy.warmup) for case in again)
