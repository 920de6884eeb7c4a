"""A project with strategies on main, a ledger that knows their proposals, and a trusted side to ask. Real git."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import git
import msgspec
import numpy as np
import pytest

import ci.inputs
import ci.promotion.desk
from autarch.evaluation import decide_blocks
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import Forward, Judgement, LedgerEntry, Sealed
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.lock import read_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.synth_edges import parse_edges
from autarch.repo import signing
from autarch.repo.git import GitRepo, Remote
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file, trust_at
from autarch.repo.strategies import read_strategy, strategy_tree
from ci.inputs import Choice
from ci.promotion.desk import PromotionDesk
from ci.vault.days import Days

SOMEBODY = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)
GAP = "    gap = talib.EMA(bars.close, 5) - talib.EMA(bars.close, 20)\n"
HONEST = f"{GAP}    return Targets(exposure=ops.band(np.where(gap > 0, 0.5, -0.5), 0.1))\n"
LOSER = f"{GAP}    return Targets(exposure=ops.band(np.where(gap > 0, -0.5, 0.5), 0.1))\n"
IDLE = "    return Targets(exposure=np.zeros(bars.close.size))\n"
PEEKS = "    return Targets(exposure=np.where(np.roll(bars.close, -1) > bars.close, 0.5, -0.5))\n"
BODIES = {"honest": HONEST, "loser": LOSER, "idle": IDLE, "peeks": PEEKS}
DAY_MS = 86_400_000
DECIDED: dict[str, str] = {}


@dataclasses.dataclass
class Clock:
    """Moves by a thousandth of a second a look; what is slept is remembered."""

    now: float = 0.0
    slept: list[float] = dataclasses.field(default_factory=list)

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclasses.dataclass
class CannedDays:
    """Answers in place of hidden bars: made-up days by strategy, and what happens while it is asked."""

    meanwhile: object = None

    def __call__(self, _workers, *, source, split, since_ms=0, **_named) -> Days:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None and split == "holdout":
            happens()
        elif happens is not None:
            self.meanwhile = happens
        ratio = {"honest": 0.6, "loser": -0.3}.get(source.manifest.name, 0.0)
        drawn = np.random.default_rng(1).normal(size=50)
        drawn = 0.01 * ((drawn - drawn.mean()) / drawn.std(ddof=1) + ratio)
        daily = drawn if split == "holdout" else np.empty(0)
        return Days(daily=daily, from_ms=since_ms, to_ms=since_ms + daily.size * DAY_MS)


@dataclasses.dataclass
class Bench:
    """The clone, the bare forge beside it, and a desk on the trusted side. `now_ms` is the forge's clock."""

    root: Path
    desk: PromotionDesk
    clock: Clock
    now_ms: int = 1_600_000_000_000  # before the market's first bar: all its forward bars are new to whoever proposes

    @property
    def main(self) -> str:
        return str(self.forge.read_ref("refs/heads/main"))

    @property
    def forge(self) -> GitRepo:
        return GitRepo(self.root / "forge.git")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.forge, trust=trust_at(self.forge, self.main, "ci"))

    @property
    def lock(self):
        return read_lock(self.forge.blob_at(self.main, "ci/datasets/planted.toml"))

    def entries(self, kind: str) -> list[LedgerEntry]:
        return [s.entry for s in self.ledger.verify() if s.entry.kind == kind]

    def commit(self, files: dict[str, bytes]) -> str:
        tree = self.forge.with_files(self.forge.tree_of(self.main), files)
        moved = self.forge.commit_tree(tree, parents=[self.main], message="Move\n", author=SOMEBODY)
        self.forge.update_ref("refs/heads/main", moved, old=self.main)
        return moved

    def decisions(self, slug: str) -> str:
        tree = str(strategy_tree(self.forge, self.main, slug))
        if tree not in DECIDED:
            DECIDED[tree] = self._asked(slug)
        return DECIDED[tree]

    def _asked(self, slug: str) -> str:
        source = read_strategy(self.forge, self.main, slug)
        market = load_market(
            self.lock, split="train", symbols=source.manifest.symbols, interval="1h", stores=self.desk.choice.stores
        )
        return str(decide_blocks(self.desk.workers.main, source, market).digest())

    def proposed(self, slug: str, *, pr: int = 1, verdict: str = "accepted", **changes: object) -> Sealed:
        """Reserve and answer, as if a pull request had been judged."""
        lock = self.lock
        about = {
            "schema": 1, "seq": 0, "prev": None, "recorded_ms": self.now_ms, "pr": pr, "head": f"{pr:040x}",
            "base": self.main, "slug": slug, "tree": strategy_tree(self.forge, self.main, slug), "dataset": lock.ref,
            "epoch": str(lock.epoch.number),
        }  # fmt: skip
        reserved = self.ledger.reserve(LedgerEntry(kind="reservation", **(about | changes)), key=self.desk.key)
        answer = LedgerEntry(
            kind="result", verdict=verdict, decisions=self.decisions(slug), reservation=reserved.digest, **about
        )
        return self.ledger.answer(reserved, answer, key=self.desk.key)

    def said(self, slug: str, **what: Judgement | Forward) -> Sealed:
        """Append an entry about a strategy on main as if it had been asked or scored."""
        (kind,) = what
        return self.appended(slug, kind, **what)

    def appended(self, slug: str, kind: str, **what: object) -> Sealed:
        """Append an entry of any kind about a strategy on main."""
        entry = LedgerEntry(
            schema=1, seq=0, prev=None, kind=kind, recorded_ms=self.now_ms, slug=slug, dataset=self.lock.ref,
            tree=strategy_tree(self.forge, self.main, slug), decisions=self.decisions(slug),
            epoch=str(self.lock.epoch.number), **what,
        )  # fmt: skip
        return self.ledger.append(entry, key=self.desk.key)

    def new_epoch_terms(self, **terms: object) -> None:
        """Change the lock's terms on main, as a merge would."""
        lock = self.lock
        changed = msgspec.structs.replace(lock, epoch=msgspec.structs.replace(lock.epoch, **terms))
        self.commit({"ci/datasets/planted.toml": lock_toml(changed)})

    def canned(self, meanwhile=None) -> None:
        """Let no hidden bar be opened; `meanwhile` happens when the holdout would be."""
        self.desk = dataclasses.replace(self.desk, live=CannedDays(meanwhile))

    def drop_ledger(self) -> None:
        self.forge.run("update-ref", "-d", LEDGER_REF)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory):
    """A market whose trend is strong enough that a month of it shows."""
    stores = Stores.under(tmp_path_factory.mktemp("planted"))
    spec = default_spec(seed=5, edges=parse_edges("trend:0.13"), n_bars=16_000)
    built = build(synth_recipe(spec, name="planted", shares=(40, 40, 20)))
    write_blobs(built, stores)
    return built.lock, stores


