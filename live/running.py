"""Put an executor together from an installed release, and say what a journal holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autarch.engine.costs import CostModel
from autarch.errors import ConfigError
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.types import Market, Split
from autarch.paths import private_directory
from autarch.sandbox.values import SandboxLevel
from autarch.sandbox.worker import Worker
from live.account import AccountState, SleeveState
from live.brain import Blockwise, Brain, Stepwise
from live.executor import Executor
from live.host import Host
from live.installed import Installed
from live.journal import Journal
from live.lines import lines_of
from live.orders import RiskGate
from live.portfolio import Account, Limits
from live.venue.book import OrderBook
from live.venue.matching import SymbolMatching
from live.venue.paper import PaperVenue


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run: which account, which recorded bars, how many decided bars at most, confinement, narration.

    `stepwise`: ask the strategy at every bar, as on a live market, instead of once a block.
    """

    account: str | None = None
    feed: Split = "forward"
    bars_max: int | None = None
    stepwise: bool = False
    allow_weak: bool = False
    progress: Callable[[int, int], None] = lambda _done, _of: None


def run_release(installed: Installed, host: Host, stores: Stores, options: RunOptions) -> dict[str, object]:
    """Trade one account of a verified release on the paper venue and return its status afterwards.

    Raises:
        SandboxError: a required layer of confinement is missing, and weak is not allowed; nothing was begun.
        ConfigError: the account does not exist, its venue has no adapter here, or its limits are malformed.
        DataError: bars are missing or changed.
        AutarchError: as the executor raises.
    """
    account = installed.portfolio.account(options.account)
    if account.venue != "paper":
        raise ConfigError(
            f"account {account.name!r} is on venue {account.venue!r}; this runtime trades 'paper' only. "
            "Choose a paper account with --account"
        )
    limits = host.limits(account.limits)
    markets = {
        sleeve.strategy: market_of(installed, sleeve.strategy, stores, options.feed) for sleeve in account.sleeves
    }
    private_directory(host.root)
    private_directory(host.journal_path(account.name).parent)
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(allow_weak=options.allow_weak))
        level = worker.level  # before anything is journalled: without a required layer nothing begins
        journal = stack.enter_context(Journal(host.journal_path(account.name), account=account.name))
        book = OrderBook(host.book_path(account.name))
        stack.callback(book.close)
        asking = Stepwise if options.stepwise else Blockwise
        brains: dict[str, Brain] = {
            name: asking(worker, installed.sources[name], market) for name, market in markets.items()
        }
        for brain in brains.values():
            stack.callback(brain.close)
        state, venue = _account(installed, dataclasses.replace(account, limits=limits), markets, book)
        executor = Executor(
            tag=installed.tag,
            account_name=account.name,
            account=state,
            journal=journal,
            venue=venue,
            feed=venue,
            markets=markets,
            deciders=brains,
            opened={**_opened(installed, account, options), **_confinement(level), "limits": _plain(limits)},
            progress=options.progress,
        )
        executor.run(bars_max=options.bars_max)
        return status_of(journal)


def status_of(journal: Journal) -> dict[str, object]:
    """Return what a journal says of its account: release, state, equity, positions and counts.

    `last_fill` is the execId of the newest fill, funding left out, or None.
    """
    opened, state = journal.last("opened"), journal.last("state")
    counts: dict[str, int] = {}
    positions: dict[str, Decimal] = {}
    equity: dict[str, float] = {}
    last_bar, last_fill = None, None
    for event in journal.events():
        counts[event.kind] = counts.get(event.kind, 0) + 1
        if event.kind == "execution" and event.body["exec_type"] != "Funding":
            signed = Decimal(str(event.body["qty"])) * (1 if event.body["side"] == "Buy" else -1)
            symbol = str(event.body["symbol"])
            positions[symbol] = positions.get(symbol, Decimal(0)) + signed
            last_fill = str(event.body["exec_id"])
        elif event.kind == "decision":
            equity[str(event.body["strategy"])] = float(str(event.body["equity"]))
            last_bar = event.time_ms
    seq, head = journal.head
    return {
        "account": journal.account,
        "tag": None if opened is None else opened.body["tag"],
        "state": "ACTIVE" if state is None else state.body["state"],
        "reason": "" if state is None else state.body["reason"],
        "last_close_ms": last_bar,
        "last_fill": last_fill,
        "equity": dict(sorted(equity.items())),
        "positions": {symbol: format(qty, "f") for symbol, qty in sorted(positions.items()) if qty != 0},
        "events": dict(sorted(counts.items())),
        "journal": {"path": str(journal.path), "seq": seq, "head": head},
    }


def _account(
    installed: Installed, account: Account, markets: Mapping[str, Market], book: OrderBook
) -> tuple[AccountState, PaperVenue]:
    costs = dataclasses.replace(CostModel.from_lock(installed.lock), margin_mode=account.margin_mode)
    sleeves, symbols = {}, {}
    for name, market in markets.items():
        lines = lines_of(market, installed.sources[name].manifest, costs)
        sleeves[name] = SleeveState(strategy=name, lines=lines, capital=float(account.sleeve_capital(name)))
        symbols.update({line.symbol: SymbolMatching(line, market) for line in lines})
    state = AccountState(sleeves=sleeves, gate=RiskGate(limits=account.limits, capital=account.capital))
    return state, PaperVenue(account=account.name, symbols=symbols, book=book)


def market_of(installed: Installed, strategy: str, stores: Stores, split: Split) -> Market:
    """Return the stored bars that a strategy of this release reads.

    Raises:
        DataError: bars are missing or changed.
    """
    manifest = installed.sources[strategy].manifest
    symbols = (*manifest.symbols, *manifest.context)
    return load_market(installed.lock, split=split, symbols=symbols, interval=manifest.interval, stores=stores)


def _confinement(level: SandboxLevel) -> dict[str, Any]:
    """Return, for the journal, whether strategies were confined as demanded, and each layer: reached, or why not."""
    return {"confined": level.is_full, "layers": {layer.name: layer.detail or "reached" for layer in level.layers}}


def _opened(installed: Installed, account: Account, options: RunOptions) -> dict[str, Any]:
    record, released = installed.record, installed.record.released
    sleeves = {item.strategy: item for item in released.strategies if item.account == account.name}
    return {
        "tag": released.tag,
        "tag_object": record.tag_object,
        "commit": released.commit,
        "signer": record.signer,
        "demo": record.demo,
        "engine": record.engine,
        "policy": released.policy,
        "policy_path": released.policy_path,
        "walkthrough": record.walkthrough,
        "dataset": released.dataset,
        "feed": options.feed,
        "asked": "stepwise" if options.stepwise else "blockwise",
        "portfolio": installed.portfolio_sha256,
        "capital": format(account.capital, "f"),
        "sleeves": {
            name: {
                "capital": format(account.sleeve_capital(name), "f"),
                "tier": item.tier,
                "tree": item.tree,
                "evidence": item.evidence,
                "decisions": item.decisions,
                "interval_ms": installed.sources[name].manifest.interval_ms,
                "symbols": list(installed.sources[name].manifest.symbols),
            }
            for name, item in sleeves.items()
        },
    }


def _plain(limits: Limits) -> dict[str, object]:
    return {name: str(getattr(limits, name)) for name in Limits.__slots__}
