"""All that a strategy may import: `from autarch.strategy import Bars, Params, Targets, ops`."""

from autarch.strategy import ops
from autarch.strategy.answer import check_targets, check_values
from autarch.strategy.contract import Bars, Params, Targets
from autarch.strategy.resample import Resampled

__all__ = ["Bars", "Params", "Resampled", "Targets", "check_targets", "check_values", "ops"]
