"""Open hidden bars for one question, and let one answer of a fixed list out, after a fixed time.

Nothing else leaves: no bar, no value, no reason, not even an error's text, and the answer comes after the same time
whatever it is. Only who publishes verdicts asks, after the reservation is durable and all that must hold before holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from autarch.market.stores import Stores
from autarch.sandbox.worker import Worker
from ci.context import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Who may look: the stores with hidden bars, a worker to ask, the gate's key, and how time is told and waited."""

    stores: Stores
    worker: Worker
    key: Path
    clock: Clock
    sleep: Callable[[float], None]


def answer_after(vault: Vault, question: Callable[[], T], *, otherwise: T, seconds: float) -> T:
    """Return the answer of `question` after `seconds`; `otherwise` where it fails or takes longer.

    One that takes longer is answered after a whole number of them, so that burning time says next to nothing.
    """
    started = vault.clock()
    try:
        found = question()
    except Exception:  # noqa: BLE001  what went wrong, whatever it was, would say something about the bars
        found = otherwise
    elapsed = vault.clock() - started
    whole = max(1, -int(-elapsed // seconds))
    vault.sleep(max(0.0, whole * seconds - elapsed))
    return found if elapsed <= seconds else otherwise
