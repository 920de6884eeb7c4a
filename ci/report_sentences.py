"""What folds, trials, deflation, placebo and the fan say, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autarch.metrics.shown import shown
from ci.checks.findings import Findings
from ci.checks.placebo import rank
from ci.checks.robustness import placebo_sharpes
from ci.report_scene import Scene


def sentences(scene: Scene) -> tuple[tuple[str, str], ...]:
    """Return (name, sentence) of what there is to say."""
    return tuple(_sentences(scene))


def _sentences(scene: Scene) -> Iterator[tuple[str, str]]:
    findings = scene.outcome.findings
    told = {m.name: m.value for check in scene.outcome.checks if check.name == "evidence" for m in check.measures}
    if findings is not None:
        yield from _held(findings)
    if findings is None or not findings.worlds:
        yield from _placed(scene)
    trials = told.get("trials", float(scene.outcome.trials))
    sentence = f"The ledger counted {trials or 0:.0f} candidates scored before this one"
    if (luck := told.get("luck")) is not None:
        sentence += f"; as many tries without any edge would show as much with probability {luck:.2f}"
    yield "trials", f"{sentence}."
    if (plain := told.get("psr")) is not None:
        deflated = told.get("dsr")
        more = "" if deflated is None else f", and {deflated:.2f} once deflated by all tries"
        yield "deflation", f"The Sharpe ratio is above zero with probability {plain:.2f}{more}."
    if (pbo := told.get("pbo")) is not None:
        yield "overfitting", f"What ranks best on one half of train falls below the middle on the other in {pbo:.0%}."


def _held(findings: Findings) -> Iterator[tuple[str, str]]:
    folds = findings.folds
    if folds.size:
        held = int((folds >= 0.0).sum())
        worst, best = (shown("total_return", float(v)) for v in (folds.min(), folds.max()))
        began = f"Of {folds.size} parts of train, parameters chosen anew before each, {held} did not lose"
        yield "folds", f"{began}; the worst returned {worst}, the best {best}."
    moved = [curve.sharpe for _, curve in findings.moved if curve is not None]
    if moved:
        began = f"With one parameter moved a step or two, {len(moved)} ways, the Sharpe ratio is"
        yield "parameters", f"{began} {min(moved):.2f} to {max(moved):.2f}, {np.median(moved):.2f} in the middle."
    began = f"The Sharpe ratio of {findings.own.sharpe:.2f} becomes {findings.doubled.sharpe:.2f} at doubled costs"
    yield "costs and delay", f"{began} and {findings.delayed.sharpe:.2f} with every decision acted on one bar late."
    own, worlds = placebo_sharpes(findings)
    if own is not None and worlds:
        began = f"Among {len(worlds)} worlds made of the same bars without their order it takes place"
        yield "placebo", f"{began} {rank(own, worlds)} of {len(worlds) + 1}."


def _placed(scene: Scene) -> Iterator[tuple[str, str]]:
    """Yield the placebo's rank as a claim has it, where no world was played here."""
    for measure in (m for check in scene.outcome.checks for m in check.measures):
        if measure.name == "placebo_rank" and measure.value is not None:
            yield "placebo", f"Among worlds without order: place {measure.value:.0f} {measure.unit}."
