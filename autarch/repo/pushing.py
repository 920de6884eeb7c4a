"""Push references and say whose fault a refusal is: a race, the other side's rules, or the line."""

from __future__ import annotations

from collections.abc import Mapping

from autarch.repo.runner import GitError, PushRefusedError, Remote, Runner, StaleRefError

_RACES = ("stale info", "fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref", "already exists")


def push_refs(
    runner: Runner, remote: Remote, moves: Mapping[str, str | None], leases: Mapping[str, str | None]
) -> None:
    """Push every move or none; see `GitRepo.push`."""
    refspecs = [f"{oid or ''}:{ref}" for ref, oid in moves.items()]
    held = [f"--force-with-lease={ref}:{expected or ''}" for ref, expected in leases.items()]
    arguments = ("push", "--porcelain", "--atomic", "--no-verify", "--no-follow-tags", "--no-signed", *held)
    answer = runner.run(*arguments, remote.url, *refspecs, environment=remote.environment(), check=False)
    if answer.code == 0:
        return
    refused = [line.split("\t") for line in answer.stdout.decode("utf-8", "replace").splitlines() if line[:1] == "!"]
    reasons = [fields[-1] for fields in refused if len(fields) >= 3 and "atomic" not in fields[-1]]
    said = "\n".join(line for line in answer.stderr.splitlines() if line.startswith("remote:")) or answer.stderr.strip()
    if any(race in reason for reason in reasons for race in _RACES):
        raise StaleRefError(
            f"{', '.join(moves)}: somebody else wrote first ({'; '.join(reasons)}); read again, then retry"
        )
    if reasons:
        raise PushRefusedError(f"{remote.url} refused the push: {'; '.join(reasons)}\n{said}")
    raise GitError(f"cannot push to {remote.url}: {answer.stderr.strip() or 'no text'}")
