"""What must hold before an account is traded: clock, key, margin mode, position mode, leverage, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from autarch.errors import ConfigError, VenueError
from live.venue.bybit.asking import Asker
from live.venue.bybit.options import BybitOptions, Environment
from live.venue.bybit.outcomes import SAME, meaning_of
from live.venue.bybit.parsing import CATEGORY, decimal_text, margin_mode_of
from live.venue.bybit.ports import RetCode
from live.venue.bybit.reads import Placed, Reads
from live.venue.bybit.timing import VenueTime

CLOCK_TRIES: Final = 3
NOT_ON_DEMO: Final = 10032
EXPIRY_WARN_DAYS: Final = 14
_PERMANENT: Final = -2
_EXPIRED: Final = -1
_CURES: Final[Mapping[int, str]] = {
    10003: "the key is unknown there: is it one of this environment (mainnet, testnet and demo have their own)?",
    10004: "the secret does not belong to the key",
    10005: "the key lacks a permission",
    10010: "the key is bound to another address than this host's",
    33004: "the key has expired; make a new one",
}


async def check_clock(time: VenueTime, asker: Asker, *, off_ms_max: int) -> None:
    """Measure the venue's clock.

    Raises:
        ConfigError: this host's clock is off by more than `off_ms_max`, three times in a row.
        VenueError: the venue does not tell its time.
    """
    for attempt in range(CLOCK_TRIES):
        if attempt:
            await asyncio.sleep(1)
        await time.measure(asker)
        if abs(time.off_ms()) <= off_ms_max:
            return
    raise ConfigError(clock_text(time.off_ms(), off_ms_max))


def clock_text(off_ms: int, off_ms_max: int) -> str:
    """Say how far the clock is off, and what to do."""
    ahead = "ahead of" if off_ms > 0 else "behind"
    return (
        f"this host's clock is {abs(off_ms)} ms {ahead} the venue's; at most {off_ms_max} ms are traded with. "
        "Let chrony or another NTP client set it; a larger receive window is no cure"
    )


async def check_key(asker: Asker, options: BybitOptions) -> str:
    """Ask what the key may do; return a warning, "" for none.

    Raises:
        ConfigError: the key is refused, may do too little or too much, or its time is over.
        VenueError: the venue does not answer.
    """
    try:
        found = (await asker.read("/v5/user/query-api", {})).result
    except VenueError as error:
        code = error.__cause__.code if isinstance(error.__cause__, RetCode) else 0
        if code == NOT_ON_DEMO and options.environment == "demo":
            return "demo trading does not tell what the key may do; on mainnet it is checked"
        if meaning_of(code) == "key":
            raise ConfigError(f"the venue refuses the key ({error.__cause__}): {_CURES[code]}") from error
        raise
    faults = key_faults(found, options.environment)
    if faults:
        raise ConfigError(f"the key is not one we trade with: {'; '.join(faults)}. Make another at the venue")
    days = _days_left(found)
    return "" if days is None or days > EXPIRY_WARN_DAYS else f"the key expires in {days} days; make a new one"


def key_faults(found: Mapping[str, Any], environment: Environment) -> list[str]:
    """Return what is wrong with a key's rights, as the venue describes them."""
    faults = []
    permissions = _permissions(found)
    trade = permissions.get("ContractTrade", ())
    missing = [name for name in ("Order", "Position") if name not in trade]
    if found.get("readOnly") not in {0, "0"}:
        faults.append("it may only read; it needs to trade contracts")
    elif missing:
        faults.append(f"it lacks the contract permission {' and '.join(missing)}")
    too_much = sorted(
        {*permissions.get("Wallet", ()), *(n for names in permissions.values() for n in names if _moves_money(n))}
    )
    if too_much:
        faults.append(f"it may move money ({', '.join(too_much)}); a trading key must not withdraw or transfer")
    ips = found.get("ips")
    if environment == "mainnet" and (not isinstance(ips, list) or not ips or "*" in ips):
        faults.append("it is bound to no address; bind it to this host's")
    if _days_left(found) == _EXPIRED:
        faults.append("it has expired")
    return faults


async def check_account(asker: Asker, reads: Reads, options: BybitOptions, symbols: Iterable[str]) -> dict[str, Placed]:
    """Check margin mode and position mode; return the positions of `symbols`.

    Raises:
        ConfigError: the account is in another mode than it is traded in; nothing is switched behind its owner's back.
        VenueError: it cannot be read.
    """
    mode = margin_mode_of((await asker.read("/v5/account/info", {})).result)
    if mode != options.margin_mode:
        raise ConfigError(
            f"the account is in {mode} margin, the portfolio says {options.margin_mode}. Change one of them: "
            "the venue's setting while nothing is open, or margin_mode of [[account]]"
        )
    placed = {symbol: await reads.position(symbol) for symbol in symbols}
    hedged = sorted(symbol for symbol, found in placed.items() if found.hedged)
    if hedged:
        raise ConfigError(
            f"the account holds longs and shorts apart (hedge mode: {', '.join(hedged)}); we trade one-way mode only. "
            "Close what is open and switch the position mode at the venue"
        )
    return placed


async def set_leverage(asker: Asker, placed: Mapping[str, Placed], leverage: Mapping[str, Decimal]) -> None:
    """Set the leverage of each symbol that has another one.

    Raises:
        ConfigError: the venue refuses it.
        VenueError: it does not answer.
    """
    for symbol, wanted in leverage.items():
        if symbol in placed and placed[symbol].position.leverage == wanted:
            continue
        text = decimal_text(wanted)
        body = {"category": CATEGORY, "symbol": symbol, "buyLeverage": text, "sellLeverage": text}
        try:
            await asker.settled("/v5/position/set-leverage", body, fine=SAME)
        except VenueError as error:
            if isinstance(error.__cause__, RetCode) and meaning_of(error.__cause__.code) == "refused":
                raise ConfigError(
                    f"{symbol}: the venue refuses leverage {text} ({error.__cause__}). Choose a smaller max_leverage, "
                    "or close what is open at a risk limit that forbids it"
                ) from error
            raise


def _permissions(found: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    raw = found.get("permissions")
    if not isinstance(raw, dict):
        return {}
    return {str(group): tuple(map(str, names)) for group, names in raw.items() if isinstance(names, list | tuple)}


def _moves_money(name: str) -> bool:
    return "withdraw" in name.lower() or "transfer" in name.lower()


def _days_left(found: Mapping[str, Any]) -> int | None:
    """Return the days a key still lives; None for ever or unknown."""
    raw = found.get("deadlineDay")
    return raw if isinstance(raw, int) and raw != _PERMANENT else None
