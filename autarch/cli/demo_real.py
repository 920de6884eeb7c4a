"""The demo's path on real bars: every seed judged honestly first, then one walks through with open limits."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autarch.errors import ConfigError, UndecidedError

if TYPE_CHECKING:
    from autarch.cli.walk import Walk

DATASET = "bybit-15m"
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"
POLICY = "ci/policy.walkthrough.toml"
LAWS = ("scope", "policy", "determinism", "causality", "backtest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One seed's verdict under ci/policy.toml. `seconds` is the wall time of the whole command."""

    slug: str
    answer: dict[str, Any]
    seconds: float

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that did not pass."""
        return tuple(c["name"] for c in self.answer["checks"] if c["verdict"] not in {"passed", "waived"})

    @property
    def metrics(self) -> dict[str, float | None]:
        """Metrics on train; empty when nothing was backtested."""
        found: dict[str, float | None] = self.answer["metrics"].get("train", {})
        return found


def set_up(walk: Walk, bars: Path) -> str:
    """Import the bars, judge every seed, commit data set and portfolio, and return the slug that goes on.

    Raises:
        ConfigError: `bars` is not of the expected shape.
        UndecidedError: no seed passes every law, so nothing may be walked through.
    """
    if not (bars / "bybit").is_dir():
        raise ConfigError(f"{bars} has no folder bybit/; expected bybit/BTCUSDT/kline-15m.parquet and so on")
    walk.run("data", "import", str(bars / "bybit"), "--name", DATASET, "--symbols", SYMBOLS, "--interval", "15m")
    walk.run("data", "ls")
    walk.title("Every seed strategy, judged by ci/policy.toml on train bars")
    judged = [judge(walk, slug) for slug in seeds(walk.workspace)]
    for line in table(judged):
        walk.say(line)
    chosen = least_bad(judged, walk.workspace)
    verdict = "accepted" if chosen.answer["verdict"] == "accepted" else f"rejected: {', '.join(chosen.failed)}"
    walk.say(f"\n{chosen.slug} goes on ({verdict}), under {POLICY}: its limits are wide open, and everything says so")
    commit_portfolio(walk.workspace, chosen.slug)
    return chosen.slug


def seeds(workspace: Path) -> tuple[str, ...]:
    """Return the slugs of the workspace's strategies, sorted."""
    return tuple(sorted(p.parent.name for p in workspace.glob("strategies/*/manifest.toml")))


def judge(walk: Walk, slug: str) -> Judged:
    """Gate one seed as a folder and return its verdict."""
    began = time.monotonic()
    answer = walk.ask("gate", f"strategies/{slug}", "--dataset", DATASET, expect=(0, 1))
    return Judged(slug=slug, answer=answer, seconds=time.monotonic() - began)


def table(judged: list[Judged]) -> list[str]:
    """Return the verdicts as aligned lines."""
    head = (
        f"{'strategy':<20}{'verdict':<10}{'Sharpe':>8}{'return':>9}{'drawdown':>10}{'turnover':>10}{'wall':>8}  failed"
    )
    return [head, *(_row(one) for one in judged)]


def least_bad(judged: list[Judged], workspace: Path) -> Judged:
    """Return the seed that goes on: of those the tuner can move and no law refuses, accepted first, then by Sharpe.

    Raises:
        UndecidedError: there is none.
    """

    def tunable(slug: str) -> bool:
        return "[search]" in (workspace / "strategies" / slug / "manifest.toml").read_text("utf-8")

    able = [one for one in judged if not set(one.failed) & set(LAWS) and tunable(one.slug)]
    if not able:
        raise UndecidedError("every seed breaks a law on these bars; nothing may be walked through")
    return max(able, key=lambda one: (one.answer["verdict"] == "accepted", one.metrics.get("sharpe") or -99.0))


def commit_portfolio(workspace: Path, slug: str) -> None:
    """Commit the imported data set's lock, and a portfolio of one sleeve, to the workspace's main."""
    import tomlkit

    file = workspace / "live" / "portfolio.toml"
    document = tomlkit.parse(file.read_text("utf-8"))
    account = document["account"][0]
    account["sleeves"][0]["strategy"] = slug
    while len(account["sleeves"]) > 1:
        account["sleeves"].pop()
    file.write_text(tomlkit.dumps(document), "utf-8")
    git = ("git", "-c", "user.name=walk", "-c", "user.email=walk@example.invalid")
    subprocess.run([*git, "add", "ci/datasets", "live/portfolio.toml"], cwd=workspace, check=True)
    subprocess.run(
        [*git, "commit", "--quiet", "-m", "Name the walk-through's bars and sleeve"], cwd=workspace, check=True
    )


def _row(one: Judged) -> str:
    found = one.metrics
    numbers = (
        f"{_number(found.get('sharpe'), '+.2f'):>8}{_number(found.get('total_return'), '+.1%'):>9}"
        f"{_number(found.get('max_drawdown'), '.1%'):>10}{_number(found.get('turnover_per_day'), '.2f'):>10}"
    )
    return f"{one.slug:<20}{one.answer['verdict']:<10}{numbers}{one.seconds:>6.1f} s  {', '.join(one.failed) or '-'}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
