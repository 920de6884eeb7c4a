"""What a release is built from, as CycloneDX: every distribution of the lock with its hashes.

Source: the CycloneDX 1.5 JSON format.
"""

from __future__ import annotations

import re

from autarch.canonical import canonical_json, sha256_hex
from autarch.errors import ConfigError

_NAMED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<sha>[0-9a-f]{64})")


def sbom(lock: bytes, *, tag: str, commit: str) -> bytes:
    """Return the bill of materials of `commit`, released as `tag`, from its requirements.lock; no time is in it.

    Raises:
        ConfigError: a distribution without a hash, or no distribution at all.
    """
    components: list[dict[str, object]] = []
    for block in _blocks(lock.decode("utf-8", "replace")):
        match = _NAMED.match(block)
        if match is None:
            continue
        hashes = _HASH.findall(block)
        if not hashes:
            raise ConfigError(f"requirements.lock has no hash for {match['name']}; renew it with: make lock")
        name, version = match["name"].lower(), match["version"]
        components.append(
            {
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
                "hashes": [{"alg": "SHA-256", "content": sha} for sha in sorted(set(hashes))],
            }
        )
    if not components:
        raise ConfigError("requirements.lock names no distribution")
    return canonical_json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application",
                    "name": "autarch",
                    "version": tag,
                    "properties": [
                        {"name": "commit", "value": commit},
                        {"name": "requirements.lock", "value": sha256_hex(lock)},
                    ],
                }
            },
            "components": components,
        }
    )


def _blocks(text: str) -> list[str]:
    """Return each requirement with the lines that continue it."""
    return text.replace("\\\n", " ").splitlines()
