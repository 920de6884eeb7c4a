"""Ask the trusted side of the forge for an errand and wait for it: shared by judge, forward and ledger close."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autarch.cli.telling import tell
from autarch.errors import RefusedError, UndecidedError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

POLL_S = 0.25
WORKFLOW = "errands.yml"


def ask(workspace: Workspace, errand: str, **fields: Any) -> dict[str, Any] | None:
    """Return the answer of an errand; None where the forge only started it, and tells by its own means.

    Raises:
        RefusedError: the forge, or the errand itself, says no.
        UndecidedError: it failed.
    """
    from autarch.forge.connect import open_forge

    with open_forge(workspace, "human") as forge:
        if workspace.forge_kind == "github":
            inputs = {"errand": errand, "target": str(fields.get("target", ""))}
            forge.dispatch_workflow(WORKFLOW, inputs=inputs)
            return None
        begun = forge.begin_errand(errand=errand, **fields)
        while begun["state"] == "running":
            time.sleep(POLL_S)
            begun = forge.errand(begun["number"])
    if begun["state"] == "done":
        return dict(begun["answer"])
    raise (RefusedError if begun["state"] == "refused" else UndecidedError)(begun["sentence"])


@contextmanager
def trusted_desk(policy: str, dataset: str | None) -> Iterator[Any]:
    """Yield what the trusted side works with, in a process that runs main's code whatever it was started from."""
    from autarch.cli.main import load
    from autarch.forge.connect import open_remote
    from autarch.numerics import ensure_pinned
    from autarch.repo.mainline import fetch_main
    from autarch.repo.trusted import ensure_trusted
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    remote = open_remote(workspace, "ci")
    ensure_trusted(workspace.repo, fetch_main(workspace.repo, remote), sys.argv[1:])
    ensure_pinned(sys.argv[1:])
    with load("ci.workers").started_workers() as workers:
        desks, inputs = load("ci.promotion.desk"), load("ci.inputs")
        yield desks.PromotionDesk(
            repo=workspace.repo,
            remote=remote,
            key=workspace.key("ci"),
            choice=inputs.Choice(stores=workspace.stores(), policy_path=policy, dataset=dataset),
            clock_ms=lambda: time.time_ns() // 1_000_000,
            clock=time.monotonic,
            sleep=time.sleep,
            progress=tell,
            workers=workers,
        )


def policy_path(workspace: Workspace) -> str:
    """Return the policy that the workspace's forge merges by."""
    from autarch.forge.state import ForgeState

    state = ForgeState(workspace.forge_folder)
    return state.settings().policy_path if state.settings_file.is_file() else "ci/policy.toml"
