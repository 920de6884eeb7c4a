"""`autarch review --red-team`: what the gate accepts on a market that has nothing to find."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import typer


def red_team(
    workspace: Any, desk: Any, agent: str, *, tries: int, seed: int, policy: str, dry_run: bool, json_: bool
) -> int:
    """Have an agent try to pass the gate without an edge; what gets through becomes canaries, and the answer 1."""
    from autarch.cli.evolve import Proposers, evolve_desk
    from autarch.cli.evolve_gate import WarmGate
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge

    red, stores, main = load("agents.red_team"), workspace.stores(), desk.base
    now_s = time.time_ns() // 1_000_000_000
    where = red.arena(workspace.repo, main, stores, seed=seed, when_s=now_s)
    there = replace(desk, base=where.base, dataset=red.DATASET)
    gate = WarmGate(root=workspace.root, policy=policy, dataset=red.DATASET, stores=stores, allow_weak=desk.allow_weak)
    found = []
    with ExitStack() as stack:
        proposer = Proposers(workspace, evolve_desk(workspace, there), stack, unconfined=False).one(agent)
        for number in range(1, tries + 1):
            one = red.probe(proposer, where, repo=workspace.repo, gate=gate, number=number, when_s=now_s)
            _say(f"try {number}: {'GOT THROUGH' if one.is_exploit else 'caught'} {one.detail}"[:200])
            found.append(one)
    opened = []
    for one in (one for one in found if one.is_exploit and not dry_run):
        branch, _, title, body = red.propose_canary(
            one, where, main=main, agent=agent, repo=workspace.repo, remote=workspace.remote("agent"), when_s=now_s
        )
        with open_forge(workspace, "agent") as forge:
            opened.append(forge.create_pull(head=branch, title=title, body=body).number)
    through = sum(one.is_exploit for one in found)
    if json_:
        rows = [{"slug": one.slug, "through": one.is_exploit, "detail": one.detail} for one in found]
        typer.echo(json.dumps({"tries": rows, "canaries": opened, "seed": seed}))
    else:
        typer.echo(
            f"{through} of {tries} tries got through a market without an edge; canaries proposed: {opened or 'none'}"
        )
    return 1 if through else 0


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
    sys.stderr.flush()
