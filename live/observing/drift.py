"""Gather what drift is told from: the journal, the bars it was made on, the release, the evidence behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autarch.engine import CostModel
from autarch.errors import AutarchError, DeployError
from autarch.evidence.claim import Claim
from autarch.market.stores import Stores
from autarch.market.types import Market
from live.assembling import market_of
from live.host import Host
from live.installed import Installed, read_installed
from live.journal import Journal
from live.observing.drifting import Figure, against_promise, against_twin, promise_of
from live.observing.kept import KeptBars, kept_path
from live.observing.twin import Stretch, Twin, stretches, twin_of
from live.replaying import SPLITS


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveDrift:
    """What one sleeve does beside its twin and its promise; `notes` say what could not be compared.

    `curve` is (UTC seconds, live equity, the twin's), thinned for eyes.
    """

    sleeve: str
    tag: str
    decisions: int
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = field(default=())
    curve: tuple[tuple[int, float, float], ...] = ()

    @property
    def drifts(self) -> bool:
        """Whether anything lies outside its band."""
        return any(figure.drifts for figure in self.figures)

    def to_json(self) -> dict[str, object]:
        """Return one sleeve of `autarch live drift --json`."""
        return {
            "sleeve": self.sleeve,
            "tag": self.tag,
            "decisions": self.decisions,
            "drifts": self.drifts,
            "figures": [figure.to_json() for figure in self.figures],
            "notes": list(self.notes),
            "curve": [list(point) for point in self.curve],
        }


def drift_of(
    journal: Journal, host: Host, stores: Stores, *, claim_of: Callable[[str], Claim]
) -> tuple[SleeveDrift, ...]:
    """Return how each sleeve of the newest run compares.

    Args:
        journal: The account's.
        host: Where releases are installed, and bars of live feeds kept.
        stores: Where data sets are.
        claim_of: Returns the evidence of an id; raises where it is not at hand.

    Raises:
        RefusedError: the journal's chain is broken.
        AutarchError: a release is not installed here, or bars are missing.
    """
    journal.verify()
    return tuple(_one(stretch, journal, host, stores, claim_of) for stretch in stretches(journal).values())


def _one(
    stretch: Stretch, journal: Journal, host: Host, stores: Stores, claim_of: Callable[[str], Claim]
) -> SleeveDrift:
    installed = read_installed(host.releases / stretch.tag)
    source = installed.sources.get(stretch.strategy)
    if source is None:
        raise DeployError(f"release {stretch.tag} has no strategy {stretch.strategy}, which the journal says it traded")
    market = _market(stretch, journal, host, stores, installed)
    twin = twin_of(stretch, market, source.manifest, _costs_of(installed, journal.account))
    notes = []
    try:
        promise = promise_of(claim_of(_evidence(stretch)).metrics.get("train", {}))
        if promise is None:
            notes.append("the evidence holds no volatility, Sharpe ratio and drawdown: returns are shown, not judged")
    except AutarchError as error:
        promise = None
        notes.append(f"the evidence is not at hand, so returns are shown and not judged: {error}")
    return SleeveDrift(
        sleeve=stretch.key,
        tag=stretch.tag,
        decisions=len(stretch.decisions),
        figures=(*_beside(twin), *against_promise(twin.returns, promise, drawdown=twin.drawdown)),
        notes=tuple(notes),
        curve=twin.curve(),
    )


def _costs_of(installed: Installed, name: str) -> CostModel:
    """Return the data set's cost model under the account's margin mode, isolated where the release has it no more."""
    modes = {account.name: account.margin_mode for account in installed.portfolio.accounts}
    return dataclasses.replace(CostModel.from_lock(installed.lock), margin_mode=modes.get(name, "isolated"))


def _beside(twin: Twin) -> tuple[Figure, ...]:
    apart = Figure(
        name="equity_apart_frac",
        value=twin.equity_apart,
        unit="live less twin, of the equity both began with",
        n=len(twin.live_equity),
    )
    return (*against_twin(twin.orders, twin.result, first_row=twin.first_row, last_row=twin.last_row), apart)


def _evidence(stretch: Stretch) -> str:
    sleeves: Mapping[str, Any] = stretch.run.body["sleeves"]  # type: ignore[assignment]
    return str(sleeves.get(stretch.key, {}).get("evidence", ""))


def _market(stretch: Stretch, journal: Journal, host: Host, stores: Stores, installed: Installed) -> Market:
    feed = str(stretch.run.body["feed"])
    if feed in SPLITS:
        return market_of(installed, stretch.strategy, stores, SPLITS[feed])
    kept = KeptBars(kept_path(host, journal.account), read_only=True)
    try:
        lookup = installed.lock.instrument
        first = min(stretch.decisions)
        return kept.market(stretch.key, seq=stretch.run.seq, instrument=lookup, first_ts=first)
    finally:
        kept.close()
