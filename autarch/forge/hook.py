"""The pre-receive hook: reads the moves git proposes, asks the rules, and tells the pusher.

The forge starts git with the role of an authenticated caller in the environment of that one process.
A push that reaches the repository by its path has no role and is refused; who may write the files
could skip the hook altogether, which is why readers trust signatures and never references.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO, get_args

from autarch.forge.rules import Move, Rulebook, judge_all
from autarch.forge.wire import Account, Role
from autarch.repo.git import GitRepo

ROLE, LOGIN, POLICY = "AUTARCH_FORGE_ROLE", "REMOTE_USER", "AUTARCH_FORGE_POLICY"
MOVES_MAX = 500
"""References one push may move."""


def main() -> int:
    """Judge the push on stdin; 0 lets it in, 1 keeps all of it out."""
    return receive(sys.stdin, sys.stderr, os.environ, Path.cwd())


def receive(lines: TextIO, told: TextIO, environment: Mapping[str, str], folder: Path) -> int:
    """Judge the moves in `lines` (`old new ref`), tell refusals to `told`, return the hook's exit code."""
    moves = tuple(parse_move(line) for line in lines.read().splitlines())
    if len(moves) > MOVES_MAX:
        told.write(f"autarch: REFUSED {len(moves)} references in one push; at most {MOVES_MAX}: push in parts\n")
        return 1
    book = Rulebook(
        repo=GitRepo(folder, quarantine=True),
        pusher=Account(login=environment.get(LOGIN, "nobody"), role=_role(environment.get(ROLE))),
        policy_path=environment.get(POLICY, "ci/policy.toml"),
    )
    refusals = judge_all(book, moves)
    told.writelines(f"autarch: {refusal}\n" for refusal in refusals)
    return 1 if refusals else 0


def parse_move(line: str) -> Move:
    """Return the move in one line of a hook's input.

    Raises:
        ValueError: it is no such line.
    """
    old, new, ref = line.split(" ", 2)
    return Move(ref=ref, old=_known(old), new=_known(new))


def _known(oid: str) -> str | None:
    return None if set(oid) == {"0"} else oid


def _role(named: str | None) -> Role | None:
    return next((role for role in get_args(Role) if role == named), None)
