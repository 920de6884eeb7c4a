"""Where promotion works: CI's clone and key, main as it is now, the ledger as it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import UndecidedError
from autarch.evidence.ledger import Ledger, ledger_at
from autarch.evidence.ledger_entry import Sealed
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo, Remote
from autarch.repo.mainline import fetch_main
from ci.context import Clock, GateInputs, Progress
from ci.inputs import Choice, inputs_at_commit
from ci.vault.days import Days, live_days
from ci.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionDesk:
    """What the trusted side works with. `clock_ms` is epoch ms, `clock` monotonic seconds, `sleep` waits seconds.

    `live` opens hidden bars: what a strategy comes to on each of them, decided in live form.
    """

    repo: GitRepo
    remote: Remote
    key: Path
    choice: Choice
    clock_ms: Callable[[], int]
    clock: Clock
    sleep: Callable[[float], None]
    progress: Progress
    workers: Workers
    live: Callable[..., Days] = live_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Main, what it judges with, and its verified ledger, all as of one moment."""

    main: str
    inputs: GateInputs
    ledger: Ledger
    entries: tuple[Sealed, ...]


def present(desk: PromotionDesk) -> Present:
    """Return how things stand on the forge.

    Raises:
        UndecidedError: this process does not run main's code.
        LedgerError: the ledger does not verify, is another repository's, or there is none.
        ConfigError, DataError: main's policy or data set is missing or malformed.
    """
    main = fetch_main(desk.repo, desk.remote)
    inputs = inputs_at_commit(desk.repo, main, desk.choice)
    if inputs.engine != engine_digest_at(desk.repo, main):
        raise UndecidedError(
            f"this process runs engine {inputs.engine[:12]}, main at {main[:12]} is another; only main's code judges: "
            "run it from the forge, or update this clone to main"
        )
    ledger = ledger_at(desk.repo, main, remote=desk.remote)
    entries = ledger.entries(ledger.sync())
    return Present(main=main, inputs=inputs, ledger=ledger, entries=entries)
