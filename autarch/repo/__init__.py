"""Git by plumbing, SSH signatures, strategies as blobs, diffs by kind, trusted trees."""

from autarch.repo.engine import engine_digest, engine_digest_at
from autarch.repo.git import GitError, GitRepo, MergeTree, PushRefusedError, Remote, StaleRefError
from autarch.repo.signing import SignatureError, Trust, open_record, sign_bytes, signed_record, verify_bytes, verify_tag
from autarch.repo.strategies import Change, classify, list_strategies, read_strategy, strategy_tree
from autarch.repo.trusted import ensure_trusted, environment_problems, write_tree_from

__all__ = [
    "Change",
    "GitError",
    "GitRepo",
    "MergeTree",
    "PushRefusedError",
    "Remote",
    "SignatureError",
    "StaleRefError",
    "Trust",
    "classify",
    "engine_digest",
    "engine_digest_at",
    "ensure_trusted",
    "environment_problems",
    "list_strategies",
    "open_record",
    "read_strategy",
    "sign_bytes",
    "signed_record",
    "strategy_tree",
    "verify_bytes",
    "verify_tag",
    "write_tree_from",
]
