"""Stop from a phone: chat words and a label on the forge, each of which sets the latch and can do nothing else.

There is no word to resume, to trade or to close: whoever takes the phone can make the account stand still, no more.
A label works for as long as it is on; a word works once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from autarch.errors import AutarchError
from live.ports.alerts import Alerts
from live.ports.clock import Clock
from live.stopping.chat import Channel, Message
from live.stopping.latch import Halted, Latch

LABEL = "halt"
FAILURES_TOLD = 3
WAIT_S_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What pollers act on: the latches of a host's accounts. `status` returns an account's state in a line."""

    latches: Mapping[str, Latch]
    status: Callable[[str], str]
    clock: Clock
    alerts: Alerts
    note: Callable[[str], None]

    def heard(self, message: Message, *, channel: str) -> str | None:
        """Act on one message and return the answer; None for what is no word of ours.

        Raises:
            ConfigError: a latch could not be written; the message must not be forgotten.
        """
        words = message.text.strip().lower().split()
        if not words or words[0] not in {"halt", "status"} or len(words) > 2:
            return None
        accounts = words[1:] or list(self.latches)
        unknown = [name for name in accounts if name not in self.latches]
        if unknown:
            return f"there is no account {unknown[0]}; there are: {', '.join(self.latches)}"
        if words[0] == "status":
            return "\n".join(f"{name}: {self.status(name)}" for name in accounts)
        who = f"{channel}, {message.sender}"
        for name in accounts:
            self._halt(name, who=who, why="asked by chat")
        return f"halted: {', '.join(accounts)}. Stops stay at the venue; only `autarch live resume` goes on"

    def labelled(self, account: str, numbers: tuple[int, ...], label: str) -> None:
        """Halt an account that a label names.

        Raises:
            ConfigError: the latch could not be written.
        """
        if numbers:
            shown = ", ".join(f"#{number}" for number in numbers[:5])
            self._halt(account, who="the forge", why=f"label {label!r} on {shown}; remove it before you resume")

    def _halt(self, account: str, *, who: str, why: str) -> None:
        latch = self.latches[account]
        held = any(old.by == "phone" and old.who == who and not old.symbol for old in latch.read().halts)
        latch.halt(Halted(by="phone", who=who, why=why, at_ms=self.clock.now_ms()))
        if not held:
            self.note(f"{account} halted by {who}: {why}")
            self.alerts.tell("critical", f"halt {account}", f"{account} halted by {who}: {why}")


async def poll_chat(listener: Listener, channel: Channel, *, every_s: float, turns_max: int | None = None) -> None:
    """Listen to one chat, for ever or `turns_max` times."""

    async def turn() -> None:
        messages = await channel.receive()
        answers = [(m.place, listener.heard(m, channel=channel.name)) for m in messages]
        channel.done()
        for place, answer in answers:
            if answer is not None:
                await channel.reply(place, answer)

    await _turns(listener, channel.name, turn, every_s=every_s, turns_max=turns_max)


async def poll_labels(
    listener: Listener,
    labelled: Callable[[str], tuple[int, ...]],
    *,
    every_s: float,
    turns_max: int | None = None,
) -> None:
    """Look for the label `halt` (every account) and `halt-ACCOUNT` on the forge; `labelled` may block."""

    async def turn() -> None:
        everywhere = await asyncio.to_thread(labelled, LABEL)
        for account in listener.latches:
            listener.labelled(account, everywhere, LABEL)
            listener.labelled(account, await asyncio.to_thread(labelled, f"{LABEL}-{account}"), f"{LABEL}-{account}")

    await _turns(listener, "the forge", turn, every_s=every_s, turns_max=turns_max)


async def _turns(
    listener: Listener,
    name: str,
    turn: Callable[[], Awaitable[None]],
    *,
    every_s: float,
    turns_max: int | None,
) -> None:
    """Take turns; one that fails is tried again, later and later, and told of when it keeps failing."""
    failures, turns = 0, 0
    while turns_max is None or turns < turns_max:
        turns += 1
        try:
            await turn()
        except AutarchError as error:
            failures += 1
            listener.note(f"{name}: {error}")
            if failures == FAILURES_TOLD:
                text = f"no stop can be heard from {name}: {error}"
                listener.alerts.tell("warning", f"deaf to {name}", text)
        else:
            failures = 0
        if turns != turns_max:
            await asyncio.sleep(min(every_s * 2**failures, max(every_s, WAIT_S_MAX)))
