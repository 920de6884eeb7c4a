"""Render what was measured as the page docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import conventions
from benchmarks.peers.figures import AGREEMENT, Figure, difference, figures, ours
from benchmarks.peers.goals import Stages, goals, latest
from benchmarks.peers.samples import Samples
from benchmarks.peers.work import read_prices, works

NAMES = {
    "autarch": "Autarch",
    "floor": "bare loop",
    "vectorbt": "vectorbt",
    "backtesting": "backtesting.py",
    "backtrader": "backtrader",
}
WORKS = {
    "W1": "one symbol, a year of minutes",
    "W1s": "W1 with a 0.4 % stop-loss, from the entry's bar on",
    "W1f": "W1s with funding every 480 bars",
    "W2": "one symbol, 105,120 bars",
    "W3": "100 pairs of spans on 105,120 bars, each an account of its own",
    "W4": "ten symbols of 105,120 bars in one account",
}
_STOPS_DIFFER = (
    "vectorbt looks at a stop before the bar's own order and against the whole bar: where the stop is touched, it "
    "fills and the order due at that open is lost; the entry's own bar is not looked at, and the stop's price is not "
    "rounded to a tick. That convention, in {lines} plain lines (benchmarks/peers/conventions.py), ends with {equity} "
    "on the same bars, {gap:.0e} from vectorbt: nothing else differs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Where and when a run was made; every value a line of the page."""

    date: str
    command: str
    machine: str
    versions: Mapping[str, str]
    load: str
    commit: str


def page(samples: Samples, stages: Stages, *, made: Circumstances, folder: Path) -> str:
    """Return the whole page, Markdown."""
    parts = (
        _head(made),
        _goal_table(samples, stages)
        if "growth" in stages
        else "A quick run: its speeds mean nothing, its agreements do.\n",
        *(_work(samples, stages, name) for name in WORKS if name in stages),
        _agreement(samples, stages, folder),
        _grown(samples, stages),
        _told(samples, "sweep", "Sweeps, wall seconds"),
        _told(samples, "cold", "Cold start of `autarch backtest`"),
        _method(),
    )
    return "\n".join(part for part in parts if part)


def _head(made: Circumstances) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    return (
        f"# Benchmarks\n\nMade by `{made.command}` on {made.date}, at commit {made.commit}; the command writes this "
        f"page. Ratios within one run are firm, absolute figures are this machine's.\n\n"
        f"- Machine: {made.machine}\n- Versions: {versions}\n- {made.load}\n"
    )


def _goal_table(samples: Samples, stages: Stages) -> str:
    rows = (
        (goal.what, f"{goal.op} {goal.limit:g} {goal.unit}", _found(goal.found, goal.unit), goal.word)
        for goal in goals(samples, stages)
    )
    return "## Goals\n\n" + _table(("figure", "goal", "measured", "met"), rows)


def _found(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.3g} {unit}" if value < 1_000 else f"{value:,.0f} {unit}"


def _work(samples: Samples, stages: Stages, name: str) -> str:
    found = figures(samples, name, stages[name])
    if not found:
        return ""
    base = found[0]
    rows = (_row(one, base) for one in found if not _only_to_compare(one, found))
    columns = (
        *("engine", "bars", "run, processor s: median (min)", "run, wall s", "M bars/s", "ns a bar"),
        *("of it without indicators", "x Autarch", "x Autarch without indicators", "fills"),
    )
    return f"## {name}: {WORKS[name]}\n\n" + _table(columns, rows)


def _only_to_compare(one: Figure, found: list[Figure]) -> bool:
    first = next(other for other in found if other.entry.engine == one.entry.engine)
    return one is not first


def _row(one: Figure, base: Figure) -> tuple[str, ...]:
    bars = f"{one.entry.bars:,}" + (f" x {one.entry.pairs} pairs" if one.entry.pairs > 1 else "")
    return (
        NAMES[one.entry.engine],
        bars,
        f"{one.cpu_s:.4g} ({one.cpu_s_min:.4g})",
        f"{one.wall_s:.4g}",
        f"{1e3 / one.ns_a_bar:.4g}",
        f"{one.ns_a_bar:.4g}",
        f"{one.play_ns_a_bar:.4g}",
        f"{one.ns_a_bar / base.ns_a_bar:.3g}",
        f"{one.play_ns_a_bar / base.play_ns_a_bar:.3g}",
        f"{one.fills:,}",
    )


