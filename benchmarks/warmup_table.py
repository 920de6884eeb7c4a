"""The warm-up table of the guide: findings as Markdown, between two marks of a page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import talib
from talib import abstract

BEGIN, END = "<!-- warm-ups: begin -->", "<!-- warm-ups: end -->"
PATTERNS = "Pattern Recognition"
NEVER = "never"
_ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+|never) \|", re.MULTILINE)
_PATTERN = re.compile(r"^- (\d+|never) bars[^:]*: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one function needs: `warmup` None when no warm-up that was tried suffices.

    `silent`: some output never changes on the sample. `refusals` name the check first.
    """

    name: str
    lookback: int
    warmup: int | None
    silent: bool
    refusals: tuple[str, ...]

    @classmethod
    def of(cls, name: str, outputs: Sequence[tuple[int | None, bool, tuple[str, ...]]]) -> Finding:
        """Join what is known of each output: warm-up, whether it ever speaks, refusals."""
        warmups = [warmup for warmup, _, _ in outputs]
        known = [warmup for warmup in warmups if warmup is not None]
        return cls(
            name=name,
            lookback=int(abstract.Function(name).lookback),
            warmup=max(known) if len(known) == len(warmups) else None,
            silent=not all(speaks for _, speaks, _ in outputs),
            refusals=tuple(dict.fromkeys(text for _, _, texts in outputs for text in texts)),
        )

    @property
    def refused_by(self) -> tuple[str, ...]:
        """The checks that refused an output."""
        return tuple(dict.fromkeys(text.partition(":")[0] for text in self.refusals))

    @property
    def needs(self) -> str:
        """The warm-up in words."""
        return NEVER if self.warmup is None else str(self.warmup)


def table_of(found: Iterable[Finding]) -> str:
    """Return findings as Markdown: a table for each group, patterns as lists by warm-up."""
    group_of = {name: group for group, names in talib.get_function_groups().items() for name in names}
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        groups[group_of[finding.name]].append(finding)
    parts = [_patterns(groups[name]) if name == PATTERNS else _group(name, groups[name]) for name in sorted(groups)]
    return "\n\n".join([*parts, *_refused([each for findings in groups.values() for each in findings])])


def page_with(page: str, table: str) -> str:
    """Return `page` with `table` between the marks.

    Raises:
        ValueError: the page has not exactly one of each.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(
            f"the page must hold {BEGIN} and {END} once each, in this order; put them where the table goes"
        )
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def needs_in(page: str) -> dict[str, str]:
    """Return what the page's table says each function needs: a number of bars, or `never`."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    found = {name: needs for name, _, needs in _ROW.findall(table)}
    for needs, names in _PATTERN.findall(table):
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), needs)
    return found


def _refused(findings: Sequence[Finding]) -> list[str]:
    """Return one line that names the functions some check refuses although their warm-up suffices; none for none."""
    lines = [f"`{each.name}` by {check}" for each in findings if each.warmup is not None for check in each.refused_by]
    return [f"Refused all the same: {', '.join(lines)}."] if lines else []


def _group(name: str, findings: Sequence[Finding]) -> str:
    rows = [f"| `{each.name}` | {each.lookback} | {each.needs} |" for each in findings]
    return "\n".join([f"**{name}**", "", "| function | first answer after | warm-up |", "|---|---|---|", *rows])


def _patterns(findings: Sequence[Finding]) -> str:
    spoken, quiet = ([each for each in findings if each.silent is silent] for silent in (False, True))
    lines = [*_by_need(spoken, ""), *_by_need(quiet, ", never seen here")]
    return "\n".join([f"**{PATTERNS}**", "", *lines])


def _by_need(findings: Sequence[Finding], remark: str) -> list[str]:
    needs = sorted({each.needs for each in findings}, key=lambda text: (text == NEVER, text.zfill(6)))
    return [f"- {need} bars{remark}: {_names(each for each in findings if each.needs == need)}" for need in needs]


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(f"`{each.name}`" for each in findings)
