"""The study behind a proposal, as its commits tell: how many trials were tried before this one was shown.

What a proposer says of itself can be too low, never too high in its favour: for train bars the count
is a lower bound, and it is called one. The packed trials are read as data of a stranger.
"""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from autarch.canonical import sha256_hex
from autarch.evidence.ledger_entry import InnerTrials

STUDY_REF = "refs/autarch/studies/"
STUDY_BYTES_MAX = 8_000_000
TRIALS_MAX = 10_000_000
DAY_MS = 86_400_000
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class _Trial(msgspec.Struct, frozen=True):
    sharpe: float | None = None


class _Study(msgspec.Struct, frozen=True):
    trials: list[_Trial]


def inner_trials(
    trailers: Sequence[Mapping[str, str]], read_study: Callable[[str], bytes | None]
) -> InnerTrials | None:
    """Return the trials that the commits of a proposal, newest first, own up to; None: they speak of none.

    Args:
        trailers: Of each commit.
        read_study: SHA-256 -> packed trials, or None where there are none.
    """
    counts: dict[str, int] = {}
    variance, sidecar = None, None
    for index, found in enumerate(trailers):
        digest = found.get("Study", "")
        content = read_study(digest) if _DIGEST.match(digest) else None
        study = None if content is None else _parse(digest, content)
        said = _number(found.get("Trials", ""))
        if said is None and study is None:
            continue
        tried = max(said or 0, 0 if study is None else len(study.trials))
        counts[digest or str(index)] = max(counts.get(digest, 0), min(tried, TRIALS_MAX))
        if study is not None and sidecar is None:
            sidecar, variance = digest, _variance(study)
    if not counts:
        return None
    return InnerTrials(count=sum(counts.values()), sharpe_variance=variance, sidecar=sidecar)


def cutoff_ms(trailers: Sequence[Mapping[str, str]]) -> int | None:
    """Return where the knowledge of the models that wrote a proposal ends, epoch ms: the latest they own up to.

    A date counts to its end. What is no date is left out: bars count from the reservation at the earliest anyway, so
    nobody gains by leaving it out.
    """
    found = []
    for each in trailers:
        with suppress(ValueError):
            day = dt.date.fromisoformat(each.get("Knowledge-Cutoff", ""))
            found.append(int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000) + DAY_MS)
    return max(found, default=None)


def _parse(digest: str, content: bytes) -> _Study | None:
    if len(content) > STUDY_BYTES_MAX or sha256_hex(content) != digest:
        return None
    try:
        return msgspec.json.decode(content, type=_Study)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 9 else None


def _variance(study: _Study) -> float | None:
    sharpes = [trial.sharpe for trial in study.trials if trial.sharpe is not None and abs(trial.sharpe) < 1e6]
    return statistics.variance(sharpes) if len(sharpes) > 1 else None
