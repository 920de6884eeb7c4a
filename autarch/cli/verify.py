"""`autarch verify`: derive an evidence claim again and say whether every byte of it was found."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import AutarchError, ConfigError, DeployError, UsageError

if TYPE_CHECKING:
    from autarch.evidence.attestation import Evidence
    from autarch.repo.git import GitRepo
    from autarch.repo.signers import SignerRole
    from autarch.repo.signing import Trust

EVIDENCE_ID_LENGTH = 64
ROLES: tuple[SignerRole, ...] = ("ci", "release")


def register(app: typer.Typer) -> None:
    """Add the verb `verify`."""
    app.command("verify")(verify)


def verify(
    evidence: Annotated[str, typer.Argument(help="Evidence id, or the path of a claim.json.")],
    *,
    signers: Annotated[
        Path | None, typer.Option(help="Allowed signers of the attestation; default: ci/signers on main.")
    ] = None,
    repository: Annotated[
        Path | None, typer.Option(help="Repository that holds the objects, bare or a clone; default: the one around.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Check an evidence's signature and derive its claim again from objects and bars.

    Exit code 0 verified, 1 it differs or is not signed, 2 misuse, 3 could not be computed here.

    Example: autarch verify 4c1f9ad2… --json
    """
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    try:
        answer = _verified(evidence, signers, repository)
    except AutarchError as error:
        if json_:
            print(json.dumps({"verified": False, "evidence": evidence, "error": str(error), "differs": []}))
        raise
    print(json.dumps(answer, allow_nan=False) if json_ else _sentence(answer))
    return 0 if answer["verified"] else 1


def _verified(named: str, signers: Path | None, repository: Path | None) -> dict[str, Any]:
    """Return the object of `autarch verify --json` for an evidence that could be derived again."""
    from autarch.cli.main import load

    repo = _repo(named, repository)
    found, signer = _load(named, repo, signers)
    with load("ci.workers").started_workers() as workers:  # they import while this process does
        rederiving = load("ci.rederive")
        sources = rederiving.Sources(
            repo=repo, stores=_stores(), ledger_trust=_ledger_trust(repo, signers), workers=workers
        )
        outcome = rederiving.verify_claim(found.claim, sources, progress=tell, clock=time.monotonic)
    answer: dict[str, Any] = {
        "verified": not outcome.differs,
        "evidence": found.id,
        "verdict": found.claim.verdict,
        "strategy": found.claim.strategy.name,
        "engine": outcome.engine,
        "signer": signer,
        "differs": [{"field": d.field, "claimed": d.claimed, "found": d.found} for d in outcome.differs],
    }
    return {**answer, "error": _error(answer)}


def _load(named: str, repo: GitRepo, signers: Path | None) -> tuple[Evidence, str | None]:
    """Return the evidence and who attested it; a bare claim.json has no attestation to check."""
    from autarch.evidence.attestation import Evidence, evidence_ref, load_evidence, read_attestation_by_any
    from autarch.evidence.claim import parse_claim

    if len(named) == EVIDENCE_ID_LENGTH and not Path(named).exists():
        _bring(repo, evidence_ref(named))
        found = load_evidence(repo, named)
        trusts = _file_trusts(signers) if signers is not None else _committed_trusts(repo, found.claim.base)
        if not trusts:
            raise ConfigError("nobody is listed in ci/signers on main; name a file of trusted keys with --signers")
        if found.record is None:
            raise DeployError(f"evidence {named} carries no attestation")
        return found, read_attestation_by_any(found.record, evidence=named, trusts=trusts).signer
    path = Path(named)
    if not path.is_file():
        raise UsageError(f"{named!r} is neither an evidence id ({EVIDENCE_ID_LENGTH} digits) nor a file claim.json")
    content = path.read_bytes()
    return Evidence(claim=parse_claim(content), content=content, record=None), None


def _bring(repo: GitRepo, ref: str) -> None:
    """Fetch evidence that a workspace lacks from its forge; what cannot be had is said to be missing later."""
    from autarch.workspace import Workspace

    if repo.read_ref(ref) is not None:
        return
    with suppress(AutarchError):
        workspace = Workspace.find()
        if workspace.repo.path.resolve() == repo.path.resolve():
            repo.fetch(workspace.reading_remote(), [f"{ref}:{ref}"])


def _file_trusts(signers: Path) -> list[Trust]:
    """Return who may attest by an allowed_signers file: whom it lists as the gate or as a release key."""
    from autarch.repo.signing import CI_PRINCIPAL, RELEASE_PRINCIPAL, Trust

    if not signers.is_file():
        raise ConfigError(f"there is no file of signers at {signers}")
    content = signers.read_bytes()
    return [Trust(signers=content, principal=principal) for principal in (CI_PRINCIPAL, RELEASE_PRINCIPAL)]


def _committed_trusts(repo: GitRepo, base: str | None) -> list[Trust]:
    """Return who may attest by what main lists now, then by what it listed at the claim's base.

    A base that main never was at lists nobody: else whoever writes a claim would choose its signers.
    """
    from autarch.repo.signers import trust_at

    main = _main(repo)
    if main is None:
        return []
    commits = [main]
    if base is not None and repo.resolve(base) is not None and repo.first_parent_contains(main, base):
        commits.append(base)
    trusts: list[Trust] = []
    for commit in commits:
        for role in ROLES:
            with suppress(ConfigError):  # a commit that lists nobody
                trusts.append(trust_at(repo, commit, role))
    return list(dict.fromkeys(trusts))


def _ledger_trust(repo: GitRepo, signers: Path | None) -> Trust | None:
    from autarch.repo.signers import trust_at

    if signers is not None:
        return _file_trusts(signers)[0]
    main = _main(repo)
    try:
        return None if main is None else trust_at(repo, main, "ci")
    except ConfigError:
        return None


def _main(repo: GitRepo) -> str | None:
    return repo.resolve("refs/heads/main") or repo.resolve("refs/remotes/origin/main") or repo.resolve("HEAD")


def _repo(evidence: str, repository: Path | None) -> GitRepo:
    from autarch.cli.main import load
    from autarch.repo.git import GitRepo

    if repository is not None:
        if not repository.is_dir():
            raise UsageError(f"--repository {repository} is no folder")
        return GitRepo(repository)
    path = Path(evidence)
    return GitRepo(load("ci.target").find_root(path.parent if path.is_file() else Path.cwd()))


def _stores() -> Any:
    from autarch.market.stores import Stores
    from autarch.workspace import Workspace

    try:
        return Workspace.find().stores()
    except ConfigError:
        return Stores.default()


def _sentence(answer: dict[str, Any]) -> str:
    signer = f"attested by {answer['signer']}" if answer["signer"] else "without an attestation"
    name = f"evidence {answer['evidence'][:12]} of {answer['strategy']}, {signer}"
    if answer["verified"]:
        return f"verified: {name}, says {answer['verdict']}, and every byte of it was derived again"
    return f"DIFFERS: {name}: {answer['error']}"


def _error(answer: dict[str, Any]) -> str | None:
    """Return the first difference and what to do about it, or None."""
    if not answer["differs"]:
        return None
    first = answer["differs"][0]
    more = f" (and {len(answer['differs']) - 1} more)" if len(answer["differs"]) > 1 else ""
    cure = (
        "run the engine it was judged with, or recertify"
        if first["field"] == "engine"
        else "do not trust this evidence: judge again with autarch gate"
    )
    claimed, found = (json.dumps(first[name]) for name in ("claimed", "found"))
    return f"{first['field']} is claimed {claimed}, found {found}{more}; {cure}"
