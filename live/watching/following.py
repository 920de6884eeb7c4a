"""Beside a running executor: follow what this host is to trade and whom it trusts, and say so to the executor.

Runs in the executor's process without any key of its own to use. It only reads files; whatever is wrong with them is
told, and what trades goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from autarch.errors import AutarchError, DeployError
from live.deployer import require_still_trusted
from live.host import Host
from live.installed import Installed, read_installed
from live.ports.alerts import Alerts
from live.trust import WhenRevoked
from live.watching.choice import Choices

LOOK_EVERY_S = 2.0


@dataclass(kw_only=True)
class Following:
    """Looks at `next.json` and `trust.toml` again and again.

    Attributes:
        host: Whose files.
        engine: This runtime's; what another one verified is not taken.
        present: The release that trades now.
        take: Called with a release that is to take over at the next boundary, or None where the present one stays.
        hold_back: Called once when the present release is no longer trusted.
        held_back: Whether that was done before.
    """

    host: Host
    engine: str
    present: Installed
    take: Callable[[Installed | None], None]
    hold_back: Callable[[WhenRevoked], None]
    alerts: Alerts
    held_back: bool = False
    _waiting: str = field(init=False, default="")
    _said: str = field(init=False, default="")

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once; raises nothing that a file may be the cause of."""
        try:
            self._look_at_trust()
            self._look_at_choice()
        except AutarchError as error:
            self._warn(str(error))

    def _look_at_trust(self) -> None:
        if self.held_back:
            return
        trust = self.host.trust()
        try:
            require_still_trusted(self.present, trust)
        except DeployError as error:
            self.held_back = True
            does = "closes everything and ends" if trust.when_revoked == "flatten" else "only reduces from now on"
            self.alerts.tell("critical", f"release {self.present.tag}", f"{error}. The account {does}")
            self.hold_back(trust.when_revoked)

    def _look_at_choice(self) -> None:
        choice = Choices(self.host).read()
        wanted = self.present.tag if choice is None else choice.tag
        if wanted == self.present.tag:
            if self._waiting:
                self._waiting = ""
                self.take(None)
            return
        if wanted == self._waiting:
            return
        installed = read_installed(self.host.releases / wanted)
        if installed.record.engine != self.engine:
            raise DeployError(
                f"{wanted} is next and was verified by another engine; {self.present.tag} goes on. "
                f"`autarch live switch {wanted}` verifies it again"
            )
        require_still_trusted(installed, self.host.trust())
        self._waiting, self._said = wanted, ""
        self.alerts.tell("info", f"release {wanted}", f"{wanted} takes over from {self.present.tag} at the next bar")
        self.take(installed)

    def _warn(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self.alerts.tell("warning", "next release", text)