def _agreement(samples: Samples, stages: Stages, folder: Path) -> str:
    rows, remarks = [], []
    for name in (name for name in WORKS if name in stages):
        found = figures(samples, name, stages[name])
        for one in (one for one in found if one.entry.engine != "autarch"):
            apart, mine = difference(found, one), ours(found, one)
            if apart is None or mine is None:
                continue
            agrees = "yes" if apart <= AGREEMENT else "no"
            equities = f"{mine.equity:.10g}", f"{one.equity:.10g}"
            rows.append((name, NAMES[one.entry.engine], f"{one.entry.bars:,}", *equities, f"{apart:.1e}", agrees))
            if name == "W1s" and one.entry.engine == "vectorbt":
                remarks.append(_vectorbt_remark(one, folder))
    columns = ("work", "engine", "bars", "Autarch", "the other", "relative difference", f"within {AGREEMENT:.0e}")
    return "\n".join(
        ("## Do they agree?", "", _table(columns, rows), *(f"- {remark}" for remark in remarks), _absent())
    )


def _vectorbt_remark(one: Figure, folder: Path) -> str:
    work = works()[one.entry.work]
    equity = conventions.vectorbt_equity(read_prices(folder / "one", work, bars=one.entry.bars), work)
    lines = len(Path(conventions.__file__).read_text(encoding="utf-8").splitlines())
    return _STOPS_DIFFER.format(lines=lines, equity=f"{equity:.10g}", gap=abs(equity - one.equity) / abs(one.equity))


def _absent() -> str:
    return (
        "- Not there: vectorbt and backtesting.py pay no funding, so W1f is played by Autarch, the bare loop and "
        "backtrader; backtesting.py has one symbol.\n"
        "- Fills count entries and stops, a flip once; backtesting.py tells closed trades.\n"
        "- backtesting.py wants a stop's price before it knows the fill; it is told the next open, so that it plays "
        "the same stops.\n"
    )


def _grown(samples: Samples, stages: Stages) -> str:
    found = figures(samples, "growth", stages.get("growth", ()))
    if not found:
        return ""
    rows = (
        (
            NAMES[one.entry.engine],
            f"{one.entry.bars:,}",
            f"{one.cpu_s:.4g}",
            f"{one.ns_a_bar:.4g}",
            f"{one.play_ns_a_bar:.4g}",
            f"{one.resident / one.played:.0f}",
            f"{one.resident_peak / 1e6:,.0f}",
            f"{one.process_s:.2f}",
        )
        for one in found
    )
    columns = (
        *("engine", "bars (W1f)", "run, processor s", "ns a bar", "without indicators", "bytes held a bar"),
        *("peak of the process, MB", "import and first run, s"),
    )
    return "## Growth and memory\n\n" + _table(columns, rows)


def _told(samples: Samples, stage: str, title: str) -> str:
    found = latest(samples, stage)
    if found is None:
        return ""
    rows = ((path, _shown(value)) for path, value in _leaves(found))
    return f"## {title}\n\n" + _table(("what", "found"), rows)


def _leaves(found: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        path = f"{above}, {name}" if above else name
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        else:
            yield path, value


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else f"{value}"


def _method() -> str:
    return """## How it is measured

- All engines decide alike: EMA(20) and EMA(100) of the close, the target is the sign of their difference, 10,000 USDT
  a side sized at the close that decided, to 0.001 coins; filled at the next open by a taker at 0.055 %, no spread; no
  trades before bar 1,000. One seeded random walk on a 0.1 tick is written once and read by all.
- Rounds go engine by engine, each a fresh process; a run on a few bars compiles first and is not timed. `run` goes from
  prices in memory to the equity curve, indicators included; "without indicators" starts from wanted quantities.
  Autarch's run also makes exposure, drawdown, fills, funding and liquidation tables; vectorbt's makes its orders and
  value curve.
- backtrader and backtesting.py are given fewer bars and compared per bar; equities are compared on the same bars.
- The bare loop is one compiled function for this one strategy, without any report: a floor, not an engine.
- Peers run in `.venv-bench`, built from benchmarks/peers/requirements.lock. An interrupted run goes on where it was.
"""


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
