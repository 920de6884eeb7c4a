"""The report of a verdict as Markdown, for a pull request: the verdict first, then what it rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autarch.sandbox.level import lines_of
from autarch.verdict import CheckResult
from ci.outcome import GateOutcome
from ci.report_first import first_screen
from ci.report_lines import lines
from ci.report_numbers import comparison, minute, number, short, short_ref
from ci.report_platform import rows, same_words
from ci.report_scene import Scene
from ci.report_spark import mermaid, sparkline
from ci.report_text import lane_words, summary
from ci.report_thesis import thesis_of

MARKDOWN_CHARS_MAX = 60_000
TRADES_SHOWN = 20
SAID_CHARS_MAX = 200
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~@:&$])")


def escaped(text: str) -> str:
    """Return untrusted text so that Markdown shows it as it is: no link, mention, image, table or HTML, nor turned."""
    flat = one_line(text)
    # A zero-width space keeps platforms from turning a name or number behind these into a mention or link.
    return _ACTIVE.sub(r"\\\1", flat).replace("@", "@\u200b").replace("#", "#\u200b")


def one_line(text: str) -> str:
    """Return untrusted text on one line, what reorders or hides letters replaced by U+FFFD."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def markdown(outcome: GateOutcome, said: Mapping[str, str] | None = None) -> str:
    """Return the report; below `MARKDOWN_CHARS_MAX` characters whatever the strategy says.

    Args:
        outcome: What was judged.
        said: Trailers of the proposal's commit.
    """
    return markdown_of(Scene(outcome=outcome, said=said or {}))


