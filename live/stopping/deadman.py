"""When silence means "flatten": what a dead-man process concludes from a heartbeat it hears or not. Pure.

Silence is counted in watched time only: a watcher that was itself suspended has not listened. While the venue cannot
be reached either, the fault may be the watcher's own network: it says so, and waits. Only a silent heartbeat beside a
venue that answers, for longer than a grace that was announced, is acted on; and then again for as long as it lasts,
since an executor that is cut off from here may still trade.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autarch.errors import UsageError
from live.ports.alerts import Severity

State = Literal["unarmed", "watching", "silent", "blind", "acting"]
Reached = Literal["flat", "held", "unreachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long to wait, in seconds: `silent_s` until the venue is asked, `grace_s` from the warning to the act.

    `every_s` is the time between two looks; a look that came later than `stall_s` after the one before counts as that.
    """

    silent_s: float = 60.0
    grace_s: float = 30.0
    every_s: float = 2.0

    def __post_init__(self) -> None:
        """Refuse rules that act on one lost packet.

        Raises:
            UsageError: as said.
        """
        if self.every_s <= 0 or self.silent_s < 3 * self.every_s or self.grace_s < self.every_s:
            raise UsageError(
                f"silent {self.silent_s:g} s, grace {self.grace_s:g} s, every {self.every_s:g} s: expected a silence "
                "of at least three looks and a grace of at least one"
            )

    @property
    def stall_s(self) -> float:
        """Return the most that one look counts."""
        return 2 * self.every_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One alert to give."""

    severity: Severity
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What to do after a look: alerts to give, and whether to flatten now."""

    alerts: tuple[Said, ...] = ()
    flatten: bool = False


@dataclass(slots=True, kw_only=True)
class Deadman:
    """The watch over one account. `armed`: a heartbeat was heard before, perhaps by the process before this one."""

    account: str
    rules: Rules
    armed: bool = False
    state: State = "unarmed"
    silent_for_s: float = 0.0
    grace_left_s: float = 0.0
    _mark: str = ""
    _warned: bool = False
    _acted: bool = False
    _was_blind: bool = False

    def __post_init__(self) -> None:
        """Begin where the last process stopped."""
        self.state = "watching" if self.armed else "unarmed"
        self.grace_left_s = self.rules.grace_s

    @property
    def wants_venue(self) -> bool:
        """Whether the next look should read the venue: the heartbeat has been silent for too long."""
        return self.armed and self.silent_for_s >= self.rules.silent_s

    def hear(self, mark: str | None, *, elapsed_s: float) -> Conclusion:
        """Take what the heartbeat said, None for nothing; `elapsed_s` since the look before.

        A mark other than the newest is a sign of life; the same one again is none.
        """
        if mark is not None and mark != self._mark:
            return self._alive(mark)
        if self.armed:
            self.silent_for_s += min(elapsed_s, self.rules.stall_s)
        return Conclusion()

    def reach(self, reached: Reached, *, elapsed_s: float, why: str = "") -> Conclusion:
        """Take what the venue showed while the heartbeat was silent, and conclude; `why` it was unreachable.

        The grace runs only while the venue answers. Once it is over it stays so until the heartbeat returns.
        """
        if reached == "unreachable":
            return self._blind(why)
        if not self._warned:
            return self._warn(reached)
        self.grace_left_s = max(0.0, self.grace_left_s - min(elapsed_s, self.rules.stall_s))
        if self.grace_left_s > 0.0:
            self.state = "silent"
            return Conclusion()
        begins, self.state = not self._acted, "acting"
        self._acted = True
        return Conclusion(alerts=(self._acts(reached),) if begins else (), flatten=reached == "held")

    def _alive(self, mark: str) -> Conclusion:
        before, self._mark = self.state, mark
        self.armed, self.state = True, "watching"
        self._warned = self._acted = self._was_blind = False
        self.silent_for_s, self.grace_left_s = 0.0, self.rules.grace_s
        if before == "unarmed":
            return Conclusion(alerts=(self._said("info", "armed", "the first heartbeat was heard; armed"),))
        if before == "watching":
            return Conclusion()
        return Conclusion(alerts=(self._said("info", "back", "the heartbeat is back; armed again"),))

    def _blind(self, why: str) -> Conclusion:
        """Hold still: whoever cannot reach the venue could not flatten either, and may be the one that is cut off."""
        self.state = "blind"
        if self._was_blind:
            return Conclusion()
        self._was_blind = True
        text = f"neither the heartbeat nor the venue can be reached from here, so nothing is done: {why}"
        return Conclusion(alerts=(self._said("critical", "blind", text),))

    def _warn(self, reached: Reached) -> Conclusion:
        self._warned, self.state = True, "silent"
        ahead = f"will be flattened in {self.rules.grace_s:g} s" if reached == "held" else "holds nothing now"
        text = (
            f"no heartbeat for {self.silent_for_s:.0f} s while the venue answers; the account {ahead} unless the "
            "heartbeat returns. To keep the positions, end this process"
        )
        return Conclusion(alerts=(self._said("critical", "silent", text),))

    def _acts(self, reached: Reached) -> Said:
        doing = "flattening now" if reached == "held" else "it holds nothing; whatever it opens will be closed"
        return self._said("critical", "acting", f"the grace is over without a heartbeat: {doing}")

    def _said(self, severity: Severity, subject: str, text: str) -> Said:
        return Said(severity=severity, subject=f"deadman {self.account} {subject}", text=f"{self.account}: {text}")
