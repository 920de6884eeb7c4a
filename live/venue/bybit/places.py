"""Where Bybit is: mainnet, testnet, demo trading and `autarch sim`, each as three addresses and nothing else."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from autarch.errors import ConfigError
from live.venue.bybit.options import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Base addresses; the paths under /v5/ are the same everywhere."""

    environment: Environment
    rest: str
    private_stream: str
    public_stream: str


MAINNET: Final = Place(
    environment="mainnet",
    rest="https://api.bybit.com",
    private_stream="wss://stream.bybit.com",
    public_stream="wss://stream.bybit.com",
)
TESTNET: Final = Place(
    environment="testnet",
    rest="https://api-testnet.bybit.com",
    private_stream="wss://stream-testnet.bybit.com",
    public_stream="wss://stream-testnet.bybit.com",
)
DEMO: Final = Place(
    environment="demo",
    rest="https://api-demo.bybit.com",
    private_stream="wss://stream-demo.bybit.com",
    public_stream="wss://stream.bybit.com",  # demo trading has no market of its own
)


def sim(url: str) -> Place:
    """Return the place of a simulated venue: `url` is what `autarch sim` prints.

    Raises:
        ConfigError: it is no http address of this machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port is None or not _is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"{url!r} is not where a simulated venue listens; expected http://127.0.0.1:PORT as `autarch sim` prints it"
        )
    rest = f"http://{parts.netloc}"
    stream = f"ws://{parts.netloc}"
    return Place(environment="sim", rest=rest, private_stream=stream, public_stream=stream)


def place_of(environment: str, *, url: str | None = None) -> Place:
    """Return a place by name; `sim` needs its address.

    Raises:
        ConfigError: no such place, or no address.
    """
    if environment == "sim":
        return sim(url or "")
    for place in (MAINNET, TESTNET, DEMO):
        if place.environment == environment:
            return place
    raise ConfigError(f"environment {environment!r} is not known; choose mainnet, testnet, demo or sim")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
