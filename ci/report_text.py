"""How verdicts are written, in the terminal and everywhere else."""

from __future__ import annotations

import textwrap

from autarch.evaluation.sheet import assumed_words
from autarch.sandbox.level import lines_of
from autarch.verdict import CheckResult
from ci.outcome import GateOutcome
from ci.report_numbers import comparison, short, short_ref
from ci.report_platform import lines as platform_lines

NAME_WIDTH = 30
WIDTH = 120


def terminal(outcome: GateOutcome) -> str:
    """Return the verdict as a table for the terminal, no trailing newline."""
    lines = [line for check in outcome.checks for line in _check_lines(check)]
    lines += [] if outcome.platform is None else platform_lines(outcome.platform)
    if outcome.assumed:
        words = f"assumed, not measured: {assumed_words(outcome.assumed)}"
        lines += textwrap.wrap(words, WIDTH, subsequent_indent="  ")
    if outcome.level is not None:
        lines += [
            line for text in lines_of(outcome.level) for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")
        ]
    return "\n".join([*lines, summary(outcome)])


def summary(outcome: GateOutcome) -> str:
    """Return the one line that says it all."""
    failed = [check.name for check in outcome.checks if check.verdict == "failed"]
    undecided = [check.name for check in outcome.checks if check.verdict == "undecided"]
    n = len(outcome.checks)
    waived = [check.name for check in outcome.checks if check.verdict == "waived"]
    why = f"{n - len(waived)} of {n} checks passed, {', '.join(waived)} waived" if waived else f"all {n} checks passed"
    if failed:
        why = f"{len(failed)} of {n} checks failed ({', '.join(failed)})"
    elif undecided:
        why = f"{len(undecided)} of {n} checks could not be computed ({', '.join(undecided)})"
    elif any(check.verdict == "skipped" for check in outcome.checks):
        why = f"{n} checks, some skipped"
    parts = [f"{outcome.verdict}: {why}", f"dataset {short_ref(outcome.dataset)}"]
    parts.append(f"evidence {short(outcome.evidence)}")
    parts.append(f"trials {outcome.trials}")
    parts += [f"preset {outcome.preset}"] if outcome.preset != "standard" else []
    parts += [lane_words(outcome)] if lane_words(outcome) else []
    parts += [f"WAIVED {text}" for text in outcome.waived]
    return "  ".join(parts)


def lane_words(outcome: GateOutcome) -> str:
    """Return what lane a change has, or would have if hidden bars agreed; nothing for any other candidate."""
    if outcome.lane is not None:
        return f"lane {outcome.lane}"
    return f"lane would be {outcome.may_ask}, if hidden bars agree: only the forge asks" if outcome.may_ask else ""


def _check_lines(check: CheckResult) -> list[str]:
    lines = [_line(check.name, check.verdict, check.detail)]
    missed = "waived" if check.verdict == "waived" else "failed"
    for measure in check.measures:
        word = "shown" if measure.limit is None else ("passed" if measure.holds else missed)
        lines.append(_line(f"  {measure.name}", word, comparison(measure)))
    return lines


def _line(name: str, word: str, rest: str) -> str:
    shown = word.upper() if word in {"failed", "undecided"} else word
    return f"{name} {'.' * max(3, NAME_WIDTH - len(name))} {shown:<9} {rest}".rstrip()
