"""Main's code, written from the object store and run in a process of its own."""

from __future__ import annotations

from autarch.repo.engine import engine_digest, engine_digest_at

__all__ = ["engine_digest", "engine_digest_at"]
