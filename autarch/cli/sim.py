"""`autarch sim`: a simulated Bybit on loopback."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import UsageError

if TYPE_CHECKING:
    from decimal import Decimal

    from autarch.market.lock_types import DatasetLock
    from autarch.market.types import Market, Split


def register(app: typer.Typer) -> None:
    """Add the verb `sim`."""
    app.command("sim")(sim)


def sim(
    *,
    dataset: Annotated[str | None, typer.Option(help="Data set to replay; default: the policy's first.")] = None,
    interval: Annotated[str, typer.Option(help="Bars its market moves in.")] = "15m",
    symbols: Annotated[str | None, typer.Option(help="Comma-separated; default: all.")] = None,
    split: Annotated[str, typer.Option(help="train or forward.")] = "forward",
    history_days: Annotated[float, typer.Option(min=0.0, help="Days of bars that lie behind the start.")] = 20.0,
    speed: Annotated[float, typer.Option(help="1 is real time; clients of a faster one ask it for its time.")] = 1.0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    key: Annotated[str, typer.Option(help="API key of the simulated account.")] = "simulated-key",
    secret: Annotated[str, typer.Option(help="Its secret; worth nothing anywhere else.")] = "simulated-secret",  # noqa: S107
    deposit: Annotated[str, typer.Option(help="USDT of the simulated account.")] = "100000",
    ack_delay_ms: Annotated[
        int, typer.Option(min=0, help="Delay of stream answers; stock pybit needs about 20, which loses fast ones.")
    ] = 0,
    lag_ms: Annotated[int, typer.Option(min=0, help="How far REST reads lag behind the streams.")] = 0,
    fault: Annotated[list[str] | None, typer.Option(help="KIND=PROBABILITY, such as accept_then_timeout=0.02.")] = None,
    seed: Annotated[int, typer.Option(help="Of ids and of chances.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print where it listens as one JSON object.")] = False,
) -> int:
    """Serve a simulated Bybit v5 over recorded bars, for pybit, ccxt or our own executor, until Ctrl-C.

    The recorded bars are moved by whole days so that they happen now. It answers with our model of Bybit: it shows
    whether a client is consistent with that model, never what Bybit would do.

    Example: autarch sim --dataset synthetic --fault accept_then_timeout=0.02
    """
    from autarch.cli.main import load
    from autarch.engine.costs import CostModel
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    market, lock = _market(dataset, _served(split), symbols, interval)
    running, serving, replay = (load(f"live.simulator.serving.{name}") for name in ("run", "server", "replay"))
    options = running.SimOptions(
        replay=replay.Replay(costs=CostModel.from_lock(lock), lag_ms=lag_ms, seed=str(seed)),
        server=serving.ServerOptions(port=port, ack_delay_ms=ack_delay_ms),
        history_days=history_days,
        speed=speed,
        key=key,
        secret=secret,
        deposit=_amount(deposit),
        seed=seed,
        chances=_chances(fault or []),
    )

    def told(server: object) -> None:
        where = {"rest": getattr(server, "url"), "streams": getattr(server, "stream_url"), "key": key}  # noqa: B009
        print(json.dumps(where) if json_ else _text(where), flush=True)

    running.run_simulator(market, options, told=told)
    return 0


def _served(split: str) -> Split:
    if split not in {"train", "forward"}:
        raise UsageError(f"split {split!r} is not served; replay train or forward")
    return "train" if split == "train" else "forward"


def _amount(text: str) -> Decimal:
    from decimal import Decimal, InvalidOperation

    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise UsageError(f"deposit {text!r} is no amount; write USDT such as 100000") from error
    if not found.is_finite() or found <= 0:
        raise UsageError(f"deposit {text!r}: expected above 0 USDT")
    return found


def _market(dataset: str | None, split: Split, symbols: str | None, interval: str) -> tuple[Market, DatasetLock]:
    """Load what is replayed."""
    from autarch.cli.backtest_find import check_bytes, find_lock
    from autarch.cli.data_places import stores
    from autarch.cli.main import load
    from autarch.market.load import load_market

    root = load("ci.target").find_root(Path.cwd())
    lock = find_lock(dataset or load("ci.policy").load_policy(root).data.datasets[0], root=root)
    chosen = tuple(symbols.split(",")) if symbols else lock.symbols
    kept = stores()
    check_bytes(lock, chosen, split=split, stores=kept)
    return load_market(lock, split=split, symbols=chosen, interval=interval, stores=kept), lock


def _chances(given: list[str]) -> dict[str, float]:
    chances = {}
    for item in given:
        kind, equals, chance = item.partition("=")
        try:
            chances[kind] = float(chance if equals else "1")
        except ValueError as error:
            raise UsageError(f"--fault {item!r}: expected KIND=PROBABILITY, such as mute=0.01") from error
    return chances


def _text(where: dict[str, object]) -> str:
    lines = [f"simulated Bybit at {where['rest']}, streams at {where['streams']}/v5/..., key {where['key']}"]
    return "\n".join([*lines, "It is our model of Bybit, not Bybit. Ctrl-C ends it."])
