"""How much of an account a sleeve may trade with: its weight, and on a real venue the cap of its tier. Pure.

The caps stand in the policy that the signed tag names by digest, the tier stands in the tag itself; both are fixed
when the tag is switched to. Paper is uncapped: it costs nothing to be wrong there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from autarch.evidence.tiers import lower
from live.portfolio import Account, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCaps:
    """What strategies may trade with: unpromoted ones of the account's capital, promoted ones of their sleeve."""

    probe_frac: Decimal
    probe_together_frac: Decimal
    promoted_frac: Decimal = Decimal("0.25")

    def share_of_sleeve(self, tier: Tier) -> Decimal:
        """Return the share of its sleeve that a strategy at `tier` may trade with; T1 is a probe besides."""
        return {"T0": Decimal(0), "T1": Decimal(1), "T2": self.promoted_frac, "T3": Decimal(1)}[tier]


class _Tiers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    probe_capital_frac: int | float
    probe_together_frac: int | float
    promoted_frac: int | float = 0.25


def parse_caps(policy: bytes) -> TierCaps:
    """Return the caps that a gate policy's `[tiers]` sets.

    Raises:
        ConfigError: it has none, or one outside [0, 1]: then nothing may trade outside paper.
    """
    try:
        tiers = msgspec.convert(parse_toml(policy).get("tiers", {}), _Tiers, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"the release's policy sets no caps for tiers ([tiers]: {error}); add them to ci/policy.toml and release "
            "again"
        ) from error
    for name in _Tiers.__struct_fields__:
        if not 0 <= (value := getattr(tiers, name)) <= 1:
            raise ConfigError(f"the release's policy says {name} = {value}; it is a fraction of the account, 0 to 1")
    return TierCaps(
        probe_frac=Decimal(str(tiers.probe_capital_frac)),
        probe_together_frac=Decimal(str(tiers.probe_together_frac)),
        promoted_frac=Decimal(str(tiers.promoted_frac)),
    )


def sleeve_capitals(account: Account, policy: bytes, ceilings: Mapping[str, Tier] | None = None) -> dict[str, Decimal]:
    """Return the USDT each sleeve of `account` is sized from, by strategy.

    Args:
        account: As the signed tag holds it; its tiers are what the tag lists.
        policy: The bytes of the policy the tag names.
        ceilings: Highest tiers that the newest known ledger allows, by strategy; they only lower.

    Raises:
        ConfigError: a venue wants caps and the policy has none.
    """
    wanted = {sleeve.strategy: account.sleeve_capital(sleeve.strategy) for sleeve in account.sleeves}
    if account.venue == "paper":
        return wanted
    caps = parse_caps(policy)
    tiers = {s.strategy: lower(s.tier, (ceilings or {}).get(s.strategy, s.tier)) for s in account.sleeves}
    probes = [name for name, tier in tiers.items() if tier == "T1"]
    found = {
        name: min(wanted[name], account.capital * caps.probe_frac)
        if tier == "T1"
        else wanted[name] * caps.share_of_sleeve(tier)
        for name, tier in tiers.items()
    }
    together, limit = sum((found[name] for name in probes), Decimal(0)), account.capital * caps.probe_together_frac
    shrink = limit / together if together > limit else Decimal(1)
    return {name: capital * shrink if name in probes else capital for name, capital in found.items()}