@pytest.fixture(scope="session")
def made(tmp_path_factory, planted, quick_policy_text, kit):
    root = tmp_path_factory.mktemp("promotion")
    signing.generate_key(root / "ci", comment="ci")
    git.Repo.init(root / "forge.git", bare=True, initial_branch="main").close()
    forge = GitRepo(root / "forge.git")
    policy = quick_policy_text.replace('datasets = ["synthetic"]', 'datasets = ["planted"]')
    head = kit.head.replace("Params, Targets", "Params, Targets, ops")
    files = {
        "ci/policy.toml": policy.encode(),
        "ci/datasets/planted.toml": lock_toml(planted[0]),
        "ci/signers/ci": signers_file("ci", (signing.public_key(root / "ci"),)),
    }
    for slug, body in BODIES.items():
        hourly = kit.manifest(name=slug, warmup=120).replace(b'"15m"', b'"1h"')  # a quarter of the bars to ask about
        files[f"strategies/{slug}/manifest.toml"] = hourly
        files[f"strategies/{slug}/strategy.py"] = (head + body).encode()
    commit = forge.commit_tree(forge.with_files(None, files), parents=[], message="Begin\n", author=SOMEBODY)
    forge.update_ref("refs/heads/main", commit, old=None)
    Ledger(forge, trust=trust_at(forge, commit, "ci")).begin()
    git.Repo.init(root / "clone", initial_branch="main").close()
    return root


@pytest.fixture
def bench(made, planted, workers, tmp_path, monkeypatch) -> Bench:
    # Whether this process runs main's code is not what these tests are about, and a whole copy of it is slow.
    monkeypatch.setattr(ci.promotion.desk, "engine_digest_at", lambda *_: "e" * 64)
    monkeypatch.setattr(ci.inputs, "engine_digest", lambda: "e" * 64)
    monkeypatch.setattr(ci.inputs, "selftest_digest", lambda: workers.main.numerics)
    root = tmp_path / "promotion"
    shutil.copytree(made, root)
    clock = Clock()
    desk = PromotionDesk(
        repo=GitRepo(root / "clone"),
        remote=Remote(url=str(root / "forge.git")),
        key=root / "ci",
        choice=Choice(stores=planted[1]),
        clock_ms=lambda: bench.now_ms,
        clock=clock,
        sleep=clock.sleep,
        progress=lambda _: None,
        workers=workers,
    )
    bench = Bench(root=root, desk=desk, clock=clock)
    return bench
