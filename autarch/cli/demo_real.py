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
PORTFOLIO = "live/portfolio.toml"
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


def set_up(walk: Walk, bars: Path) -> tuple[str, ...]:
    """Import the bars, judge every seed, commit the data set's lock, and return the seeds, the least bad first.

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
    ranked = least_bad_first(judged, walk.workspace)
    walk.say(f"\nFrom here on {POLICY} rules: its limits are wide open, and everything it touches says so.")
    commit_lock(walk.workspace)
    return tuple(one.slug for one in ranked)


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


def least_bad_first(judged: list[Judged], workspace: Path) -> list[Judged]:
    """Return the seeds that the tuner can move and no law refuses: accepted ones first, then by Sharpe.

    Raises:
        UndecidedError: there is none.
    """

    def tunable(slug: str) -> bool:
        return "[search]" in (workspace / "strategies" / slug / "manifest.toml").read_text("utf-8")

    able = [one for one in judged if not set(one.failed) & set(LAWS) and tunable(one.slug)]
    if not able:
        raise UndecidedError("every seed breaks a law on these bars; nothing may be walked through")
    return sorted(able, key=lambda one: (one.answer["verdict"] != "accepted", -(one.metrics.get("sharpe") or -99.0)))


def commit_lock(workspace: Path) -> None:
    """Commit the imported data set's lock to the workspace's main, before there is a forge to ask."""
    git = ("git", "-c", "user.name=walk", "-c", "user.email=walk@example.invalid")
    subprocess.run([*git, "add", "ci/datasets"], cwd=workspace, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", f"Lock {DATASET}"], cwd=workspace, check=True)


def name_in_portfolio(walk: Walk, slug: str) -> str:
    """Open, as the human, a platform pull request that makes `slug` the only sleeve; return its number."""
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main
    from autarch.repo.objects import Person
    from autarch.workspace import Workspace

    workspace = Workspace.find(walk.workspace)
    repo, remote = workspace.repo, workspace.remote("human")
    main = fetch_main(repo, remote)
    content = with_sleeve(repo.blob_at(main, PORTFOLIO) or b"", slug)
    tree = repo.with_files(repo.tree_of(main), {PORTFOLIO: content})
    person = Person(name="human", email="human@example.invalid", when_s=time.time_ns() // 1_000_000_000)
    title = f"Trade {slug} on paper"
    commit = repo.commit_tree(tree, parents=[main], message=f"{title}\n", author=person)
    branch = f"human/portfolio-{slug.replace('_', '-')}"
    repo.push(remote, {f"refs/heads/{branch}": commit}, leases={f"refs/heads/{branch}": None})
    with open_forge(workspace, "human") as forge:
        pull = forge.create_pull(head=branch, title=title, body=f"Names `{slug}` as the account's only sleeve.")
    walk.say(f"pull request {pull.number}: {title}  (a platform change, by the human)")
    return str(pull.number)


def with_sleeve(portfolio: bytes, slug: str) -> bytes:
    """Return the portfolio with `slug` in place of its first account's sleeves, all else kept."""
    import tomlkit

    document = tomlkit.parse(portfolio.decode("utf-8"))
    sleeves = document["account"][0]["sleeves"]
    sleeves[0]["strategy"] = slug
    while len(sleeves) > 1:
        sleeves.pop()
    return tomlkit.dumps(document).encode("utf-8")


def _row(one: Judged) -> str:
    found = one.metrics
    numbers = (
        f"{_number(found.get('sharpe'), '+.2f'):>8}{_number(found.get('total_return'), '+.1%'):>9}"
        f"{_number(found.get('max_drawdown'), '.1%'):>10}{_number(found.get('turnover_per_day'), '.2f'):>10}"
    )
    return f"{one.slug:<20}{one.answer['verdict']:<10}{numbers}{one.seconds:>6.1f} s  {', '.join(one.failed) or '-'}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