def markdown_of(scene: Scene) -> str:
    """Return the report of a scene, as `markdown`."""
    outcome = scene.outcome
    parts = [
        f"## {scene.verdict.capitalize()}: {_subject(outcome)}",
        *([f"> {escaped(scene.notice)}"] if scene.notice else []),
        "\n".join(f"- **{line.label}:** {escaped(line.text)}" for line in first_screen(scene)),
        escaped(summary(outcome)),
        *(f"> **Waived:** {escaped(text)}" for text in outcome.waived),
        _curves(scene),
        _what_it_does(outcome),
        _checks_table(outcome.checks),
        _metrics(outcome),
        _trades(scene),
        _platform(outcome),
        _assumed(outcome),
        _provenance(scene),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    if len(text) >= MARKDOWN_CHARS_MAX:
        notice = "\n\n(cut here: the whole verdict is in the evidence)\n"
        text = text[: MARKDOWN_CHARS_MAX - len(notice) - 1] + notice
    return text


def _curves(scene: Scene) -> str:
    """Return equity and drawdown as sparklines, and as a chart for platforms that draw Mermaid."""
    if scene.played is None:
        return ""
    drawn = lines(*scene.played, first_row=scene.first_row, rival=scene.rival, rival_name=scene.rival_name or "cash")
    if not drawn[0].growth:
        return ""
    width = max(len(line.who) for line in drawn)
    rows = [f"{line.who:<{width}}  {sparkline(line.growth)}  x {line.growth[-1]:.3f}" for line in drawn if line.growth]
    deepest = min(drawn[0].drawdown)
    rows.append(f"{'drawdown':<{width}}  {sparkline(drawn[0].drawdown)}  {deepest:.1f} %")
    block = "\n".join(["### Equity over capital, train", "", "```text", *rows, "```"])
    return f"{block}\n\n<details><summary>Chart</summary>\n\n{mermaid(drawn)}\n\n</details>"


def _trades(scene: Scene) -> str:
    """Return the trades that change the most, as a table."""
    changes = [change for change in scene.changes or () if change.what != "same"]
    if not changes or scene.rival_name is None:
        return ""
    weighty = sorted(changes, key=lambda change: -abs(change.profit_change))[:TRADES_SHOWN]
    told = [
        "| trade | symbol | side | entry (UTC) | exit (UTC) | profit changes by, USDT |",
        "|---|---|---|---|---|---:|",
    ]
    told += [
        f"| {one.what} | {escaped(one.shown.symbol)} | {one.shown.side} | {minute(one.shown.entry_ms)} | "
        f"{minute(one.shown.exit_ms)} | {one.profit_change:+,.2f} |"
        for one in weighty
    ]
    return f"### Trades that change the most, {len(weighty)} of {len(changes)}\n\n" + "\n".join(told)


def _subject(outcome: GateOutcome) -> str:
    return f"`{outcome.candidate.slug}`" if outcome.candidate.slug else f"a {outcome.candidate.kind} change"


def _what_it_does(outcome: GateOutcome) -> str:
    thesis, source = thesis_of(outcome), outcome.candidate.source
    if source is None:
        return ""
    manifest = source.manifest
    lines = [f"**{escaped(thesis.title)}**", *(escaped(p) for p in thesis.text.split("\n\n") if p.strip())]
    lines.append(
        f"{', '.join(manifest.symbols)} at {manifest.interval}, mode {manifest.mode}, warm-up {manifest.warmup} bars, "
        f"leverage at most {manifest.max_leverage:g}"
        + (f", reads {', '.join(manifest.context)}" if manifest.context else "")
        + (f", retires `{escaped(manifest.origin.retires)}`" if manifest.origin.retires else "")
    )
    if manifest.params:
        lines.append("Parameters: " + ", ".join(f"`{k}` = {v}" for k, v in manifest.params.items()))
    return "### What it does\n\n" + "\n\n".join(lines)


def _checks_table(checks: tuple[CheckResult, ...]) -> str:
    rows = ["| check | class | verdict | measured | in words |", "|---|---|---|---|---|"]
    for check in checks:
        word = f"**{check.verdict}**" if check.verdict in {"failed", "undecided", "waived"} else check.verdict
        measured = "<br>".join(f"{escaped(m.name)} {escaped(comparison(m))}" for m in check.measures)
        rows.append(f"| {check.name} | {check.klass} | {word} | {measured} | {escaped(check.detail)} |")
    return "### Checks\n\n" + "\n".join(rows)


def _metrics(outcome: GateOutcome) -> str:
    parts = []
    for split, metrics in outcome.metrics.items():
        rows = [f"| {escaped(name)} | {number(value)} |" for name, value in metrics.items()]
        parts.append("\n".join([f"### Measured on {split}", "", "| metric | value |", "|---|---:|", *rows]))
    if parts:
        parts.append("Train is what whoever tuned the strategy could see: read these numbers as an upper bound.")
    return "\n\n".join(parts)


def _platform(outcome: GateOutcome) -> str:
    changes = outcome.platform
    if changes is None:
        return ""
    parts = ["### What it does to the strategies on main", f"{escaped(changes.note)}."]
    found = rows(changes)
    if found:
        told = ["| strategy | on main | under the change | what differs |", "|---|---|---|---|"]
        told += [
            f"| {row.slug} | {row.was} | **{row.now}** | {'<br>'.join(map(escaped, row.differs))} |" for row in found
        ]
        parts.append("\n".join(told))
        parts += [escaped(same_words(changes))] if same_words(changes) else []
        parts.append("The values under the change are what its own code says.")
    return "\n\n".join(parts)


def _assumed(outcome: GateOutcome) -> str:
    if not outcome.assumed:
        return ""
    return "### Assumed, not measured\n\n" + ", ".join(f"`{escaped(name)}`" for name in outcome.assumed)


def provenance(outcome: GateOutcome) -> dict[str, str]:
    """Return where each part of the verdict comes from, by name."""
    candidate, claim = outcome.candidate, outcome.claim
    return {
        "evidence": outcome.evidence or "none (not every check ran, or there is no strategy)",
        "base": candidate.base or "none",
        "head": candidate.head or "a folder of a work tree",
        "tree": candidate.tree or "none",
        "dataset": outcome.dataset or "none",
        "policy": f"{outcome.policy.path} {outcome.policy.digest}, preset {outcome.preset}",
        "lane": lane_words(outcome) or "none",
        "holdout": outcome.look or "not asked; only the forge asks, when all else is green",
        "engine": outcome.engine,
        "decisions": (claim.digests.decisions if claim else None) or "none",
        "ledger": (claim.ledger if claim else None) or "none",
        "trials": str(outcome.trials),
        "confinement": outcome.sandbox if outcome.level is None else "; ".join(lines_of(outcome.level)),
        "wall time": ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.elapsed_s.items()),
    }


def _provenance(scene: Scene) -> str:
    outcome = scene.outcome
    told = [f"| {name} | {escaped(value)} |" for name, value in provenance(outcome).items()]
    told += [f"| said: {escaped(name)} | {escaped(value[:SAID_CHARS_MAX])} |" for name, value in scene.said.items()]
    stored = outcome.evidence and outcome.candidate.tree
    verify = f"\n\nVerify: `autarch verify {outcome.evidence}`" if stored else ""
    return (
        f"<details><summary>Provenance: {short_ref(outcome.dataset)}, engine {short(outcome.engine)}</summary>\n\n"
        + "\n".join(["| what | value |", "|---|---|", *told])
        + "\n\n</details>"
        + verify
    )
