"""Trust what main holds now: for an operator at the terminal, who sees what is pinned."""

from __future__ import annotations

from autarch.canonical import sha256_hex
from autarch.errors import ConfigError
from autarch.market.lock import read_lock
from autarch.repo.git import GitRepo
from live.evidence_check import is_paper_only
from live.trust import PolicyTrust, Trust


def pin_main(trust: Trust, repo: GitRepo) -> Trust:
    """Return `trust` with every data set and every policy of the clone's main.

    Raises:
        UsageError: the clone has no main.
    """
    main = repo.rev_parse("refs/heads/main")
    for entry in repo.ls_tree(main, "ci/datasets"):
        if entry.path.endswith(".toml"):
            trust = trust.with_dataset(read_lock(repo.cat_blob(entry.oid)).ref)
    for entry in repo.ls_tree(main, "ci"):
        name = entry.path.rpartition("/")[2]
        if name.startswith("policy") and name.endswith(".toml"):
            trust = pin_policy(trust, repo, entry.path)
    return trust


def pin_policy(trust: Trust, repo: GitRepo, path: str) -> Trust:
    """Return `trust` with the policy at `path` on the clone's main; a walk-through's is for paper only.

    Raises:
        ConfigError: main has no such file.
    """
    content = repo.blob_at(repo.rev_parse("refs/heads/main"), path)
    if content is None:
        raise ConfigError(f"main has no {path}; name a policy that it holds, such as ci/policy.toml")
    return trust.with_policy(PolicyTrust(sha256=sha256_hex(content), path=path, paper_only=is_paper_only(content)))
