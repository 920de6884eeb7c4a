"""`autarch live trust`: what this host believes in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of, remote_of
from autarch.cli.telling import tell
from autarch.errors import UsageError


def add(live: typer.Typer) -> None:
    """Add the commands under `trust`."""
    trust = typer.Typer(help="What this host believes in: keys, data sets, policies.", no_args_is_help=True)
    trust.command("add")(trust_add)
    trust.command("show")(trust_show)
    trust.command("revoke")(trust_revoke)
    trust.command("data")(trust_data)
    trust.command("policy")(trust_policy)
    trust.command("when-revoked")(trust_when_revoked)
    live.add_typer(trust, name="trust")


def trust_add(
    key: Annotated[Path, typer.Argument(help="A public key file, or an allowed_signers file with one key.")],
    *,
    fingerprint: Annotated[
        str | None, typer.Option(help="SHA256:... as its owner told you; else it is asked for.")
    ] = None,
    role: Annotated[str, typer.Option(help="release or ci.")] = "release",
    demo: Annotated[bool, typer.Option("--demo", help="The key may sign for paper and the simulator alone.")] = False,
) -> int:
    """Trust a key on this host, after its fingerprint was typed.

    The first key also makes this host trust the data sets and policies that main holds now; they are listed.

    Example: autarch live trust add release.pub
    """
    from autarch.cli.main import load

    trusting, workspace = load("live.trust"), find_workspace()
    if role not in trusting.PRINCIPALS:
        raise UsageError(f"role {role!r} is not known; a key is trusted as release or ci")
    if not key.is_file():
        raise UsageError(f"there is no public key at {key}; it is the file that ends in .pub")
    text = key.read_text("utf-8", errors="replace")
    public = trusting.parse_public_key(text)
    if not demo and (demo := trusting.is_demo_key(text)):
        tell("a demo made this key: it may sign for paper and the simulator alone")
    typed = _ask_fingerprint() if fingerprint is None else fingerprint
    host = host_of(workspace)
    before = host.trust()
    after = before.with_signer(trusting.Signer(role=role, key=public, demo=demo), typed_fingerprint=typed)
    if not before.signers and not before.policies and not before.datasets:
        after = load("live.pinning").pin_main(after, workspace.repo)
    host.save_trust(after)
    _show_trust(after)
    return 0


def trust_show(*, json_: Json = False) -> int:
    """Show what this host trusts.

    Example: autarch live trust show
    """
    import dataclasses

    trust = host_of(find_workspace()).trust()
    if json_:
        print(json.dumps(dataclasses.asdict(trust)))
    else:
        _show_trust(trust)
    return 0


def trust_revoke(name: Annotated[str, typer.Argument(help="SHA256:... of a key, a tag, or a tag object's id.")]) -> int:
    """Distrust a key or a tag on this host, for ever. A name that means nothing here is refused: it would help nobody.

    Example: autarch live trust revoke v0.1.0
    """
    from autarch.cli.main import load

    workspace = find_workspace()
    host = host_of(workspace)
    tags = load("live.revoking").known_tags(workspace.repo, remote_of(workspace), host)
    warning = load("live.revoking").require_known(name, host.trust(), tags)
    if warning:
        tell(warning)
    host.save_trust(host.trust().without(name))
    _show_trust(host.trust())
    return 0


def trust_data(name: Annotated[str, typer.Argument(help="name@digest, as `autarch data ls` prints it.")]) -> int:
    """Trust one more data set on this host.

    Example: autarch live trust data synthetic@4c1f...
    """
    host = host_of(find_workspace())
    host.save_trust(host.trust().with_dataset(name))
    _show_trust(host.trust())
    return 0


def trust_policy(path: Annotated[str, typer.Argument(help="A policy's path on main.")]) -> int:
    """Trust one more policy on this host, as main holds it now; a walk-through's stays paper only.

    Example: autarch live trust policy ci/policy.toml
    """
    from autarch.cli.main import load

    workspace = find_workspace()
    host = host_of(workspace)
    host.save_trust(load("live.pinning").pin_policy(host.trust(), workspace.repo, path))
    _show_trust(host.trust())
    return 0


def trust_when_revoked(
    what: Annotated[
        str, typer.Argument(help="reduce: positions end by the release's own decisions; flatten: close all at once.")
    ],
) -> int:
    """Say what executors do when the release they trade is revoked on this host.

    Example: autarch live trust when-revoked flatten
    """
    import dataclasses
    from typing import get_args

    from autarch.cli.main import load

    known = get_args(load("live.trust").WhenRevoked)
    if what not in known:
        raise UsageError(f"{what!r} is not known; choose {' or '.join(known)}")
    host = host_of(find_workspace())
    host.save_trust(dataclasses.replace(host.trust(), when_revoked=what))
    _show_trust(host.trust())
    return 0


def _ask_fingerprint() -> str:
    if not sys.stdin.isatty():
        raise UsageError("no terminal to type the fingerprint on; give it with --fingerprint SHA256:...")
    sys.stderr.write("Type the key's fingerprint as its owner told you over another channel (SHA256:...): ")
    sys.stderr.flush()
    return sys.stdin.readline()


def _show_trust(trust: Any) -> None:
    for signer in trust.signers:
        print(
            f"key      {signer.role:8}{signer.fingerprint}{'  demo: paper and simulator only' if signer.demo else ''}"
        )
    for name in trust.datasets:
        print(f"data     {name}")
    for policy in trust.policies:
        print(f"policy   {policy.path}  {policy.sha256}{'  paper only' if policy.paper_only else ''}")
    for name in (*trust.revoked_signers, *trust.revoked_tags):
        print(f"revoked  {name}")
    print(f"if the release that trades is revoked: {trust.when_revoked}")
    print(f"ledger   {trust.ledger_floor or 'not seen yet'}")
    print(f"runtime  at least {trust.minimum_runtime}")
