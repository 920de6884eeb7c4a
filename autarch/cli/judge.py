"""`autarch judge`: test one strategy for promotion, by a human's hand, its price shown first."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

Hidden = typer.Option(hidden=True)


def register(app: typer.Typer) -> None:
    """Add the verb `judge`."""
    app.command("judge")(judge)


def judge(
    target: Annotated[str, typer.Argument(help="Pull request that brought the strategy, or its name on main.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the price unseen; for a human's own scripts.")] = False,
    price: Annotated[bool, typer.Option("--price", help="Show the price and ask nothing.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    policy: Annotated[str | None, typer.Option(help="Policy on main; default: the one the forge merges by.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    publish: Annotated[bool, Hidden] = False,
    asked_by: Annotated[str, Hidden] = "",
    test: Annotated[int | None, Hidden] = None,
) -> int:
    """Ask once whether a strategy on main may be promoted, on holdout days that never answered anybody.

    Each test costs: it lowers the level of those that follow, until one passes. The price is shown and must be
    confirmed by typing the strategy's name. What comes back is one word, the level and what is left; asked again
    without newer bars, the same answer for nothing. Only a human's token may ask. A promotion takes effect when a
    human raises the tier in live/portfolio.toml and releases.

    Exit code 0 may be promoted (or a price was shown), 1 may not or refused, 2 misuse, 3 not computed.

    Example: autarch judge 3

    Example: autarch judge ema_trend --price --json
    """
    if publish:
        return _publish(target, asked_by=asked_by, test=test, policy=policy, dataset=dataset)
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    told = _price(workspace, target, policy=policy, dataset=dataset)
    if price:
        print(json.dumps(told.to_json()) if json_ else "\n".join(_price_lines(told)))
        return 0
    sys.stderr.write("\n".join(_price_lines(told)) + "\n")
    if not yes:
        _confirm(told.strategy)
    from autarch.cli.errand import ask

    answer = ask(workspace, "judge", target=target, test=None if told.stored else told.test)
    return _tell(answer, json_=json_)


def _price(workspace: Workspace, target: str, *, policy: str | None, dataset: str | None) -> Any:
    from autarch.cli.errand import policy_path
    from autarch.cli.main import load
    from autarch.evidence.ledger import Ledger
    from autarch.repo.mainline import fetch_main
    from autarch.repo.signers import trust_at

    repo, remote = workspace.repo, workspace.reading_remote()
    main = fetch_main(repo, remote)
    ledger = Ledger(repo, trust=trust_at(repo, main, "ci"), remote=remote)
    ledger.sync()
    entries = ledger.entries(known=repo.read_commit(main).trailers.get("Ledger-Head"))
    path = policy or policy_path(workspace)
    return load("ci.promotion.price").price_at(repo, main, entries, target, policy_path=path, dataset=dataset)


def _price_lines(price: Any) -> list[str]:
    needed = "no Sharpe ratio would do" if price.sharpe is None else f"about {price.sharpe:.1f} a year by themselves"
    asked = "" if price.stored is None else f"\n  asked    before: {price.stored}; free again unless forward bars came"
    brought = "" if price.pull is None else f" (pull request {price.pull})"
    return [
        f"{price.strategy}{brought} at {price.tier}, epoch {price.epoch} of {price.dataset.partition('@')[0]}",
        f"  price    test {price.test} at level {price.level:.3g}",
        f"  wealth   {price.wealth:.4g}, {price.wealth_after:.4g} if it does not pass",
        f"  holdout  {price.days} days; a Sharpe ratio of {needed}",
        f"  forward  {price.forward_days} days, E = {price.e_value:.3g}{asked}",
    ]


def _confirm(slug: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("a test spends what later ones lack, so it is confirmed by hand; in a script of yours: --yes")
    sys.stderr.write(f"type {slug} to spend it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != slug:
        raise UsageError("not confirmed; nothing was asked and nothing was spent")


def _tell(answer: dict[str, Any] | None, *, json_: bool) -> int:
    if answer is None:
        print("asked; a reviewer of the environment lets it run, and the ledger tells: autarch ledger ls")
        return 0
    code = {"may be promoted": 0, "may not": 1}.get(answer["word"], 3)
    if json_:
        print(json.dumps(answer))
        return code
    free = " (asked before; nothing was spent)" if answer["stored"] else ""
    print(f"{answer['strategy']}: {answer['word']}{free}")
    print(f"  test {answer['test']} ran at level {answer['level']:.3g}; wealth left {answer['wealth']:.4g}")
    if code == 0:
        print("  next     raise its tier to T2 in live/portfolio.toml by a pull request, then: autarch release")
    return code


def _publish(target: str, *, asked_by: str, test: int | None, policy: str | None, dataset: str | None) -> int:
    """Judge on the trusted side, for the forge that has checked who asks."""
    from autarch.cli.errand import trusted_desk
    from autarch.cli.main import load

    if not asked_by:
        raise UsageError("--publish is the forge's own call and names who asked; ask with: autarch judge TARGET")
    with trusted_desk(policy or "ci/policy.toml", dataset) as desk:
        found = load("ci.promotion.judging").judge(desk, target, asked_by=asked_by, test=test)
    print(json.dumps(found.to_json()))
    return 0
