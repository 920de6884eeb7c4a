"""`autarch live status`: how accounts stand, once or refreshing."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of
from autarch.errors import ConfigError

SILENT_S = 5


def add(live: typer.Typer) -> None:
    """Add the command `status`."""
    live.command("status")(status)


def status(
    *,
    account: Annotated[str | None, typer.Option(help="Whose journal to read; default: every account's.")] = None,
    watch: Annotated[
        float | None, typer.Option("--watch", min=0.2, help="Refresh every so many seconds, until Ctrl-C.")
    ] = None,
    json_: Json = False,
) -> int:
    """Say how accounts stand: state, release, positions with stops, open orders, equity, last bar, alerts.

    Read from journal, heartbeat and alerts alone, so beside a running executor. With several accounts --json
    prints one object that holds them all in "accounts".

    Example: autarch live status --watch 1
    """
    from autarch.cli.main import load

    host = host_of(find_workspace())
    looking = load("live.observing.status")
    names = looking.accounts_of(host) if account is None else (account,)
    if not names:
        folder = host.journal_path("any").parent
        raise ConfigError(f"no journal in {folder}; nothing was traded yet: autarch live run --tag TAG")
    each = [looking.Looking(host, name) for name in names]

    def look() -> list[dict[str, Any]]:
        return [one.look(time.time_ns() // 1_000_000) for one in each]

    if watch is not None and json_:
        _print_on(look, watch)
    elif watch is not None:
        _refresh(look, watch)
    elif json_:
        print(_object(look()))
    else:
        print("\n\n".join(status_text(one) for one in look()))
    return 0


def _object(found: list[dict[str, Any]]) -> str:
    return json.dumps(found[0] if len(found) == 1 else {"accounts": found})


def _print_on(look: Any, seconds: float) -> None:
    """Print one object a line, for a program that reads along, until it is ended."""
    while True:
        print(_object(look()), flush=True)
        time.sleep(seconds)


def _refresh(look: Any, seconds: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    try:
        with Live(console=Console(), auto_refresh=False, screen=False) as screen:
            while True:
                screen.update(Text("\n\n".join(status_text(one) for one in look())), refresh=True)
                time.sleep(seconds)
    except KeyboardInterrupt:
        return


def status_text(found: dict[str, Any]) -> str:
    """Return what `live.observing.status` found, line by line; what a journal cannot know may be missing."""
    events = found["events"]
    release = f"{found['tag']}" + (f", next {found['next_tag']}" if found.get("next_tag") else "")
    lines = [
        f"account   {found['account']}  {found['state']}{': ' + found['reason'] if found['reason'] else ''}",
        *_latch(found),
        *(f"symbol    {symbol}  {own['state']}: {own['reason']}" for symbol, own in found["states"].items()),
        f"release   {release}  on {found['feed']}",
        *_alive(found),
        (
            f"bars      {events.get('decision', 0)} decided, {events.get('intent', 0)} orders, "
            f"{events.get('execution', 0)} executions, {events.get('rejected', 0)} refused, "
            f"{events.get('missed', 0)} missed{_newest(found)}"
        ),
        *(f"equity    {strategy}  {equity:.2f} USDT" for strategy, equity in found["equity"].items()),
        *_account(found),
        *(_position(symbol, held) for symbol, held in found["holdings"].items()),
        *(f"order     {o['symbol']}  {o['leg']} {o['side']} {o['qty']}  {o['order_link_id']}" for o in found["orders"]),
        *(
            f"alert     {_when(a['time_ms'])}  {a['severity']}  {a['subject']}: {a['text']}"
            for a in found.get("alerts", ())
        ),
        f"journal   {found['journal']['path']}  {found['journal']['seq']} events  {found['journal']['head'][:12]}",
    ]
    return "\n".join(lines + ([f"note      {found['note']}"] if found.get("note") else []))


def _latch(found: dict[str, Any]) -> list[str]:
    latch = found.get("latch") or {"halts": [], "release": None}
    waits = [f"release   {latch['release']}; the executor carries it out"] if latch["release"] else []
    return [f"halted    {halt}" for halt in latch["halts"]] + waits


def _alive(found: dict[str, Any]) -> list[str]:
    beat = found.get("heartbeat")
    if beat is None:
        return []
    age = beat["age_ms"] / 1000
    if not found["running"]:
        said = f"not running; last sign of life {_when(beat['time_ms'])}"
    elif age > SILENT_S:
        said = f"HANGS: its process lives and has given no sign for {age:.0f} s"
    else:
        said = f"running, {age:.1f} s ago"
    stale = [f"{source} {ms / 1000:.1f} s" for source, ms in sorted(beat["stale_ms"].items())]
    offset = beat["clock_offset_ms"]
    clock = [] if offset is None else [f"clock {offset:+.0f} ms"]
    return ["executor  " + "  ".join([said, *clock, *stale])]


def _account(found: dict[str, Any]) -> list[str]:
    if found["account_equity"] is None:
        return []
    money = f"{found['account_equity']:.2f} USDT, {found['day_change']:+.2f} today"
    return [f"money     {money}, {found['drawdown_frac'] * 100:.2f} % below its peak"]


def _position(symbol: str, held: dict[str, str | None]) -> str:
    stops = "".join(
        f"  {name} {held[key]}" for name, key in (("stop", "stop_loss"), ("take-profit", "take_profit")) if held[key]
    )
    entry = held["entry"]
    return f"position  {symbol}  {held['size']}" + (f" at {float(entry):.8g}" if entry else "") + (stops or "  no stop")


def _newest(found: dict[str, Any]) -> str:
    return "" if found["last_close_ms"] is None else f"; the newest closed {_when(found['last_close_ms'])}"


def _when(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
