"""Downloads from the Bybit on loopback with real pybit between, waits noted and not waited for."""

from __future__ import annotations

from autarch.market.build import build
from autarch.market.bybit.client import SPACING_S, PublicClient
from autarch.market.bybit.partial import PageStore
from autarch.market.bybit.sync import SyncRequest, sync_recipe

from .bybit_server import DAY, MINUTE

D0 = 1_704_067_200_000  # 2024-01-01T00:00Z
STEP = 15 * MINUTE
SYNC_NOW = D0 + 8 * DAY + 7 * MINUTE  # inside an open bar
END = D0 + 8 * DAY


class Runner:
    """Downloads with waits that are noted and not waited for."""

    def __init__(self, bybit, root):
        self.bybit, self.pages = bybit, PageStore(root)
        self.waits, self.said = [], []

    def recipe(self, *symbols, now_ms=SYNC_NOW + DAY, **changes):
        values = {
            "name": "tiny",
            "venue": "bybit",
            "symbols": symbols or ("BTCUSDT",),
            "intervals": ("15m",),
            "shares": (50, 25, 25),
            "start_ms": D0,
            "end_ms": END,
        }
        client = PublicClient(url=self.bybit.url, pause=self.waits.append, narrate=self.said.append)
        request = SyncRequest(**{**values, **changes})
        return sync_recipe(request, client=client, pages=self.pages, now_ms=now_ms, progress=self.said.append)

    def lock(self, *symbols, **changes):
        return build(self.recipe(*symbols, **changes)).lock

    @property
    def long_waits(self):
        return [wait for wait in self.waits if wait != SPACING_S]
