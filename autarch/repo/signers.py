"""Who may sign what, as committed on main: `ci/signers/ci` and `ci/signers/release`."""

from __future__ import annotations

from typing import Literal

from autarch.errors import ConfigError
from autarch.repo.git import GitRepo
from autarch.repo.signing import (
    CI_NAMESPACES,
    CI_PRINCIPAL,
    RELEASE_NAMESPACES,
    RELEASE_PRINCIPAL,
    Trust,
    allowed_signer,
)

SignerRole = Literal["ci", "release"]

SIGNERS_PATH: dict[SignerRole, str] = {"ci": "ci/signers/ci", "release": "ci/signers/release"}
_PRINCIPAL: dict[SignerRole, str] = {"ci": CI_PRINCIPAL, "release": RELEASE_PRINCIPAL}
_NAMESPACES: dict[SignerRole, tuple[str, ...]] = {"ci": CI_NAMESPACES, "release": RELEASE_NAMESPACES}


def trust_at(repo: GitRepo, commit: str, role: SignerRole) -> Trust:
    """Return who may sign as `role` according to `commit`, which should be main or an ancestor of it.

    Raises:
        ConfigError: the commit lists nobody.
    """
    signers = repo.blob_at(commit, SIGNERS_PATH[role])
    if signers is None or not signers.strip():
        raise ConfigError(
            f"{SIGNERS_PATH[role]} lists nobody at {commit[:12]}; set the workspace up with: autarch init"
        )
    return Trust(signers=signers, principal=_PRINCIPAL[role])


def signers_file(role: SignerRole, public_lines: tuple[str, ...]) -> bytes:
    """Return the file at `SIGNERS_PATH[role]` that lets these public keys sign as `role`."""
    lines = [allowed_signer(_PRINCIPAL[role], _NAMESPACES[role], line) for line in public_lines]
    return "".join(f"{line}\n" for line in lines).encode("ascii")
