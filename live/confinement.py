"""What a live host demands of a worker's confinement: the code's layers, the released policy's, and its own.

    # limits.toml on the host
    confinement = ["pid namespace", "network namespace"]

Each may only add: a host that wants less than the release was judged under is no host for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError, DeployError
from autarch.sandbox.layers import DEMANDS, Demands, stricter
from autarch.sandbox.worker import Worker

KEY = "confinement"
_Names = tuple[str, ...]


@contextmanager
def confining(demands: Demands, *, begun: Worker | None, allow_weak: bool) -> Iterator[Worker]:
    """Within a block, give a worker that is held to `demands`.

    Args:
        demands: The layers without which no strategy is asked.
        begun: One that its owner started in advance, and closes; None: one is started and closed here.
        allow_weak: Go on without a required layer.
    """
    if begun is None:
        with Worker(allow_weak=allow_weak, demands=demands) as worker:
            yield worker
    else:
        begun.demands, begun.allow_weak = demands, allow_weak
        yield begun


def demanded(policy: bytes, limits: bytes | None) -> Demands:
    """Return the layers without which no worker of a release may start on this host.

    Args:
        policy: The released policy file; its [sandbox] required counts.
        limits: The host's limits.toml, None without one.

    Raises:
        DeployError: the policy names no layers, or one that this runtime does not know.
        ConfigError: the host's file is malformed, or names a layer that there is none of.
    """
    try:
        names = msgspec.convert(parse_toml(policy)["sandbox"]["required"], _Names, strict=True)
        released = stricter(DEMANDS, names)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise DeployError(f"the released policy names no layers of confinement: {error!r}; release again") from error
    except ConfigError as error:
        raise DeployError(f"the released policy: {error}; install the runtime of that release") from error
    return stricter(released, named(limits))


def named(limits: bytes | None) -> tuple[str, ...]:
    """Return the layers that a host's limits.toml adds.

    Raises:
        ConfigError: not TOML, or no list of names.
    """
    if limits is None:
        return ()
    try:
        return msgspec.convert(parse_toml(limits).get(KEY, ()), _Names, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"limits.toml: {KEY}: {error}; write a list of layers, as `autarch gate` names them"
        ) from error
