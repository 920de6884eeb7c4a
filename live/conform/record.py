"""Conformance records: signed by this host, dated, and what mainnet demands of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.errors import ConfigError, RefusedError
from autarch.paths import private_directory
from autarch.repo.signing import Trust, allowed_signer, generate_key, open_record, public_key, signed_record
from live.host import write_whole

NAMESPACE: Final = "autarch-conform"
PRINCIPAL: Final = "host@autarch"
DAY_MS: Final = 86_400_000
AGE_DAYS_MAX: Final = 30
REAL: Final = ("demo", "testnet")
"""Environments whose record says something of Bybit; the simulator's says something of the simulator."""


def host_key(root: Path) -> Path:
    """Return the key by which this host signs what it has seen; made at its first use."""
    private_directory(root)
    path = root / "host_key"
    if not path.exists():
        generate_key(path, comment="autarch-host")
    return path


def write_record(root: Path, body: dict[str, Any]) -> Path:
    """Write a run's signed record into the host folder; return where."""
    folder = root / "conform"
    private_directory(folder)
    path = folder / f"{body['environment']}-{body['time_ms']}.record"
    write_whole(path, signed_record(body, key=host_key(root), namespace=NAMESPACE))
    return path


def read_record(root: Path, path: Path) -> dict[str, object]:
    """Return the body of a record that this host has signed.

    Raises:
        SignatureError: it was altered, or another host wrote it.
    """
    line = allowed_signer(PRINCIPAL, (NAMESPACE,), public_key(host_key(root)))
    trust = Trust(signers=f"{line}\n".encode(), principal=PRINCIPAL)
    return open_record(path.read_bytes(), trust=trust, namespace=NAMESPACE)


def newest_record(root: Path) -> dict[str, object] | None:
    """Return the newest record of a real environment, None when there is none.

    Raises:
        SignatureError: it was altered.
    """
    found = [path for name in REAL for path in (root / "conform").glob(f"{name}-*.record")]
    bodies = [read_record(root, path) for path in found]
    return max(bodies, key=lambda body: int(str(body["time_ms"])), default=None)


def require_mainnet(root: Path, *, understood: bool, now_ms: EpochMs) -> str:
    """Let an account trade real money, or say what is missing; return which record it stands on.

    Raises:
        RefusedError: nobody said that this is understood, or the newest record does not hold.
        ConfigError: there is no record, or it is too old or from the future.
    """
    if not understood:
        raise RefusedError(
            "this account trades real money on mainnet. Say so: --i-understand-real-money. Losing all of it is possible"
        )
    body = newest_record(root)
    cure = "run: autarch live conform --demo"
    if body is None:
        raise ConfigError(f"nobody has checked from this host that Bybit does what we assume of it; {cure}")
    age_days = (now_ms - int(str(body["time_ms"]))) / DAY_MS
    if not 0 <= age_days <= AGE_DAYS_MAX:
        raise ConfigError(
            f"the newest conformance record is {age_days:.0f} days old; at most {AGE_DAYS_MAX} are traded on: {cure}"
        )
    if body["conforms"] is not True:
        differs = ", ".join(map(str, _list(body["differs"])))
        found = f"Bybit differs in: {differs}. Adapt the runtime" if differs else "what is vital could not be told"
        raise RefusedError(f"the newest conformance record does not hold: {found}; then {cure}")
    return f"{body['environment']} {body['time_ms']}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
