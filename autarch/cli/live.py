"""`autarch live`: trust a key, verify a release, trade it, look at the journal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

PROGRESS_EVERY = 500

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Account = Annotated[str | None, typer.Option(help="Account of the portfolio; default: the only one.")]


def register(app: typer.Typer) -> None:
    """Add the verb `live`."""
    live = typer.Typer(help="Verify a release and trade it.", no_args_is_help=True)
    live.command("verify")(verify)
    live.command("run")(run)
    live.command("status")(status)
    live.command("replay")(replay)
    trust = typer.Typer(help="What this host believes in: keys, data sets, policies.", no_args_is_help=True)
    trust.command("add")(trust_add)
    trust.command("show")(trust_show)
    trust.command("revoke")(trust_revoke)
    trust.command("data")(trust_data)
    trust.command("policy")(trust_policy)
    live.add_typer(trust, name="trust")
    app.add_typer(live, name="live")


def verify(tag: Annotated[str, typer.Argument(help="A release, such as v0.1.0.")], *, json_: Json = False) -> int:
    """Verify a release against this host's trust, re-derive its evidence, install it under releases/.

    Exit code 0 verified, 1 refused, 2 misuse, 3 undecided.

    Example: autarch live verify v0.1.0
    """
    import msgspec

    _pin()
    installed = _deployer(_workspace()).verify(tag)
    if json_:
        print(json.dumps({**msgspec.to_builtins(installed.record), "not_read_again": list(installed.unread)}))
        return 0
    record = installed.record
    if installed.unread:
        print(f"{tag}: {_unread(installed)}")
    print(f"verified  {tag}  commit {record.released.commit[:12]}  signed by {record.signer}")
    for item in record.released.strategies:
        print(f"  {item.account}: {item.strategy}  {item.tier}  weight {item.weight}  evidence {item.evidence[:12]}")
    if record.walkthrough:
        print(f"  judged under {record.released.policy_path}, which is for paper only")
    return 0


def run(
    *,
    tag: Annotated[str, typer.Option(help="The release to trade.")],
    account: Account = None,
    feed: Annotated[str, typer.Option(help="Recorded bars to trade on: forward.")] = "forward",
    bars: Annotated[
        int | None, typer.Option(min=1, help="Stop after deciding on this many bars; a later run goes on.")
    ] = None,
    stepwise: Annotated[
        bool, typer.Option("--stepwise", help="Ask the strategy at every bar, as live, not once a block: slower.")
    ] = False,
    local_dev: Annotated[
        bool, typer.Option("--local-dev", help="Go on without full confinement; stamped so in the journal.")
    ] = False,
    json_: Json = False,
) -> int:
    """Trade a release on the paper venue, from where the account's journal ends.

    Verifies the release first unless this runtime did so before. Stop it at any time; the next run
    continues without a lost or doubled order. Recorded bars are decided on in whole blocks, and decisions
    that change something are asked again without the bars after them: one difference, and nothing trades.

    Example: autarch live run --tag v0.1.0
    """
    from autarch.cli.main import load

    _pin()
    if feed != "forward":
        raise UsageError(f"feed {feed!r} is not known; replays for eyes use --feed forward")
    running, workspace = load("live.running"), _workspace()
    installed = _deployer(workspace).verify(tag)
    if installed.unread:
        _progress(f"{tag}: {_unread(installed)}")
    options = running.RunOptions(
        account=account, bars_max=bars, stepwise=stepwise, allow_weak=local_dev, progress=_bar_progress
    )
    found = running.run_release(installed, _host(workspace), workspace.stores(), options)
    print(json.dumps(found) if json_ else _status_text(found))
    return 0


def status(
    *, account: Annotated[str, typer.Option(help="Whose journal to read.")] = "paper", json_: Json = False
) -> int:
    """Say what an account's journal holds: release, state, equity, open positions.

    Example: autarch live status --json
    """
    from autarch.cli.main import load

    journal = load("live.journal").Journal(_host(_workspace()).journal_path(account), account=account, read_only=True)
    with journal:
        journal.verify()
        found = load("live.running").status_of(journal)
    print(json.dumps(found) if json_ else _status_text(found))
    return 0


def replay(
    *,
    account: Annotated[str, typer.Option(help="Whose journal to decide again.")] = "paper",
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Json = False,
) -> int:
    """Decide every bar of an account's journal again, from stored bars, and name the first difference.

    Exit code 0 all the same, 1 one differs or the journal was changed, 2 misuse, 3 bars are missing.

    Example: autarch live replay --account paper --json
    """
    from autarch.cli.main import load
    from autarch.sandbox.worker import Worker

    _pin()
    workspace = _workspace()
    host = _host(workspace)
    journal = load("live.journal").Journal(host.journal_path(account), account=account, read_only=True)
    with journal, Worker(allow_weak=local_dev) as worker:
        stores = workspace.stores()
        found = load("live.replaying").replay(journal, host, stores, worker=worker, progress=_progress)
    first = None if found.first is None else found.first.to_json()
    if json_:
        answer = {"same": first is None, "account": account, "decisions": found.decisions, "differs": first}
        print(json.dumps(answer))
    else:
        print(_replay_text(account, found.decisions, first))
    return 0 if first is None else 1


def trust_add(
    key: Annotated[Path, typer.Argument(help="A public key file, or an allowed_signers file with one key.")],
    *,
    fingerprint: Annotated[
        str | None, typer.Option(help="SHA256:... as its owner told you; else it is asked for.")
    ] = None,
    role: Annotated[str, typer.Option(help="release or ci.")] = "release",
    demo: Annotated[bool, typer.Option("--demo", help="The key may sign for paper accounts only.")] = False,
) -> int:
    """Trust a key on this host, after its fingerprint was typed.

    The first key also makes this host trust the data sets and policies that main holds now; they are listed.

    Example: autarch live trust add release.pub
    """
    from autarch.cli.main import load

    trusting, workspace = load("live.trust"), _workspace()
    if role not in trusting.PRINCIPALS:
        raise UsageError(f"role {role!r} is not known; a key is trusted as release or ci")
    if not key.is_file():
        raise UsageError(f"there is no public key at {key}; it is the file that ends in .pub")
    public = trusting.parse_public_key(key.read_text("utf-8", errors="replace"))
    typed = _ask_fingerprint() if fingerprint is None else fingerprint
    host = _host(workspace)
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

    trust = _host(_workspace()).trust()
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

    workspace = _workspace()
    host = _host(workspace)
    tags = load("live.revoking").known_tags(workspace.repo, _remote(workspace), host)
    warning = load("live.revoking").require_known(name, host.trust(), tags)
    if warning:
        _progress(warning)
    host.save_trust(host.trust().without(name))
    _show_trust(host.trust())
    return 0


def trust_data(name: Annotated[str, typer.Argument(help="name@digest, as `autarch data ls` prints it.")]) -> int:
    """Trust one more data set on this host.

    Example: autarch live trust data synthetic@4c1f...
    """
    host = _host(_workspace())
    host.save_trust(host.trust().with_dataset(name))
    _show_trust(host.trust())
    return 0


def trust_policy(path: Annotated[str, typer.Argument(help="A policy's path on main.")]) -> int:
    """Trust one more policy on this host, as main holds it now; a walk-through's stays paper only.

    Example: autarch live trust policy ci/policy.toml
    """
    from autarch.cli.main import load

    workspace = _workspace()
    host = _host(workspace)
    host.save_trust(load("live.pinning").pin_policy(host.trust(), workspace.repo, path))
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
        print(f"key      {signer.role:8}{signer.fingerprint}{'  demo: paper only' if signer.demo else ''}")
    for name in trust.datasets:
        print(f"data     {name}")
    for policy in trust.policies:
        print(f"policy   {policy.path}  {policy.sha256}{'  paper only' if policy.paper_only else ''}")
    for name in (*trust.revoked_signers, *trust.revoked_tags):
        print(f"revoked  {name}")
    print(f"ledger   {trust.ledger_floor or 'not seen yet'}")
    print(f"runtime  at least {trust.minimum_runtime}")


def _status_text(found: dict[str, Any]) -> str:
    events = found["events"]
    lines = [
        f"account   {found['account']}  {found['state']}{': ' + found['reason'] if found['reason'] else ''}",
        f"release   {found['tag']}",
        (
            f"bars      {events.get('decision', 0)} decided, {events.get('intent', 0)} orders, "
            f"{events.get('execution', 0)} executions, {events.get('rejected', 0)} refused"
        ),
        *(f"equity    {strategy}  {equity:.2f} USDT" for strategy, equity in found["equity"].items()),
        *(f"position  {symbol}  {qty}" for symbol, qty in found["positions"].items()),
        f"journal   {found['journal']['path']}  {found['journal']['seq']} events  {found['journal']['head'][:12]}",
    ]
    return "\n".join(lines)


def _replay_text(account: str, decisions: int, first: dict[str, Any] | None) -> str:
    if first is None:
        return f"same: all {decisions} decisions of {account} and the digests of their inputs came out again"
    from autarch.repo.engine import engine_digest

    ours, theirs = engine_digest()[:12], first["engine"][:12]
    cure = "keep the journal and find out whether it or the bars were changed"
    if ours != theirs:
        cure = f"engine {theirs} wrote it and this is {ours}: replay it with that runtime before you conclude anything"
    where = f"{first['strategy']} of {first['tag']} at bar {first['bar']} (journal event {first['event']})"
    return (
        f"DIFFERS: {where}: {first['field']} is recorded {json.dumps(first['recorded'])}, found "
        f"{json.dumps(first['found'])}; {cure}"
    )


def _unread(installed: Any) -> str:
    return f"verified earlier on this host; {', '.join(installed.unread)} not read again (forge unreachable)"


def _workspace() -> Workspace:
    from autarch.workspace import Workspace

    return Workspace.find()


def _host(workspace: Workspace) -> Any:
    from autarch.cli.main import load

    return load("live.host").Host(root=workspace.host_folder)


def _deployer(workspace: Workspace) -> Any:
    import autarch
    from autarch.cli.main import load
    from autarch.repo.engine import engine_digest

    rederiving = load("live.rederive")
    repo = workspace.repo
    return load("live.deployer").Deployer(
        repo=repo,
        host=_host(workspace),
        stores=workspace.stores(),
        engine=engine_digest(),
        version=autarch.__version__,
        rederive=lambda evidence, signers: rederiving.rederive_all(
            repo, workspace.root, evidence, signers=signers, progress=_progress
        ),
        remote=_remote(workspace),
        progress=_progress,
    )


def _remote(workspace: Workspace) -> Any:
    """Return the forge, or None while it is down: what was verified and fetched before still runs."""
    try:
        return workspace.remote("deployer")
    except ConfigError as error:
        _progress(f"working without the forge: {error}")
        return None


def _pin() -> None:
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])


def _bar_progress(done: int, of: int) -> None:
    if done % PROGRESS_EVERY == 0 or done == of:
        _progress(f"{done} of {of} bars")


def _progress(line: str) -> None:
    sys.stderr.write(f"autarch: {line}\n")
    sys.stderr.flush()
