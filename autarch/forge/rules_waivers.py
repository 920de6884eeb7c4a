"""Waivers are a human's: no agent's branch carries one to main, and what rests on an expired one does not merge."""

from __future__ import annotations

from collections.abc import Sequence

from autarch.errors import ConfigError
from autarch.evidence.waiver import FOLDER, day_of, is_waiver_path, parse_waivers, waiver_path
from autarch.forge.checks import CheckRecord
from autarch.forge.pulls import PullRecord
from autarch.forge.rules import Rulebook, refuse

_BY_HAND = "a human makes one with: autarch waive"


def judge_agent_paths(book: Rulebook, head: str) -> None:
    """Refuse an agent's branch that touches a waiver.

    Raises:
        RuleRefusedError: rule `waiver-human`.
    """
    fork = book.repo.merge_base(book.main(), head)
    if fork is None:
        return  # it shares nothing with main, so it cannot be proposed
    _need_none([entry.path for entry in book.repo.diff_tree(fork, head)])


def judge_waiver_files(book: Rulebook, pull: PullRecord, *, head: str, paths: Sequence[str]) -> None:
    """Refuse waivers that no human proposed on a human's branch, or that say what no waiver may say.

    Raises:
        RuleRefusedError: rule `waiver-human` or `waiver`.
    """
    if pull.role != "human" or not pull.head_ref.startswith("human/"):
        _need_none(paths)
    for path in (path for path in paths if is_waiver_path(path)):
        content = book.repo.blob_at(head, path)
        if content is None:
            continue
        try:
            parse_waivers(content, path=path)
        except ConfigError as error:
            raise refuse("waiver", str(error), _BY_HAND) from error


def judge_waived(book: Rulebook, record: CheckRecord, *, base: str) -> None:
    """Refuse a waived check whose waiver main does not hold, or whose time is over by the forge's clock.

    The verdict was held against the ledger's time, so that it can be derived again; a merge happens now.

    Raises:
        RuleRefusedError: rule `waiver`.
    """
    if record.lane in {"same", "less"}:
        return
    path = waiver_path(record.strategy or "")
    content = book.repo.blob_at(base, path)
    if content is None:
        raise refuse("waiver", f"check {record.name} is waived, and main holds no {path}", _BY_HAND)
    try:
        found = {waiver.check: waiver for waiver in parse_waivers(content, path=path)}
    except ConfigError as error:
        raise refuse("waiver", str(error), _BY_HAND) from error
    waiver = found.get(record.name)
    if waiver is None:
        raise refuse("waiver", f"check {record.name} is waived, and {path} on main does not name it", _BY_HAND)
    today = day_of(book.now_ms)
    if not waiver.granted <= today <= waiver.expires:
        why = f"the waiver of {record.name} is good from {waiver.granted} to {waiver.expires}, and this is {today}"
        raise refuse("waiver", why, _BY_HAND)


def _need_none(paths: Sequence[str]) -> None:
    found = next((path for path in paths if is_waiver_path(path)), None)
    if found is not None:
        why = f"the branch touches {found!r}; waivers under {FOLDER}/ are added by humans on branches human/..."
        raise refuse("waiver-human", why, f"leave the file as main has it; {_BY_HAND}")
