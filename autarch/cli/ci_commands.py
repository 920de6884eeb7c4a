"""What a code owner's comment sets in motion."""

from __future__ import annotations

from typing import Any

from autarch.errors import AutarchError, RefusedError
from autarch.repo.mainline import fetch_main

GATE_WORKFLOW = "gate.yml"
ERRANDS_WORKFLOW = "errands.yml"


def obey(bench: Any, forge: Any) -> str:
    """Do what the event's comment commands, and return what was done.

    The author is told by a comment what was refused; whoever may not command is told nothing, so that a
    stranger cannot make us write.

    Raises:
        RefusedError: the author may not command, or the command cannot be obeyed.
        UsageError: it begins like a command and is none.
    """
    from autarch.cli.main import load

    events, commands = load("ci.actions.events"), load("ci.actions.commands")
    comment = events.parse_comment(bench.site.event())
    if comment.repository != bench.site.repository:
        raise RefusedError(f"the event is of {comment.repository}, this run of {bench.site.repository}")
    if not comment.body.lstrip().startswith("/"):
        return "no command"
    main = fetch_main(bench.repo, bench.remote)
    commands.require_owner(bench.repo, main, comment, forge)
    try:
        wanted = commands.parse_command(comment)
        if wanted is None:
            return "no command"
        done = _do(bench, forge, wanted, main)
    except AutarchError as error:
        forge.add_comment(comment.number, f"Not done: {load('ci.report').escaped(str(error))}")
        raise
    forge.add_comment(comment.number, f"{done} (asked by {load('ci.report').escaped(comment.login)})")
    return done


def _do(bench: Any, forge: Any, wanted: Any, main: str) -> str:
    if wanted.verb == "close":
        forge.close_pull(wanted.number)
        return "Closed."
    if wanted.verb == "rerun":
        return _rerun(forge, wanted.number)
    if wanted.verb == "judge":
        forge.dispatch_workflow(
            ERRANDS_WORKFLOW, inputs={"errand": "judge", "target": str(wanted.number), "asked_by": wanted.login}
        )
        return "Asked for a judgement; it waits for approval in the environment `judge`."
    return _waive(bench, forge, wanted, main)


def _rerun(forge: Any, number: int) -> str:
    """Run the newest gate run of the present head again; a head without one gets none."""
    head = forge.pull(number).head_sha
    runs = forge.workflow_runs(GATE_WORKFLOW, most=20, head_sha=head)
    ended = [run for run in runs if run.status == "completed" and run.head_sha == head]
    if not ended:
        raise RefusedError(f"head {head[:12]} has no run that ended; wait for it, or push a new head")
    forge.rerun_workflow(ended[0].id)
    return f"Judging {head[:12]} again: what was counted stays counted."


def _waive(bench: Any, forge: Any, wanted: Any, main: str) -> str:
    """Open a pull request with a waiver of the newest verdict on the pull request's strategy."""
    from autarch.cli.main import load

    made = load("ci.actions.waiver").propose_waiver(bench, forge, main, wanted)
    return f"Pull request {made.pull.number} waives {made.waiver.check} until {made.waiver.expires}; review it."
