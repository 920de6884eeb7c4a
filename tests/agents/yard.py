"""What tests of agents share: a repository with one strategy and a guide, a bench without a market, a household."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.household import Household, store_transcript
from agents.models import read_models
from agents.ports import Brief, Parent
from agents.scripted.genome import Market
from agents.secrets import redactor_of
from agents.spending.caps import read_budget
from agents.spending.purse import Purse
from agents.tools.trying import Compared, Tried
from autarch.canonical import sha256_hex
from autarch.errors import StrategyError
from autarch.manifest import StrategySource
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person

ROOT = Path(__file__).parents[2]
MARKET = Market(symbols=("BTCUSDT", "ETHUSDT"), interval="15m")
GUIDE = b"# Writing\n\nIntro.\n\n## Warm-up\n\nCover what you remember.\n\n## What is refused\n\nshift(-1)\n"
NAMES = ("manifest.toml", "strategy.py")
NOON_MS = 1_790_000_000_000


def a_repo(folder: Path) -> tuple[GitRepo, str]:
    """A repository whose main has ema_trend and a guide; return it with the commit."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "init", "-q", "--bare", "--template=", str(folder)], check=True, env=environment)
    repo = GitRepo(folder)
    own = {f"strategies/ema_trend/{name}": (ROOT / "strategies/ema_trend" / name).read_bytes() for name in NAMES}
    tree = repo.with_files(None, {**own, "docs/strategy_authoring.md": GUIDE})
    who = Person(name="a", email="a@b.invalid", when_s=1_700_000_000)
    commit = repo.commit_tree(tree, parents=[], message="Begin\n", author=who)
    repo.update_ref("refs/heads/main", commit, old=None)
    return repo, commit


@dataclass(slots=True)
class FakeBench:
    """Scores by digest; what `refuses` returns for a source is raised. `played` counts what was run."""

    dataset: str = "hills@" + "0" * 64
    scores: tuple[float, ...] = (0.5,)
    refuses: str = ""
    played: list[str] = field(default_factory=list)

    def words(self) -> str:
        return f"Data set: hills\nSymbols: {', '.join(MARKET.symbols)}\nIntervals stored: 15m\nTrain: 100 days"

    def warmup_max(self, interval: str) -> int:
        return 2_000 if interval == "15m" else 500

    def play(self, source: StrategySource, params: Mapping) -> Tried:
        self.played.append(str(source.digest))
        if self.refuses:
            raise StrategyError(self.refuses)
        score = self.scores[min(len(self.played), len(self.scores)) - 1]
        digest = sha256_hex(f"{source.digest}{sorted(params.items())}".encode())
        return Tried(metrics={"sharpe": score, "fees": 12.0}, score=score, sharpe=score, decisions=digest)

    def compare(self, *_versions: object) -> Compared:
        return Compared(other={"sharpe": 0.1}, correlation=0.2, alike=0.3)


@dataclass(slots=True)
class Clock:
    now_ms: int = NOON_MS
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def a_household(folder: Path, **changes) -> Household:
    """A household on a fake bench; `changes` replace any of its parts."""
    parts: dict = {}
    if "repo" not in changes:
        (folder / "clone").mkdir()
        parts["repo"], parts["base"] = a_repo(folder / "clone")
    clock = changes.pop("clock", None) or Clock()
    purse = changes.pop("purse", None) or Purse(folder / "agents" / "spending.sqlite", clock)
    parts |= {
        "root": folder,
        "bench": FakeBench(),
        "models": read_models(),
        "budget": read_budget(),
        "purse": purse,
        "answers": purse,
        "redactor": redactor_of(None, {}),
        "environment": {},
        "clock_ms": clock,
        "sleep": clock.sleep,
        "progress": lambda _line: None,
        "keep_transcript": lambda content: store_transcript(folder, content),
    }
    return Household(**{**parts, **changes})


def a_brief(house: Household, operator: str = "create", seed: int = 1, **changes) -> Brief:
    parents = ()
    if operator not in {"create", "exploit"}:
        folder = ROOT / "strategies" / "ema_trend"
        manifest, code = (folder / "manifest.toml").read_bytes(), (folder / "strategy.py").read_bytes()
        parents = (Parent(slug="ema_trend", commit=house.base, manifest=manifest, code=code),)
    slug = "ema_trend" if operator == "repair" else "new_trend"
    return Brief(
        **{"operator": operator, "slug": slug, "base": house.base, "seed": seed, "parents": parents, **changes}
    )
