"""How many trials a ledger holds: pure arithmetic over its entries.

Every reservation counts one, and the trials of the study behind it, unless it was closed as stopped
before any score, or its lane held: then main's own version was looked at, and not a new bet. One without
a result counts: whoever killed the run may have read the score. So does one that was closed only when it
was judged again, after an undecided answer that held its decisions: code that knows the hour must not take
its trial back. Reservations whose decisions are the same bytes count once, since the same bet was looked at
once; but one whose lane did not hold counts by itself, whatever its train decisions are, since it asked
about hidden bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autarch.evidence.ledger_entry import LedgerEntry, Look, Sealed
from autarch.verdict import LaneWord, LookWord

STOPPING_CHECKS = ("scope", "policy", "determinism", "causality")
CAUSALITY_FREE = 2
"""Causality failures of one pull request that do not count; from the third on each may be a probe."""


def count_trials(entries: Iterable[Sealed]) -> int:
    """Return the number of trials."""
    kept = list(entries)
    answers = _answers(kept)
    lanes = {s.entry.reservation: s.entry.lane for s in kept if s.entry.kind == "lane"}
    groups: dict[str, int] = {}
    studies: dict[str, int] = {}
    for sealed in kept:
        entry = sealed.entry
        if entry.kind == "study":
            _add_study(studies, sealed.digest, entry)
        elif entry.kind == "reservation":
            given = answers.get(sealed.digest, [])
            if any(answer.kind == "closed" for answer in given) and not any(map(_is_of_score, given)):
                continue
            lane = lanes.get(sealed.digest)
            known = [answer.decisions for answer in given if answer.decisions is not None]
            group = (known[-1] if known else entry.decisions) if lane is None else sealed.digest
            if lane not in {"same", "less"}:
                groups[group if group is not None else sealed.digest] = 1
            _add_study(studies, group if group is not None else sealed.digest, entry)
    return sum(groups.values()) + sum(studies.values())


def find_reservation(entries: Sequence[Sealed], like: LedgerEntry) -> Sealed | None:
    """Return the newest reservation of the judgement that `like` reserves, or None.

    The same judgement is the same pull request, head, base, data set and epoch: run again it gives the
    same bytes, so it needs no second reservation.
    """
    same = [s for s in entries if s.entry.kind == "reservation" and _judgement(s.entry) == _judgement(like)]
    return same[-1] if same else None


def final_answer(entries: Iterable[Sealed], *, reservation: str) -> Sealed | None:
    """Return the closing, or the newest accepted or rejected result, of a reservation; None while it is open.

    An undecided result is not final: the same judgement may be computed again under its reservation.
    """
    found = [sealed for sealed in entries if sealed.entry.reservation == reservation]
    final = [s for s in found if s.entry.kind == "closed" or s.entry.verdict in {"accepted", "rejected"}]
    return final[-1] if final else None


def lane_word(entries: Iterable[Sealed], *, tree: str, base: str) -> LaneWord | None:
    """Return the newest word about the candidate `tree` as judged on `base`, or None."""
    found = [s.entry for s in entries if s.entry.kind == "lane" and (s.entry.tree, s.entry.base) == (tree, base)]
    return found[-1].lane if found else None


def look_of(entries: Iterable[Sealed], *, decisions: str, dataset: str, epoch: str) -> Look | None:
    """Return what the holdout of an epoch of data set `dataset` (a name) said of these decisions first, or None."""
    asked = (decisions, dataset, epoch)
    found = (s.entry for s in entries if s.entry.kind == "look")
    return next((e.look for e in found if (e.decisions, (e.dataset or "").partition("@")[0], e.epoch) == asked), None)


def look_word(entries: Iterable[Sealed], *, tree: str, base: str) -> LookWord | None:
    """Return the holdout's newest word about the candidate `tree` as judged on `base`, or None."""
    found = [s.entry.look for s in entries if s.entry.kind == "look" and (s.entry.tree, s.entry.base) == (tree, base)]
    return None if not found or found[-1] is None else found[-1].word


def lanes_asked(entries: Iterable[Sealed], *, slug: str, dataset: str, epoch: str) -> int:
    """Return how often hidden bars of an epoch were asked about for one strategy, whatever the word was."""
    asked = (slug, dataset, epoch)
    return sum(1 for s in entries if s.entry.kind == "lane" and (s.entry.slug, s.entry.dataset, s.entry.epoch) == asked)


def causality_failures(entries: Iterable[Sealed], *, pr: int, slug: str | None) -> int:
    """Return how many reservations were closed because of causality, of a pull request and all that it goes on from.

    Those are the pull requests that share a strategy's name with it, and so on: a new name in the same pull
    request, the same name in a new one, and both after each other begin nothing anew. Nor does a new base.
    """
    kept = list(entries)
    pulls = related_pulls(kept, pr=pr, slug=slug)
    return sum(s.entry.stopped == "causality" and s.entry.pr in pulls for s in kept)


def related_pulls(entries: Iterable[Sealed], *, pr: int, slug: str | None) -> frozenset[int]:
    """Return the pull requests that go on from one another with `pr`: see `causality_failures`."""
    kept = [sealed.entry for sealed in entries if sealed.entry.pr is not None]
    pulls, slugs, known = {pr}, {slug} - {None}, 0
    while len(pulls) + len(slugs) > known:
        known = len(pulls) + len(slugs)
        slugs |= {entry.slug for entry in kept if entry.pr in pulls and entry.slug is not None}
        pulls |= {entry.pr for entry in kept if entry.slug in slugs and entry.pr is not None}
    return frozenset(pulls)


def _judgement(entry: LedgerEntry) -> tuple[object, ...]:
    return entry.pr, entry.head, entry.base, entry.dataset, entry.epoch


def _is_of_score(answer: LedgerEntry) -> bool:
    return answer.decisions is not None or answer.kind in {"lane", "look"}


def _answers(entries: Iterable[Sealed]) -> dict[str, list[LedgerEntry]]:
    answers: dict[str, list[LedgerEntry]] = {}
    for sealed in entries:
        if sealed.entry.reservation is not None:
            answers.setdefault(sealed.entry.reservation, []).append(sealed.entry)
    return answers


def _add_study(studies: dict[str, int], key: str, entry: LedgerEntry) -> None:
    if entry.inner is not None:
        name = entry.inner.sidecar or key
        studies[name] = max(studies.get(name, 0), entry.inner.count)
