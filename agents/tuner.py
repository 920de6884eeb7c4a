"""Move a strategy's numbers within its manifest's [search] with Optuna; the structure stays the author's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.study import Study, Trial
from autarch.errors import StrategyError, UsageError
from autarch.manifest import Manifest, ParamValue, SearchRange

TRIALS_MAX = 10_000
DIGITS = 6
OBJECTIVE = "mean less half the standard deviation of the annual Sharpe ratio over four quarters of train"

Score = Callable[[Mapping[str, ParamValue]], Trial]
"""Scores one parameter set on train; raises StrategyError when the strategy refuses it."""


def tune(  # noqa: PLR0913  a study is named by all of these
    manifest: Manifest,
    score: Score,
    *,
    trials: int,
    seed: int,
    parent: str,
    dataset: str,
    progress: Callable[[str], None],
) -> Study:
    """Return a study of `trials` parameter sets, the parent's own first.

    The sampler is Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) with its own seed;
    the same seed, strategy and data give the same study.

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
    for number in range(trials):
        asked = study.ask()
        params = {name: _suggest(asked, name, span, own[name]) for name, span in manifest.search.items()}
        if number == 0:
            params = own  # to the last digit: what everything else is compared with
        trial = _scored(score, params)
        if trial.score is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(asked, trial.score)
        done.append(trial)
        progress(f"trial {number + 1}/{trials}: {'refused' if trial.score is None else format(trial.score, '+.3f')}")
    return Study(
        strategy=manifest.name,
        parent=parent,
        dataset=dataset,
        objective=OBJECTIVE,
        sampler=f"optuna {optuna.__version__} TPESampler",
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


def _scored(score: Score, params: dict[str, ParamValue]) -> Trial:
    try:
        return score(params)
    except StrategyError as error:
        return Trial(params=params, score=None, sharpe=None, decisions=None, detail=str(error)[:200])
