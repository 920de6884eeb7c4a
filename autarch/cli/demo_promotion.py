"""The demo's second walk: a lucky candidate is refused; an honest one is merged at T1, judged, and promoted to T2."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autarch.errors import UndecidedError

if TYPE_CHECKING:
    from autarch.cli.walk import Walk

DATASET = "planted"
EDGE, MARKET_SEED = "trend:0.09", 11
"""Strong, so that seventy days show it; on real bars an edge like this would be an error."""

LUCKY = "lucky_hours"
HONEST = "ema_trend"
PORTFOLIO = "live/portfolio.toml"

MANIFEST = """schema = 1
name = "lucky_hours"
title = "Long in some hours of the day, short in the others"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0

[params]
start = {start}
hours = {hours}

[search]
start = {{low = 0, high = 23, step = 1}}
hours = {{low = 2, high = 22, step = 1}}
"""
CODE = '''"""Hold long in some hours of the day and short in the others.

Thesis: none; these hours did best among all that were tried, which is what luck looks like.
Source: own choice, for a demonstration.
Dies when: the bars it was chosen on end.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Hold half of the equity long within `hours` hours from `start` on, short outside them."""
    inside = (bars.hour - p.start) % 24 < p.hours
    return Targets(exposure=np.where(inside, 0.5, -0.5))
'''


def promote(walk: Walk, study: tuple[str, ...], version: str) -> None:
    """Walk from a market with a planted edge to a release that trades a promoted strategy.

    Raises:
        UndecidedError: it went another way than the walk is there to show.
    """
    walk.title("2. A lucky candidate: the best of every choice of hours, on bars where no hour matters")
    lucky = _propose_lucky(walk)
    answer = walk.ask("pr", "wait", lucky, expect=(0, 1, 3))
    walk.say(f"{answer['verdict']}: {answer['sentence']}")
    if answer["verdict"] == "accepted":
        raise UndecidedError("luck was accepted: the market has an edge by the hour, or the gate a hole")
    walk.run("pr", "close", lucky)
    walk.title(f"3. An honest candidate: {HONEST}, tuned on the planted trend")
    opened = walk.ask("propose", "--agent", "tuner", "--strategy", HONEST, *study, expect=(0, 1))
    if opened is None:
        raise UndecidedError("the tuner found nothing better than the seed; try another --seed")
    number = str(opened["pull"])
    judged = walk.ask("pr", "wait", number, expect=(0, 1))
    if judged["verdict"] != "accepted":
        raise UndecidedError(f"the honest candidate was refused: {judged['sentence']}")
    walk.run("pr", "merge", number, "--sha", judged["head"])
    walk.say(f"{HONEST} is on main, at T1: a probe.")
    walk.title("4. A human asks whether it may be promoted, at a price")
    walk.run("judge", number, "--yes")
    walk.run("judge", number, "--yes")
    walk.title("5. A human raises its tier; the release holds it against the ledger")
    change = _raise_tier(walk)
    walk.ask("pr", "wait", change, expect=(0, 1))
    walk.run("pr", "merge", change, "--approve")
    walk.run("release", version)
    walk.run("forward")
    walk.run("ledger", "ls")


def set_up(walk: Walk) -> None:
    """Make the market and let the policy judge by it, in a commit of the workspace before there is a forge."""
    walk.run("data", "synth", "--name", DATASET, "--seed", str(MARKET_SEED), "--edges", EDGE)
    policy = walk.workspace / "ci" / "policy.toml"
    text = policy.read_text("utf-8")
    policy.write_text(text.replace('datasets = ["synthetic"]', f'datasets = ["{DATASET}"]'), "utf-8")
    git = ("git", "-c", "user.name=walk", "-c", "user.email=walk@example.invalid")
    subprocess.run([*git, "add", "ci"], cwd=walk.workspace, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", f"Judge by {DATASET}"], cwd=walk.workspace, check=True)


def _propose_lucky(walk: Walk) -> str:
    """Try every choice of hours on train, and propose the best as an agent would; return the pull request."""
    folder = walk.workspace / "strategies" / LUCKY
    folder.mkdir()
    try:
        _write(folder, start=0, hours=12)
        grid = ("--grid", "start=0:23:1", "--grid", "hours=2:22:2")
        found = walk.ask("sweep", f"strategies/{LUCKY}", *grid, "--dataset", DATASET)
    finally:
        shutil.rmtree(folder)
    best = found["best"]
    walk.say(f"the best of {found['trials']} has Sharpe {best['sharpe']:.2f} on train")
    return _open(walk, _files(**best["params"]), trials=found["trials"])


def _files(*, start: int, hours: int) -> dict[str, bytes]:
    manifest = MANIFEST.format(start=start, hours=hours)
    return {"manifest.toml": manifest.encode(), "strategy.py": CODE.encode()}


def _write(folder: Path, *, start: int, hours: int) -> None:
    for name, content in _files(start=start, hours=hours).items():
        (folder / name).write_bytes(content)


def _open(walk: Walk, files: dict[str, bytes], *, trials: int) -> str:
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main
    from autarch.workspace import Workspace

    workspace = Workspace.find(walk.workspace)
    repo, remote = workspace.repo, workspace.remote("agent")
    proposals: Any = load("agents.proposal")
    proposal = proposals.Proposal(
        agent="lucky",
        slug=LUCKY,
        base=fetch_main(repo, remote),
        files=files,
        title="Trade the best hours of the day",
        body=f"The best of {trials} choices.",
        trailers=(("Agent", "lucky"), ("Trials", str(trials))),
    )
    with open_forge(workspace, "agent") as forge:
        when_s = time.time_ns() // 1_000_000_000
        pull, _ = proposals.open_pull_request(proposal, repo=repo, remote=remote, forge=forge, when_s=when_s)
    walk.say(f"pull request {pull.number}: {pull.title}")
    return str(pull.number)


def _raise_tier(walk: Walk) -> str:
    """Open, as the human, the pull request that writes T2 where T1 stood; return its number."""
    from autarch.forge.by_hand import open_by_hand
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main
    from autarch.workspace import Workspace

    workspace = Workspace.find(walk.workspace)
    repo, remote = workspace.repo, workspace.remote("human")
    main = fetch_main(repo, remote)
    before = (repo.blob_at(main, PORTFOLIO) or b"").decode("utf-8")
    with open_forge(workspace, "human") as forge:
        pull = open_by_hand(
            repo,
            remote,
            forge,
            main=main,
            files={PORTFOLIO: before.replace('tier = "T1"', 'tier = "T2"').encode()},
            branch=f"raise-{HONEST.replace('_', '-')}",
            title=f"Raise {HONEST} to T2",
            body="A judgement says that it may be promoted.",
            when_s=time.time_ns() // 1_000_000_000,
        )
    walk.say(f"pull request {pull.number}: {pull.title}  (a platform change, by the human)")
    return str(pull.number)
