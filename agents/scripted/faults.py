"""Scripts that misbehave as vendors do: storms, cuts, malformed calls, refusals, short answers, drips, loops."""

from __future__ import annotations

from dataclasses import replace

from agents.scripted.talking import Asked, Called, Fault, Reply, Said, Script


def storm(script: Script, *faults: Fault) -> Script:
    """Answer the first tries of every request with these, then as `script` does."""

    def play(asked: Asked, number: int) -> Reply:
        return faults[number] if number < len(faults) else script(asked, number)

    return play


def cutting(script: Script, *, after: int, times: int = 1) -> Script:
    """Break the connection after some events, the first `times` that a request is made."""

    def play(asked: Asked, number: int) -> Reply:
        reply = script(asked, number)
        return replace(reply, cut_after=after) if number < times and isinstance(reply, Said) else reply

    return play


def dripping(script: Script, *, pause_s: float) -> Script:
    """Wait before each event."""

    def play(asked: Asked, number: int) -> Reply:
        reply = script(asked, number)
        return replace(reply, pause_s=pause_s) if isinstance(reply, Said) else reply

    return play


def malformed(script: Script, *, at_turn: int, raw: str) -> Script:
    """Ask for the first tool of one turn with arguments that are no JSON, and for that alone."""

    def play(asked: Asked, number: int) -> Reply:
        reply = script(asked, number)
        if len(asked.turns) != at_turn or not isinstance(reply, Said) or not reply.calls:
            return reply
        return replace(reply, calls=(replace(reply.calls[0], raw=raw),))

    return play


def refusing(text: str = "I cannot help with that.") -> Script:
    """Decline everything."""
    return lambda _asked, _number: Said(text=text, stop="refused")


def short(script: Script, *, turns: int = 1) -> Script:
    """Stop at the allowed tokens, in words alone, for the first turns; then go on as `script` would from its start."""

    def play(asked: Asked, number: int) -> Reply:
        if len(asked.turns) < turns:
            return Said(text="Let me think about this at length: ", stop="limit")
        return script(replace(asked, turns=asked.turns[turns:]), number)

    return play


def endless(name: str = "list_strategies") -> Script:
    """Ask for the same tool for ever."""
    return lambda _asked, _number: Said(calls=(Called(name=name),))


def saying(*replies: Reply) -> Script:
    """Say one thing a turn, and the last for ever."""
    return lambda asked, _number: replies[min(len(asked.turns), len(replies) - 1)]
