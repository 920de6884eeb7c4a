"""Events of one made account, as its executor would journal them, and clocks that stand where a test puts them."""

from __future__ import annotations

from live.journal import GENESIS, Event, chain

BAR, CLOSE, STEP = 1_700_006_400_000, 1_700_007_300_000, 900_000
SLEEVES = {"one_idea": {"capital": "5000", "interval_ms": STEP, "symbols": ["BTCUSDT"], "tree": "t" * 40}}


class StandingClock:
    """Tells the time it was set to."""

    def __init__(self, now_ms=CLOSE):
        self.now = now_ms

    def now_ms(self):
        return self.now


def opened(**more):
    return {"tag": "v0.1.0", "feed": "bybit-public", "capital": "10000", "sleeves": SLEEVES, **more}


def decision(*, bar=BAR, equity=5000.0, exposure=0.5):
    wanted = {"exposure": exposure, "stop_loss": 0.02, "take_profit": None}
    return {
        "tag": "v0.1.0", "strategy": "one_idea", "bar": bar, "inputs": "f" * 64, "equity": equity,
        "closes": {"BTCUSDT": 100.0}, "symbols": {"BTCUSDT": wanted},
    }  # fmt: skip


def intent(link="at-one", *, leg="enter", side="Buy", qty="25", bar=BAR, sent_ms=CLOSE + 12, **more):  # noqa: PLR0913  as many as tests vary
    return {
        "tag": "v0.1.0", "order_link_id": link, "strategy": "one_idea", "symbol": "BTCUSDT", "bar": bar, "leg": leg,
        "part": 0, "attempt": 0, "side": side, "qty": qty, "reduce_only": leg != "enter", "sent_ms": sent_ms,
        "stop_loss_frac": "0.02", "take_profit_frac": None, "stop_loss": "98", "take_profit": None, **more,
    }  # fmt: skip


def execution(exec_id="exec-one", **more):
    return {
        "exec_id": exec_id, "exec_type": "Trade", "create_type": "CreateByUser", "symbol": "BTCUSDT", "side": "Buy",
        "order_link_id": "at-one", "opened_by": "", "order": 1, "qty": "25", "price": "100.05", "fee": "1.37",
        "leg": "enter", "stop_loss_frac": "0.02", "take_profit_frac": None, "stop_loss": "98", "take_profit": None,
        **more,
    }  # fmt: skip


def state(name, reason="because", **more):
    return {"state": name, "reason": reason, "by": "executor", "symbol": "", **more}


class Draft:
    """An event before it has its place: kind, body, time and what it speaks of."""

    def __init__(self, kind, body, *, time_ms=CLOSE, ref=""):
        self.kind, self.body, self.time_ms, self.ref = kind, body, time_ms, ref


def events(*drafts, after=0) -> tuple[Event, ...]:
    """Return `drafts`, (kind, body) or (kind, body, ref) or Draft, as journal events."""
    made = [d if isinstance(d, Draft) else Draft(d[0], d[1], ref=d[2] if len(d) > 2 else "") for d in drafts]
    return tuple(event for event, _ in chain(made, after, GENESIS))


def a_day():
    """One entry that fills, its stop, and a halt of the symbol."""
    stop = execution("exec-two", create_type="CreateByStopLoss", side="Sell", order_link_id="", leg="", price="98")
    return (
        ("opened", opened()),
        ("decision", decision()),
        ("plan", {"tag": "v0.1.0", "symbols": {}}),
        ("intent", intent(), "at-one"),
        ("ack", {"order_link_id": "at-one", "order_id": "o-1"}, "at-one"),
        ("execution", execution(), "exec-one"),
        Draft("execution", stop, time_ms=CLOSE + STEP - 1, ref="exec-two"),
        Draft("decision", decision(bar=CLOSE, equity=4948.0), time_ms=CLOSE + STEP),
        Draft("state", state("HALTED", "the venue holds 3", symbol="BTCUSDT"), time_ms=CLOSE + STEP),
    )
