"""What a journal of one entry, its stop and one unexplained fill holds, on the release of `release_yard`."""

from __future__ import annotations

from decimal import Decimal

from autarch.repo import signing
from live.journal import Draft

BAR, OPEN = 1_700_006_400_000, 1_700_007_300_000
LINK, EXEC = "at-one", "exec-one"


def drafts(yard):
    released = yard.released("v0.1.0")
    item = released.strategies[0]
    sleeve = {name: getattr(item, name) for name in ("tree", "evidence", "decisions", "tier")}
    opened = {
        "tag": "v0.1.0",
        "tag_object": yard.facts["tag"],
        "commit": released.commit,
        "signer": signing.fingerprint(signing.public_key(yard.keys["release"])),
        "demo": True,
        "engine": released.engine,
        "policy": released.policy,
        "policy_path": released.policy_path,
        "walkthrough": False,
        "dataset": released.dataset,
        "feed": "forward",
        "sleeves": {"one_idea": {**sleeve, "interval_ms": 900_000, "symbols": ["BTCUSDT"]}},
    }
    decision = {
        "tag": "v0.1.0",
        "strategy": "one_idea",
        "bar": BAR,
        "inputs": "f" * 64,
        "equity": 5000.0,
        "closes": {"BTCUSDT": 100.0},
        "symbols": {"BTCUSDT": {"exposure": 0.5, "stop_loss": 0.02, "take_profit": None}},
    }
    intent = {
        "tag": "v0.1.0",
        "order_link_id": LINK,
        "strategy": "one_idea",
        "symbol": "BTCUSDT",
        "bar": BAR,
        "leg": "enter",
        "part": 0,
        "side": "Buy",
        "qty": "25",
        "reduce_only": False,
        "stop_loss_frac": "0.02",
        "take_profit_frac": None,
    }
    fill = execution(EXEC, order_link_id=LINK)
    stop = execution("exec-two", create_type="CreateByStopLoss", side="Sell", opened_by=LINK)
    return [
        Draft(time_ms=BAR, kind="opened", body=opened),
        Draft(time_ms=OPEN, kind="decision", body=decision),
        Draft(time_ms=OPEN, kind="intent", body=intent, ref=LINK),
        Draft(time_ms=OPEN, kind="ack", body={"order_link_id": LINK, "order_id": "o-1"}, ref=LINK),
        Draft(time_ms=OPEN, kind="execution", body=fill, ref=EXEC),
        Draft(time_ms=OPEN + 899_999, kind="execution", body=stop, ref="exec-two"),
        Draft(time_ms=OPEN + 900_000, kind="execution", body=execution("exec-three"), ref="exec-three"),
    ]


def execution(exec_id, **changes):
    body = {
        "seq": 1,
        "exec_id": exec_id,
        "exec_type": "Trade",
        "create_type": "CreateByUser",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "order_link_id": "",
        "opened_by": "",
        "qty": "25",
        "price": "100.05",
        "fee": str(Decimal("1.3756875")),
    }
    return {**body, **changes}
