"""Who proposed a head and from what: the trailers of its commit, as `pr show` and the pages tell them."""

from __future__ import annotations

from autarch.forge.pulls import PullRecord
from autarch.repo.git import GitRepo

VALUE_LENGTH_MAX = 200


def provenance(repo: GitRepo, record: PullRecord) -> dict[str, str]:
    """Return branch, head, author and the commit's own trailers, in reading order.

    Trailers are the proposer's word; nothing here is proof.
    """
    commit = repo.read_commit(record.head)
    said = {key: value[:VALUE_LENGTH_MAX] for key, value in commit.trailers.items()}
    return {
        "branch": record.head_ref,
        "head": record.head,
        "opened by": record.author,
        "commit by": commit.author.name[:VALUE_LENGTH_MAX],
        **{f"said: {key}": value for key, value in said.items()},
    }
