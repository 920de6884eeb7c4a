"""What the venue says of one perpetual: filters, risk tiers, and when it was listed and will be or was delisted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from autarch.errors import DataError
from autarch.market.bybit.client import PublicClient
from autarch.market.bybit.wire import STAMP_DIGITS_MAX, rows_of
from autarch.market.lock_types import InstrumentEntry, Sourced, Stamp, Tiers
from autarch.market.types import Source

TAKER_FEE = Decimal("0.00055")  # the venue's help pages, non-VIP, 2026: an account's own rate needs a key
MAKER_FEE = Decimal("0.0002")
MIN_NOTIONAL = Decimal(5)  # quote units, where an old contract states none
STATUSES = (None, "Delivering", "Settling", "Closed")  # without a status the venue lists what trades now
TIER_PAGES_MAX = 20
DIGITS_MAX = 18  # before or after the point
_SCALE = (Decimal("0.8"), Decimal("1.25"))  # of initial margin x leverage, which is 1 up to rounding


def read_instrument(client: PublicClient, symbol: str) -> InstrumentEntry:
    """Return the instrument of `symbol` as the venue states it today.

    Raises:
        DataError: no such perpetual, a value missing or malformed, or tiers in another unit.
    """
    info = _info(client, symbol)
    lot, price = _part(info, "lotSizeFilter", symbol), _part(info, "priceFilter", symbol)
    market_qty = lot.get("maxMktOrderQty") or lot.get("maxOrderQty")
    notional = lot.get("minNotionalValue")
    launched, delivered = _instant(info, "launchTime", symbol), _instant(info, "deliveryTime", symbol)
    return InstrumentEntry(
        symbol=symbol,
        tick_size=_stated(price.get("tickSize"), "tickSize", symbol),
        qty_step=_stated(lot.get("qtyStep"), "qtyStep", symbol),
        min_order_qty=_stated(lot.get("minOrderQty"), "minOrderQty", symbol),
        max_market_qty=_stated(market_qty, "maxMktOrderQty", symbol),
        min_notional=(
            _stated(notional, "minNotionalValue", symbol) if notional else Sourced(value=MIN_NOTIONAL, source="assumed")
        ),
        taker_fee=Sourced(value=TAKER_FEE, source="assumed"),
        maker_fee=Sourced(value=MAKER_FEE, source="assumed"),
        risk_tiers=_tiers(client, symbol),
        listed_ms=Stamp(value=launched, source="exchange") if launched else None,
        delisted_ms=Stamp(value=delivered, source="exchange") if delivered else None,
    )


def _info(client: PublicClient, symbol: str) -> Mapping[str, Any]:
    for status in STATUSES:
        asked = {} if status is None else {"status": status}
        try:
            rows = rows_of(client.ask("get_instruments_info", symbol=symbol, **asked), symbol)
        except DataError as error:
            if "retCode 10001" not in str(error):
                raise
            rows = []
        for row in rows:
            if isinstance(row, dict) and row.get("symbol") == symbol:
                kind = row.get("contractType", "LinearPerpetual")
                if kind != "LinearPerpetual":
                    raise DataError(f"{symbol} is a {kind!r} at the venue; only perpetuals settled in USDT are read")
                return row
    raise DataError(
        f"{client.url} lists no linear perpetual {symbol}, trading or closed; symbols are written like BTCUSDT"
    )


def _part(info: Mapping[str, Any], name: str, symbol: str) -> Mapping[str, Any]:
    part = info.get(name)
    if not isinstance(part, dict):
        raise DataError(f"{symbol}: the venue's instrument has no {name}; try again later")
    return part


def _stated(cell: object, name: str, symbol: str) -> Sourced:
    return Sourced(value=_decimal(cell, name, symbol), source="exchange")


def _decimal(cell: object, name: str, symbol: str) -> Decimal:
    try:
        value = Decimal(str(cell).replace("_", "x"))  # Python reads 1_000, nobody else does
    except InvalidOperation as error:
        raise DataError(f"{symbol}: the venue's {name} is {cell!r}, which is no number") from error
    if not value.is_finite() or abs(value.adjusted()) > DIGITS_MAX:
        raise DataError(f"{symbol}: the venue's {name} is {cell!r}; expected a number of usual size")
    return Decimal(format(value.normalize(), "f"))  # 0.10 and 0.1 are one tick, and one digest


def _instant(info: Mapping[str, Any], name: str, symbol: str) -> int:
    text = str(info.get(name) or "0")
    if not text.isascii() or not text.isdigit() or len(text) > STAMP_DIGITS_MAX:
        raise DataError(f"{symbol}: the venue's {name} is {text!r}, which is no stamp in milliseconds")
    return int(text)


def _tiers(client: PublicClient, symbol: str) -> Tiers:
    """Return the tiers in ascending order; deductions the venue leaves blank are inferred from continuity."""
    found: dict[Decimal, tuple[Decimal, Decimal, Decimal | None]] = {}
    cursor: str | None = None
    for _ in range(TIER_PAGES_MAX):
        result = client.ask("get_risk_limit", symbol=symbol, **({} if cursor is None else {"cursor": cursor}))
        for row in rows_of(result, symbol):
            if isinstance(row, dict) and row.get("symbol") == symbol:
                limit, *rest = _tier(row, symbol)
                found[limit] = (rest[0], rest[1], _deduction(row, symbol))
        cursor = result.get("nextPageCursor") or None
        if cursor is None:
            break
    if not found:
        raise DataError(f"{symbol}: the venue states no risk limits; try again later")
    return _with_deductions(found)


def _tier(row: Mapping[str, Any], symbol: str) -> tuple[Decimal, Decimal, Decimal]:
    limit = _decimal(row.get("riskLimitValue"), "riskLimitValue", symbol)
    maintenance = _decimal(row.get("maintenanceMargin"), "maintenanceMargin", symbol)
    initial = _decimal(row.get("initialMargin"), "initialMargin", symbol)
    scale = initial * _decimal(row.get("maxLeverage"), "maxLeverage", symbol)
    if not _SCALE[0] <= scale <= _SCALE[1]:
        raise DataError(
            f"{symbol}: risk tier up to {limit}: initial margin {initial} times leverage is {scale.normalize()}, not "
            "about 1: another unit than a fraction of notional, such as percent"
        )
    return limit, maintenance, initial


def _deduction(row: Mapping[str, Any], symbol: str) -> Decimal | None:
    """Return the deduction a tier states, None where it leaves it blank."""
    cell = row.get("mmDeduction")
    return None if cell in (None, "") else _decimal(cell, "mmDeduction", symbol)


def _with_deductions(found: Mapping[Decimal, tuple[Decimal, Decimal, Decimal | None]]) -> Tiers:
    source: Source = "exchange"
    tiers: list[tuple[Decimal, Decimal, Decimal, Decimal]] = []
    for limit, (maintenance, initial, stated) in sorted(found.items(), key=lambda item: item[0]):
        if stated is not None:
            deduction = stated
        elif not tiers:
            deduction = Decimal(0)  # the first tier deducts nothing
        else:
            before = tiers[-1]  # maintenance is continuous where one tier meets the next
            deduction = before[3] + before[0] * (maintenance - before[1])
            source = "inferred"
        tiers.append((limit, maintenance, initial, deduction))
    return Tiers(source=source, tiers=tuple(tiers))
