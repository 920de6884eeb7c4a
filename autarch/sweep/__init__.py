"""Many parameter sets of one strategy on one market: one worker, one compiled kernel, a score each."""

from autarch.sweep.score import FOLDS, OBJECTIVE, Score, score_of
from autarch.sweep.stage import ParameterSet
from autarch.sweep.sweep import Place, Sweep, sweep
from autarch.sweep.trial import SweptTrial, best_first

__all__ = [
    "FOLDS",
    "OBJECTIVE",
    "ParameterSet",
    "Place",
    "Score",
    "Sweep",
    "SweptTrial",
    "best_first",
    "score_of",
    "sweep",
]
