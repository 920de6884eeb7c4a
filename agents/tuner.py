"""Move a strategy's numbers within its manifest's [search] with Optuna; the structure stays the author's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agents.study import Study, Trial
from autarch.errors import UsageError
from autarch.manifest import Manifest, ParamValue, SearchRange
from autarch.sweep import OBJECTIVE

TRIALS_MAX = 10_000
DIGITS = 6
ASKED_TOGETHER = 8
"""Sets the sampler names before it hears of the first; fixed, so that a study does not depend on jobs."""

ScoreMany = Callable[[Sequence[Mapping[str, ParamValue]]], Sequence[Trial]]
"""Scores parameter sets on train, one trial each, in order; a set that is refused has no score."""


def tune(  # noqa: PLR0913  a study is named by all of these
    manifest: Manifest,
    score: ScoreMany,
    *,
    trials: int,
    seed: int,
    parent: str,
    dataset: str,
    progress: Callable[[str], None],
) -> Study:
    """Return a study of `trials` parameter sets, the parent's own first.

    The sampler is Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) with its own seed, asked
    for ASKED_TOGETHER sets at a time; the same seed, strategy and data give the same study.

    Raises:
        UsageError: nothing to search, or `trials` out of range.
    """
    import optuna  # noqa: PLC0415  a second of imports that only a study needs

    if not manifest.search:
        raise UsageError(f"{manifest.name} has no [search] in its manifest; add ranges for what may move")
    if not 2 <= trials <= TRIALS_MAX:
        raise UsageError(f"--trials is {trials}; 2 to {TRIALS_MAX} are allowed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    own = {name: manifest.params[name] for name in manifest.search}
    study.enqueue_trial(own)
    done: list[Trial] = []
    while len(done) < trials:
        asked = [study.ask() for _ in range(min(ASKED_TOGETHER, trials - len(done)))]
        sets = [{name: _suggest(one, name, span, own[name]) for name, span in manifest.search.items()} for one in asked]
        if not done:
            sets[0] = own  # to the last digit: what everything else is compared with
        for one, trial in zip(asked, score(sets), strict=True):
            if trial.score is None:
                study.tell(one, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(one, trial.score)
            done.append(trial)
            shown = "refused" if trial.score is None else format(trial.score, "+.3f")
            progress(f"trial {len(done)}/{trials}: {shown}")
    return Study(
        strategy=manifest.name,
        parent=parent,
        dataset=dataset,
        objective=OBJECTIVE,
        sampler=f"optuna {optuna.__version__} TPESampler, {ASKED_TOGETHER} at a time",
        seed=seed,
        trials=tuple(done),
    )


def _suggest(trial: object, name: str, span: SearchRange, value: ParamValue) -> ParamValue:
    if isinstance(value, int):
        step = 1 if span.step is None else int(span.step)
        return int(trial.suggest_int(name, int(span.low), int(span.high), step=step, log=span.log))  # type: ignore[attr-defined]
    asked = trial.suggest_float(name, span.low, span.high, step=span.step, log=span.log)  # type: ignore[attr-defined]
    short = float(format(asked, f".{DIGITS}g"))  # 0.3, not 0.30000000000000004: a human reads the manifest
    return min(max(short, float(span.low)), float(span.high))
