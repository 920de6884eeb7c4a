"""The port to whoever must know at once."""

from __future__ import annotations

from typing import Literal, Protocol

Severity = Literal["info", "warning", "critical"]


class Alerts(Protocol):
    """Takes alerts without ever holding up or failing the executor."""

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """Pass on one alert. `subject` is stable per cause, so that repeats can be thinned out."""
        ...


class Silent:
    """Nobody is told."""

    def tell(self, severity: Severity, subject: str, text: str) -> None:
        """Do nothing."""
