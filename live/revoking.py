"""What may be revoked on a host: a name that means something here, so that no slip of the pen passes for it."""

from __future__ import annotations

import re
from contextlib import suppress

from autarch.errors import UsageError
from autarch.repo.git import GitRepo, Remote
from autarch.repo.runner import GitError
from live.host import Host
from live.installed import RECORD
from live.trust import Trust

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
_TAGS = "refs/tags/"


def known_tags(repo: GitRepo, remote: Remote | None, host: Host) -> dict[str, str]:
    """Return the tags in the clone, on the forge when it answers, and installed here, by name with the object's id."""
    found = {path.parent.name: "" for path in host.releases.glob(f"*/{RECORD}")}
    if remote is not None:
        with suppress(GitError):  # a revocation must not wait for the forge; the clone's tags stand
            found |= _named(repo.ls_remote(remote, f"{_TAGS}*"))
    return found | _named(repo.refs(_TAGS))


def require_known(name: str, trust: Trust, tags: dict[str, str]) -> str | None:
    """Return a warning about a fingerprint that this host never trusted, or None.

    Raises:
        UsageError: `name` is neither a key's fingerprint nor a tag, by name or by object id, that is known.
    """
    signers = [signer.fingerprint for signer in trust.signers]
    if name in {*signers, *tags, *tags.values(), *trust.revoked_signers, *trust.revoked_tags} - {""}:
        return None
    if _FINGERPRINT.match(name):
        return f"{name} is no key that this host trusts; it is revoked all the same and can never be added"
    known = ", ".join((*signers, *sorted(tags))) or "none"
    raise UsageError(f"{name!r} is neither a trusted key nor a known tag, so nothing was revoked; known: {known}")


def _named(refs: dict[str, str]) -> dict[str, str]:
    return {ref.removeprefix(_TAGS): oid for ref, oid in refs.items()}
