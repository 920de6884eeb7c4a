"""What the doctor asks of a live host: its clock beside that of every venue that main's portfolio speaks to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx
import msgspec

from autarch.doctor.registry import Finding, Patient, check
from autarch.errors import UndecidedError
from live.portfolio import PORTFOLIO_PATH, Account, parse_portfolio
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.places import place_of

TIME_PATH: Final = "/v5/market/time"
SAMPLES: Final = 3
ANSWER_BYTES_MAX: Final = 16_384
PATIENCE_S: Final = 3.0
OFF_MS_MAX: Final = BybitOptions(environment="mainnet").clock_off_ms_max
"""What the executor sends orders within; a host that is further off trades nothing."""

WallNs = Callable[[], int]


class _Time(msgspec.Struct, frozen=True):
    nanoseconds: str = msgspec.field(name="timeNano")


class _Answer(msgspec.Struct, frozen=True):
    """GET /v5/market/time. Source: Bybit's API documentation, v5, market, time."""

    result: _Time


@check("venue-clock", area="live")
def venue_clock(patient: Patient) -> Iterator[Finding]:
    """This host's clock agrees with each venue's, closely enough for the executor to trade there."""
    repo = patient.workspace.repo
    content = repo.blob_at(repo.rev_parse("refs/heads/main"), PORTFOLIO_PATH)
    accounts = () if content is None else parse_portfolio(content).accounts
    places = {place_of(each.environment, url=each.url).rest for each in accounts if _asks_a_venue(each)}
    if not places:
        yield Finding.note("no account of main's portfolio asks a venue, so there is no other clock to compare with")
    for place in sorted(places):
        yield from compared(place, wall_ns=time.time_ns)


def compared(place: str, *, wall_ns: WallNs) -> Iterator[Finding]:
    """Yield what comparing this host's clock, epoch ns, with that of the venue at the base address `place` says.

    A venue that cannot be asked is no fault of the clock: it is told and fails nothing.
    """
    try:
        off_ms, unsure_ms = clock_off_ms(place, wall_ns=wall_ns)
    except UndecidedError as error:
        yield Finding.note(str(error))
        return
    if abs(off_ms) > OFF_MS_MAX + unsure_ms:
        told = f"this host's clock is {off_ms:+.0f} ms from that of {place}; within {OFF_MS_MAX} ms orders are sent"
        yield Finding.drift(told, fix="let the host keep time: systemctl enable --now systemd-timesyncd, or chrony")
    elif abs(off_ms) + unsure_ms > OFF_MS_MAX:
        yield Finding.note(f"{place} answers too slowly to say whether this host's clock is {OFF_MS_MAX} ms off")


def clock_off_ms(place: str, *, wall_ns: WallNs) -> tuple[float, float]:
    """Return how far this host's clock is ahead of the venue's in ms, and by how much that may be wrong.

    The quickest of a few answers counts: the venue looked at its clock somewhere between question and answer.

    Raises:
        UndecidedError: it cannot be reached, or answers something else.
    """
    samples = []
    with httpx.Client(trust_env=False, timeout=PATIENCE_S) as http:
        for _ in range(SAMPLES):
            asked_ms = wall_ns() / 1e6
            venue_ms = _venue_ms(http, place)
            answered_ms = wall_ns() / 1e6
            samples.append(((answered_ms - asked_ms) / 2, (asked_ms + answered_ms) / 2 - venue_ms))
    unsure_ms, off_ms = min(samples)
    return off_ms, unsure_ms


def _venue_ms(http: httpx.Client, place: str) -> float:
    try:
        body = _body(http, f"{place}{TIME_PATH}")
        return int(msgspec.json.decode(body, type=_Answer).result.nanoseconds) / 1e6
    except (httpx.HTTPError, ValueError) as error:
        raise UndecidedError(
            f"the clock of {place} was not compared with this host's: {str(error) or type(error).__name__}"
        ) from error


def _body(http: httpx.Client, url: str) -> bytes:
    """Return an answer's body; of one that is too long no more than shows that it is."""
    with http.stream("GET", url) as answer:
        answer.raise_for_status()
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                break
    return body


def _asks_a_venue(account: Account) -> bool:
    return account.venue == "bybit" or account.feed == "bybit-public"
