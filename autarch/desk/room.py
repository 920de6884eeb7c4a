"""Everything one running desk is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autarch.desk.commands import Commands
from autarch.desk.forge_view import ForgeView
from autarch.desk.guard import Doors
from autarch.desk.jobs import Jobs
from autarch.desk.live_feed import LiveFeed
from autarch.desk.sessions import Codes
from autarch.forge.merging import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The parts that pages are made from.

    `wall` is epoch seconds; `host_folder` the live host's folder; `patience` how long a page waits for a merge.
    """

    forge: ForgeView
    commands: Commands
    live: LiveFeed
    codes: Codes
    jobs: Jobs
    doors: Doors
    host_folder: Path
    wall: Callable[[], float]
    patience: Patience
