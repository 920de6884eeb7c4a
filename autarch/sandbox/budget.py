"""How long strategy code may run for one verdict, over all its children: a limit a call cannot give.

Thousands of calls that each stay below the limit of one would hold a gate for hours. What is counted is processor
time, or a quarter of the waiting where that is more: so a busy machine charges nobody, and who only waits pays too.
"""

from __future__ import annotations

import threading

from autarch.sandbox.failure import StrategyRunError

WAITING = 4.0
"""Seconds of waiting that count as one of processor time."""

_PROJECTED_FROM = 0.1
"""Share of the budget that must be used before the windows so far tell of those to come."""


class Budget:
    """Seconds that one strategy may use for one verdict; threads and workers may share it."""

    def __init__(self, seconds: float) -> None:
        """Start with nothing used."""
        self.seconds = seconds
        self._lock = threading.Lock()
        self._used = self._used_on_windows = 0.0
        self._windows = 0

    @property
    def left(self) -> float:
        """Seconds not used yet; negative when the last call overran."""
        return self.seconds - self._used

    @property
    def patience(self) -> float:
        """Seconds that one may wait for an answer before waiting alone has used what is left."""
        return WAITING * self.left

    def charge(self, *, processor: float, waited: float, windows: int) -> None:
        """Count what `windows` answers took; with none it was spent on loading, or in vain."""
        seconds = max(processor, waited / WAITING)
        with self._lock:
            self._used += seconds
            if windows:
                self._used_on_windows += seconds
                self._windows += windows

    def refusal(self, *, windows: int = 0) -> StrategyRunError | None:
        """Return why `windows` more are not asked: nothing is left, or at the mean so far they would need more.

        A mean is taken at its word only after a tenth of the budget: a first call is slower than others.
        """
        if self.left <= 0.0:
            return StrategyRunError(f"{self._too_slow()}, and not done; make decide() cheaper", "timeout")
        if self._used < _PROJECTED_FROM * self.seconds or not self._windows:
            return None
        needed = windows * self._used_on_windows / self._windows
        if needed <= self.left:
            return None
        more = f"{windows:,} more windows need {needed:,.0f} s"
        return StrategyRunError(f"{self._too_slow()}, and {more}; make decide() cheaper", "timeout")

    def afford(self, windows: int) -> None:
        """Raise unless `windows` more can be asked.

        Raises:
            StrategyRunError: cause "timeout"; names seconds a window, windows needed and the budget.
        """
        refusal = self.refusal(windows=windows)
        if refusal is not None:
            raise refusal

    def _too_slow(self) -> str:
        mean = self._used_on_windows / self._windows if self._windows else 0.0
        return (
            f"too slow: {mean:.3g} s a window, {self._windows:,} windows answered, {self._used:,.0f} s used of the "
            f"{self.seconds:,.0f} s that one verdict may take"
        )
