"""Signed order requests a second that the simulated venue answers on one core, asked by a raw client.

Every order is signed, parsed, checked, matched, told on the account's rows and answered: market orders that open and
close in turn, over four kept-alive connections. The client runs in this process, on the other core.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import time
from pathlib import Path

from benchmarks.live.venue import KEY, SECRET, SYMBOL, served, wall_ms

CONNECTIONS = 4
PATH = "/v5/order/create"


def request(number: int) -> bytes:
    """Return one signed order as HTTP bytes: even numbers buy, odd ones close."""
    closes = number % 2 == 1
    body = (
        f'{{"category":"linear","symbol":"{SYMBOL}","side":"{"Sell" if closes else "Buy"}","orderType":"Market",'
        f'"qty":"0.01","orderLinkId":"b-{number}","reduceOnly":{"true" if closes else "false"}}}'
    )
    stamp = str(wall_ms())
    sign = hmac.digest(SECRET.encode(), f"{stamp}{KEY}5000{body}".encode(), "sha256").hex()
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: l\r\nX-BAPI-API-KEY: {KEY}\r\nX-BAPI-TIMESTAMP: {stamp}\r\n"
        f"X-BAPI-RECV-WINDOW: 5000\r\nX-BAPI-SIGN: {sign}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def ask(port: int, numbers: range) -> int:
    """Send orders one after the other on one connection; return how many were taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = 0
    for number in numbers:
        writer.write(request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        taken += b'"retCode":0' in await reader.readexactly(length)
    writer.close()
    return taken


async def run(port: int, orders: int) -> tuple[int, float]:
    """Return how many orders were taken, and the wall time in seconds."""
    await ask(port, range(-400, 0))
    each = orders // CONNECTIONS
    began = time.perf_counter()
    taken = await asyncio.gather(*(ask(port, range(n * each, (n + 1) * each)) for n in range(CONNECTIONS)))
    return sum(taken), time.perf_counter() - began


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far, s (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: list[str] | None = None) -> None:
    """Print orders a second, by wall time and by the venue's own CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    orders = parser.parse_args(argv).orders
    with served() as (port, pid):
        before = cpu_s(pid)
        taken, seconds = asyncio.run(run(port, orders))
        used = cpu_s(pid) - before
    print(f"{'signed orders taken':<44}{taken:>10}")
    print(f"{'a second, by the wall':<44}{taken / seconds:>10.0f}")
    print(f"{'a second of CPU time of the venue':<44}{taken / used:>10.0f}")


if __name__ == "__main__":
    main()
