"""What crosses between an evaluator and a confined worker: limits, windows, answers, the level reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autarch.market.types import Floats

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What one confined child may use. Beyond it the child is killed and the session says which limit.

    `address_space_bytes` includes about 0.4 GiB of libraries every child shares with its zygote.
    """

    address_space_bytes: int = 2048 * MIB
    cpu_seconds: int = 600  # of one session, all its requests together
    open_seconds: float = 20.0  # wall time to confine, compile and import the strategy
    request_seconds: float = 30.0  # wall time of one decide call, one window
    session_seconds: float = 900.0  # wall time of all its decide calls; a child can wait without using a processor
    start_seconds: float = 120.0  # wall time for the zygote's imports; a cold compile cache takes most of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The bars one decide call sees: rows [first_bar, first_bar + n) of every symbol involved.

    `columns` maps a symbol to its (len(COLUMNS), n) float64 rows, views are fine. In `each` mode
    `target` names the symbol decided on and the others are context; in `panel` mode it is None.
    """

    target: str | None
    first_bar: int  # ts // interval_ms of the first row
    columns: Mapping[str, Floats]

    @property
    def n_rows(self) -> int:
        """Bars in this window."""
        return int(next(iter(self.columns.values())).shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Decide calls on one window of rows [first_bar, first_bar + n_rows), one for each of `targets`.

    `column` returns a symbol's (n_rows,) values of one column, by name; a view is fine. Only columns that
    the strategy names are asked for. As with a window, a target is a symbol, or None for the panel.
    """

    targets: tuple[str | None, ...]
    first_bar: int
    n_rows: int
    column: Callable[[str, str], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRows:
    """Checked answers, newest last: each array (k,), or (k, n_symbols) for a panel.

    Distances are NaN where there is none. No exposure is NaN.
    """

    exposure: Floats
    stop_loss: Floats
    take_profit: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of confinement and whether a child reached it; `detail` says what was found."""

    name: str
    required: bool
    reached: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLevel:
    """Every layer of a worker's confinement, as its parent measured it."""

    layers: tuple[Layer, ...]
    kernel: str

    @property
    def missing(self) -> tuple[Layer, ...]:
        """Required layers that were not reached; empty when a verdict may rest on this worker."""
        return tuple(layer for layer in self.layers if layer.required and not layer.reached)

    @property
    def is_full(self) -> bool:
        """True when every required layer was reached."""
        return not self.missing

    def summary(self) -> str:
        """Return one line: `full on Linux 6.18`, or what is missing."""
        absent = [layer.name for layer in self.layers if not layer.reached]
        state = "full" if self.is_full else "weak, not a verdict"
        return f"{state} on {self.kernel}" + (f", without {', '.join(absent)}" if absent else "")

    def to_json(self) -> dict[str, object]:
        """Return the object an attestation and a report carry."""
        return {
            "kernel": self.kernel,
            "full": self.is_full,
            "layers": [
                {"name": x.name, "required": x.required, "reached": x.reached, "detail": x.detail} for x in self.layers
            ],
        }
