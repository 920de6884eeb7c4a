"""Which of many candidates become pull requests, and the count of all that were tried beside them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.evolution.population import Candidate

DAY_S = 86_400


def finalists(candidates: Sequence[Candidate], *, room: int) -> tuple[Candidate, ...]:
    """Return at most `room` accepted candidates, the best first, none of a folder or behaviour that is open already.

    A second one of the same folder could not be merged beside the first; a second of the same cell would ask a human
    to read the same idea twice.
    """
    accepted = [c for c in candidates if c.judged is not None and c.judged.verdict == "accepted" and c.opened is None]
    shown = [c for c in candidates if c.opened is not None]
    chosen: list[Candidate] = []
    for one in sorted(accepted, key=lambda c: (-(c.score or 0.0), c.run, c.answered.step)):
        if len(chosen) == room:
            break
        if all(one.answered.slug != c.answered.slug and one.cell != c.cell for c in (*shown, *chosen)):
            chosen.append(one)
    return tuple(chosen)


def room_for(candidates: Iterable[Candidate], *, now_s: int, open_now: int, most_a_night: int, most_open: int) -> int:
    """Return how many pull requests may be opened now.

    Args:
        candidates: Of every run.
        now_s: Epoch seconds; a night is the UTC day.
        open_now: The loop's pull requests that wait for a human.
        most_a_night: Of this UTC day, all runs together.
        most_open: At a time.
    """
    day = now_s // DAY_S
    tonight = sum(c.opened is not None and c.opened.when_s // DAY_S == day for c in candidates)
    return max(0, min(most_a_night - tonight, most_open - open_now))


def gate_minutes(candidates: Iterable[Candidate], *, now_s: int) -> float:
    """Return the minutes of gates that were spent in the UTC day of `now_s`."""
    day = now_s // DAY_S
    return sum(c.judged.gate_s for c in candidates if c.judged is not None and c.judged.when_s // DAY_S == day) / 60.0
