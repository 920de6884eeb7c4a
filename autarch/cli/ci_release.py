"""The two steps of `release`: verify a tag as a deployer does, then put what it rests on beside it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from autarch.errors import RefusedError, UsageError

MAIN = "refs/heads/main"


def add(steps: typer.Typer) -> None:
    """Add the commands `release` and `assets`."""
    steps.command("release")(release)
    steps.command("assets")(assets)


def release(*, out: Annotated[Path, typer.Option(help="Folder to write evidence and bill of materials into.")]) -> int:
    """Verify the event's tag as a deployer would who trusts exactly what main lists, and write its assets.

    Exit code 1 for a tag that is unsigned, moved, off main, or whose evidence does not derive again.

    Example: autarch ci release --out assets
    """
    from autarch.cli import ci
    from autarch.cli.main import load

    ci.pin()
    with ci.bench_and_forge() as (bench, _):
        tag = _tag(bench)
        released = _verified(bench, tag)
        out.mkdir(parents=True, exist_ok=True)
        lock = bench.repo.blob_at(released.commit, "requirements.lock") or b""
        (out / "sbom.cdx.json").write_bytes(load("ci.actions.sbom").sbom(lock, tag=tag, commit=released.commit))
        for name in sorted({one.evidence for one in released.strategies}):
            (out / f"evidence-{name}.json").write_bytes(_evidence(bench, name))
        print(f"verified  {tag}  commit {released.commit[:12]}  {len(released.strategies)} sleeves")
    return 0


def assets(*, folder: Annotated[Path, typer.Option("--from", help="Folder that the step before wrote.")]) -> int:
    """Publish the release of the event's tag with the files of a folder; done before, it adds what is missing.

    Example: autarch ci assets --from assets
    """
    from autarch.cli import ci

    with ci.bench_and_forge() as (bench, forge):
        tag = _tag(bench)
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
        if not files:
            raise UsageError(f"{folder} holds no file; run the step `autarch ci release` first")
        found = forge.release(tag) or forge.create_release(
            tag, title=tag, body="Verified as a deployer does: signature, history, ledger, data, evidence."
        )
        there = {asset.name for asset in found.assets}
        for path in files:
            if path.name not in there:
                forge.upload_asset(found, path.name, path.read_bytes(), kind="application/json")
        print(f"released  {tag}  {len(files)} files")
    return 0


def _tag(bench: Any) -> str:
    from autarch.cli.main import load
    from autarch.evidence.released import VERSION

    pushed = load("ci.actions.events").parse_push(bench.site.event())
    name = str(pushed.ref).removeprefix("refs/tags/")
    if pushed.repository != bench.site.repository or not pushed.ref.startswith("refs/tags/") or not VERSION.match(name):
        raise UsageError(f"found {pushed.ref[:80]!r}; a release is a tag like v0.1.0 of {bench.site.repository}")
    return name


def _verified(bench: Any, tag: str) -> Any:
    """Return what the tag releases, after a deployer that trusts main's signers, data sets and policies took it."""
    import autarch
    from autarch.cli.main import load
    from autarch.repo.engine import engine_digest
    from autarch.repo.mainline import fetch_main

    main = fetch_main(bench.repo, bench.remote)
    rederiving = load("live.rederive")
    with _host(bench, main) as (host, trust):
        host.save_trust(trust)
        deployer = load("live.deployer").Deployer(
            repo=bench.repo,
            host=host,
            stores=bench.choice.stores,
            engine=engine_digest(),
            version=autarch.__version__,
            rederive=lambda evidence, signers: rederiving.rederive_all(
                bench.repo, bench.repo.path, evidence, signers=signers, progress=bench.progress
            ),
            remote=bench.remote,
            progress=bench.progress,
        )
        return deployer.verify(tag).record.released


@contextlib.contextmanager
def _host(bench: Any, main: str) -> Iterator[tuple[Any, Any]]:
    """Yield a host of its own, and trust in what main lists: keys for releases and for CI, data sets, policies."""
    from autarch.cli.main import load
    from autarch.repo.signers import SIGNERS_PATH

    trusting = load("live.trust")
    trust = trusting.Trust()
    for role in ("release", "ci"):
        content = bench.repo.blob_at(main, SIGNERS_PATH[role])
        for line in (content or b"").decode("utf-8", "replace").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            key = trusting.Signer(role=role, key=trusting.parse_public_key(line), demo=trusting.is_demo_key(line))
            trust = trust.with_signer(key, typed_fingerprint=key.fingerprint)
    if not trust.signers:
        raise RefusedError("main lists nobody in ci/signers; nobody can have released anything")
    bench.repo.update_ref(MAIN, main, old=bench.repo.read_ref(MAIN))
    with tempfile.TemporaryDirectory(prefix="autarch-host-") as folder:
        yield load("live.host").Host(root=Path(folder)), load("live.pinning").pin_main(trust, bench.repo)


def _evidence(bench: Any, name: str) -> bytes:
    from autarch.evidence.attestation import load_evidence

    return bytes(load_evidence(bench.repo, name).content)
