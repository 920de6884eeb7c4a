"""Rows of the exchange as the venue's JSON objects, for REST and for the private streams."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from live.simulator.core.contract import Contract
from live.simulator.core.rows import (
    ExecutionRow,
    KlineRow,
    OrderRow,
    PositionRow,
    TickerRow,
    TradeRow,
    WalletRow,
)
from live.simulator.wire.text import text

DAY_MS = 86_400_000
MINUTES = (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)
INTERVALS = {"D": DAY_MS, **{str(minutes): 60_000 * minutes for minutes in MINUTES}}
RISK_ID = 1


def order_json(row: OrderRow) -> dict[str, Any]:
    """Return an order as REST and the order topic show it."""
    leaves = row.leaves_qty if row.is_open else Decimal(0)
    return {
        "category": "linear",
        "symbol": row.symbol,
        "orderId": row.order_id,
        "orderLinkId": row.order_link_id,
        "parentOrderLinkId": row.parent_link_id,
        "blockTradeId": "",
        "side": row.side,
        "positionIdx": 0,
        "orderStatus": row.status,
        "cancelType": row.cancel_type or "UNKNOWN",
        "rejectReason": row.reject_reason,
        "timeInForce": row.time_in_force,
        "isLeverage": "",
        "price": text(row.price),
        "qty": text(row.qty),
        "avgPrice": text(row.avg_price),
        "leavesQty": text(leaves),
        "leavesValue": text(leaves * row.price),
        "cumExecQty": text(row.cum_exec_qty),
        "cumExecValue": text(row.cum_exec_value),
        "cumExecFee": text(row.cum_exec_fee),
        "cumFeeDetail": {"USDT": text(row.cum_exec_fee)} if row.cum_exec_qty else {},
        "orderType": row.order_type,
        "stopOrderType": row.stop_order_type or "UNKNOWN",
        "orderIv": "",
        "triggerPrice": text(row.trigger_price),
        "takeProfit": text(row.take_profit),
        "stopLoss": text(row.stop_loss),
        "tpslMode": "Full" if row.take_profit or row.stop_loss or row.parent_link_id else "UNKNOWN",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "tpTriggerBy": row.tp_trigger_by if row.take_profit else "UNKNOWN",
        "slTriggerBy": row.sl_trigger_by if row.stop_loss else "UNKNOWN",
        "triggerDirection": row.trigger_direction,
        "triggerBy": row.trigger_by if row.trigger_price else "UNKNOWN",
        "lastPriceOnCreated": text(row.last_price_on_created),
        "reduceOnly": row.reduce_only,
        "closeOnTrigger": row.close_on_trigger,
        "createType": row.create_type,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createdTime": str(row.created_ms),
        "updatedTime": str(row.updated_ms),
    }


def execution_json(row: ExecutionRow) -> dict[str, Any]:
    """Return a fill or a funding payment."""
    return {
        "category": "linear",
        "symbol": row.symbol,
        "side": row.side,
        "orderId": row.order_id,
        "orderLinkId": row.order_link_id,
        "orderType": row.order_type,
        "orderQty": text(row.order_qty),
        "orderPrice": text(row.order_price),
        "leavesQty": text(row.leaves_qty),
        "stopOrderType": row.stop_order_type or "UNKNOWN",
        "createType": row.create_type,
        "execId": row.exec_id,
        "execType": row.exec_type,
        "execQty": text(row.exec_qty),
        "execPrice": text(row.exec_price),
        "execValue": text(row.exec_qty * row.exec_price),
        "execFee": text(row.exec_fee),
        "feeRate": text(row.fee_rate),
        "feeCurrency": "USDT",
        "execPnl": text(row.exec_pnl),
        "closedSize": text(row.closed_size),
        "markPrice": text(row.mark_price),
        "indexPrice": "",
        "underlyingPrice": "",
        "tradeIv": "",
        "markIv": "",
        "blockTradeId": "",
        "isMaker": row.is_maker,
        "isLeverage": "0",
        "execTime": str(row.time_ms),
        "seq": row.seq,
    }


def position_json(row: PositionRow, contract: Contract, *, entry_name: str) -> dict[str, Any]:
    """Return a position; REST names the average entry `avgPrice`, the topic `entryPrice`."""
    return {
        "category": "linear",
        "positionIdx": 0,
        "riskId": RISK_ID,
        "riskLimitValue": text(contract.instrument.risk_tiers[0].notional_max),
        "symbol": row.symbol,
        "side": row.side,
        "size": text(row.size),
        entry_name: text(row.entry_price),
        "positionValue": text(row.size * row.entry_price),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if row.size else 0,
        "leverage": text(row.leverage),
        "positionBalance": text(row.initial_margin),
        "markPrice": text(row.mark_price),
        "liqPrice": text(row.liq_price),
        "bustPrice": text(row.bust_price),
        "breakEvenPrice": "",
        "positionMM": text(row.maintenance_margin),
        "positionIM": text(row.initial_margin),
        "tpslMode": "Full",
        "takeProfit": text(row.take_profit or Decimal(0)),
        "stopLoss": text(row.stop_loss or Decimal(0)),
        "trailingStop": "0",
        "unrealisedPnl": text(row.unrealised_pnl),
        "curRealisedPnl": text(row.cum_realised_pnl),
        "cumRealisedPnl": text(row.cum_realised_pnl),
        "sessionAvgPrice": "",
        "isReduceOnly": False,
        "seq": row.seq,
        "createdTime": str(row.created_ms),
        "updatedTime": str(row.updated_ms),
    }


def wallet_json(row: WalletRow) -> dict[str, Any]:
    """Return the unified account with its USDT."""
    total, unrealised = text(row.equity), text(row.unrealised_pnl)
    coin = {
        "coin": "USDT",
        "equity": total,
        "usdValue": total,
        "walletBalance": text(row.balance),
        "locked": "0",
        "bonus": "0",
        "unrealisedPnl": unrealised,
        "cumRealisedPnl": text(row.cum_realised_pnl),
        "totalPositionIM": text(row.position_margin),
        "totalOrderIM": text(row.order_margin),
        "totalPositionMM": "0",
        "availableToWithdraw": text(row.available),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "spotBorrow": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
    }
    return {
        "accountType": "UNIFIED",
        "accountLTV": "0",
        "accountIMRate": "",
        "accountMMRate": "",
        "totalEquity": total,
        "totalWalletBalance": text(row.balance),
        "totalMarginBalance": "",
        "totalAvailableBalance": "",
        "totalPerpUPL": unrealised,
        "totalInitialMargin": "",
        "totalMaintenanceMargin": "",
        "coin": [coin],
    }


def instrument_json(contract: Contract, now_ms: int) -> dict[str, Any]:
    """Return what is listed, with its filters."""
    instrument = contract.instrument
    tick = instrument.tick_size
    return {
        "symbol": contract.symbol,
        "symbolId": 1,
        "contractType": "LinearPerpetual",
        "status": contract.status,
        "baseCoin": contract.symbol.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": str(instrument.listed_ms or 0),
        "deliveryTime": str(instrument.delisted_ms or 0),
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(tick.normalize().as_tuple().exponent))),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": text(contract.max_leverage), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": text(tick), "maxPrice": text(tick * 10**7), "tickSize": text(tick)},
        "lotSizeFilter": {
            "maxOrderQty": text(contract.max_limit_qty),
            "maxMktOrderQty": text(instrument.max_market_qty),
            "postOnlyMaxOrderQty": text(contract.max_limit_qty),
            "minOrderQty": text(instrument.min_order_qty),
            "qtyStep": text(instrument.qty_step),
            "minNotionalValue": text(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": contract.funding_interval_min(now_ms),
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {
            "priceLimitRatioX": text(contract.price_limit_frac),
            "priceLimitRatioY": text(2 * contract.price_limit_frac),
        },
        "symbolType": "",
    }


def risk_limits_json(contract: Contract) -> list[dict[str, Any]]:
    """Return the risk tiers, lowest first."""
    return [
        {
            "id": number,
            "symbol": contract.symbol,
            "riskLimitValue": text(tier.notional_max),
            "maintenanceMargin": text(tier.maintenance_margin_rate),
            "initialMargin": text(tier.initial_margin_rate),
            "isLowestRisk": int(number == 1),
            "maxLeverage": text((1 / tier.initial_margin_rate).quantize(Decimal("0.01"))),
            "mmDeduction": text(tier.mm_deduction),
        }
        for number, tier in enumerate(contract.instrument.risk_tiers, 1)
    ]


def ticker_json(row: TickerRow, contract: Contract) -> dict[str, Any]:
    """Return the newest prices; the book is one tick wide around the last price."""
    tick = contract.instrument.tick_size
    return {
        "symbol": row.symbol,
        "lastPrice": text(row.last_price),
        "markPrice": text(row.mark_price),
        "indexPrice": text(row.mark_price),
        "bid1Price": text(row.last_price - tick),
        "bid1Size": "1",
        "ask1Price": text(row.last_price + tick),
        "ask1Size": "1",
        "fundingRate": text(row.funding_rate),
        "nextFundingTime": str(row.next_funding_ms),
        "fundingIntervalHour": str(contract.funding_interval_min(row.time_ms) // 60),
        "fundingCap": "0.00375",
    }


def kline_json(row: KlineRow) -> dict[str, Any]:
    """Return a bar as the kline topic shows it."""
    return {
        "start": row.start_ms,
        "end": row.start_ms + row.interval_ms - 1,
        "interval": interval_name(row.interval_ms),
        "open": text(row.open),
        "close": text(row.close),
        "high": text(row.high),
        "low": text(row.low),
        "volume": text(row.volume),
        "turnover": text(row.turnover),
        "confirm": row.confirm,
        "timestamp": row.time_ms,
    }


def kline_list(row: KlineRow) -> list[str]:
    """Return a bar as the kline endpoint shows it."""
    return [str(row.start_ms), *(text(v) for v in (row.open, row.high, row.low, row.close, row.volume, row.turnover))]


def trade_json(row: TradeRow) -> dict[str, Any]:
    """Return a public trade."""
    return {
        "T": row.time_ms,
        "s": row.symbol,
        "S": row.side,
        "v": text(row.qty),
        "p": text(row.price),
        "L": "ZeroPlusTick",
        "i": row.trade_id,
        "BT": False,
        "RPI": False,
        "seq": row.seq,
    }


def interval_name(interval_ms: int) -> str:
    """Return the venue's name of a bar's length: minutes, or D."""
    return "D" if interval_ms == DAY_MS else str(interval_ms // 60_000)
