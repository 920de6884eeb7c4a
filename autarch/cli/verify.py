"""`autarch verify`: derive an evidence claim again and say whether every byte of it was found."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import ConfigError, DeployError, UsageError

if TYPE_CHECKING:
    from autarch.evidence.attestation import Evidence
    from autarch.repo.git import GitRepo
    from autarch.repo.signing import Trust

EVIDENCE_ID_LENGTH = 64


def register(app: typer.Typer) -> None:
    """Add the verb `verify`."""
    app.command("verify")(verify)


def verify(
    evidence: Annotated[str, typer.Argument(help="Evidence id, or the path of a claim.json.")],
    *,
    signers: Annotated[
        Path | None, typer.Option(help="Allowed signers of the attestation; default: ci/signers/ci on main.")
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
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    repo = _repo(evidence, repository)
    trust = _trust(repo, signers)
    found, signer = _load(evidence, repo, trust)
    rederiving = load("ci.rederive")
    sources = rederiving.Sources(repo=repo, stores=_stores(), ledger_trust=trust)
    outcome = rederiving.verify_claim(found.claim, sources, progress=_progress, clock=time.monotonic)
    answer = {
        "verified": not outcome.differs,
        "evidence": found.id,
        "verdict": found.claim.verdict,
        "strategy": found.claim.strategy.name,
        "engine": outcome.engine,
        "signer": signer,
        "differs": [{"field": d.field, "claimed": d.claimed, "found": d.found} for d in outcome.differs],
    }
    print(json.dumps(answer, allow_nan=False) if json_ else _sentence(answer))
    return 0 if answer["verified"] else 1


def _load(named: str, repo: GitRepo, trust: Trust | None) -> tuple[Evidence, str | None]:
    """Return the evidence and who attested it; a bare claim.json has no attestation to check."""
    from autarch.evidence.attestation import Evidence, load_evidence, read_attestation
    from autarch.evidence.claim import parse_claim

    if len(named) == EVIDENCE_ID_LENGTH and not Path(named).exists():
        found = load_evidence(repo, named)
        if trust is None:
            raise ConfigError("nobody is listed in ci/signers/ci on main; name a file of trusted keys with --signers")
        if found.record is None:
            raise DeployError(f"evidence {named} carries no attestation")
        return found, read_attestation(found.record, evidence=named, trust=trust).signer
    path = Path(named)
    if not path.is_file():
        raise UsageError(f"{named!r} is neither an evidence id ({EVIDENCE_ID_LENGTH} digits) nor a file claim.json")
    content = path.read_bytes()
    return Evidence(claim=parse_claim(content), content=content, record=None), None


def _trust(repo: GitRepo, signers: Path | None) -> Trust | None:
    from autarch.repo.signers import trust_at
    from autarch.repo.signing import CI_PRINCIPAL, Trust

    if signers is not None:
        if not signers.is_file():
            raise ConfigError(f"there is no file of signers at {signers}")
        return Trust(signers=signers.read_bytes(), principal=CI_PRINCIPAL)
    main = repo.resolve("refs/heads/main") or repo.resolve("refs/remotes/origin/main") or repo.resolve("HEAD")
    try:
        return None if main is None else trust_at(repo, main, "ci")
    except ConfigError:
        return None


def _repo(evidence: str, repository: Path | None) -> GitRepo:
    from autarch.cli.main import load
    from autarch.repo.git import GitRepo

    if repository is not None:
        if not repository.is_dir():
            raise UsageError(f"--repository {repository} is no folder")
        return GitRepo(repository)
    path = Path(evidence)
    return GitRepo(load("ci.inputs").find_root(path.parent if path.is_file() else Path.cwd()))


def _stores() -> Any:
    from autarch.market.stores import Stores
    from autarch.workspace import Workspace

    try:
        return Workspace.find().stores()
    except ConfigError:
        return Stores.default()


def _sentence(answer: dict[str, Any]) -> str:
    name = f"evidence {answer['evidence'][:12]} of {answer['strategy']}"
    if answer["verified"]:
        signer = f", attested by {answer['signer']}" if answer["signer"] else ", without an attestation"
        return f"verified: {name} says {answer['verdict']}, and every byte of it was derived again{signer}"
    first = answer["differs"][0]
    more = f" (and {len(answer['differs']) - 1} more)" if len(answer["differs"]) > 1 else ""
    cure = (
        "; run the engine it was judged with, or recertify"
        if first["field"] == "engine"
        else "; do not trust this evidence: judge again with autarch gate"
    )
    return (
        f"DIFFERS: {name}: {first['field']} is claimed {json.dumps(first['claimed'])}, "
        f"found {json.dumps(first['found'])}{more}{cure}"
    )


def _progress(line: str) -> None:
    sys.stderr.write(f"autarch: {line}\n")
    sys.stderr.flush()
