"""From a strategy on main to a proposal with better numbers: run the study, write the manifest, say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tomlkit

from agents.proposal import Proposal
from agents.scoring import Bench
from agents.study import Study, Trial
from agents.tuner import tune
from autarch.errors import RefusedError
from autarch.manifest import Manifest, ParamValue
from autarch.sweep import OBJECTIVE

SHOWN = (
    ("sharpe", "annual Sharpe, daily clock"),
    ("total_return", "total return"),
    ("max_drawdown", "largest drawdown"),
    ("turnover_per_day", "turnover a day"),
    ("fees", "fees, quote"),
    ("funding", "funding paid, quote"),
)
"""Metrics a proposal's body compares with the parent's."""


def propose_tuning(
    bench: Bench, *, base: str, trials: int, seed: int, progress: Callable[[str], None]
) -> tuple[Proposal, Study]:
    """Return the proposal that a study of `trials` trials on train leads to.

    Args:
        bench: The strategy on main and the bars to score it on.
        base: Commit of main the strategy was read from.
        trials: Parameter sets to try, the parent's own included.
        seed: Of the sampler.
        progress: Told of each trial.

    Raises:
        UsageError: the strategy has nothing to tune, or `trials` is out of range.
        RefusedError: nothing tried scores above the parent.
    """
    manifest = bench.source.manifest
    parent = f"{manifest.name}@{base}"
    with bench.scorer() as score:
        study = tune(
            manifest, score, trials=trials, seed=seed, parent=parent, dataset=bench.lock.ref, progress=progress
        )
    best, first = study.best, study.trials[0]
    if best is None or best.params == first.params or (first.score is not None and (best.score or 0.0) <= first.score):
        raise RefusedError(
            f"none of {trials} trials of {manifest.name} scores above its own parameters; nothing is proposed. "
            "Try another --seed, more --trials or wider [search] ranges"
        )
    chosen = {**manifest.params, **best.params}
    return _proposal(bench, study, best=best, chosen=chosen, base=base), study


def with_params(manifest_bytes: bytes, params: Mapping[str, ParamValue], *, parent: str) -> bytes:
    """Return the manifest with these parameters and this parent, comments and layout kept."""
    document = tomlkit.parse(manifest_bytes.decode("utf-8"))
    table = document["params"]
    for name, value in params.items():
        table[name] = value
    if "origin" not in document:
        document["origin"] = tomlkit.table()
    document["origin"]["parent"] = parent
    return tomlkit.dumps(document).encode("utf-8")


def _proposal(bench: Bench, study: Study, *, best: Trial, chosen: Mapping[str, ParamValue], base: str) -> Proposal:
    manifest = bench.source.manifest
    moved = [(n, manifest.params[n], v) for n, v in chosen.items() if manifest.params[n] != v]
    summary = ", ".join(f"{name} {_short(old)} to {_short(new)}" for name, old, new in moved)
    return Proposal(
        agent="tuner",
        slug=manifest.name,
        base=base,
        files={"manifest.toml": with_params(bench.source.manifest_bytes, chosen, parent=study.parent)},
        title=f"Tune {manifest.name}: {summary}"[:120],
        body=_body(bench, study, best=best, chosen=chosen, manifest=manifest),
        trailers=(
            ("Agent", "tuner"),
            ("Parent", study.parent),
            ("Trials", str(len(study.trials))),
            ("Seed", str(study.seed)),
            ("Study", study.digest),
        ),
        study=study.packed(),
    )


def _body(bench: Bench, study: Study, *, best: Trial, chosen: Mapping[str, ParamValue], manifest: Manifest) -> str:
    before, after = bench.measure(manifest.params), bench.measure(chosen)
    rows = [f"| {label} | {_number(before.get(key))} | {_number(after.get(key))} |" for key, label in SHOWN]
    moved = [
        f"| `{n}` | {_short(manifest.params[n])} | {_short(v)} |" for n, v in chosen.items() if n in manifest.search
    ]
    refused = sum(t.score is None for t in study.trials)
    return "\n".join(
        [
            (
                f"Hypothesis. The thesis of `{manifest.name}` is right and its numbers are not: on train bars of "
                f"`{bench.lock.name}` another choice within the manifest's [search] scores "
                f"{_number(best.score)} against {_number(study.trials[0].score)}."
            ),
            "",
            (
                f"The score is the {OBJECTIVE}. It is the best of {len(study.trials)} trials ({refused} refused), "
                "so some of the difference is luck; every trial is in the ledger."
            ),
            "",
            "| parameter | main | proposed |",
            "|---|---|---|",
            *moved,
            "",
            "| on train | main | proposed |",
            "|---|---|---|",
            *rows,
            "",
            "What would refute it. The forward bars: the proposed numbers earn less than main's there.",
        ]
    )


def _short(value: ParamValue) -> str:
    return format(value, ".6g") if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else format(value, ",.4g" if abs(value) < 1000 else ",.0f")
